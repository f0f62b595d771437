"""A worker that gives way to one of another environment, where packages are installed that it lacks.

A worker outlives the program that started it, and imports what is installed where that program ran. Somebody who then
submits a run of a plugin from another environment starts a successor: a keeper that waits until the worker has trained
all that it can, and has ended.

cache/workers/packages             the packages that add choices to the worker, one a line
cache/workers/successor-<x>.lock   held by a successor; its text is the packages for which it waits
"""

from __future__ import annotations

import contextlib
import fcntl
import time
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

from igbviz.runs import queue
from igbviz.runs.files import read, write_text
from igbviz.runs.locks import is_held

POLL_SECONDS = 0.2


def announce(cache: Path, packages: Iterable[str]) -> None:
    """Say which packages add choices to this worker."""
    with contextlib.suppress(OSError):
        write_text(cache / "workers" / "packages", _text(packages))


def forget(cache: Path) -> None:
    """Nothing is known of the worker that is about to start."""
    with contextlib.suppress(OSError):
        (cache / "workers" / "packages").unlink(missing_ok=True)


def prepare(cache: Path, needs: Iterable[str]) -> None:
    """Start a successor for a run that needs these packages, if the worker lives and lacks one of them.

    To be called before the run is queued. The successor inherits the lock, so no worker sees a moment without it.
    """
    needs, cache = set(needs), cache.resolve()
    if not needs or needs <= _served(cache) or not is_held(_keeper(cache)):
        return
    with contextlib.suppress(OSError), open(_lock(cache, needs), "a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # BlockingIOError: there is one already
        file.truncate(0)
        file.write(_text(needs))
        file.flush()
        queue.start_worker(cache, "0", "--after", *sorted(needs), inherited=[file.fileno()])


def succeed(cache: Path, needs: Iterable[str], keep: Callable[[Path, int], bool]) -> None:
    """Keep a worker of this environment as soon as there is no other, unless one arrives that has what is needed.

    `keep` returns whether it was the keeper.
    """
    while not set(needs) <= _served(cache):
        if is_held(_keeper(cache)):
            time.sleep(POLL_SECONDS)
        elif keep(cache, 0):
            return


def is_awaited(cache: Path, needs: Iterable[str]) -> bool:
    """Whether a successor waits to train runs that need these packages."""
    return is_held(_lock(cache, needs))


def is_due(cache: Path, packages: Iterable[str]) -> bool:
    """Whether a successor waits for what a worker with these packages lacks."""
    with contextlib.suppress(OSError):
        locks = list((cache / "workers").glob("successor-*.lock"))
        return any(not _lines(lock) <= set(packages) and is_held(lock) for lock in locks)
    return False


def _served(cache: Path) -> set[str]:
    """The packages of the worker that lives; none as long as it has not said so."""
    return _lines(cache / "workers" / "packages") if is_held(_keeper(cache)) else set()


def _lines(path: Path) -> set[str]:
    try:
        return set(read(path).decode().split())
    except (OSError, ValueError):
        return set()


def _text(packages: Iterable[str]) -> str:
    return "\n".join(sorted(set(packages)))


def _keeper(cache: Path) -> Path:
    return cache / "workers" / "keeper-0.lock"


def _lock(cache: Path, needs: Iterable[str]) -> Path:
    return cache / "workers" / f"successor-{zlib.crc32(_text(needs).encode()):08x}.lock"
