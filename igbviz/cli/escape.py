"""`escape`: the study of when each loss leaves the first guess, measured anew or put into the README."""

from __future__ import annotations

import argparse
import sys

from igbviz.cli.arguments import add_command


def add_commands(commands: argparse._SubParsersAction) -> None:
    words = "train one biased network with every loss, here and now, and tell when each leaves its first guess"
    command = add_command(commands, "escape", escape, words)
    command.add_argument(
        "--seeds", type=int, default=5, help="runs of each loss; those already measured are not made again"
    )
    command.add_argument("--workers", type=int, default=2, help="processes, of one thread each")
    command.add_argument(
        "--table", action="store_true", help="measure nothing; put the table and the picture into the README"
    )


def escape(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from igbviz.charts.escape import publish
    from igbviz.studies import escape as study

    if options.table:
        print(study.block())
        publish()
        return 0
    rows = study.current(study.read())
    wanted = study.missing(study.trials(options.seeds), rows)
    try:
        with tqdm(
            study.measure(wanted, options.workers), total=len(wanted), unit="run", dynamic_ncols=True, disable=None
        ) as bar:
            for row in bar:
                rows = [*rows, row]
                study.write(rows)
                bar.set_description(row.loss, refresh=False)
    except KeyboardInterrupt:
        print("\nstopped: the same command goes on from here", file=sys.stderr)
    print(study.table(rows))
    return 0
