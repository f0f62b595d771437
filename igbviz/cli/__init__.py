"""`python -m igbviz`: train, sweep, list, show and export runs without a browser, and look after their cache.

The pages show the same runs. Each module defines a group of commands and imports slow dependencies inside them.
"""

from __future__ import annotations

import argparse
import sys

from igbviz import __version__
from igbviz.cli import app, clean, doctor, escape, runs, sweep, train
from igbviz.datasets import DataError
from igbviz.runs.files import in_words, require_readable

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Exit status: 0; 1 when a run failed; 2 when the request was wrong, after one error sentence."""
    parser = argparse.ArgumentParser(
        "igbviz",
        description="See how an untrained classifier's initial guessing bias (IGB) is lost or kept in training.",
    )
    parser.add_argument("--version", action="version", version=f"igbviz {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for group in (app, train, runs, sweep, escape, clean, doctor):
        group.add_commands(commands)
    options, rest = parser.parse_known_args(arguments)
    if getattr(options, "rest", "") == "streamlit":  # options of another program
        options.streamlit, rest = rest, []
    if rest and (options.command is not train.train or any(argument.startswith("-") for argument in rest)):
        parser.error(f"unknown arguments: {' '.join(rest)}")
    if rest:  # key=value changes after an option
        options.changes += rest
    try:
        if hasattr(options, "cache") and options.command is not doctor.doctor:  # the doctor reports it as a line
            require_readable(options.cache)
        return options.command(options)
    except (ValueError, OSError, DataError) as error:  # ConfigError and RunError are ValueErrors
        print(f"igbviz: {_sentence(error)}", file=sys.stderr)
        return 2


def _sentence(error: Exception) -> str:
    return in_words(error) if isinstance(error, OSError) else str(error)
