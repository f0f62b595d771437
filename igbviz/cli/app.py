"""`app`: the pages in the browser, from any folder."""

from __future__ import annotations

import argparse
import os
import sys
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from igbviz.cli.arguments import add_cache, add_command
from igbviz.disk.places import APP, TREE

EXAMPLE = "--server.port 8502"


def add_commands(commands: argparse._SubParsersAction) -> None:
    text = f"open the app in the browser; options of `streamlit run`, such as {EXAMPLE}, are passed on"
    command = add_command(commands, "app", app, text)
    command.usage = "igbviz app [-h] [--cache CACHE] [options of streamlit run]"
    command.set_defaults(rest="streamlit", streamlit=[])
    add_cache(command)


def app(options: argparse.Namespace) -> int:
    """Become Streamlit's server, so that a signal, Ctrl-C for example, reaches it."""
    os.environ["IGBVIZ_CACHE"] = str(options.cache.absolute())
    path = [] if TREE else ["-P"]  # an installed program is not looked for in the working folder
    command = [*path, "-m", "streamlit", "run", str(APP / "app.py"), *settings(), *options.streamlit]
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, *command])


def settings() -> list[str]:
    """The app's .streamlit/config.toml as options, ["--server.address=127.0.0.1", ...], since Streamlit looks for the
    file in the working folder. Of an option that is there twice the last counts."""
    values = tomllib.loads((APP / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    return [f"--{name}={str(value).lower() if isinstance(value, bool) else value}" for name, value in _flat(values)]


def _flat(table: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value
