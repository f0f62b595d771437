"""The server asks nothing of the internet.

To know whether a page of another site opened a connection, Streamlit compares the Origin with the machine's own
addresses, and asks a server on the internet for the external one: in the event loop, so that without internet one such
request stops all pages for many seconds. Now an origin that is not ours is refused at once; behind a proxy with another
name, `server.corsAllowedOrigins` says which one is allowed.

Streamlit also asks when it prints the address of an open server, before our code is imported. `browser.serverAddress`
in .streamlit/config.toml prevents this, so we print the address for others.
"""

from __future__ import annotations

from streamlit import config, net_util
from streamlit.web.server import server_util


def ask_nobody() -> None:
    """From now on this process does not look for its external address."""
    net_util.get_external_ip = _unknown


def _unknown() -> None:
    return None


def print_address() -> None:
    """Of a server open to others: where they find it."""
    if config.get_option("server.address") in ("0.0.0.0", "::") and (ip := net_util.get_internal_ip()):
        print(f"  For others: {server_util.get_url(ip)}\n", flush=True)
