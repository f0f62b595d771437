"""Files and folders that several processes look at while one writes: replaced as a whole, noticed when they have
changed, listed and measured though they may just have gone."""

from __future__ import annotations

import json
import os
import shutil
import threading
from pathlib import Path
from typing import Any

Stamp = tuple[tuple[int, int, int] | None, ...]


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value))


def write_text(path: Path, text: str) -> None:
    """Replace a file as a whole: a reader sees the old text or the new, never half of one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    temporary.write_text(text)
    os.replace(temporary, path)


def stamp(*paths: str | Path) -> Stamp:
    """What changes when one of these files or folders does; None for each that is not there."""
    stamps = []
    for path in paths:
        try:
            stat = os.stat(path)
            stamps.append((stat.st_mtime_ns, stat.st_size, stat.st_ino))
        except OSError:
            stamps.append(None)
    return tuple(stamps)


def free(cache: str | Path) -> int:
    """Bytes free on the disk of a cache, which need not exist yet."""
    folder = Path(cache).absolute()
    return shutil.disk_usage(next(path for path in (folder, *folder.parents) if path.exists())).free


def entries(path: str | Path) -> list[os.DirEntry]:
    """What lies in a folder; nothing when it is gone."""
    try:
        with os.scandir(path) as listed:
            return list(listed)
    except OSError:
        return []


def in_words(count: int) -> str:
    """Bytes as a size that fits: '3.2 kB', '81.8 GB'."""
    for power, unit in ((9, "GB"), (6, "MB"), (3, "kB")):
        if count >= 10**power:
            return f"{count / 10**power:,.1f} {unit}"
    return f"{count} bytes"
