"""`python -m igbviz`: train, sweep, list, show and export runs without a browser. The runs are the same as those of the
pages."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from igbviz.config import PRESETS, RunConfig
from igbviz.datasets import DataError
from igbviz.runs.listing import list_runs
from igbviz.runs.run import DEFAULT_CACHE, Run
from igbviz.runs.submit import submit
from igbviz.runs.sweep_config import Sweep, label, parse_value, parse_values, title, with_value
from igbviz.runs.sweeps import Group, plan, submit_sweep
from igbviz.spec import ConfigError, listing


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0, or 2 after one sentence about what was wrong with the request, or 1 when the run failed."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if rest and (options.command is not train or any(word.startswith("-") for word in rest)):
        parser.error(f"unknown arguments: {' '.join(rest)}")
    if rest:  # key=value changes that stand behind an option
        options.changes += rest
    try:
        return options.command(options)
    except (ValueError, OSError, DataError) as error:  # ConfigError and RunError are ValueErrors
        print(f"igbviz: {_sentence(error)}", file=sys.stderr)
        return 2


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename} cannot be read or written: {error.strerror[0].lower()}{error.strerror[1:]}"
    return str(error)


def train(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    run = submit(read_config(options.what, options.changes), options.cache)
    print(f"run {run.id}")
    try:
        with tqdm(total=1, unit="step", dynamic_ncols=True, disable=None) as bar:
            for status in run.follow():
                if status.steps:
                    bar.total = status.steps
                bar.n = status.step
                bar.set_description(status.state if status.state != "running" else status.message, refresh=False)
                bar.refresh()
    except KeyboardInterrupt:
        print("\nstopping ...", file=sys.stderr)
        run.stop()
        status = run.wait()
    print(f"{status.state}: {status.message}")
    print(table(run))
    return 0 if status.state in ("done", "stopped") else 1


def sweep(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    if options.what and not options.what.endswith(".json"):
        group = Group.open(options.what, options.cache)
        print(f"sweep {group.id}: {group.sweep}")
        if options.stop:
            group.stop()
    else:
        wanted = read_sweep(options)
        expected = plan(wanted, options.cache)
        group = submit_sweep(wanted, options.cache)
        print(f"sweep {group.id}: {wanted}")
        print(
            f"{expected.runs} runs, {expected.finished} already finished: about {expected.seconds:,.0f} s, "
            f"{expected.basis}"
        )
    try:
        with tqdm(
            total=100, bar_format="{desc} {percentage:3.0f}%|{bar}| {elapsed}", dynamic_ncols=True, disable=None
        ) as bar:
            for progress in group.follow():
                bar.n = 100 * progress.share
                bar.set_description(str(progress), refresh=False)
                bar.refresh()
    except KeyboardInterrupt:
        again = f"python -m igbviz sweep {group.id}"
        print(
            f"\nthe runs go on in the background: `{again}` watches them again, `{again} --stop` stops them",
            file=sys.stderr,
        )
        return 0
    print(sweep_table(group))
    print(progress)
    return 1 if "failed" in progress.counts else 0


def read_sweep(options: argparse.Namespace) -> Sweep:
    """The sweep of a JSON file, or of a preset, with the axes that the options name."""
    if options.stop:
        raise ConfigError((("--stop",), "stands behind the name of a sweep, as `igbviz sweep` printed it"))
    if not (options.what or options.losses or options.seeds is not None or options.set):
        raise ConfigError(((), "a sweep needs a .json file or an axis: --losses, --seeds or --set"))
    if options.what:
        found = Sweep.from_json(_text(options.what))
        values = {"base": found.base, "axes": found.axes, "title": found.title}
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
            raise ConfigError(((), f"{change!r} is not of the form key=values, as in optimizer.learning_rate=0.01,0.1"))
        axes[path] = parse_values(text)
    if options.seeds is not None:
        axes["seed"] = list(range(values["base"].seed, values["base"].seed + options.seeds))
    return Sweep(**values | {"axes": axes, "title": options.title or values["title"]})


def sweep_table(group: Group) -> str:
    """A line a run: its state, what sets it apart, and its last probe."""
    choices = group.sweep.choices()
    rows = [["state", *map(title, next(iter(choices.values()))), "accuracy", "largest guess", "escape step", "run"]]
    for member in group.members():
        found = ["-"] * 3
        if result := member.outcome():
            found = [
                f"{result.balanced_accuracy:.3f}",
                f"{result.largest_guess:.3f}",
                "never" if result.escape_step is None else str(result.escape_step),
            ]
        rows.append([member.state, *map(label, choices[member.id].values()), *found, member.id])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, "escape step: from there on the guesses are spread over the classes, to the last probe"])


def show(options: argparse.Namespace) -> int:
    run = Run.open(options.run, options.cache)
    status = run.status
    print(
        f"{run.id}\n{status.state}: {status.message}\nstep {status.step} of {status.steps}, {status.seconds:.1f} s on "
        f"{status.device}"
    )
    print(run.config.to_json())
    if isinstance(run.config, RunConfig):
        print(table(run))
    return 0


def runs(options: argparse.Namespace) -> int:
    listed = list_runs(options.cache)
    for line in listed:
        seconds = (line.status or {}).get("seconds", 0.0)
        print(f"{line.state:10} {seconds:8.1f} s  {line.run.id}" + (f"  ({line.problem})" if line.problem else ""))
    print(f"{len(listed)} runs in {options.cache}")
    return 0


def export(options: argparse.Namespace) -> int:
    from igbviz.charts.run_export import FORMATS, write
    from igbviz.runs import archive

    run, out = Run.open(options.run, options.cache), Path(options.out)
    endings = [suffix for suffix, _, _ in FORMATS.values()]
    if out.suffix not in (*endings, ".zip"):
        raise ConfigError((("--out",), f"is {str(out)!r}, allowed: a file ending in {listing([*endings, '.zip'])}"))
    if out.suffix == ".zip":
        with open(out, "wb") as file:
            archive.pack([run], file)
    else:
        write(run, out)
    print(f"wrote {out}")
    return 0


def take(options: argparse.Namespace) -> int:
    from igbviz.runs import archive

    with open(options.file, "rb") as file:
        taken = archive.take(file, options.cache)
    for name in taken.new:
        print(f"new: {name}")
    for name in taken.known:
        print(f"here already: {name}")
    for sentence in taken.refused:
        print(f"igbviz: {sentence}", file=sys.stderr)
    return 1 if taken.refused else 0


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


def table(run: Run) -> str:
    """The last probe, a line a class."""
    trajectory = run.trajectory()
    if not len(trajectory):
        return "no probe yet"
    first, last = trajectory.predicted_probability()[0], trajectory[-1:]
    lines = [f"{'class':>14}  {'p at init':>9}  {'p now':>6}  {'accuracy':>8}  {'guesses':>7}"]
    columns = zip(first, last.true_class_probability()[0], last.accuracy()[0], last.guess_fraction()[0], strict=True)
    for name, (start, probability, accuracy, guesses) in zip(trajectory.class_names, columns, strict=True):
        star = "*" if name == trajectory.class_names[trajectory.favoured()] else " "
        lines.append(f"{name[:14]:>14}{star} {start:9.3f}  {probability:6.3f}  {accuracy:8.3f}  {guesses:7.3f}")
    lines.append(
        f"epoch {last.epoch[0]:.3g}, mean accuracy {last.balanced_accuracy()[0]:.3f}; * favoured by the untrained "
        "network"
    )
    return "\n".join(lines)


def read_config(what: str, changes: list[str]) -> RunConfig:
    """A preset's name or a JSON file, then key=value changes with dots for parts: loss.cutoff=0.2, model.name=resnet18."""
    if what in PRESETS:
        values = PRESETS[what].config.model_dump()
    elif what.endswith(".json"):
        values = json.loads(RunConfig.from_json(_text(what)).to_json())
    else:
        raise ConfigError(((), f"{what!r} is neither a .json file nor a preset; presets: {listing(PRESETS)}"))
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals or not key:
            raise ConfigError(((), f"{change!r} is not of the form key=value, as in loss.cutoff=0.2"))
        values = with_value(values, key, parse_value(text))
    return RunConfig(**values)


