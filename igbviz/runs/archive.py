"""Runs as a zip archive, to carry to another machine and back.

    <run id>/config.json  status.json  schema.json  trajectory.bin  labels.json  log.txt

Nothing else goes in, and nothing else is taken out: no checkpoint, no program, nothing that a reader would execute. An
archive may come from anybody, so everything in it is checked before it counts as a run: sizes while unpacking, names,
the identity that follows from the configuration, columns and length of the records.
"""

from __future__ import annotations

import os
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from filelock import Timeout

from igbviz.runs import files, queue
from igbviz.runs.run import Run, RunError
from igbviz.runs.schema import MAX_COUNT

# Most bytes of each file, unpacked. The largest record of ten classes has 4 kB, one of a hundred classes 110 kB.
FILES = {
    "config.json": 1_000_000,
    "status.json": 100_000,
    "schema.json": 1_000_000,
    "trajectory.bin": 500_000_000,
    "labels.json": 100_000,
    "log.txt": 1_000_000,
}
NEEDED = ("config.json", "status.json")
MAX_ARCHIVE, MAX_CONTENT = 100_000_000, 1_000_000_000  # bytes packed and unpacked
MAX_RUNS = 2000
MAX_RATIO, _HARMLESS = 300, 1_000_000  # unpacked to packed; the latter: bytes that nobody needs to ask about
_MAX_DIRECTORY, _CHUNK = 8_000_000, 1_000_000
_DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, ValueError, RuntimeError)


class ArchiveError(ValueError):
    """An archive, or a run in one, that cannot be imported: one sentence."""


# Exporting.


def export_runs(runs: Iterable[Run], file: BinaryIO) -> list[str]:
    """Write an archive of these runs; one that is being worked on as it is now. Returns one sentence for each that was
    left out, being unreadable.

    The same runs give the same bytes. Raises ArchiveError when they are more than `import_runs` would accept.
    """
    runs, left_out = list(runs), []
    require_exportable([run.size() for run in runs])
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for run in runs:
            try:
                _export(run, archive)
            except (ArchiveError, RunError, FileNotFoundError) as error:
                left_out.append(f"{error}.")
    return left_out


def _export(run: Run, archive: zipfile.ZipFile) -> None:
    # Everything is opened before anything is written, and the records last: a status mentions only what is on the disk
    # by then.
    parts = {name: _tail(run.path / name) for name in FILES if name != "trajectory.bin" and (run.path / name).exists()}
    itemsize = _record_size(run)
    if not itemsize or not run.record_bytes:
        _write(parts, run, archive)
        return
    with open(run.path / "trajectory.bin", "rb") as source:
        length = os.fstat(source.fileno()).st_size
        length -= length % itemsize  # the last record may be half written
        if length > FILES["trajectory.bin"]:
            raise ArchiveError(
                f"run {run.id}: trajectory.bin has {files.in_words(length)}, allowed: at most "
                f"{files.in_words(FILES['trajectory.bin'])}"
            )
        _write(parts, run, archive)
        with archive.open(_entry(run, "trajectory.bin"), "w") as target:
            while length and (piece := source.read(min(_CHUNK, length))):
                target.write(piece)
                length -= len(piece)


def _write(parts: dict[str, bytes], run: Run, archive: zipfile.ZipFile) -> None:
    for name, content in parts.items():
        archive.writestr(_entry(run, name), content)


def require_exportable(sizes: list[int]) -> None:
    """Raise ArchiveError for more or larger runs than an archive may hold. The size of each run in bytes."""
    if len(sizes) > MAX_RUNS:
        raise ArchiveError(f"{len(sizes)} runs are chosen, allowed: at most {MAX_RUNS} in one archive")
    if sum(sizes) > MAX_CONTENT:
        raise ArchiveError(
            f"the chosen runs have {files.in_words(sum(sizes))}, allowed: at most {files.in_words(MAX_CONTENT)} "
            "in one archive"
        )


