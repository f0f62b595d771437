"""`sweep`: start a grid of runs as one group, or watch one that was started before."""

from __future__ import annotations

import argparse
import sys

from igbviz.cli.arguments import add_cache, add_command, program, read_config, read_text
from igbviz.cli.tables import columns
from igbviz.config import PRESETS
from igbviz.runs.sweep_config import Sweep, label, parse_values, title
from igbviz.runs.sweeps import Group, plan, submit_sweep
from igbviz.spec import ConfigError, listing, short

EXPLANATION = """\
mean accuracy: over the classes, at the last probe
largest guess: the largest fraction of images that one class gets there
escape step: the first step from which the guesses stay spread over the classes until
the last probe"""


def add_commands(commands: argparse._SubParsersAction) -> None:
    text = "train a grid of runs as one group and wait: a JSON file, or a preset and its axes; or watch a group again"
    command = add_command(commands, "sweep", sweep, text)
    command.add_argument(
        "source", nargs="?", metavar="FILE.json-or-name", help="a sweep, or the name of one that was started before"
    )
    command.add_argument("--preset", help=f"the base of all runs, first-look by default: {listing(PRESETS)}")
    command.add_argument("--losses", metavar="A,B", help="names of losses, with their default hyperparameters")
    command.add_argument("--seeds", type=int, metavar="N", help="number of seeds, from the seed of the base on")
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="key=v1,v2",
        help="values of a field, as in loss.cutoff=0.1,0.2; can be repeated",
    )
    command.add_argument("--title", default="", help="the title of the group")
    command.add_argument("--stop", action="store_true", help="stop the runs of a named sweep")
    command.add_argument("--detach", action="store_true", help="start the runs and do not wait for them")
    command.add_argument(
        "--dry-run", action="store_true", help="only say how many runs these are and how long they take"
    )
    add_cache(command)


def sweep(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    if options.source and not options.source.endswith(".json"):
        group = Group.open(options.source, options.cache)
        print(f"sweep {group.id}: {group.sweep}")
        if options.stop:
            group.stop()
    else:
        requested = read_sweep(options).identified()
        expected = plan(requested, options.cache)
        print(f"sweep {requested.id}: {requested}")
        print(
            f"{expected.runs} runs, {expected.finished} already finished: about "
            f"{expected.seconds:,.0f} s, {expected.basis}",
            flush=True,
        )
        if options.dry_run:
            return 0
        group = submit_sweep(requested, options.cache)
        if options.detach:
            return 0
    try:
        with tqdm(
            total=100, bar_format="{desc} {percentage:3.0f}%|{bar}| {elapsed}", dynamic_ncols=True, disable=None
        ) as bar:
            for progress in group.follow():
                bar.n = 100 * progress.share
                bar.set_description(progress.words, refresh=False)
                bar.refresh()
    except KeyboardInterrupt:
        again = f"{program()} sweep {group.id}"
        print(
            f"\nthe runs continue in the background: `{again}` watches them again, `{again} --stop` stops them",
            file=sys.stderr,
        )
        raise
    print(sweep_table(group))
    print(progress)
    return 1 if "failed" in progress.counts else 0


def read_sweep(options: argparse.Namespace) -> Sweep:
    """The sweep of a JSON file or a preset, with the axes of the options. Raises ConfigError."""
    if options.stop:
        raise ConfigError((("--stop",), "needs the name of a sweep before it, as `igbviz sweep` printed it"))
    if not (options.source or options.losses or options.seeds is not None or options.set):
        raise ConfigError(((), "a sweep needs a .json file or an axis: --losses, --seeds or --set"))
    if options.source:
        stored = Sweep.from_json(read_text(options.source))
        values = {"base": stored.base, "axes": stored.axes, "title": stored.title}
    else:
        values = {"base": PRESETS["first-look"].config, "axes": {}, "title": ""}
    if options.preset:
        values["base"] = read_config(options.preset, [])
    axes = dict(values["axes"])
    if options.losses:
        axes["loss"] = parse_values(options.losses)
    for change in options.set:
        path, equals, text = change.partition("=")
        if not equals or not path:
            raise ConfigError(
                ((), f"{short(change)} is not of the form key=values, as in optimizer.learning_rate=0.01,0.1")
            )
        axes[path] = parse_values(text)
    if options.seeds is not None:
        axes["seed"] = list(range(values["base"].seed, values["base"].seed + options.seeds))
    return Sweep(**values | {"axes": axes, "title": options.title or values["title"]})


def sweep_table(group: Group) -> str:
    """One line per run: its state, its values on the axes, and its last probe."""
    choices = group.sweep.choices()
    rows = [
        ["state", *map(title, next(iter(choices.values()))), "mean accuracy", "largest guess", "escape step", "run"]
    ]
    for member in group.members():
        cells = ["-"] * 3
        if result := member.outcome():
            cells = [
                f"{result.balanced_accuracy:.3f}",
                f"{result.largest_guess:.3f}",
                "never" if result.escape_step is None else str(result.escape_step),
            ]
        rows.append([member.state, *map(label, choices[member.id].values()), *cells, member.id])
    return f"{columns(rows)}\n{EXPLANATION}"
