"""`train`: start one run and watch it until it ends."""

from __future__ import annotations

import argparse

from igbviz.cli.arguments import add_cache, add_changes, add_command, read_config
from igbviz.cli.starting import add_starting, start
from igbviz.config import PRESETS
from igbviz.spec import listing


def add_commands(commands: argparse._SubParsersAction) -> None:
    text = "train in the background and wait: a preset or a JSON file, then key=value changes"
    more = "Ctrl-C stops the run and keeps its probes; the same command continues it. Exit status 1 if the run failed."
    command = add_command(commands, "train", train, text, more=more)
    command.add_argument("source", metavar="PRESET-or-config.json", help=f"presets: {listing(PRESETS)}")
    add_changes(command, "loss.cutoff=0.2 or model.name=resnet18")
    add_starting(command)
    add_cache(command)


def train(options: argparse.Namespace) -> int:
    return start(read_config(options.source, options.changes), options)
