"""The queue and the workers of one cache folder, seen from outside: files and locks, no service, no database.

    cache/queue/<time>-<run id>   this run wants to be worked on. The file stays until the run has ended, so a run whose
                                  worker died is found again by the next worker. It is empty, or says that the run is
                                  one of a sweep's.
    cache/workers/keeper-0.lock   held by the keeper, a small process that starts the real worker and starts it again if
                                  it dies.
    cache/workers/worker.log      what both of them said.

Alive means *holds its lock*: a process number can be reused and a killed child still answers, but the kernel frees a
lock at once.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

from filelock import FileLock, Timeout

PROJECT = Path(__file__).parents[2]
OF_SWEEP = "sweep"
RUN_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,150}")
_ENTRY = re.compile(rf"\d+-{RUN_ID.pattern}")
_last_look: dict[Path, float] = {}


def cache_folder() -> Path:
    """Where runs live unless a caller says otherwise: IGBVIZ_CACHE, or cache/ in the project."""
    return Path(os.environ.get("IGBVIZ_CACHE", PROJECT / "cache"))


def enqueue(cache: Path, *run_ids: str, of_sweep: bool = False) -> None:
    """Put runs at the end of the queue, in this order, but for those that stand there already. Those of a sweep may be
    worked on side by side."""
    with lock(cache / "queue.lock"):
        there, now = {entry.run_id for entry in waiting(cache)}, time.time_ns()
        (cache / "queue").mkdir(parents=True, exist_ok=True)
        for place, run_id in enumerate(dict.fromkeys(run_ids)):
            if run_id not in there:
                (cache / "queue" / f"{now + place:020d}-{run_id}").write_text(OF_SWEEP if of_sweep else "")


def dequeue(cache: Path, run_id: str) -> None:
    """Take a run out of the queue, wherever it stands."""
    for entry in waiting(cache):
        if entry.run_id == run_id:
            entry.path.unlink(missing_ok=True)


class QueueEntry:
    """One entry of the queue."""

    def __init__(self, queue: Path, name: str) -> None:
        self.queue, self.name = queue, name
        self.run_id = name.partition("-")[2]

    @property
    def path(self) -> Path:
        return self.queue / self.name  # made when asked for: most looks at a long queue are for one name

    @property
    def of_sweep(self) -> bool:
        """Whether it is one of a sweep's runs."""
        try:
            return self.path.read_text() == OF_SWEEP
        except OSError:  # taken out meanwhile
            return False


def waiting(cache: Path) -> list[QueueEntry]:
    """The queue, first come first. What else may lie in its folder is nobody's turn."""
    try:
        with os.scandir(cache / "queue") as entries:
            names = sorted(
                entry.name for entry in entries if _ENTRY.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)
            )
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [QueueEntry(cache / "queue", name) for name in names]


def ensure_worker(cache: Path, patience: float = 2.0) -> None:
    """Make sure that somebody works on this cache: starts a detached worker unless one lives. Asked again within
    `patience` seconds, it does nothing, so that a page may call it at every refresh."""
    cache = cache.resolve()
    now = time.monotonic()
    if now - _last_look.get(cache, -patience) < patience or is_held(cache / "workers" / "keeper-0.lock"):
        return
    _last_look[cache] = now
    (cache / "workers").mkdir(parents=True, exist_ok=True)
    with open(cache / "workers" / "worker.log", "ab") as log:
        # A session of its own: closing the terminal or stopping the server must not stop a training.
        subprocess.Popen(
            [sys.executable, "-m", "igbviz.runs.worker", str(cache)],
            cwd=PROJECT, start_new_session=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip


def lock(path: Path, timeout: float = 10.0) -> FileLock:
    """An inter-process lock on a file whose folder is made when missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path, timeout=timeout)


def is_held(path: Path) -> bool:
    """Whether some process holds this lock now."""
    if not path.exists():
        return False
    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # a read-only folder: nobody can hold it either
        return False