def _tail(path: Path) -> bytes:
    """A file; of one that is too long only its end, since only a log may be so long, and its end says more than its
    beginning."""
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - FILES[path.name]))
        return file.read(FILES[path.name])


def _entry(run: Run, name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(f"{run.id}/{name}")  # with the date of 1980, so that equal runs make equal archives
    entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, (stat.S_IFREG | 0o644) << 16
    return entry


# Importing.


@dataclass
class Imported:
    """What became of the runs of an archive: names of new ones, names of those that were here already, a sentence for
    each refused one."""

    new: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def import_runs(file: BinaryIO, cache: str | Path) -> Imported:
    """Import the runs of an archive into the cache. One that is here already stays as it is; one that is not in order
    is refused alone.

    Raises ArchiveError when the archive as a whole cannot be read or is too large, or when another one is being
    imported.
    """
    cache, imported, arrivals = Path(cache), Imported(), Path(cache) / "arrivals"
    try:
        with _opened(file) as archive, queue.lock(cache / "arrivals.lock"):
            groups = _groups(archive)
            _require_room(groups, cache)
            shutil.rmtree(arrivals, ignore_errors=True)  # what a killed server may have left
            arrivals.mkdir()
            for name, entries in groups.items():
                try:
                    _import(name, entries, archive, arrivals, imported)
                except (ArchiveError, RunError) as error:
                    imported.refused.append(f"{error}.")
            shutil.rmtree(arrivals, ignore_errors=True)
    except Timeout:
        raise ArchiveError("another archive is being taken in: try again in a moment") from None
    return imported


def _opened(file: BinaryIO) -> zipfile.ZipFile:
    length = file.seek(0, os.SEEK_END)
    if length > MAX_ARCHIVE:
        raise ArchiveError(f"the archive has {files.in_words(length)}, allowed: at most {files.in_words(MAX_ARCHIVE)}")
    _require_short_directory(file, length)
    try:
        return zipfile.ZipFile(file)
    except _DAMAGED as error:
        raise ArchiveError(f"the file is not a zip archive, or a damaged one ({error})") from None


def _require_short_directory(file: BinaryIO, length: int) -> None:
    """Refuse an archive whose table of contents would fill the memory: Python reads it as a whole, before anybody can
    look at it."""
    file.seek(max(0, length - 22 - 65_535))
    end = file.read()
    place = end.rfind(b"PK\5\6")  # the end-of-directory record; the directory's size stands at its byte 12
    if place < 0 or len(end) < place + 22:
        raise ArchiveError("the file is not a zip archive")
    (size,) = struct.unpack_from("<L", end, place + 12)
    if (
        size > _MAX_DIRECTORY or b"PK\6\7" in end[max(0, place - 20) : place]
    ):  # or the 64-bit kind, which only larger ones need
        raise ArchiveError(f"the archive holds far more files than {MAX_RUNS} runs have")


def _groups(archive: zipfile.ZipFile) -> dict[str, list[zipfile.ZipInfo]]:
    """The files by the folder they claim to lie in."""
    groups: dict[str, list[zipfile.ZipInfo]] = {}
    for entry in archive.infolist():
        groups.setdefault(entry.orig_filename.partition("/")[0], []).append(entry)
    return groups


def _require_room(groups: dict[str, list[zipfile.ZipInfo]], cache: Path) -> None:
    if not groups:
        raise ArchiveError("the archive is empty")
    if len(groups) > MAX_RUNS:
        raise ArchiveError(f"the archive holds {len(groups)} runs, allowed: at most {MAX_RUNS}")
    content, most = sum(entry.file_size for entries in groups.values() for entry in entries), files.free(cache) // 2
    if content > MAX_CONTENT:
        allowed = f"at most {files.in_words(MAX_CONTENT)}"
    elif content > most:
        allowed = f"at most {files.in_words(most)}, half of what is free on the disk"
    else:
        return
    raise ArchiveError(f"the archive holds {files.in_words(content)} unpacked, allowed: {allowed}")


def _import(
    name: str, entries: list[zipfile.ZipInfo], archive: zipfile.ZipFile, arrivals: Path, imported: Imported
) -> None:
    entries_by_name, run, cache = _checked(name, entries), Run(arrivals / name), arrivals.parent
    run.path.mkdir()
    for file, entry in entries_by_name.items():
        _unpack(entry, archive, run.path / file)
    if run.record_bytes % (_record_size(run) or 1):
        raise ArchiveError(f"run {name}: trajectory.bin is torn: it is not a whole number of records")
    status = run.stored_status()
    if not status.ended:
        # Without its checkpoint it cannot go on, and in nobody's queue it would wait for ever.
        message = "Taken from an archive that was made before it had ended; resumed, it begins again."
        run.write_status(status.model_copy(update={"state": "stopped", "message": message, "eta": None, "pid": None}))
    with queue.lock(cache / "submit.lock"):
        if any((cache / folder / name).exists() for folder in ("runs", "gallery")):
            imported.known.append(name)
        else:
            (cache / "runs").mkdir(exist_ok=True)
            run.path.rename(cache / "runs" / name)
            imported.new.append(name)


def _checked(name: str, entries: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """The entries of one run by file name, when all of them are plain files that a run may have, once each and no
    larger than it may be."""
    if not queue.RUN_ID.fullmatch(name):
        shown = entries[0].orig_filename[:80]
        raise ArchiveError(
            f"{shown!r} does not lie in the folder of a run, whose name has small letters, digits, '-' and '_' only"
        )
    checked: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        file, mode = entry.orig_filename[len(name) + 1 :], entry.external_attr >> 16
        if entry.orig_filename == f"{name}/":
            continue
        if file not in FILES:
            raise ArchiveError(f"run {name} holds {file[:80]!r}, allowed: {', '.join(FILES)}")
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise ArchiveError(f"run {name}: {file} is a link or a device, allowed: plain files")
        if file in checked:
            raise ArchiveError(f"run {name} holds {file} twice")
        if entry.flag_bits & 1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ArchiveError(
                f"run {name}: {file} is encrypted or packed in an unusual way, allowed: stored or deflated"
            )
        if entry.file_size > FILES[file]:
            raise ArchiveError(
                f"run {name}: {file} has {files.in_words(entry.file_size)}, allowed: at most "
                f"{files.in_words(FILES[file])}"
            )
        if entry.file_size > max(_HARMLESS, MAX_RATIO * entry.compress_size):
            raise ArchiveError(
                f"run {name}: {file} unpacks to more than {MAX_RATIO} times its size, as the records of no run do"
            )
        checked[file] = entry
    if missing := [file for file in NEEDED if file not in checked]:
        raise ArchiveError(f"run {name} lacks {' and '.join(missing)}")
    return checked


def _unpack(entry: zipfile.ZipInfo, archive: zipfile.ZipFile, path: Path) -> None:
    try:
        # Never more than the size that was checked: the reader ends there, whatever comes out of the packed bytes.
        with archive.open(entry) as source, open(path, "wb") as target:
            shutil.copyfileobj(source, target, _CHUNK)
    except _DAMAGED as error:
        raise ArchiveError(f"run {path.parent.name}: {path.name} is damaged ({error})") from None


def _record_size(run: Run) -> int:
    """Bytes of one record of a run, 0 before its first. ArchiveError or RunError when its files are not those of the
    run that its folder is named after, or not to be read by this version."""
    config, status = run.config, run.stored_status()
    if config.id != run.id:
        raise ArchiveError(f"run {run.id}: config.json describes another run, {config.id}, or is of another version")
    if max(status.step, status.steps, status.snapshots, status.attempts) >= MAX_COUNT:
        raise ArchiveError(f"run {run.id}: status.json counts beyond all bounds")
    schema = run.read_schema()
    return schema.dtype().itemsize if schema else 0
