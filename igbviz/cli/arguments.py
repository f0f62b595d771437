"""Arguments shared by several commands: the cache folder, a run, a configuration with changes, a text file."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from igbviz.config import PRESETS, RunConfig
from igbviz.runs.kinds import RECORDED, kind_of_values
from igbviz.runs.listing import list_runs
from igbviz.runs.run import DEFAULT_CACHE, Run, RunError
from igbviz.runs.sweep_config import parse_value, with_field
from igbviz.spec import ConfigError, alternatives, short, suggestion

RUN_HELP = "the name of a run, an unambiguous beginning of it or of its last part, or `last`, your newest one"

SHOWN = 4  # runs in a sentence about an ambiguous name


class CommandParser(argparse.ArgumentParser):
    """A parser that knows its commands, and suggests one for a word that is none."""

    commands: Mapping[str, argparse.ArgumentParser] = {}

    def parse_known_args(self, args: list[str] | None = None, namespace: Any = None) -> Any:
        word = next((word for word in args or () if not word.startswith("-")), None)
        if word is not None and self.commands and word not in self.commands:
            self.error(f"{short(word)} is not a command{suggestion(word, self.commands)}: `igbviz` lists them")
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"igbviz: {message}\n")


def add_command(
    commands: argparse._SubParsersAction,
    name: str,
    command: Callable[[argparse.Namespace], int],
    text: str,
    aliases: tuple[str, ...] = (),
    more: str = "",
) -> argparse.ArgumentParser:
    """Add a command that calls `command` with its options; `text` is its help and description, `more` is only in its
    own help."""
    parser = commands.add_parser(name, aliases=aliases, help=text, description=text, epilog=more or None)
    parser.set_defaults(command=command)
    return parser


def add_cache(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="the folder that holds the runs")


def add_run(parser: argparse.ArgumentParser, several: bool = False) -> None:
    """Arguments of a command about a run, or about several."""
    parser.add_argument("run", metavar="RUN", nargs="+" if several else None, help=RUN_HELP)
    add_cache(parser)


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON for other programs; a missing number is null")


def add_changes(parser: argparse.ArgumentParser, example: str) -> None:
    """Arguments of a command that changes fields of a configuration, also after an option."""
    parser.set_defaults(rest="changes")
    parser.add_argument("changes", nargs="*", metavar="key=value", help=f"as in {example}")


def find_run(text: str, cache: Path) -> Run:
    """The run of this name, of the only name that begins so or whose last part does, or the newest own run for `last`.

    Raises RunError, which names some of the runs if there are several.
    """
    if text != "last":
        with contextlib.suppress(RunError):
            return Run.open(text, cache)
    lines = list_runs(cache)
    if text == "last":
        own = [line.run for line in lines if not line.run.is_shipped]
        if not own:
            raise RunError(f"there is no run of your own in {cache} yet: `{program()} train first-look` trains one")
        return own[0]
    ids = dict.fromkeys(line.run.id for line in lines)
    found = [name for name in ids if text and name.startswith(text)]
    found = found or [name for name in ids if text and name.rpartition("-")[2].startswith(text)]
    if len(found) > 1:
        more = f" and {len(found) - SHOWN} others" if len(found) > SHOWN else ""
        names = f"{', '.join(found[:SHOWN])}{more}"
        raise RunError(f"{len(found)} runs begin with {short(text)}, allowed: one of {names}")
    return Run.open(found[0] if found else text, cache)


def find_runs(texts: Iterable[str], cache: Path) -> list[Run]:
    """The runs that `find_run` finds, each once."""
    return list({run.path: run for run in (find_run(text, cache) for text in texts)}.values())


def read_config(source: str, changes: list[str]) -> RunConfig:
    """The configuration of a preset or a JSON file, with changes such as loss.cutoff=0.2. Raises ConfigError."""
    if source in PRESETS:
        values = PRESETS[source].config.model_dump()
    elif source.endswith(".json"):
        text = read_text(source)
        _require_no_description(text)
        values = json.loads(RunConfig.from_json(text).to_json())
    else:
        names = alternatives(source, PRESETS)
        raise ConfigError(((), f"{short(source)} is neither a .json file nor a preset, allowed: {names}"))
    return RunConfig(**with_changes(values, changes))


def _require_no_description(text: str) -> None:
    """ConfigError for the JSON of a recorded run; anything else that is wrong with it is found where it is read."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return
    if kind_of_values(values) is RECORDED:
        title = short(values["title"])
        raise ConfigError(((), f"{title} was recorded outside igbviz: it cannot be trained from its description"))


def with_changes(values: dict[str, Any], changes: list[str]) -> dict[str, Any]:
    """The fields of a configuration after changes such as loss.cutoff=0.2. Raises ConfigError."""
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals or not key:
            raise ConfigError(((), f"{short(change)} is not of the form key=value, as in model.depth=4"))
        values = with_field(values, key, parse_value(text))
    return values


def read_text(path: str) -> str:
    """The text of a UTF-8 file, without the byte-order mark that some editors write. Raises ConfigError."""
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(((), f"{path} is not text in UTF-8: {error.reason} at byte {error.start}")) from None


def program() -> str:
    """How this program was called, for commands in hints."""
    with contextlib.suppress(IndexError):
        return "python -m igbviz" if Path(sys.argv[0]).name == "__main__.py" else "igbviz"
    return "igbviz"
