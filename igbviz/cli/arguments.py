"""What several commands are given: a cache, a configuration with changes, a file of text."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from igbviz.config import PRESETS, RunConfig
from igbviz.runs.run import DEFAULT_CACHE
from igbviz.runs.sweep_config import parse_value, with_value
from igbviz.spec import ConfigError, listing


def add_command(
    commands: argparse._SubParsersAction, name: str, command: Callable[[argparse.Namespace], int], words: str
) -> argparse.ArgumentParser:
    """A command that is described by these words and does what the function does with its options."""
    parser = commands.add_parser(name, help=words, description=words)
    parser.set_defaults(command=command)
    return parser


def add_cache(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="the folder the runs live in")


def read_config(what: str, changes: list[str]) -> RunConfig:
    """A preset's name or a JSON file, then key=value changes with dots for parts, as in loss.cutoff=0.2."""
    if what in PRESETS:
        values = PRESETS[what].config.model_dump()
    elif what.endswith(".json"):
        values = json.loads(RunConfig.from_json(read_text(what)).to_json())
    else:
        raise ConfigError(((), f"{what!r} is neither a .json file nor a preset; presets: {listing(PRESETS)}"))
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals or not key:
            raise ConfigError(((), f"{change!r} is not of the form key=value, as in loss.cutoff=0.2"))
        values = with_value(values, key, parse_value(text))
    return RunConfig(**values)


def read_text(path: str) -> str:
    """The text of a file; some editors begin it with a byte-order mark."""
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(((), f"{path} is not text in UTF-8: {error.reason} at byte {error.start}")) from None
