"""Export runs as a zip archive and import them into another cache.

    <run id>/config.json  status.json  schema.json  trajectory.bin  labels.json  log.txt

Nothing else is written or read: no checkpoint, no program, nothing that could be executed. An archive may come from
anybody, so everything is validated before it becomes a run: names, sizes (also while unpacking), the identity that
follows from the configuration, the columns and length of the records. But whether the records were trained or invented
cannot be told, so an imported run is marked, and never answers for a training of the same settings.

An archive may also be zipped by hand: the runs in one more folder or several, a run's files without a folder, names
with backslashes, and what desktops and a run's folder contain besides.
"""

from __future__ import annotations

import os
import shutil
import stat
import time
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from filelock import Timeout

from igbviz import _zips
from igbviz._zips import ArchiveError
from igbviz.runs import files, locks
from igbviz.runs.kinds import parse_config
from igbviz.runs.listing import listed
from igbviz.runs.run import IMPORTED, Run, RunError
from igbviz.runs.schema import MAX_COUNT

# Maximum bytes of each file, unpacked. A record of 10 classes has at most 4 kB, one of 100 classes 110 kB.
FILES = {
    name: files.MAX_BYTES.get(name, 500_000_000)
    for name in ("config.json", "status.json", "schema.json", "trajectory.bin", "labels.json", "log.txt")
}
PASSED_OVER = {"lock", "stop", "checkpoint.pt", IMPORTED}  # in a run's folder, but not imported
_CLUTTER = {"__MACOSX", "Thumbs.db", "desktop.ini"}  # besides names that begin with a dot
Entry = tuple[str, zipfile.ZipInfo]  # with its name below the folder of all runs
REQUIRED = ("config.json", "status.json")
MAX_ARCHIVE, MAX_CONTENT = 100_000_000, 1_000_000_000  # bytes packed and unpacked
MAX_RUNS = 2000
_CHUNK = 1_000_000


# Export.


def export_runs(runs: Iterable[Run], file: BinaryIO) -> list[str]:
    """Write an archive of these runs. Returns one sentence for each run left out because it is unreadable.

    A run in training is exported in its present state. The same runs give the same bytes. Raises ArchiveError for more
    runs or bytes than `import_runs` accepts.
    """
    runs, left_out = list(runs), []
    require_exportable([run.size() for run in runs])
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for run in runs:
            try:
                _export(run, archive)
            except (ArchiveError, RunError) as error:
                left_out.append(f"{error}.")
            except OSError as error:
                file_name = Path(error.filename or run.path).name
                left_out.append(f"run {run.id} cannot be exported: {file_name}: {files.reason(error)}.")
    return left_out


def problem(run: Run) -> str:
    """A sentence if a run cannot be exported; else empty."""
    try:
        _record_size(run)
    except (ArchiveError, RunError) as error:
        return f"{error}."
    return ""


def _export(run: Run, archive: zipfile.ZipFile) -> None:
    # Open everything before writing anything, and read the records last: a status counts only records already on disk.
    contents = {
        name: _content(run.path / name)
        for name in FILES
        if name != "trajectory.bin" and os.path.lexists(run.path / name)
    }
    itemsize = _record_size(run)
    if not itemsize or not run.record_bytes:
        _write(contents, run, archive)
        return
    with files.opened(run.path / "trajectory.bin") as source:
        length = os.fstat(source.fileno()).st_size
        length -= length % itemsize  # the last record may be partly written
        if length > FILES["trajectory.bin"]:
            raise ArchiveError(
                f"run {run.id}: trajectory.bin is {files.format_bytes(length)} large, allowed: at most "
                f"{files.format_bytes(FILES['trajectory.bin'])}"
            )
        _write(contents, run, archive)
        with archive.open(_entry(run, "trajectory.bin"), "w") as target:
            while length and (chunk := source.read(min(_CHUNK, length))):
                target.write(chunk)
                length -= len(chunk)


def _write(contents: dict[str, bytes], run: Run, archive: zipfile.ZipFile) -> None:
    for name, content in contents.items():
        archive.writestr(_entry(run, name), content)


def require_exportable(sizes: list[int]) -> None:
    """Raise ArchiveError for more runs, or more bytes, than an archive may hold. `sizes`: bytes of each run."""
    if len(sizes) > MAX_RUNS:
        raise ArchiveError(f"{len(sizes)} runs are selected, allowed: at most {MAX_RUNS} in one archive")
    if sum(sizes) > MAX_CONTENT:
        raise ArchiveError(
            f"the selected runs have {files.format_bytes(sum(sizes))}, allowed: at most "
            f"{files.format_bytes(MAX_CONTENT)} in one archive"
        )


def _content(path: Path) -> bytes:
    """The content of a file; of a long log its end, which matters most."""
    return files.read_end(path) if path.name == "log.txt" else files.read(path)