def _text(path: str) -> str:
    """The text of a file; some editors begin it with a byte-order mark."""
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(((), f"{path} is not text in UTF-8: {error.reason} at byte {error.start}")) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("igbviz", description="Watch a network lose (or keep) its first prejudice.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, function, words in (
        ("train", train, "train in the background and wait: a preset or a JSON file, then key=value changes"),
        ("runs", runs, "list the runs in the cache"),
        ("show", show, "one run: state, configuration, last probe"),
        (
            "export",
            export,
            "write a run as .csv, .parquet, .html, as .zip for another cache, or its configuration as .json",
        ),
        ("import", take, "take the runs of a .zip into the cache; what is not in order is refused with a sentence"),
    ):
        command = commands.add_parser(name, help=words, description=words)
        command.set_defaults(command=function)
        command.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="the folder the runs live in")
        if name == "train":
            command.add_argument("what", metavar="PRESET-or-config.json", help=f"presets: {listing(PRESETS)}")
            command.add_argument(
                "changes", nargs="*", metavar="key=value", help="as in loss.cutoff=0.2 or model.name=resnet18"
            )
        if name == "import":
            command.add_argument("file", help="the archive")
        if name in ("show", "export"):
            command.add_argument("run", help="a run's name, as `igbviz runs` lists it")
        if name == "export":
            command.add_argument("--out", required=True, help="the file to write")
    words = "train a grid of runs as one group and wait: a JSON file, or a preset and its axes; or watch a group again"
    command = commands.add_parser("sweep", help=words, description=words)
    command.set_defaults(command=sweep)
    command.add_argument(
        "what", nargs="?", metavar="FILE.json-or-name", help="a sweep, or the name of one that was started before"
    )
    command.add_argument("--preset", help=f"what all runs share, first-look unless said otherwise: {listing(PRESETS)}")
    command.add_argument("--losses", metavar="A,B", help="names of losses, with their defaults")
    command.add_argument("--seeds", type=int, metavar="N", help="runs of each combination, with so many seeds")
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="key=v1,v2",
        help="values of a field, as in loss.cutoff=0.1,0.2; may be repeated",
    )
    command.add_argument("--title", default="", help="how the group is called")
    command.add_argument("--stop", action="store_true", help="stop its runs; behind a name")
    command.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="the folder the runs live in")
    words = "train one biased network with every loss, here and now, and tell when each leaves its first guess"
    command = commands.add_parser("escape", help=words, description=words)
    command.set_defaults(command=escape)
    command.add_argument(
        "--seeds", type=int, default=5, help="runs of each loss; those already measured are not made again"
    )
    command.add_argument("--workers", type=int, default=2, help="processes, of one thread each")
    command.add_argument(
        "--table", action="store_true", help="measure nothing; put the table and the picture into the README"
    )
    return parser
