"""`initialize`: draw an ensemble of untrained networks, and measure their initial guessing bias."""

from __future__ import annotations

import argparse
import json

from igbviz.cli.arguments import add_cache, add_changes, add_command, read_text, with_changes
from igbviz.cli.starting import add_starting, start
from igbviz.ensembles import EnsembleConfig
from igbviz.spec import ConfigError, listing
from igbviz.studies.regimes import REGIMES


def add_commands(commands: argparse._SubParsersAction) -> None:
    text = "draw untrained networks in the background and wait: their guesses by class, and gamma by three estimators"
    more = f"The fields: {listing(EnsembleConfig.model_fields)}. Ctrl-C stops; the same command goes on from there."
    command = add_command(commands, "initialize", initialize, text, more=more)
    add_changes(command, "networks=50, model.depth=10 or dataset.name=fashion-mini; also a config.json before them")
    command.add_argument(
        "--regimes", action="store_true", help="draw the three ensembles that the program ships: neutral to deep"
    )
    add_starting(command)
    add_cache(command)


def initialize(options: argparse.Namespace) -> int:
    if not options.regimes:
        return start(read_ensemble(options.changes), options)
    if options.changes:
        raise ConfigError((("changes",), f"are {' '.join(options.changes)}, allowed: none beside --regimes"))
    return max(start(config, options) for config in REGIMES.values())


def read_ensemble(changes: list[str]) -> EnsembleConfig:
    """The ensemble of a JSON file, if the first word names one, with changes. Raises ConfigError."""
    base = EnsembleConfig()
    if changes and changes[0].endswith(".json") and "=" not in changes[0]:
        base, changes = EnsembleConfig.from_json(read_text(changes[0])), changes[1:]
    return EnsembleConfig(**with_changes(json.loads(base.to_json()), changes))
