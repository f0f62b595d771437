"""`python -m igbviz`: train, sweep, list, show and export runs without a browser. The runs are the same as those of the
pages. A module here holds a group of commands; what takes long to import, each imports when it is asked for."""

from __future__ import annotations

import argparse
import sys

from igbviz.cli import escape, runs, sweep, train
from igbviz.datasets import DataError

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0, or 2 after one sentence about what was wrong with the request, or 1 when the run failed."""
    parser = argparse.ArgumentParser("igbviz", description="Watch a network lose (or keep) its first prejudice.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for group in (train, runs, sweep, escape):
        group.add_commands(commands)
    options, rest = parser.parse_known_args(arguments)
    if rest and (options.command is not train.train or any(word.startswith("-") for word in rest)):
        parser.error(f"unknown arguments: {' '.join(rest)}")
    if rest:  # key=value changes that stand behind an option
        options.changes += rest
    try:
        return options.command(options)
    except (ValueError, OSError, DataError) as error:  # ConfigError and RunError are ValueErrors
        print(f"igbviz: {_sentence(error)}", file=sys.stderr)
        return 2


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename} cannot be read or written: {error.strerror[0].lower()}{error.strerror[1:]}"
    return str(error)
