"""`clean`: remove from the cache what nobody needs any more.

What can be lost is only time: a removed file is either a remainder, or is computed again when it is needed. The expired
trash is the exception, and the pages say when it expires.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from filelock import Timeout

from igbviz.cli.arguments import add_cache, add_command
from igbviz.datasets import DataError, uploads
from igbviz.datasets.base import decoded_folder
from igbviz.runs.files import entries, format_bytes, reason
from igbviz.runs.locks import folder_lock
from igbviz.runs.run import DEFAULT_CACHE, Run, RunError
from igbviz.runs.status import FINISHED
from igbviz.runs.trash import TRASH_DAYS, list_trash, uses

# `.status.json.123-456` of `files.write_text`, `checkpoint.tmp` of a worker, `.deleted-<time>` of a removal.
_LEFTOVER = re.compile(r"\..+\.\d+-\d+|.+\.tmp|\.deleted-\d+")
LEFTOVER_SECONDS = 3600.0  # after which nobody writes to it any more


class Removable(NamedTuple):
    path: Path
    why: str


def add_commands(commands: argparse._SubParsersAction) -> None:
    text = "remove what nobody needs any more: leftovers, decoded images without a run, expired trash, old checkpoints"
    command = add_command(commands, "clean", clean, text)
    add_cache(command)
    command.add_argument("--pictures", action="store_true", help="also remove uploaded pictures that no run uses")
    command.add_argument("--dry-run", action="store_true", help="only list what would be removed")


def clean(options: argparse.Namespace) -> int:
    total = 0
    for item in removable(options.cache, options.pictures):
        try:
            size = _size(item.path)
            if not options.dry_run and not _remove(item.path):
                print(f"in use, kept: {item.path}")
                continue
        except OSError as error:  # one odd entry must not keep the others
            print(f"kept, {reason(error)}: {item.path}")
            continue
        total += size
        print(f"{format_bytes(size):>12}  {item.why}: {item.path}")
    print(f"{format_bytes(total)} {'can be removed' if options.dry_run else 'removed'} in {options.cache}")
    return 0


def removable(cache: Path, pictures: bool = False) -> Iterator[Removable]:
    """What can be removed, each with the reason; with `pictures` also those uploaded ones that no run uses."""
    yield from (Removable(path, "left by a write that failed") for path in _leftovers(cache))
    yield from (Removable(path, "decoded images that no run uses") for path in _unused_images(cache))
    if pictures:
        yield from (Removable(path, "uploaded pictures that no run uses") for path in _unused_pictures(cache))
    newest = time.time_ns() - TRASH_DAYS * 86_400e9
    for item in list_trash(cache):
        if item.deleted_at <= newest:
            yield Removable(item.path, f"deleted more than {TRASH_DAYS} days ago")
    for run in _runs(cache):
        if os.path.lexists(checkpoint := run.path / "checkpoint.pt") and _is_finished(run):
            yield Removable(checkpoint, "the checkpoint of a finished run")


def _leftovers(cache: Path) -> Iterator[Path]:
    folders = [cache, *(cache / name for name in ("runs", "queue", "workers", uploads.FOLDER))]
    nested = [Path(entry.path) for name in ("runs", "sweeps") for entry in entries(cache / name) if _is_folder(entry)]
    for folder in (*folders, *nested, decoded_folder()):
        for entry in entries(folder):
            with contextlib.suppress(OSError):
                age = time.time() - entry.stat(follow_symlinks=False).st_mtime
                if _LEFTOVER.fullmatch(entry.name) and age > LEFTOVER_SECONDS:
                    yield Path(entry.path)


def _unused_images(cache: Path) -> Iterator[Path]:
    """The decoded images that neither a run of this cache nor one of the program's own cache is trained on."""
    stored = {Path(entry.path) for entry in entries(decoded_folder()) if entry.name.endswith(".npz")}
    if stored:
        datasets = set()
        for run in [*_runs(cache), *_runs(DEFAULT_CACHE), *(Run(item.path) for item in list_trash(cache))]:
            with contextlib.suppress(RunError):
                datasets.add(run.config.dataset)
        for dataset in datasets:
            with contextlib.suppress(DataError, OSError):  # images that are gone cannot be trained on
                stored.discard(dataset.decoded_file())
    yield from sorted(stored)


def _unused_pictures(cache: Path) -> list[Path]:
    """The sets that no run is about, not even one in the trash."""
    unused = uploads.sets(cache)
    for run in [*_runs(cache), *(Run(item.path) for item in list_trash(cache))]:
        with contextlib.suppress(RunError):
            unused = [pictures for pictures in unused if not uses(run, pictures)]
    return [pictures.folder for pictures in unused]


def _runs(cache: Path) -> list[Run]:
    return [
        Run(Path(entry.path))
        for entry in entries(cache / "runs")
        if not entry.name.startswith(".") and _is_folder(entry)
    ]


def _is_folder(entry) -> bool:
    return entry.is_dir(follow_symlinks=False)


def _is_finished(run: Run) -> bool:
    try:
        return run.stored_status().state in FINISHED
    except RunError:
        return False


def _size(path: Path) -> int:
    if path.is_dir() and not path.is_symlink():
        return sum(_size(Path(entry.path)) for entry in entries(path))
    return path.lstat().st_size


def _remove(path: Path) -> bool:
    """Remove a file or a folder; False if the run that it belongs to is in use."""
    if path.name != "checkpoint.pt":
        _unlink(path)
        return True
    try:
        with folder_lock(path.parent, timeout=0.5):
            if still_finished := _is_finished(Run(path.parent)):
                _unlink(path)
            return still_finished
    except (Timeout, FileNotFoundError):  # in use, or deleted just now
        return False


def _unlink(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
