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
from typing import Annotated, BinaryIO

import numpy as np
from filelock import Timeout
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from igbviz.config import RunConfig
from igbviz.ensembles import ensemble_dtype
from igbviz.runs import files, queue
from igbviz.runs.run import Run, RunError
from igbviz.trajectory import snapshot_dtype
from igbviz.trajectory.trajectory import schema

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
LARGEST_ARCHIVE, LARGEST_CONTENT = 100_000_000, 1_000_000_000  # bytes packed and unpacked
MOST_RUNS = 2000
LARGEST_RATIO, _HARMLESS = 300, 1_000_000  # unpacked to packed; the latter: bytes that nobody needs to ask about
_LARGEST_DIRECTORY, _PIECE = 8_000_000, 1_000_000
_DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, ValueError, RuntimeError)


class BundleError(ValueError):
    """An archive, or a run in one, that cannot be taken: one sentence."""


# Packing.


def pack(runs: Iterable[Run], file: BinaryIO) -> list[str]:
    """Write an archive of these runs; one that is being worked on as it is now. Returns one sentence for each that was
    left out, being unreadable.

    The same runs give the same bytes. Raises BundleError when they are more than `take` would accept.
    """
    runs, left_out = list(runs), []
    require_packable([files.size(run.path) for run in runs])
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for run in runs:
            try:
                _pack(run, archive)
            except (BundleError, RunError, FileNotFoundError) as error:
                left_out.append(f"{error}.")
    return left_out


def _pack(run: Run, archive: zipfile.ZipFile) -> None:
    # Everything is opened before anything is written, and the records last: a status mentions only what is on the disk
    # by then.
    parts = {name: _part(run.path / name) for name in FILES if name != "trajectory.bin" and (run.path / name).exists()}
    itemsize = _inspect(run)
    if not itemsize or not run.record_bytes:
        return _write(parts, run, archive)
    with open(run.path / "trajectory.bin", "rb") as source:
        length = os.fstat(source.fileno()).st_size
        length -= length % itemsize  # the last record may be half written
        if length > FILES["trajectory.bin"]:
            raise BundleError(
                f"run {run.id}: trajectory.bin has {files.in_words(length)}, allowed: at most "
                f"{files.in_words(FILES['trajectory.bin'])}"
            )
        _write(parts, run, archive)
        with archive.open(_entry(run, "trajectory.bin"), "w") as target:
            while length and (piece := source.read(min(_PIECE, length))):
                target.write(piece)
                length -= len(piece)


def _write(parts: dict[str, bytes], run: Run, archive: zipfile.ZipFile) -> None:
    for name, content in parts.items():
        archive.writestr(_entry(run, name), content)


def require_packable(sizes: list[int]) -> None:
    """Raise BundleError for more or larger runs than an archive may hold. The size of each run in bytes."""
    if len(sizes) > MOST_RUNS:
        raise BundleError(f"{len(sizes)} runs are chosen, allowed: at most {MOST_RUNS} in one archive")
    if sum(sizes) > LARGEST_CONTENT:
        raise BundleError(
            f"the chosen runs have {files.in_words(sum(sizes))}, allowed: at most {files.in_words(LARGEST_CONTENT)} "
            "in one archive"
        )


def _part(path: Path) -> bytes:
    """A file; of one that is too long only its end, since only a log may be so long, and its end says more than its
    beginning."""
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - FILES[path.name]))
        return file.read(FILES[path.name])


