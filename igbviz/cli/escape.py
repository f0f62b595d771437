"""`escape`: measure when each loss escapes the initial guessing bias, or write the results into docs/results.md."""

from __future__ import annotations

import argparse
import sys

from igbviz.cli.arguments import add_command
from igbviz.disk.places import TREE


def add_commands(commands: argparse._SubParsersAction) -> None:
    text = "train one biased network with every loss and report when each escapes its initial guessing bias (IGB)"
    command = add_command(commands, "escape", escape, text)
    command.add_argument("--seeds", type=int, default=5, help="runs of each loss; finished runs are not repeated")
    command.add_argument("--workers", type=int, default=2, help="number of processes, each with one thread")
    command.add_argument(
        "--table", action="store_true", help="train nothing; write the table and the figure into the documentation"
    )


def escape(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from igbviz.charts.escape import publish
    from igbviz.studies import escape as study

    if TREE is None:
        raise ValueError("escape writes its results into the project's own files: run it in a clone of the project")
    if options.table:
        print(study.block())
        publish()
        return 0
    rows = study.current(study.read())
    remaining = study.missing(study.trials(options.seeds), rows)
    try:
        with tqdm(
            study.measure(remaining, options.workers),
            total=len(remaining),
            unit="run",
            dynamic_ncols=True,
            disable=None,
        ) as bar:
            for row in bar:
                rows = [*rows, row]
                study.write(rows)
                bar.set_description(row.loss, refresh=False)
    except KeyboardInterrupt:
        print("\nstopped: run the same command again to continue", file=sys.stderr)
        raise
    print(study.table(rows))
    return 0
