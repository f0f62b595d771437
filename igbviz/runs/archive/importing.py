"""Runs out of a zip archive, each checked before it is one of the cache."""

from __future__ import annotations

import os
import shutil
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from filelock import Timeout

from igbviz.disk import zips
from igbviz.disk.places import gallery
from igbviz.disk.zips import ArchiveError
from igbviz.runs import files, locks
from igbviz.runs.archive import limits
from igbviz.runs.archive.exporting import record_size
from igbviz.runs.archive.limits import FILES
from igbviz.runs.images.files import RECORDS, check
from igbviz.runs.kinds import parse_config
from igbviz.runs.listing import listed
from igbviz.runs.recorded import problem
from igbviz.runs.run import IMPORTED, Run, RunError

PASSED_OVER = {"lock", "stop", "checkpoint.pt", IMPORTED}  # in a run's folder, but not imported
# In lower case, besides names that begin with a dot.
_CLUTTER = {"__macosx", "thumbs.db", "desktop.ini", "$recycle.bin", "@eadir", "system volume information"}
Entry = tuple[str, zipfile.ZipInfo]  # with its name below the folder of all runs
REQUIRED = ("config.json", "status.json")
MAX_IMAGE_RATIO = 600  # of a dead network's images, which never change
_DEEP = 30


@dataclass
class Imported:
    """The result of an import: names of the new runs, names of those already here, one sentence per refused run."""

    new: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def import_runs(file: BinaryIO, cache: str | Path) -> Imported:
    """Import the runs of an archive. A run already in the cache is not replaced; an invalid run is refused alone.

    Raises ArchiveError when the archive as a whole is unreadable or too large, or while another one is being imported.
    """
    cache, imported, arrivals = Path(cache), Imported(), Path(cache) / "arrivals"
    try:
        with _opened(file) as archive, locks.lock(cache / "arrivals.lock"):
            folders = _by_run(archive)
            _require_room(folders, cache)
            shutil.rmtree(arrivals, ignore_errors=True)  # a killed server may have left files
            arrivals.mkdir()
            for name, entries in folders.items():
                try:
                    _import(name, entries, archive, arrivals, imported)
                except (ArchiveError, RunError) as error:
                    imported.refused.append(f"{error}.")
            shutil.rmtree(arrivals, ignore_errors=True)
    except Timeout:
        raise ArchiveError("another archive is being imported: try again in a moment") from None
    return imported


def _opened(file: BinaryIO) -> zipfile.ZipFile:
    length = file.seek(0, os.SEEK_END)
    if length > limits.MAX_ARCHIVE:
        raise ArchiveError(
            f"the archive is {files.format_bytes(length)} large, "
            f"allowed: at most {files.format_bytes(limits.MAX_ARCHIVE)}"
        )
    return zips.opened(file, f"the archive contains far more files than {limits.MAX_RUNS} runs have")


def _by_run(archive: zipfile.ZipFile) -> dict[str, list[Entry]]:
    """The entries by the folder of their run, named `<run>/<file>` whatever the archive has above that or instead."""
    entries = [(entry.orig_filename.replace("\\", "/"), entry) for entry in archive.infolist()]
    entries = [(name, entry) for name, entry in entries if not _is_clutter(name)]
    # The folder that holds the runs is two levels above a configuration; one level, if the run has no folder.
    holders = [name.split("/")[:-2] for name, _ in entries if name.endswith("/config.json")]
    holder = "".join(f"{folder}/" for folder in min(holders, key=len, default=[]))
    deeper = _deeper([name.removeprefix(holder) for name, _ in entries])
    above = {folder for holder in deeper for folder in (holder, *_above(holder.removesuffix("/")))}
    bare = _id_of_bare(archive) if any(name == "config.json" for name, _ in entries) else ""
    runs: dict[str, list[Entry]] = {}
    for name, entry in entries:
        if not name.startswith(holder) and name.rpartition("/")[2] not in FILES:
            continue  # above or beside the runs, as in a whole cache
        if name.endswith("/") and holder.startswith(name):
            continue
        inside = f"{bare}/{name}" if bare and "/" not in name else name.removeprefix(holder)
        if inside in above:
            continue
        inside = inside.removeprefix(next((folder for folder in _above(inside) if folder in deeper), ""))
        runs.setdefault(inside.partition("/")[0], []).append((inside, entry))
    return runs


def _deeper(names: list[str]) -> set[str]:
    """The folders, each with a slash at its end, that hold runs on further levels."""
    runs = {name.removesuffix("config.json") for name in names if name.endswith("/config.json")}
    deeper = set()
    for run in runs:
        above = _above(run.removesuffix("/"))
        is_plain = all(part not in ("", ".", "..") and ":" not in part for part in run.split("/")[:-2])
        if above and is_plain and runs.isdisjoint(above):
            deeper.add(above[0])
    return deeper


