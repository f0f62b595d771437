"""`presets`, `losses`, `models` and `datasets`: what a configuration can name, one line each, or one in detail."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import textwrap
from collections.abc import Mapping
from typing import Any

from igbviz.cli.arguments import add_command, add_json
from igbviz.config import PRESETS, Preset
from igbviz.datasets import DATASETS
from igbviz.losses import LOSSES
from igbviz.models import INITIALIZATIONS, MODELS
from igbviz.plugins.part import PACKAGE_OF, in_words
from igbviz.spec import ConfigError, Spec, allowed, alternatives, short

CHOICES: dict[str, tuple[Mapping[str, Any], str]] = {
    "presets": (PRESETS, "a configuration to start from, as in `train first-look`"),
    "losses": (LOSSES, "a loss, as in `train first-look loss.name=gce`"),
    "models": (MODELS, "a network, as in `train first-look model.name=cnn`"),
    "datasets": (DATASETS, "a data set, as in `train first-look dataset.name=mnist`"),
    "initializations": (INITIALIZATIONS, "an initialization, as in `initialize initialization.name=xavier`"),
}

KEYS = "title, description, package (empty if built in) and fields: each has name, default, allowed and description"
MIN_ROOM = 20  # characters beside the name, below which nothing is said


def add_commands(commands: argparse._SubParsersAction) -> None:
    for name, (registry, purpose) in CHOICES.items():
        text = f"list the {name}, one line each, or show one of them"
        keys = "title, description and config" if name == "presets" else KEYS
        more = f"Each is {purpose}. --json prints a list with the keys name, {keys}."
        command = add_command(commands, name, list_choices, text, more=more)
        command.add_argument("name", nargs="?", metavar="NAME", help="show this one: its fields, with what is allowed")
        command.set_defaults(registry=registry, kind=name)
        add_json(command)


def list_choices(options: argparse.Namespace) -> int:
    registry = options.registry
    if (name := options.name) is not None and name not in registry:
        raise ConfigError(((options.kind,), f"have no {short(name)}, allowed: one of {alternatives(name, registry)}"))
    names = list(registry) if name is None else [name]
    values = [_values(name, registry[name]) for name in names]
    if options.json:
        from igbviz.cli.as_json import print_json

        print_json(values)
    elif name is not None:
        print(_details(values[0]))
    else:
        width = max(map(len, names))
        print("\n".join(_line(item, width) for item in values))
    return 0


def _values(name: str, choice: type[Spec] | Preset) -> dict[str, Any]:
    if isinstance(choice, Preset):
        config = json.loads(choice.config.to_json())
        return {"name": name, "title": choice.title, "description": choice.look_for, "config": config}
    title = choice.title_of(name)
    about = " ".join((choice.__doc__ or "").partition("\n\n")[0].split()) if "__doc__" in vars(choice) else ""
    fields = [
        {
            "name": key,
            "default": _default(field.default),
            "allowed": allowed(field),
            "description": field.description or "",
        }
        for key, field in choice.hyperparameters().items()
    ]
    return {"name": name, "title": title, "description": about, "package": PACKAGE_OF.get(choice, ""), "fields": fields}


def _default(value: Any) -> Any:
    return json.loads(value.to_json()) if isinstance(value, Spec) else value


def _line(item: dict[str, Any], width: int) -> str:
    """The name and what there is to say, cut at the edge of a terminal."""
    about = item["title"] if "config" in item or not item["description"] else item["description"]
    if sys.stdout.isatty():
        room = shutil.get_terminal_size().columns - width - 3
        about = textwrap.shorten(about, room, placeholder=" ...") if room >= MIN_ROOM else ""
    return f"{item['name']:{width}}  {about if about != item['name'] else ''}".rstrip()


def _details(item: dict[str, Any]) -> str:
    title = f": {item['title']}" if item["title"] != item["name"] else ""
    package = f", of {in_words(item['package'])}" if item.get("package") else ""
    lines = [f"{item['name']}{title}{package}", *textwrap.wrap(item["description"])]
    if "config" in item:
        return "\n".join([*lines, json.dumps(item["config"], indent=2)])
    for field in item["fields"]:
        lines.append(f"  {field['name']}={json.dumps(field['default'])}: {field['allowed']}")
        lines += textwrap.wrap(field["description"], initial_indent="      ", subsequent_indent="      ")
    return "\n".join(lines)
