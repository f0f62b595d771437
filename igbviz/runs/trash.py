"""The trash, from which deleted runs can be restored; and uploaded pictures, which are deleted for good.

cache/trash/<nanoseconds since 1970>-<run id>   a deleted run; runs that were deleted together have the same time
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from filelock import Timeout

from igbviz.datasets import uploads
from igbviz.runs import queue, shipped
from igbviz.runs.locks import folder_lock, lock
from igbviz.runs.run import Run, RunError
from igbviz.runs.status import QUEUED

TRASH_DAYS = 7  # for which a deleted run can be restored
_TRASHED = re.compile(r"(\d{20})-(.+)")


@dataclass(frozen=True)
class TrashedRun:
    """A deleted run that can still be restored."""

    path: Path

    @property
    def id(self) -> str:
        return _TRASHED.fullmatch(self.path.name)[2]

    @property
    def deleted_at(self) -> int:
        """The time of the deletion in nanoseconds since 1970; equal for runs that were deleted together."""
        return int(_TRASHED.fullmatch(self.path.name)[1])

    @property
    def bytes(self) -> int:
        return _size(self.path)


def trash(runs: Iterable[Run], timeout: float = 10.0) -> list[str]:
    """Move runs to the trash together; `restore` brings them back. Queued and running ones are stopped first.

    Returns one sentence for every run that could not be deleted: it is shipped, no longer exists, cannot be changed, or
    its worker has not released it after `timeout` seconds.
    """
    deleted_at, problems, stop_requested = time.time_ns(), [], {}
    runs = list(runs)
    for run in runs:  # stop all of them before waiting for the first
        if not shipped.is_shipped(run) and run.path.is_dir() and _is_active(run):
            stop_requested[run] = (run.path / "stop").exists()
            run.stop_quietly()
    for run in runs:
        try:
            _trash(run, deleted_at, timeout, undo_stop=run in stop_requested and not stop_requested[run])
        except RunError as error:
            problems.append(f"{error}.")
    return problems


def _trash(run: Run, deleted_at: int, timeout: float, undo_stop: bool) -> None:
    shipped.require_own(run)
    try:
        with run.changing(), folder_lock(run.path, timeout=timeout):
            if undo_stop:
                _undo_stop(run)
            target = run.cache / "trash" / f"{deleted_at:020d}-{run.id}"
            target.parent.mkdir(exist_ok=True)
            run.path.rename(target)  # one atomic step for readers
    except Timeout:
        raise RunError(
            f"run {run.id} is still in use by its worker after {timeout:g} s: try again in a moment"
        ) from None


def _is_active(run: Run) -> bool:
    try:
        return run.is_alive or not run.stored_status().ended
    except RunError:
        return True  # unknown


def _undo_stop(run: Run) -> None:
    """Queue the stopped run again, so that it continues when it is restored."""
    (run.path / "stop").unlink(missing_ok=True)
    try:
        status = run.stored_status()
    except RunError:
        return
    if status.state == "stopped":
        run.write_status(status.model_copy(update={"state": "queued", "message": QUEUED}))


def list_trash(cache: str | Path) -> list[TrashedRun]:
    """The runs that can be restored, last deleted first."""
    try:
        names = sorted(os.listdir(Path(cache) / "trash"), reverse=True)
    except OSError:
        return []
    return [TrashedRun(Path(cache) / "trash" / name) for name in names if _TRASHED.fullmatch(name)]


def restore(item: TrashedRun, cache: str | Path) -> Run:
    """Restore a deleted run; one that had not ended is queued again.

    Raises RunError when it is no longer in the trash, or was created again in the meantime.
    """
    run = Run(Path(cache) / "runs" / item.id)
    with run.changing(), lock(Path(cache) / "submit.lock"):
        if run.path.exists():
            raise RunError(
                f"run {run.id} was created again after it was deleted: delete the new one to restore the old one"
            )
        try:
            item.path.rename(run.path)
        except FileNotFoundError:
            raise RunError(f"run {run.id} is no longer in the trash: it was restored or removed for good") from None
    try:
        if not run.stored_status().ended:
            queue.enqueue(run.cache, run.id)
            queue.ensure_worker(run.cache)
    except RunError:
        pass  # it was unreadable before it was deleted
    return run


def empty(cache: str | Path, older_than_days: float = 0.0) -> int:
    """Remove runs for good that were deleted at least `older_than_days` ago; returns how many."""
    newest = time.time_ns() - older_than_days * 86_400e9
    old = [item for item in list_trash(cache) if item.deleted_at <= newest]
    for item in old:
        shutil.rmtree(item.path, ignore_errors=True)
    return len(old)


@lru_cache(maxsize=20_000)
def _size(path: Path) -> int:  # constant once in the trash, so it can be cached
    return Run(path).size()


def delete_pictures(pictures: uploads.Pictures, cache: str | Path) -> None:
    """Delete a set of uploaded pictures for good; runs that were trained on it keep their results.

    Raises RunError while a run is trained on it or waits for that.
    """
    if users := [entry.run_id for entry in queue.waiting(Path(cache)) if _needs(cache, entry.run_id, pictures)]:
        raise RunError(
            f"the pictures {pictures.title} cannot be deleted while run {users[0]} is trained on them: wait for its "
            "end, or stop it first"
        )
    with contextlib.suppress(FileNotFoundError):  # deleted by somebody else just now
        uploads.delete(pictures)


def _needs(cache: str | Path, run_id: str, pictures: uploads.Pictures) -> bool:
    run = Run(Path(cache) / "runs" / run_id)
    try:
        return not run.stored_status().ended and uses(run, pictures)
    except RunError:
        return False


def uses(run: Run, pictures: uploads.Pictures) -> bool:
    """Whether the data of a run are these pictures. Raises RunError for an unreadable run."""
    return getattr(run.config.dataset, "folder", None) == str(pictures.folder)
