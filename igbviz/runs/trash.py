"""A trash from which deleted runs come back.

cache/trash/<nanoseconds since 1970>-<run id>   a deleted run, whole; what was deleted at one stroke has the same time
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from filelock import Timeout

from igbviz.runs import queue, shipped
from igbviz.runs.run import Run, RunError

KEPT_DAYS = 7  # that a deleted run can be taken back
_TRASHED = re.compile(r"(\d{20})-(.+)")


@dataclass(frozen=True)
class Trashed:
    """A deleted run that can still be taken back."""

    path: Path

    @property
    def id(self) -> str:
        return _TRASHED.fullmatch(self.path.name)[2]

    @property
    def stroke(self) -> int:
        """When it was deleted, in nanoseconds since 1970; the same for all that were deleted together."""
        return int(_TRASHED.fullmatch(self.path.name)[1])

    @property
    def bytes(self) -> int:
        return _size(self.path)


def trash(runs: Iterable[Run], timeout: float = 10.0) -> list[str]:
    """Delete runs at one stroke, so that `restore` can bring them back. Those that are being worked on are stopped
    first.

    Returns one sentence for every run that could not be deleted: it ships with the program, is gone, or its worker does
    not let go within `timeout` seconds.
    """
    stroke, problems, going = time.time_ns(), [], {}
    runs = list(runs)
    for run in runs:  # all are asked before the first is waited for
        if not shipped.is_shipped(run) and run.path.is_dir() and _is_going(run):
            going[run] = (run.path / "stop").exists()
            run.stop_quietly()
    for run in runs:
        try:
            _trash(run, stroke, timeout, resumes=run in going and not going[run])
        except RunError as error:
            problems.append(f"{error}.")
    return problems


def _trash(run: Run, stroke: int, timeout: float, resumes: bool) -> None:
    shipped.require_own(run)
    try:
        if not run.path.is_dir():
            raise FileNotFoundError
        with queue.lock(run.path / "lock", timeout=timeout):
            if resumes:
                _as_if_waiting(run)
            grave = run.cache / "trash" / f"{stroke:020d}-{run.id}"
            grave.parent.mkdir(exist_ok=True)
            run.path.rename(grave)  # gone for every reader at once
    except FileNotFoundError:
        raise RunError(f"run {run.id} is not there any more: somebody deleted it") from None
    except Timeout:
        raise RunError(f"run {run.id} is still being worked on after {timeout:g} s: try again in a moment") from None


def _is_going(run: Run) -> bool:
    try:
        return run.is_alive or not run.stored_status().ended
    except RunError:
        return True  # nobody knows


def _as_if_waiting(run: Run) -> None:
    """Undo the stop, so that a run that is taken back goes on."""
    (run.path / "stop").unlink(missing_ok=True)
    try:
        status = run.stored_status()
    except RunError:
        return
    if status.state == "stopped":
        run.write_status(status.model_copy(update={"state": "queued", "message": "Waiting for its turn."}))


def trashed(cache: str | Path) -> list[Trashed]:
    """What can be taken back, deleted last first."""
    try:
        names = sorted(os.listdir(Path(cache) / "trash"), reverse=True)
    except FileNotFoundError:
        return []
    return [Trashed(Path(cache) / "trash" / name) for name in names if _TRASHED.fullmatch(name)]


def restore(item: Trashed, cache: str | Path) -> Run:
    """Take a deleted run back; one that had not ended goes back into the queue. Raises RunError when it is gone, or has
    been made anew."""
    run = Run(Path(cache) / "runs" / item.id)
    with queue.lock(Path(cache) / "submit.lock"):
        if run.path.exists():
            raise RunError(f"run {run.id} was made again after it was deleted: delete that one to take this one back")
        try:
            item.path.rename(run.path)
        except FileNotFoundError:
            raise RunError(
                f"run {run.id} is not in the trash any more: it was taken back or removed for good"
            ) from None
    try:
        if not run.stored_status().ended:
            queue.enqueue(run.cache, run.id)
            queue.ensure_worker(run.cache)
    except RunError:
        pass  # it could not be read before either
    return run


def empty(cache: str | Path, older_than_days: float = 0.0) -> int:
    """Remove deleted runs for good, those that were deleted at least so long ago; returns how many."""
    until = time.time_ns() - older_than_days * 86_400e9
    old = [item for item in trashed(cache) if item.stroke <= until]
    for item in old:
        shutil.rmtree(item.path, ignore_errors=True)
    return len(old)


@lru_cache(maxsize=20_000)
def _size(path: Path) -> int:  # which changes no more in the trash
    return Run(path).size()