def _entry(run: Run, name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(f"{run.id}/{name}")  # dated 1980, so that equal runs give equal archives
    entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, (stat.S_IFREG | 0o644) << 16
    return entry


# Import.


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
    if length > MAX_ARCHIVE:
        raise ArchiveError(
            f"the archive is {files.format_bytes(length)} large, allowed: at most {files.format_bytes(MAX_ARCHIVE)}"
        )
    return _zips.opened(file, f"the archive contains far more files than {MAX_RUNS} runs have")


def _by_run(archive: zipfile.ZipFile) -> dict[str, list[Entry]]:
    """The entries by the folder of their run, named `<run>/<file>` whatever the archive has above that or instead."""
    entries = [(entry.orig_filename.replace("\\", "/"), entry) for entry in archive.infolist()]
    entries = [(name, entry) for name, entry in entries if not _is_clutter(name)]
    # The folder that holds the runs is two levels above a configuration; one level, if the run has no folder.
    holders = [name.split("/")[:-2] for name, _ in entries if name.endswith("/config.json")]
    holder = "".join(f"{folder}/" for folder in min(holders, key=len, default=[]))
    bare = _id_of_bare(archive) if any(name == "config.json" for name, _ in entries) else ""
    runs: dict[str, list[Entry]] = {}
    for name, entry in entries:
        if name.endswith("/") and holder.startswith(name):
            continue  # a folder above the runs
        inside = f"{bare}/{name}" if bare and "/" not in name else name.removeprefix(holder)
        runs.setdefault(inside.partition("/")[0], []).append((inside, entry))
    return runs


def _is_clutter(name: str) -> bool:
    """Whether an entry is hidden, of a desktop, or one of the files of a run that are not imported."""
    parts = name.split("/")
    hidden = any(part.startswith(".") and part not in (".", "..") for part in parts)
    return hidden or not _CLUTTER.isdisjoint(parts) or parts[-1] in PASSED_OVER


def _id_of_bare(archive: zipfile.ZipFile) -> str:
    """The name of the run whose files lie in the archive without a folder; empty if its configuration is invalid."""
    try:
        with archive.open("config.json") as file:
            return parse_config(file.read(FILES["config.json"])).id
    except (*_zips.DAMAGED, KeyError, RecursionError):
        return ""


def _require_room(folders: dict[str, list[Entry]], cache: Path) -> None:
    if not folders:
        raise ArchiveError("the archive is empty")
    if len(folders) > MAX_RUNS:
        raise ArchiveError(f"the archive contains {len(folders)} runs, allowed: at most {MAX_RUNS}")
    content = sum(entry.file_size for entries in folders.values() for _, entry in entries)
    if content > MAX_CONTENT:
        allowed = f"at most {files.format_bytes(MAX_CONTENT)}"
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
    if run.record_bytes % (_record_size(run) or 1):
        raise ArchiveError(f"run {name}: trajectory.bin is damaged: it is not a whole number of records")
    if damage := listed(run.path).problem:
        raise ArchiveError(f"run {name}: {damage}")
    run.recorded()  # RunError if a record is impossible
    files.write_json(run.path / IMPORTED, {"imported": time.time()})
    status = run.stored_status()
    if not status.ended:
        # Without a checkpoint it cannot continue, and outside the queue it would wait forever.
        message = "Imported from an archive that was made before the run had ended; if resumed, it starts again."
        run.write_status(status.model_copy(update={"state": "stopped", "message": message, "eta": None, "pid": None}))
    with locks.lock(cache / "submit.lock"):
        if any((cache / folder / name).exists() for folder in ("runs", "gallery")):
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
        if sentence := _zips.problem(entry):
            raise ArchiveError(f"run {name}: {file} {sentence}")
        checked[file] = entry
    if missing := [file for file in REQUIRED if file not in checked]:
        raise ArchiveError(f"run {name} lacks {' and '.join(missing)}")
    return checked


def _unpack(entry: zipfile.ZipInfo, archive: zipfile.ZipFile, path: Path) -> None:
    if sentence := _zips.unpack(entry, archive, path):
        raise ArchiveError(f"run {path.parent.name}: {path.name} {sentence}")


def _record_size(run: Run) -> int:
    """Bytes of one record of a run; 0 before the first.

    Raises ArchiveError or RunError when the files belong to another run or cannot be read by this version.
    """
    config, status = run.config, run.stored_status()
    if config.id != run.id:
        raise ArchiveError(f"run {run.id}: config.json describes another run, {config.id}, or is from another version")
    if max(status.step, status.steps, status.snapshots, status.attempts) >= MAX_COUNT:
        raise ArchiveError(f"run {run.id}: status.json has counts that are too large, allowed: below 2^53")
    schema = run.read_schema()
    return schema.dtype().itemsize if schema else 0
