"""The queue of a cache folder, and starting its worker: files and locks, no service, no database.

cache/queue/<time>-<run id>   a run that waits for a worker or is being trained. The file stays until the run has
                              ended, so the next worker finds a run whose worker died. It is empty, or says that the
                              run belongs to a sweep.
cache/workers/keeper-0.lock   held by the keeper, a small process that starts the worker and restarts it if it dies
cache/workers/worker.log      the output of both; only the end of a long one is kept
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

from igbviz.runs import deaths
from igbviz.runs.files import PROJECT, RUN_ID, full, keep_end, read_only
from igbviz.runs.locks import is_held, lock

OF_SWEEP = "sweep"
_ENTRY = re.compile(rf"\d+-{RUN_ID.pattern}")
_last_checks: dict[Path, float] = {}  # by cache, in seconds of time.monotonic()


def enqueue(cache: Path, *run_ids: str, of_sweep: bool = False) -> None:
    """Append runs to the queue in this order, except queued ones. Runs of a sweep may be trained in parallel."""
    with lock(cache / "queue.lock"):
        queued, now = {entry.run_id for entry in waiting(cache)}, time.time_ns()
        (cache / "queue").mkdir(parents=True, exist_ok=True)
        for position, run_id in enumerate(dict.fromkeys(run_ids)):
            if run_id not in queued:
                (cache / "queue" / f"{now + position:020d}-{run_id}").write_text(OF_SWEEP if of_sweep else "")


def dequeue(cache: Path, run_id: str) -> None:
    """Remove a run from the queue, whatever its position."""
    for entry in waiting(cache):
        if entry.run_id == run_id:
            entry.path.unlink(missing_ok=True)


class QueueEntry:
    """An entry of the queue: a file whose name holds the time and the run."""

    def __init__(self, queue: Path, name: str) -> None:
        self.queue, self.name = queue, name
        self.run_id = name.partition("-")[2]

    @property
    def path(self) -> Path:
        return self.queue / self.name  # built lazily: most readers of a long queue need only the names

    @property
    def of_sweep(self) -> bool:
        """Whether the run belongs to a sweep."""
        try:
            return self.path.read_text() == OF_SWEEP
        except OSError:  # removed in the meantime
            return False


def waiting(cache: Path) -> list[QueueEntry]:
    """The queue, oldest entry first. Other files in its folder are ignored."""
    try:
        with os.scandir(cache / "queue") as entries:
            names = sorted(
                entry.name for entry in entries if _ENTRY.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)
            )
    except OSError:
        return []
    return [QueueEntry(cache / "queue", name) for name in names]


def ensure_worker(cache: Path, patience: float = 2.0) -> None:
    """Start a detached worker for this cache unless one is alive.

    A second call within `patience` seconds does nothing, so that a page may call it at every refresh. Nothing is
    started where nothing can be written; `problem` says so.
    """
    cache = cache.resolve()
    now = time.monotonic()
    if now - _last_checks.get(cache, -patience) < patience or is_held(cache / "workers" / "keeper-0.lock"):
        return
    _last_checks[cache] = now
    try:
        (cache / "workers").mkdir(parents=True, exist_ok=True)
        keep_end(cache / "workers" / "worker.log")
        with open(cache / "workers" / "worker.log", "ab") as log:
            # A new session: closing the terminal or stopping the server must not stop the training.
            subprocess.Popen(
                [sys.executable, "-m", "igbviz.runs.worker", str(cache)],
                cwd=PROJECT, start_new_session=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
    except OSError:
        return


def problem(cache: Path) -> str:
    """A sentence without its full stop: why no worker takes the runs that wait; empty if one does or will."""
    if sentence := full(cache):
        return sentence
    if not is_held(cache / "workers" / "keeper-0.lock") and (sentence := read_only(cache)):
        return sentence
    return deaths.sentence(cache)
