"""`open`: the page of a run, in the browser."""

from __future__ import annotations

import argparse
import http.client
import sys
import webbrowser
from urllib.parse import quote, urlsplit

from igbviz.cli.arguments import add_command, add_run, find_run, program
from igbviz.runs.files import ADDRESS, read
from igbviz.runs.run import RunError


def add_commands(commands: argparse._SubParsersAction) -> None:
    text = "open the page of a run in the browser, and print its address; the app must be running"
    command = add_command(commands, "open", open_page, text)
    add_run(command)
    command.add_argument("--port", type=int, help="of the app on this machine; by default where it was last started")


def open_page(options: argparse.Namespace) -> int:
    run = find_run(options.run, options.cache)
    app = f"http://localhost:{options.port}" if options.port else _noted(options)
    if not app or not _answers(app):
        where = f"at {app}" if app else "with this cache"
        raise RunError(f"no app is running {where}: `{program()} app` starts one, and --port tells another's port")
    address = f"{app}/{run.kind.page.removesuffix('.py')}?run={quote(run.id)}"
    print(address)
    if not webbrowser.open(address):
        print("no browser was found on this machine: open the address in one", file=sys.stderr)
    return 0


def _noted(options: argparse.Namespace) -> str:
    """The address that the app on this cache noted when it was started; empty if there was none."""
    try:
        return read(options.cache / ADDRESS).decode().strip()
    except (OSError, ValueError):
        return ""


def _answers(address: str) -> bool:
    """Whether a Streamlit app answers at this address."""
    try:
        parts = urlsplit(address)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=3.0)
        connection.request("GET", f"{parts.path}/_stcore/health")
        return connection.getresponse().read(10) == b"ok"
    except (OSError, ValueError, http.client.HTTPException):
        return False
