"""Locks between processes.

A process is alive while it holds its lock: process ids are reused, but the kernel frees a lock at once.
"""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout


def lock(path: Path, timeout: float = 10.0) -> FileLock:
    """An inter-process lock on a file, whose folder is created if missing. filelock.Timeout after `timeout` seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path, timeout=timeout)


def is_held(path: Path) -> bool:
    """Whether a process holds this lock now."""
    if not path.exists():
        return False
    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # a read-only folder: nobody can hold it either
        return False