def _above(name: str) -> list[str]:
    """The folders above an entry, the innermost first, each with a slash at its end; none for an extremely deep one."""
    parts = name.split("/")
    return ["/".join(parts[:count]) + "/" for count in range(len(parts) - 1, 0, -1)] if len(parts) <= _DEEP else []


def _is_clutter(name: str) -> bool:
    """Whether an entry is hidden, of a desktop, or one of the files of a run that are not imported."""
    parts = name.split("/")
    hidden = any(part.startswith(".") and part not in (".", "..") for part in parts)
    return hidden or not _CLUTTER.isdisjoint(map(str.lower, parts)) or parts[-1] in PASSED_OVER


def _id_of_bare(archive: zipfile.ZipFile) -> str:
    """The name of the run whose files lie in the archive without a folder; empty if its configuration is invalid."""
    try:
        with archive.open("config.json") as file:
            return parse_config(file.read(FILES["config.json"])).id
    except (*zips.DAMAGED, KeyError, RecursionError):
        return ""


def _require_room(folders: dict[str, list[Entry]], cache: Path) -> None:
    if not folders:
        raise ArchiveError("the archive is empty")
    if len(folders) > limits.MAX_RUNS:
        raise ArchiveError(f"the archive contains {len(folders)} runs, allowed: at most {limits.MAX_RUNS}")
    content = sum(entry.file_size for entries in folders.values() for _, entry in entries)
    if content > limits.MAX_CONTENT:
        allowed = f"at most {files.format_bytes(limits.MAX_CONTENT)}"
    elif content > (room := files.free(cache) // 2):
        allowed = f"at most {files.format_bytes(room)}, half of the free disk space"
    else:
        return
    raise ArchiveError(f"the archive has {files.format_bytes(content)} unpacked, allowed: {allowed}")


def _import(name: str, entries: list[Entry], archive: zipfile.ZipFile, arrivals: Path, imported: Imported) -> None:
    entries_by_name, run, cache = _checked(name, entries), Run(arrivals / name), arrivals.parent
    run.path.mkdir()
    for file, entry in entries_by_name.items():
        _unpack(entry, archive, run.path / file)
    if run.record_bytes % (record_size(run) or 1):
        raise ArchiveError(f"run {name}: trajectory.bin is damaged: it is not a whole number of records")
    if damage := listed(run.path).problem:
        raise ArchiveError(f"run {name}: {damage}")
    recorded = run.recorded()  # RunError if a record is impossible
    if sentence := problem(run):
        raise ArchiveError(f"run {name}: {sentence}")
    try:
        check(run.path, len(recorded), recorded.classes)
    except (OSError, ValueError) as error:
        raise ArchiveError(f"run {name}: {error}") from None
    files.write_json(run.path / IMPORTED, {"imported": time.time()})
    status = run.stored_status()
    if not status.ended:
        # Without a checkpoint it cannot continue, and outside the queue it would wait forever.
        message = "Imported from an archive that was made before the run had ended; if resumed, it starts again."
        run.write_status(status.model_copy(update={"state": "stopped", "message": message, "eta": None, "pid": None}))
    with locks.lock(cache / "submit.lock"):
        if any((folder / name).exists() for folder in (cache / "runs", gallery(cache))):
            imported.known.append(name)
        else:
            (cache / "runs").mkdir(exist_ok=True)
            run.path.rename(cache / "runs" / name)
            imported.new.append(name)


def _checked(name: str, entries: list[Entry]) -> dict[str, zipfile.ZipInfo]:
    """The entries of a run by file name. ArchiveError unless all are plain files of a run, once each, small enough."""
    if not files.RUN_ID.fullmatch(name):
        shown = entries[0][0][:80]
        raise ArchiveError(
            f"{shown!r} is not in a run's folder, allowed: a name of lower-case letters, digits, '-' and '_'"
        )
    checked: dict[str, zipfile.ZipInfo] = {}
    for path, entry in entries:
        file = path[len(name) + 1 :]
        if path == f"{name}/":
            continue
        if file not in FILES:
            raise ArchiveError(f"run {name} contains {file[:80]!r}, allowed: {', '.join(FILES)}")
        if file in checked:
            raise ArchiveError(f"run {name} contains {file} twice")
        if entry.file_size > FILES[file]:
            raise ArchiveError(
                f"run {name}: {file} is {files.format_bytes(entry.file_size)} large, allowed: at most "
                f"{files.format_bytes(FILES[file])}"
            )
        if sentence := zips.problem(entry, MAX_IMAGE_RATIO if file == RECORDS else zips.MAX_RATIO):
            raise ArchiveError(f"run {name}: {file} {sentence}")
        checked[file] = entry
    if missing := [file for file in REQUIRED if file not in checked]:
        raise ArchiveError(f"run {name} lacks {' and '.join(missing)}")
    return checked


def _unpack(entry: zipfile.ZipInfo, archive: zipfile.ZipFile, path: Path) -> None:
    if sentence := zips.unpack(entry, archive, path):
        raise ArchiveError(f"run {path.parent.name}: {path.name} {sentence}")
