"""`runs`, `show`, `export` and `import`: what lies in a cache, and its way to other places."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from igbviz.cli.arguments import add_cache, add_command
from igbviz.runs.kinds import TRAINED
from igbviz.runs.listing import list_runs
from igbviz.runs.run import Run
from igbviz.spec import ConfigError, listing


def add_commands(commands: argparse._SubParsersAction) -> None:
    add_cache(add_command(commands, "runs", runs, "list the runs in the cache"))
    command = add_command(commands, "show", show, "one run: state, configuration, last probe")
    add_cache(command)
    _add_run(command)
    words = "write a run as .csv, .parquet, .html, as .zip for another cache, or its configuration as .json"
    command = add_command(commands, "export", export, words)
    add_cache(command)
    _add_run(command)
    command.add_argument("--out", required=True, help="the file to write")
    words = "take the runs of a .zip into the cache; what is not in order is refused with a sentence"
    command = add_command(commands, "import", import_archive, words)
    add_cache(command)
    command.add_argument("file", help="the archive")


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="a run's name, as `igbviz runs` lists it")


def runs(options: argparse.Namespace) -> int:
    listed = list_runs(options.cache)
    for line in listed:
        seconds = (line.status or {}).get("seconds", 0.0)
        print(f"{line.state:10} {seconds:8.1f} s  {line.run.id}" + (f"  ({line.problem})" if line.problem else ""))
    print(f"{len(listed)} runs in {options.cache}")
    return 0


def show(options: argparse.Namespace) -> int:
    run = Run.open(options.run, options.cache)
    status = run.status
    print(
        f"{run.id}\n{status.state}: {status.message}\nstep {status.step} of {status.steps}, {status.seconds:.1f} s on "
        f"{status.device}"
    )
    print(run.config.to_json())
    if run.kind is TRAINED:
        print(table(run))
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
            archive.export_runs([run], file)
    else:
        write(run, out)
    print(f"wrote {out}")
    return 0


def import_archive(options: argparse.Namespace) -> int:
    from igbviz.runs import archive

    with open(options.file, "rb") as file:
        imported = archive.import_runs(file, options.cache)
    for name in imported.new:
        print(f"new: {name}")
    for name in imported.known:
        print(f"here already: {name}")
    for sentence in imported.refused:
        print(f"igbviz: {sentence}", file=sys.stderr)
    return 1 if imported.refused else 0


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