def _entry(run: Run, name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(f"{run.id}/{name}")  # with the date of 1980, so that equal runs make equal archives
    entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, (stat.S_IFREG | 0o644) << 16
    return entry


# Taking in.


@dataclass
class Taken:
    """What became of the runs of an archive: names of new ones, names of those that were here already, a sentence for
    each refused one."""

    new: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def take(file: BinaryIO, cache: str | Path) -> Taken:
    """Take the runs of an archive into the cache. One that is here already stays as it is; one that is not in order is
    refused alone.

    Raises BundleError when the archive as a whole cannot be read or is too large, or when somebody else's is being
    taken in.
    """
    cache, taken, arrivals = Path(cache), Taken(), Path(cache) / "arrivals"
    try:
        with _opened(file) as archive, queue.lock(cache / "arrivals.lock"):
            groups = _groups(archive)
            _require_room(groups, cache)
            shutil.rmtree(arrivals, ignore_errors=True)  # what a killed server may have left
            arrivals.mkdir()
            for name, entries in groups.items():
                try:
                    _take(name, entries, archive, arrivals, taken)
                except (BundleError, RunError) as error:
                    taken.refused.append(f"{error}.")
            shutil.rmtree(arrivals, ignore_errors=True)
    except Timeout:
        raise BundleError("another archive is being taken in: try again in a moment") from None
    return taken


def _opened(file: BinaryIO) -> zipfile.ZipFile:
    length = file.seek(0, os.SEEK_END)
    if length > LARGEST_ARCHIVE:
        raise BundleError(
            f"the archive has {files.in_words(length)}, allowed: at most {files.in_words(LARGEST_ARCHIVE)}"
        )
    _require_short_directory(file, length)
    try:
        return zipfile.ZipFile(file)
    except _DAMAGED as error:
        raise BundleError(f"the file is not a zip archive, or a damaged one ({error})") from None


def _require_short_directory(file: BinaryIO, length: int) -> None:
    """Refuse an archive whose table of contents would fill the memory: Python reads it as a whole, before anybody can
    look at it."""
    file.seek(max(0, length - 22 - 65_535))
    end = file.read()
    place = end.rfind(b"PK\5\6")  # the end-of-directory record; the directory's size stands at its byte 12
    if place < 0 or len(end) < place + 22:
        raise BundleError("the file is not a zip archive")
    (size,) = struct.unpack_from("<L", end, place + 12)
    if (
        size > _LARGEST_DIRECTORY or b"PK\6\7" in end[max(0, place - 20) : place]
    ):  # or the 64-bit kind, which only larger ones need
        raise BundleError(f"the archive holds far more files than {MOST_RUNS} runs have")


def _groups(archive: zipfile.ZipFile) -> dict[str, list[zipfile.ZipInfo]]:
    """The files by the folder they claim to lie in."""
    groups: dict[str, list[zipfile.ZipInfo]] = {}
    for entry in archive.infolist():
        groups.setdefault(entry.orig_filename.partition("/")[0], []).append(entry)
    return groups


def _require_room(groups: dict[str, list[zipfile.ZipInfo]], cache: Path) -> None:
    if not groups:
        raise BundleError("the archive is empty")
    if len(groups) > MOST_RUNS:
        raise BundleError(f"the archive holds {len(groups)} runs, allowed: at most {MOST_RUNS}")
    content, most = sum(entry.file_size for entries in groups.values() for entry in entries), files.free(cache) // 2
    if content > LARGEST_CONTENT:
        allowed = f"at most {files.in_words(LARGEST_CONTENT)}"
    elif content > most:
        allowed = f"at most {files.in_words(most)}, half of what is free on the disk"
    else:
        return
    raise BundleError(f"the archive holds {files.in_words(content)} unpacked, allowed: {allowed}")


def _take(name: str, entries: list[zipfile.ZipInfo], archive: zipfile.ZipFile, arrivals: Path, taken: Taken) -> None:
    entries_by_name, run, cache = _checked(name, entries), Run(arrivals / name), arrivals.parent
    run.path.mkdir()
    for file, entry in entries_by_name.items():
        _unpack(entry, archive, run.path / file)
    if run.record_bytes % (_inspect(run) or 1):
        raise BundleError(f"run {name}: trajectory.bin is torn: it is not a whole number of records")
    status = run.stored_status()
    if not status.ended:
        # Without its checkpoint it cannot go on, and in nobody's queue it would wait for ever.
        message = "Taken from an archive that was made before it had ended; resumed, it begins again."
        run.write_status(status.model_copy(update={"state": "stopped", "message": message, "eta": None, "pid": None}))
    with queue.lock(cache / "submit.lock"):
        if any((cache / folder / name).exists() for folder in ("runs", "gallery")):
            taken.known.append(name)
        else:
            (cache / "runs").mkdir(exist_ok=True)
            run.path.rename(cache / "runs" / name)
            taken.new.append(name)


def _checked(name: str, entries: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """The entries of one run by file name, when all of them are plain files that a run may have, once each and no
    larger than it may be."""
    if not queue.RUN_ID.fullmatch(name):
        shown = entries[0].orig_filename[:80]
        raise BundleError(
            f"{shown!r} does not lie in the folder of a run, whose name has small letters, digits, '-' and '_' only"
        )
    checked: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        file, mode = entry.orig_filename[len(name) + 1 :], entry.external_attr >> 16
        if entry.orig_filename == f"{name}/":
            continue
        if file not in FILES:
            raise BundleError(f"run {name} holds {file[:80]!r}, allowed: {', '.join(FILES)}")
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise BundleError(f"run {name}: {file} is a link or a device, allowed: plain files")
        if file in checked:
            raise BundleError(f"run {name} holds {file} twice")
        if entry.flag_bits & 1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise BundleError(
                f"run {name}: {file} is encrypted or packed in an unusual way, allowed: stored or deflated"
            )
        if entry.file_size > FILES[file]:
            raise BundleError(
                f"run {name}: {file} has {files.in_words(entry.file_size)}, allowed: at most "
                f"{files.in_words(FILES[file])}"
            )
        if entry.file_size > max(_HARMLESS, LARGEST_RATIO * entry.compress_size):
            raise BundleError(
                f"run {name}: {file} unpacks to more than {LARGEST_RATIO} times its size, as the records of no run do"
            )
        checked[file] = entry
    if missing := [file for file in NEEDED if file not in checked]:
        raise BundleError(f"run {name} lacks {' and '.join(missing)}")
    return checked


def _unpack(entry: zipfile.ZipInfo, archive: zipfile.ZipFile, path: Path) -> None:
    try:
        # Never more than the size that was checked: the reader ends there, whatever comes out of the packed bytes.
        with archive.open(entry) as source, open(path, "wb") as target:
            shutil.copyfileobj(source, target, _PIECE)
    except _DAMAGED as error:
        raise BundleError(f"run {path.parent.name}: {path.name} is damaged ({error})") from None


# What makes a run one that the pages can show.

_Text = Annotated[str, Field(max_length=500)]
_Count = Annotated[int, Field(ge=0, lt=2**53)]


class Provenance(BaseModel):
    """The schema file of a run, as far as somebody reads it."""

    model_config = ConfigDict(extra="ignore", strict=True)

    columns: list[tuple[_Text, _Text, list[_Count]]] = Field(max_length=50)
    class_names: list[_Text] = Field(min_length=2, max_length=10_000)
    parameters: _Count
    threads: _Count
    lanes: _Count = 1
    data: _Text
    device: _Text
    torch: _Text
    date: _Text


class TrainedProvenance(Provenance):
    steps_per_epoch: int = Field(ge=1, le=10**7)  # the plan of probes is made from it, one number a batch
    steps: _Count
    probe_images: _Count


class UntrainedProvenance(Provenance):
    steps: _Count
    inputs: _Count
    parameters: _Count


def _inspect(run: Run) -> int:
    """Bytes of one record of a run, 0 before its first. BundleError or RunError when its files are not those of the run
    that its folder is named after, or not to be read by this version."""
    try:
        config, status = run.config, run.stored_status()
    except RecursionError:
        raise BundleError(f"run {run.id}: config.json is nested beyond all bounds") from None
    if config.id != run.id:
        raise BundleError(f"run {run.id}: config.json describes another run, {config.id}, or is of another version")
    if max(status.step, status.steps, status.snapshots, status.attempts) >= 2**53:
        raise BundleError(f"run {run.id}: status.json counts beyond all bounds")
    trained = isinstance(config, RunConfig)
    try:
        text = (run.path / "schema.json").read_bytes()
        provenance = (TrainedProvenance if trained else UntrainedProvenance).model_validate_json(text)
    except FileNotFoundError:
        if run.record_bytes:
            raise BundleError(f"run {run.id} has records, but no schema.json to read them by") from None
        return 0
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"]))
        raise BundleError(
            f"run {run.id}: schema.json is torn or from another program ({place}: {problem['msg']})"
        ) from None
    if trained and provenance.steps != max(1, int(config.epochs * provenance.steps_per_epoch + 0.5)):
        raise BundleError(
            f"run {run.id}: schema.json plans {provenance.steps} steps, which its {config.epochs:g} epochs do not have"
        )
    return _record(run, provenance, trained).itemsize


def _record(run: Run, provenance: Provenance, trained: bool) -> np.dtype:
    """The record that the columns describe, when this version knows each of them."""
    classes = len(provenance.class_names)
    needed = snapshot_dtype(classes) if trained else ensemble_dtype(classes)
    allowed = snapshot_dtype(classes, noisy=True) if trained else ensemble_dtype(classes, 1, 1)
    known = {name: (kind, shape) for name, kind, shape in schema(allowed)}
    for name, kind, shape in provenance.columns:
        known_kind, known_shape = known.get(name, ("", []))
        # What not every run measures: of an ensemble, one number a layer, however many those are.
        as_known = (
            shape == known_shape
            if name in needed.names
            else len(shape) == len(known_shape) and max(shape, default=1) <= 10_000
        )
        if kind != known_kind or not as_known:
            raise BundleError(
                f"run {run.id}: schema.json has a column {name[:80]!r} of {kind[:20]!r} that this version does not know"
            )
    names = [name for name, _, _ in provenance.columns]
    if len(set(names)) < len(names) or not set(needed.names) <= set(names):
        raise BundleError(
            f"run {run.id}: schema.json lacks a column, or has one twice, needed: {', '.join(needed.names)}"
        )
    return np.dtype([(name, kind, tuple(shape)) for name, kind, shape in provenance.columns])
