"""`train`: start one run and watch it until it ends."""

from __future__ import annotations

import argparse
import sys

from igbviz.cli.arguments import add_cache, add_command, read_config
from igbviz.cli.runs import table
from igbviz.config import PRESETS
from igbviz.runs.submit import submit
from igbviz.spec import listing


def add_commands(commands: argparse._SubParsersAction) -> None:
    text = "train in the background and wait: a preset or a JSON file, then key=value changes"
    command = add_command(commands, "train", train, text)
    add_cache(command)
    command.add_argument("source", metavar="PRESET-or-config.json", help=f"presets: {listing(PRESETS)}")
    command.add_argument("changes", nargs="*", metavar="key=value", help="as in loss.cutoff=0.2 or model.name=resnet18")


def train(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    run = submit(read_config(options.source, options.changes), options.cache)
    print(f"run {run.id}")
    try:
        with tqdm(total=1, unit="step", dynamic_ncols=True, disable=None) as bar:
            for status in run.follow():
                if status.steps:
                    bar.total = status.steps
                bar.n = status.step
                bar.set_description(
                    status.message if status.state in ("queued", "running") else status.state, refresh=False
                )
                bar.refresh()
    except KeyboardInterrupt:
        print("\nstopping ...", file=sys.stderr)
        run.stop()
        status = run.wait()
    print(f"{status.state}: {status.message}")
    print(table(run))
    return 0 if status.state in ("done", "stopped") else 1
