"""Files that several processes read while one writes: replaced as a whole, and noticed when they have changed."""

from __future__ import annotations

import json
import os
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
    found = []
    for path in paths:
        try:
            stat = os.stat(path)
            found.append((stat.st_mtime_ns, stat.st_size, stat.st_ino))
        except OSError:
            found.append(None)
    return tuple(found)
