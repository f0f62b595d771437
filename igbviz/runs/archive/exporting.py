"""Runs into a zip archive: what of each is written, and which cannot be."""

from __future__ import annotations

import contextlib
import os
import stat
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from igbviz.config.missing import has_stand_ins
from igbviz.config.run import digest
from igbviz.disk.zips import ArchiveError
from igbviz.runs import files
from igbviz.runs.archive import limits
from igbviz.runs.archive.limits import CHUNK, FILES, NAMES
from igbviz.runs.images.files import RECORDS, SPRITE, WHICH
from igbviz.runs.kinds import TRAINED
from igbviz.runs.listing import listed
from igbviz.runs.run import Run, RunError
from igbviz.runs.schema import MAX_COUNT


def export_runs(runs: Iterable[Run], file: BinaryIO, *, own_images: bool = False) -> list[str]:
    """Write an archive of these runs. Returns one sentence for each run left out because it is unreadable.

    `own_images`: also with the thumbnails of images from a folder that somebody named (`shows_own_images`).

    A run in training is exported in its present state. The same runs give the same bytes. Raises ArchiveError for more
    runs or bytes than `import_runs` accepts.
    """
    runs, left_out = list(runs), []
    require_exportable([exported_bytes(run) for run in runs])
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for run in runs:
            try:
                _export(run, archive, own_images)
            except (ArchiveError, RunError) as error:
                left_out.append(f"{error}.")
            except OSError as error:
                file_name = Path(error.filename or run.path).name
                left_out.append(f"run {run.id} cannot be exported: {file_name}: {files.reason(error)}.")
    return left_out


def shows_own_images(run: Run) -> bool:
    """Whether the thumbnails of a run may show what only the owner of its data knows, so that exports ask first."""
    try:
        return (run.path / SPRITE).exists() and run.config.dataset.is_private
    except RunError:
        return False  # it cannot be exported


def problem(run: Run) -> str:
    """A sentence if a run cannot be exported; else empty."""
    try:
        record_size(run)
        require_whole(run)
    except (ArchiveError, RunError) as error:
        return f"{error}."
    return ""


def require_whole(run: Run) -> None:
    """Raise RunError for a run with damaged or missing files, also where a reader would just find no records."""
    if damage := listed(run.path).problem:
        raise RunError(f"run {run.id} cannot be read: {damage}")


def _export(run: Run, archive: zipfile.ZipFile, own_images: bool) -> None:
    # Open everything before writing anything, and read the records last: a status counts only records already on disk.
    of_images, sizes = _images_to_export(run, own_images)
    contents = {
        name: _content(run.path / name)
        for name in (*NAMES, *of_images)
        if name != "trajectory.bin" and os.path.lexists(run.path / name)
    }
    require_whole(run)
    sizes = {"trajectory.bin": record_size(run)} | sizes
    if not sizes["trajectory.bin"] or not run.record_bytes:
        _write(contents, run, archive)
        return
    with contextlib.ExitStack() as opened:
        sources = {name: opened.enter_context(files.opened(run.path / name)) for name in sizes}
        # The last record may be partly written, and the images of one more may be there.
        records = os.fstat(sources["trajectory.bin"].fileno()).st_size // sizes["trajectory.bin"]
        if (length := records * sizes["trajectory.bin"]) > FILES["trajectory.bin"]:
            raise ArchiveError(
                f"run {run.id}: trajectory.bin is {files.format_bytes(length)} large, allowed: at most "
                f"{files.format_bytes(FILES['trajectory.bin'])}"
            )
        _write(contents, run, archive)
        for name, source in sources.items():
            length = records * sizes[name]
            with archive.open(_entry(run, name), "w") as target:
                while length and (chunk := source.read(min(CHUNK, length))):
                    target.write(chunk)
                    length -= len(chunk)


def _images_to_export(run: Run, own_images: bool) -> tuple[list[str], dict[str, int]]:
    """The files of the watched images besides their records, and by name the bytes of one record; both may be empty.

    A run with damaged images is exported without them.
    """
    try:
        images = run.images() if run.kind is TRAINED else None
    except RunError:
        images = None
    if not images:
        return [], {}
    shown = own_images or not shows_own_images(run)
    return [WHICH, SPRITE] if shown else [WHICH], {RECORDS: images.records.dtype.itemsize}


def _write(contents: dict[str, bytes], run: Run, archive: zipfile.ZipFile) -> None:
    for name, content in contents.items():
        archive.writestr(_entry(run, name), content)


def exported_bytes(run: Run) -> int:
    """Bytes of the files of a run that an archive has, which may be far less than those of its folder."""
    return sum(seen[0][1] for name in FILES if (seen := files.stamp(run.path / name)) != (None,))


def require_exportable(sizes: list[int]) -> None:
    """Raise ArchiveError for more runs, or more bytes, than an archive may hold. `sizes`: bytes of each run."""
    if len(sizes) > limits.MAX_RUNS:
        raise ArchiveError(f"{len(sizes)} runs are selected, allowed: at most {limits.MAX_RUNS} in one archive")
    if sum(sizes) > limits.MAX_CONTENT:
        raise ArchiveError(
            f"the selected runs have {files.format_bytes(sum(sizes))}, allowed: at most "
            f"{files.format_bytes(limits.MAX_CONTENT)} in one archive"
        )


def _content(path: Path) -> bytes:
    """The content of a file; of a long log its end, which matters most."""
    return files.read_end(path) if path.name == "log.txt" else files.read(path)


def _entry(run: Run, name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(f"{run.id}/{name}")  # dated 1980, so that equal runs give equal archives
    entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, (stat.S_IFREG | 0o644) << 16
    return entry


def record_size(run: Run) -> int:
    """Bytes of one record of a run; 0 before the first.

    Raises ArchiveError or RunError when the files belong to another run or cannot be read by this version.
    """
    config, status = run.config, run.stored_status()
    # Without the package that a choice is from, its defaults are not known, and so not the digits of the name.
    known = slice(None, -len(digest(0)) if has_stand_ins(config) else None)
    if config.id[known] != run.id[known]:
        raise ArchiveError(f"run {run.id}: config.json describes another run, {config.id}, or is from another version")
    if max(status.step, status.steps, status.snapshots, status.attempts) >= MAX_COUNT:
        raise ArchiveError(f"run {run.id}: status.json has counts that are too large, allowed: below 2^53")
    schema = run.read_schema()
    return schema.dtype().itemsize if schema else 0
