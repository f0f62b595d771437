"""Locks between processes.

A process is alive while it holds its lock: process ids are reused, but the kernel frees a lock at once.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock

from igbviz.runs.files import opened

AT_ONCE, AGAIN = 0.02, 0.004  # seconds: a look at a lock may be in the way of those who want it, for an instant


def lock(path: Path, timeout: float = 10.0) -> FileLock:
    """An inter-process lock on a file, whose folder is created if missing. filelock.Timeout after `timeout` seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path, timeout=timeout, poll_interval=AGAIN if 0 <= timeout <= AT_ONCE else 0.05)


@contextlib.contextmanager
def folder_lock(folder: Path, timeout: float = AT_ONCE) -> Iterator[FileLock]:
    """The lock of a folder, which is the file `lock` in it.

    FileNotFoundError if the folder is missing, or was deleted while this process waited: filelock would create it
    again. filelock.Timeout after `timeout` seconds.
    """
    if not folder.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder))
    with lock(folder / "lock", timeout) as held:
        if os.listdir(folder) == ["lock"]:  # a run has other files: filelock has just made this folder
            (folder / "lock").unlink()
            with contextlib.suppress(OSError):
                folder.rmdir()
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder))
        yield held


def is_held(path: Path) -> bool:
    """Whether a process holds this lock now."""
    try:
        # A shared lock: those who look do not see each other, and those who want the lock try it for AT_ONCE seconds.
        with opened(path) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
    except BlockingIOError:
        return True
    except OSError:  # missing, or no lock
        return False
