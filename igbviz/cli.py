"""`python -m igbviz`: train, list, show and export runs without a browser. The runs are the same as those of the pages."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from igbviz.config import RunConfig
from igbviz.datasets import DataError
from igbviz.description import ConfigError, Description, listing
from igbviz.presets import PRESETS
from igbviz.runs import DEFAULT_CACHE, Run, list_runs, submit


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
        print(f"igbviz: {error}", file=sys.stderr)
        return 2


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


def show(options: argparse.Namespace) -> int:
    run = Run.open(options.run, options.cache)
    status = run.status
    print(f"{run.id}\n{status.state}: {status.message}\nstep {status.step} of {status.steps}, {status.seconds:.1f} s on {status.device}")
    print(run.config.to_json())
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
    from igbviz.export import write

    write(Run.open(options.run, options.cache), Path(options.out))
    print(f"wrote {options.out}")
    return 0


def escape(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from igbviz import escape as study

    if options.table:
        print(study.block())
        study.publish()
        return 0
    rows = study.current(study.read())
    wanted = study.missing(study.trials(options.seeds), rows)
    try:
        with tqdm(study.measure(wanted, options.workers), total=len(wanted), unit="run", dynamic_ncols=True, disable=None) as bar:
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
    lines.append(f"epoch {last.epoch[0]:.3g}, mean accuracy {last.balanced_accuracy()[0]:.3f}; * favoured by the untrained network")
    return "\n".join(lines)


def read_config(what: str, changes: list[str]) -> RunConfig:
    """A preset's name or a JSON file, then key=value changes with dots for parts: loss.cutoff=0.2, model.name=resnet18."""
    if what in PRESETS:
        values = PRESETS[what].config.model_dump()
    elif what.endswith(".json"):
        values = json.loads(RunConfig.from_json(Path(what).read_text()).to_json())
    else:
        raise ConfigError(((), f"{what!r} is neither a .json file nor a preset; presets: {listing(PRESETS)}"))
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals:
            raise ConfigError(((), f"{change!r} is not of the form key=value, as in loss.cutoff=0.2"))
        values = _changed(values, key.split("."), _value(text), key)
    return RunConfig(**values)


def _changed(values: dict[str, Any], path: list[str], value: Any, key: str) -> dict[str, Any]:
    if len(path) == 1:
        # Another name is another part with knobs of its own: the old part's knobs do not carry over.
        return {"name": value} if path[0] == "name" else values | {path[0]: value}
    inner = values.get(path[0])
    if isinstance(inner, Description):
        inner = inner.model_dump()
    if not isinstance(inner, dict):
        raise ConfigError(((key,), f"is not a field of a run, allowed: {listing(RunConfig.model_fields)} and their parts"))
    return values | {path[0]: _changed(inner, path[1:], value, key)}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("igbviz", description="Watch a network lose (or keep) its first prejudice.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, function, words in (
        ("train", train, "train in the background and wait: a preset or a JSON file, then key=value changes"),
        ("runs", runs, "list the runs in the cache"),
        ("show", show, "one run: state, configuration, last probe"),
        ("export", export, "write a run as .csv, .parquet, .html or its configuration as .json"),
    ):
        command = commands.add_parser(name, help=words, description=words)
        command.set_defaults(command=function)
        command.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="the folder the runs live in")
        if name == "train":
            command.add_argument("what", metavar="PRESET-or-config.json", help=f"presets: {listing(PRESETS)}")
            command.add_argument("changes", nargs="*", metavar="key=value", help="as in loss.cutoff=0.2 or model.name=resnet18")
        if name in ("show", "export"):
            command.add_argument("run", help="a run's name, as `igbviz runs` lists it")
        if name == "export":
            command.add_argument("--out", required=True, help="the file to write")
    words = "train one biased network with every loss, here and now, and tell when each leaves its first guess"
    command = commands.add_parser("escape", help=words, description=words)
    command.set_defaults(command=escape)
    command.add_argument("--seeds", type=int, default=5, help="runs of each loss; those already measured are not made again")
    command.add_argument("--workers", type=int, default=2, help="processes, of one thread each")
    command.add_argument("--table", action="store_true", help="measure nothing; put the table and the picture into the README")
    return parser
