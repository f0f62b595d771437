"""`runs`, `show`, `export` and `import`: the runs of a cache, and how they move to another one."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from igbviz.cli.arguments import add_cache, add_command
from igbviz.runs import queue
from igbviz.runs.listing import list_runs
from igbviz.runs.run import Run
from igbviz.spec import ConfigError, listing


def add_commands(commands: argparse._SubParsersAction) -> None:
    add_cache(add_command(commands, "runs", runs, "list the runs in the cache", aliases=("list",)))
    command = add_command(commands, "show", show, "show a run: state, configuration, last probe")
    add_cache(command)
    _add_run(command)
    text = "write a run as .csv, .parquet, .html or .gif, as a .zip for another cache, or its configuration as .json"
    command = add_command(commands, "export", export, text)
    add_cache(command)
    _add_run(command)
    command.add_argument("--out", required=True, help="the file to write")
    command.add_argument(
        "--with-images", action="store_true", help="a .zip also carries thumbnails of images from a folder of yours"
    )
    command.add_argument("--view", help="of a .gif: what it shows, as accuracy; by default true_class_probability")
    command.add_argument("--dark", action="store_true", help="of a .gif: on a dark page")
    text = "import the runs of a .zip into the cache; invalid runs are refused, each with a reason"
    command = add_command(commands, "import", import_archive, text)
    add_cache(command)
    command.add_argument("file", help="the .zip archive")


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="the name of a run, as listed by `igbviz runs`")


def runs(options: argparse.Namespace) -> int:
    lines, turns = list_runs(options.cache), queue.turns(options.cache)
    for line in lines:
        seconds, turn = (line.status or {}).get("seconds", 0.0), turns.get(line.run.id)
        remarks = (line.problem, str(turn or "").rstrip("."), "imported" if line.is_imported else "")
        remarks += ("recorded outside igbviz",) if line.run.is_recorded else ()
        notes = ", ".join(filter(None, remarks))
        print(f"{line.state:10} {seconds:8.1f} s  {line.run.id}" + (f"  ({notes})" if notes else ""))
    print(f"{len(lines)} runs in {options.cache}")
    return 0


def show(options: argparse.Namespace) -> int:
    run = Run.open(options.run, options.cache)
    status = run.status
    print(
        f"{run.id}\n{status.state}: {status.message}\nstep {status.step} of {status.steps}, {status.seconds:.1f} s on "
        f"{status.device}"
    )
    if run.is_imported:
        print("imported: its records came in an archive and were not trained here")
    if run.is_recorded:
        print("recorded outside igbviz: it was not trained here, and cannot be")
    print(run.config.to_json())
    if run.kind.has_probes:
        print(table(run))
    return 0


def export(options: argparse.Namespace) -> int:
    from igbviz.charts.run_export import WRITERS, write
    from igbviz.runs import archive, files

    run, out = Run.open(options.run, options.cache), Path(options.out)
    if out.suffix not in (*WRITERS, ".zip"):
        raise ConfigError((("--out",), f"is {str(out)!r}, allowed: a file ending in {listing([*WRITERS, '.zip'])}"))
    looks = {"view": options.view} if options.view else {}
    looks |= {"dark": True} if options.dark else {}
    if looks and out.suffix != ".gif":
        raise ConfigError(((f"--{next(iter(looks))}",), f"is for a .gif, and --out is {str(out)!r}"))
    if out.suffix != ".json":  # for a configuration the records do not matter
        archive.require_whole(run)
    with files.replacing(out) as temporary:
        if out.suffix == ".zip":
            with open(temporary, "wb") as file:
                left_out = archive.export_runs([run], file, own_images=options.with_images)
            if left_out:
                raise archive.ArchiveError(left_out[0].removesuffix("."))
        else:
            write(run, temporary, out.suffix, **looks)
    print(f"wrote {out}")
    if out.suffix == ".zip" and not options.with_images and archive.shows_own_images(run):
        print("without the thumbnails, since these are images from a folder of yours: --with-images also carries them")
    return 0


def import_archive(options: argparse.Namespace) -> int:
    from igbviz.runs import archive

    with open(options.file, "rb") as file:
        imported = archive.import_runs(file, options.cache)
    for name in imported.new:
        print(f"new: {name}")
    for name in imported.known:
        print(f"already in the cache: {name}")
    for sentence in imported.refused:
        print(f"igbviz: {sentence}", file=sys.stderr)
    return 1 if imported.refused else 0


COLUMNS = """\
p: mean probability of the true class over the images of that class
accuracy: fraction of the images of that class that are guessed right (recall)
guesses: fraction of all images that are guessed as that class; 1/K without bias
Init.: the untrained network; now: the last probe; *: the class that it favours, with the highest mean probability over
all images at Init."""


def table(run: Run) -> str:
    """The classes at Init. and at the last probe, one line per class, and below them what the columns mean."""
    trajectory = run.trajectory()
    if not len(trajectory):
        return "no probe yet"
    probability, guesses = trajectory.true_class_probability(), trajectory.guess_fraction()
    columns = zip(probability[0], probability[-1], trajectory[-1:].accuracy()[0], guesses[0], guesses[-1], strict=True)
    lines = [f"{'class':>14}   p at Init.   p now  accuracy now  guesses at Init.  guesses now"]
    for index, (name, values) in enumerate(zip(trajectory.class_names, columns, strict=True)):
        star = "*" if index == trajectory.favoured() else " "
        cells = (f"{value:{width}.3f}" for value, width in zip(values, (10, 6, 12, 16, 11), strict=True))
        lines.append(f"{name[:14]:>14}{star}  {'  '.join(cells)}")
    accuracy = trajectory[-1:].balanced_accuracy()[0]
    epoch = f"epoch {trajectory.epoch[-1]:.3g}" if trajectory.has_epochs else f"step {trajectory.step[-1]:,}"
    return "\n".join([*lines, f"{epoch}, mean accuracy {accuracy:.3f}", COLUMNS])
