"""The files and folders of a cache, which several processes read while one writes.

Files are replaced as a whole; every reader expects that a file or a folder may just have been deleted.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[2]
RUN_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,150}")  # the name of a run's folder
CACHE_VERSION = 1  # of the layout of a cache; raised when an older program would misread it
Stamp = tuple[tuple[int, int, int] | None, ...]


def cache_folder() -> Path:
    """The folder of the runs unless a caller names another: IGBVIZ_CACHE, or cache/ in the project."""
    return Path(os.environ.get("IGBVIZ_CACHE", PROJECT / "cache"))


class NewerCache(ValueError):
    """The cache was written by a newer version of the program; the message is one sentence."""


def require_readable(cache: str | Path) -> None:
    """Raise NewerCache if this version of the program does not know the layout of the cache.

    An older one, also one without a version, is read as it is: so far every layout can be.
    """
    try:
        version = int((Path(cache) / "version").read_text(encoding="utf-8"))
    except (OSError, ValueError):  # a new cache, or one of before there were versions
        return
    if version > CACHE_VERSION:
        raise NewerCache(
            f"the cache {cache} has version {version}, allowed: up to {CACHE_VERSION}; update igbviz, or set "
            "IGBVIZ_CACHE to another folder"
        )


def claim(cache: Path) -> None:
    """Before the first write to a cache: note the version of its layout. Raises NewerCache."""
    require_readable(cache)
    if not (path := cache / "version").exists():
        cache.mkdir(parents=True, exist_ok=True)
        write_text(path, f"{CACHE_VERSION}\n")


def write_json(path: Path, value: Any) -> None:
    """Replace a file by a value as JSON, as a whole."""
    write_text(path, json.dumps(value))


def write_text(path: Path, text: str) -> None:
    """Replace a file as a whole: a reader sees the old text or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    temporary.write_text(text)
    os.replace(temporary, path)


def stamp(*paths: str | Path) -> Stamp:
    """Modification time (ns), size and inode of each path, None if missing: changes when one of them changes."""
    stamps = []
    for path in paths:
        try:
            stat = os.stat(path)
            stamps.append((stat.st_mtime_ns, stat.st_size, stat.st_ino))
        except OSError:
            stamps.append(None)
    return tuple(stamps)


def free(cache: str | Path) -> int:
    """Free bytes on the disk of a cache; the cache need not exist yet."""
    folder = Path(cache).absolute()
    return shutil.disk_usage(next(path for path in (folder, *folder.parents) if path.exists())).free


def entries(path: str | Path) -> list[os.DirEntry]:
    """The entries of a folder; empty if it cannot be read."""
    try:
        with os.scandir(path) as scan:
            return list(scan)
    except OSError:
        return []


def format_bytes(count: int) -> str:
    """A number of bytes as text in a fitting unit: '3.2 kB', '81.8 GB'."""
    for power, unit in ((9, "GB"), (6, "MB"), (3, "kB")):
        if count >= 10**power:
            return f"{count / 10**power:,.1f} {unit}"
    return f"{count} bytes"
