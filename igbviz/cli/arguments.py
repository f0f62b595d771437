"""Arguments shared by several commands: the cache folder, a configuration with changes, a text file."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from igbviz.config import PRESETS, RunConfig
from igbviz.runs.run import DEFAULT_CACHE
from igbviz.runs.sweep_config import parse_value, with_field
from igbviz.spec import ConfigError, listing, short


def add_command(
    commands: argparse._SubParsersAction,
    name: str,
    command: Callable[[argparse.Namespace], int],
    text: str,
    aliases: tuple[str, ...] = (),
) -> argparse.ArgumentParser:
    """Add a command that calls `command` with its options; `text` is its help and description."""
    parser = commands.add_parser(name, aliases=aliases, help=text, description=text)
    parser.set_defaults(command=command)
    return parser


def add_cache(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="the folder that holds the runs")


def read_config(source: str, changes: list[str]) -> RunConfig:
    """The configuration of a preset or a JSON file, with changes such as loss.cutoff=0.2. Raises ConfigError."""
    if source in PRESETS:
        values = PRESETS[source].config.model_dump()
    elif source.endswith(".json"):
        values = json.loads(RunConfig.from_json(read_text(source)).to_json())
    else:
        raise ConfigError(((), f"{short(source)} is neither a .json file nor a preset; presets: {listing(PRESETS)}"))
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals or not key:
            raise ConfigError(((), f"{short(change)} is not of the form key=value, as in loss.cutoff=0.2"))
        values = with_field(values, key, parse_value(text))
    return RunConfig(**values)


def read_text(path: str) -> str:
    """The text of a UTF-8 file, without the byte-order mark that some editors write. Raises ConfigError."""
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(((), f"{path} is not text in UTF-8: {error.reason} at byte {error.start}")) from None
