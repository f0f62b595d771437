"""`igbviz`, or `python -m igbviz`: train, draw, sweep, list, show and export runs without a browser.

The pages show the same runs. Each module defines a group of commands. Results go to stdout, everything else to stderr.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys

__all__ = ["main"]

INTERRUPTED, CLOSED_PIPE = 130, 141  # as a shell reports SIGINT and SIGPIPE


def main(arguments: list[str] | None = None) -> int:
    """Run one command, by default that of `sys.argv`, and return its exit status.

    0; 1 when a run failed; 2 when the request was wrong, after one error sentence; 130 after Ctrl-C; 141 when the
    reader of the output, as in `| head -1`, has closed it, which is no error and so is silent.
    """
    try:
        try:
            return _run(sys.argv[1:] if arguments is None else arguments)
        finally:
            if sys.stdout:  # here, and not at the exit of Python, which would print a traceback
                sys.stdout.flush()
    except BrokenPipeError:
        _discard_output()
        return CLOSED_PIPE
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:  # a full disk
        _discard_output()
        print(f"igbviz: the output cannot be written: {(error.strerror or str(error)).lower()}", file=sys.stderr)
        return 2


def _run(arguments: list[str]) -> int:
    from igbviz import plugins
    from igbviz.cli import doctor
    from igbviz.datasets import DataError
    from igbviz.runs.files import in_words, require_readable

    parser = make_parser()
    options, rest = parser.parse_known_args(arguments)
    if not hasattr(options, "command"):
        parser.print_help()
        return 0
    if getattr(options, "rest", "") == "streamlit":  # options of another program
        options.streamlit, rest = rest, []
    if rest:  # key=value changes after an option
        if getattr(options, "rest", "") != "changes" or any(argument.startswith("-") for argument in rest):
            parser.error(f"unknown arguments: {' '.join(rest)}")
        options.changes += rest
    options.typed = shlex.join(arguments)
    if options.command is not doctor.doctor:  # it has a line for them
        for problem in plugins.problems():
            print(f"igbviz: {problem}", file=sys.stderr)
    try:
        if hasattr(options, "cache") and options.command is not doctor.doctor:  # the doctor reports it as a line
            require_readable(options.cache)
        return options.command(options)
    except (ValueError, DataError) as error:  # ConfigError and RunError are ValueErrors
        print(f"igbviz: {error}", file=sys.stderr)
    except OSError as error:
        if error.filename is None and error.strerror:  # of a stream: the output
            raise
        print(f"igbviz: {in_words(error)}", file=sys.stderr)
    return 2


def make_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    from igbviz import __version__
    from igbviz.cli import (
        app,
        architectures,
        changes,
        choices,
        clean,
        completion,
        doctor,
        escape,
        export,
        initialize,
        notebooks,
        pages,
        runs,
        sweep,
        train,
    )
    from igbviz.cli.arguments import CommandParser

    parser = CommandParser(
        "igbviz",
        description="See how an untrained classifier's initial guessing bias (IGB) is lost or kept in training.",
        epilog="RUN is the name of a run, an unambiguous beginning of it or of its last part, or `last`. "
        "Without a browser: `igbviz train first-look`, then `igbviz show last`.",
    )
    parser.add_argument("--version", action="version", version=f"igbviz {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=argparse.ArgumentParser)
    for group in (
        app,
        train,
        initialize,
        sweep,
        runs,
        export,
        pages,
        changes,
        choices,
        escape,
        architectures,
        clean,
        doctor,
        notebooks,
        completion,
    ):
        group.add_commands(commands)
    parser.commands = commands.choices
    return parser


def _discard_output() -> None:
    """Let Python flush what is left to nowhere when it exits."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
