"""Write the files of the watched images while a run is trained."""

from __future__ import annotations

import contextlib
import errno
import json
from pathlib import Path
from typing import Any

from igbviz.runs.files import appending, cut, read, replacing, write_text
from igbviz.runs.images import sprite
from igbviz.runs.images.files import FILES, RECORDS, SPRITE, WHICH


class Recorder:
    """Appends the images of every probe of a job to the files in its run's folder.

    `append` comes before the record of the probe in trajectory.bin. A process that is killed in between leaves a record
    too many, which readers pass over and the next recorder drops.
    """

    def __init__(self, folder: Path, job: Any) -> None:
        """Keep the records of the probes before the state that the job resumes from, and drop those after it."""
        self.job, self._file = job, None
        if job.watched is None:
            return
        tile, png = sprite.draw(job.thumbnails())
        lists = {name: getattr(job.watched, name).tolist() for name in ("index", "labels", "given")}
        text = json.dumps({"tile": tile, "columns": sprite.columns(len(job.watched)), **lists})
        records, length = folder / RECORDS, job.snapshots * job.watched.dtype.itemsize
        if job.snapshots and not (_is(folder / WHICH, text) and _size(records) >= length):
            remove(folder)  # begun by a version without images, so there are none of its first probes
            return
        with replacing(folder / SPRITE) as temporary:
            temporary.write_bytes(png)
        write_text(folder / WHICH, text)
        if _size(records) > length:
            cut(records, length)
        self._file = appending(records)

    def append(self) -> None:
        """Record the images of the last probe."""
        if self._file and self._file.write(self.job.images.tobytes()) < self.job.images.nbytes:
            raise OSError(errno.ENOSPC, "a record was partly written")

    def close(self) -> None:
        if self._file:
            self._file.close()


def remove(folder: Path) -> None:
    """Remove the files of the watched images, the one first without which the others are not read."""
    for name in FILES:
        (folder / name).unlink(missing_ok=True)


def _is(path: Path, text: str) -> bool:
    with contextlib.suppress(OSError):
        return read(path) == text.encode()
    return False


def _size(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return 0
