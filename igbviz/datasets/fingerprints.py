"""Fingerprints of files: equal for equal contents, whatever their names, folders and times.

Files are read once. An index keeps, for each group of files, a hash of their names, sizes and times and one of their
contents; a group that looks as it did then is not read again.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import threading
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any, BinaryIO

from igbviz.datasets import folders
from igbviz.datasets.errors import DataError

DIGITS = 16  # hexadecimal, 64 bits


def fingerprint(groups: Mapping[str, Sequence[str]], way: Any, index: Path) -> str:
    """The fingerprint of these files, group by group in this order, and of the way they are decoded (a JSON value).

    `index` is the file of the index; one that cannot be read or written only costs time.
    """
    known = _read(index)
    seen = {name: _look_of(paths) for name, paths in groups.items()}
    contents = {
        name: known[name][1] if known.get(name, [None])[0] == look else _content_of(groups[name])
        for name, (look, _) in seen.items()
    }
    settled = {
        name: [look, contents[name]]
        for name, (look, changed) in seen.items()
        if time.time() - changed > folders.SETTLED
    }
    if settled != known:
        write_whole(index, lambda file: file.write(json.dumps(settled).encode()))
    return _hash([way, list(contents.items())])[:DIGITS]


def write_whole(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    """Write to a temporary file and rename it, so that no reader sees half a file.

    A folder that is not writable is no error: the work is done again next time.
    """
    temporary = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            write(file)
        os.replace(temporary, path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()


def _look_of(paths: Sequence[str]) -> tuple[str, float]:
    """A hash of what can be seen of files without reading them, and the time of their last change.

    The time of the inode is part of it: it also moves where a program sets the time of modification back.
    """
    look, latest = [], 0
    for path in paths:
        try:
            stat = os.stat(path)
        except OSError as error:
            raise _unreadable(path, error) from error
        look.append((path, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns))
        latest = max(latest, stat.st_mtime_ns, stat.st_ctime_ns)
    return _hash(look), latest / 1e9


def _content_of(paths: Sequence[str]) -> str:
    with ThreadPool(min(8, os.cpu_count() or 1)) as pool:
        return _hash(pool.map(_digest, paths, chunksize=64))


def _digest(path: str) -> str:
    """A hash of what is in a file; compressed or not, the content is the same."""
    try:
        with gzip.open(path) if path.endswith(".gz") else open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: str, error: Exception) -> DataError:
    reason = getattr(error, "strerror", None) or error
    return DataError(f"{path} cannot be read ({reason}): delete it or replace it with a complete copy")


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def _read(index: Path) -> dict[str, list[str]]:
    with suppress(OSError, ValueError):
        known = json.loads(index.read_bytes())
        if isinstance(known, dict) and all(
            isinstance(pair, list) and len(pair) == 2 and isinstance(pair[1], str) for pair in known.values()
        ):
            return known
    return {}
