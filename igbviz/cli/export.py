"""`export` and `import`: a run as a file, and runs from one."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from igbviz.cli.arguments import add_cache, add_command, add_run, find_run
from igbviz.runs.run import Run, RunError
from igbviz.spec import ConfigError, listing


def add_commands(commands: argparse._SubParsersAction) -> None:
    text = (
        "write a run as a table (.csv, .parquet), a page (.html), a picture (.png, .svg) or an animation (.gif), as a "
        ".zip for another cache, or its configuration as .json"
    )
    more = "A .png and a .svg need an installed Chromium or Chrome. --out - writes to stdout, with --format."
    command = add_command(commands, "export", export, text, more=more)
    add_run(command)
    command.add_argument("--out", required=True, metavar="FILE", help="the file to write; - for stdout")
    command.add_argument("--format", metavar="ENDING", help="what to write, as csv, if FILE does not say it")
    command.add_argument(
        "--with-images", action="store_true", help="a .zip also carries thumbnails of images from a folder of yours"
    )
    text = "of a .gif, .png or .svg: the quantity that it shows, as accuracy; by default true_class_probability"
    command.add_argument("--view", help=text)
    command.add_argument("--dark", action="store_true", help="of a .gif, .png or .svg: on a dark page")
    text = "import the runs of a .zip into the cache; invalid runs are refused, each with a reason"
    command = add_command(commands, "import", import_archive, text)
    command.add_argument("file", help="the .zip archive")
    add_cache(command)


def export(options: argparse.Namespace) -> int:
    from igbviz.charts.run_export import PICTURES, WRITERS
    from igbviz.runs import archive, files

    out, known = Path(options.out), [*WRITERS, ".zip"]
    ending = f".{options.format.lstrip('.')}" if options.format else out.suffix
    if ending not in known:
        field, given = ("--format", options.format) if options.format else ("--out", str(out))
        raise ConfigError(((field,), f"is {given!r}, allowed: a file ending in {listing(known)}"))
    looks = {"view": options.view} if options.view else {}
    looks |= {"dark": True} if options.dark else {}
    if looks and ending not in PICTURES:
        raise ConfigError(((f"--{next(iter(looks))}",), f"is for a {listing(PICTURES)}, and --out is {str(out)!r}"))
    run = find_run(options.run, options.cache)
    if ending != ".json":  # for a configuration the records do not matter
        archive.require_whole(run)
    if options.out == "-":
        with tempfile.TemporaryDirectory() as folder:
            _write(run, file := Path(folder) / f"run{ending}", ending, looks, options.with_images)
            sys.stdout.buffer.write(file.read_bytes())
        return 0
    with files.replacing(out) as temporary:
        _write(run, temporary, ending, looks, options.with_images)
    print(f"wrote {out}")
    if ending == ".zip" and not options.with_images and archive.shows_own_images(run):
        print("without the thumbnails, since these are images from a folder of yours: --with-images also carries them")
    return 0


def _write(run: Run, file: Path, ending: str, looks: dict[str, Any], own_images: bool) -> None:
    from igbviz.charts.run_export import write
    from igbviz.runs import archive

    if ending not in (".json", ".zip") and not len(run.recorded()):
        raise RunError(f"run {run.id} has no probe yet: there is nothing to export but its configuration, as .json")
    if ending != ".zip":
        write(run, file, ending, **looks)
        return
    with open(file, "wb") as opened:
        left_out = archive.export_runs([run], opened, own_images=own_images)
    if left_out:
        raise archive.ArchiveError(left_out[0].removesuffix("."))


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
