"""The files and folders of a cache, which several processes read while one writes.

Files are replaced as a whole; every reader expects that a file or a folder may just have been deleted. Anything may lie
in a cache: a link, a FIFO that blocks its reader for ever, a device without end. So only regular files are opened, and
only so much of them is read as the program would write.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO

from igbviz.disk.places import cache_folder, gallery

RUN_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,150}")  # the name of a run's folder
ADDRESS = "address"  # a file of a cache: where its pages were last served
CACHE_VERSION = 1  # of the layout of a cache; raised when an older program would misread it
Stamp = tuple[tuple[int, int, int] | None, ...]

# Maximum bytes of a file that is read as a whole; the end of a longer log is read.
MAX_BYTES = {
    "config.json": 1_000_000,
    "status.json": 100_000,
    "schema.json": 1_000_000,
    "labels.json": 100_000,
    "imported.json": 10_000,
    "images.json": 20_000,
    "images.png": 2_000_000,
    "log.txt": 1_000_000,
    "worker.log": 1_000_000,
}
MAX_OTHER = 10_000_000
FULL = 1_000_000  # free bytes below which a disk counts as full
_TEMPORARY = re.compile(r"\.(.+)\.\d+-\d+")
_TEMPORARY_SECONDS = 60.0  # after which a temporary file belongs to a process that died


@dataclass(frozen=True, repr=False)
class FolderHandle:
    """A handle on a folder of the cache. It holds no state: every property reads the folder.

    A shipped run lies in no cache, so a handle on one is told which cache is in use; else that is the default one.
    """

    path: Path
    used_with: Path | None = field(default=None, compare=False, repr=False)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r})"

    @property
    def id(self) -> str:
        return shown_name(self.path)

    @property
    def cache(self) -> Path:
        if self.used_with is not None:
            return self.used_with
        return cache_folder() if self.is_shipped else self.path.parent.parent

    @property
    def is_shipped(self) -> bool:
        """Whether this is part of the program: it can be read and copied, but not changed."""
        return self.path.parent == gallery(self.path.parent.parent)


class NewerCache(ValueError):
    """The cache was written by a newer version of the program; the message is one sentence."""


def require_readable(cache: str | Path) -> None:
    """Raise NewerCache if this version of the program does not know the layout of the cache.

    An older one, also one without a version, is read as it is: so far every layout can be.
    """
    try:
        version = int(read(Path(cache) / "version"))
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


# Reading.


def opened(path: str | Path) -> BinaryIO:
    """Open a regular file for reading; OSError for a link, a folder, a FIFO or a device."""
    return open(path, "rb", opener=_regular)


def appending(path: str | Path) -> FileIO:
    """Open a regular file, or a new one, for appending to it at once; OSError like `opened`."""
    return open(path, "ab", buffering=0, opener=_regular)


def _regular(path: str, flags: int) -> int:
    try:
        # O_NONBLOCK: to open a FIFO would wait for its other end.
        descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "it is a link, not a file", str(path)) from None
        if error.errno == errno.ENXIO:  # a socket, or a FIFO that nobody reads
            raise OSError(errno.EINVAL, "it is not a regular file", str(path)) from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return descriptor


def read(path: str | Path) -> bytes:
    """The content of a regular file; OSError for anything else, and for a file larger than the program writes it."""
    limit = MAX_BYTES.get(os.path.basename(path), MAX_OTHER)
    with opened(path) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"it is larger than {format_bytes(limit)}", str(path))
    return content


def read_end(path: str | Path) -> bytes:
    """The end of a regular file, all of it unless it is longer than the program writes it."""
    limit = MAX_BYTES.get(os.path.basename(path), MAX_OTHER)
    with opened(path) as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - limit))
        return file.read(limit)


def last_lines(path: str | Path, lines: int) -> str:
    """The last lines of a log; empty if there is none, the reason if it cannot be read."""
    try:
        text = read_end(path).decode(errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"{os.path.basename(path)} cannot be read: {reason(error)}"
    return "\n".join(text.replace("\r", "\n").splitlines()[-lines:])


def reason(error: OSError) -> str:
    """Why a file cannot be used, in a few words: 'permission denied'."""
    words = error.strerror or str(error)
    return words[:1].lower() + words[1:]


def in_words(error: OSError) -> str:
    """What cannot be used, and why, without a full stop."""
    if isinstance(error.filename, str) and error.strerror:
        return f"{error.filename} cannot be read or written: {reason(error)}"
    return str(error)


def entries(path: str | Path) -> list[os.DirEntry[str]]:
    """The entries of a folder; empty if it cannot be read."""
    try:
        with os.scandir(path) as scan:
            return list(scan)
    except OSError:
        return []


def size(path: str | Path) -> int:
    """Bytes of the files in a folder; 0 when it was deleted."""
    total = 0
    for entry in entries(path):
        with contextlib.suppress(OSError):  # replaced in the meantime
            total += entry.stat(follow_symlinks=False).st_size if entry.is_file(follow_symlinks=False) else 0
    return total


def folders(path: str | Path) -> list[str]:
    """The paths of the folders in a folder, without hidden ones. Links that run in a circle count as folders."""
    return [entry.path for entry in entries(path) if not entry.name.startswith(".") and _may_be_folder(entry)]


def _may_be_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # neither known to be a folder nor to be none: to be listed, with the reason
        return True


def shown_name(path: Path) -> str:
    """The name of a file or a folder as text; bytes that are not UTF-8 are replaced."""
    return os.fsencode(path.name).decode(errors="replace")


# Writing.


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Replace a file as a whole: the block writes the file that it is given, which then takes the place of the old one.

    A reader sees the old content or the new one, never a part. Nothing is left of a write that failed.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError) and error.filename == str(temporary):
            error.filename = str(path)
        raise


def write_json(path: Path, value: Any) -> None:
    """Replace a file by a value as JSON, as a whole."""
    write_text(path, json.dumps(value))


def write_text(path: Path, text: str) -> None:
    """Replace a file by a text, as a whole."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def cut(path: Path, length: int) -> None:
    """Keep the first so many bytes of a file. This writes a new file, since readers may have mapped the old one."""
    with opened(path) as file, replacing(path) as temporary:
        temporary.write_bytes(file.read(length))


def remove_temporary(folder: Path, *names: str) -> None:
    """Remove what processes that were killed have left of these files, which only the caller writes, and of the others
    some time later."""
    for entry in entries(folder):
        match = _TEMPORARY.fullmatch(entry.name)
        with contextlib.suppress(OSError):
            if match and (
                match[1] in names or time.time() - entry.stat(follow_symlinks=False).st_mtime > _TEMPORARY_SECONDS
            ):
                os.unlink(entry.path)


def keep_end(path: Path) -> None:
    """Drop the first part of a log that has become too long. In place: processes that append to it go on."""
    limit = MAX_BYTES[path.name]
    with contextlib.suppress(OSError):
        if os.lstat(path).st_size > limit:
            end = read_end(path)[limit // 2 :].partition(b"\n")[2]
            with open(path, "r+b") as file:
                file.truncate(0)
                file.write(end)


class Log:
    """The end of log.txt, to be written to. What cannot be written is lost: a full disk must not end a run."""

    def __init__(self, path: Path) -> None:
        is_other = path.is_symlink() or (path.exists() and not path.is_file())  # a FIFO would block its writer
        keep_end(path)
        self.path, self._file = path, (Path(os.devnull) if is_other else path).open("a", buffering=1)

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            self._file.write(text)
            if self._file.tell() > 2 * MAX_BYTES[self.path.name]:
                keep_end(self.path)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._file.flush()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._file.close()


# The state of files and of the disk.


def stamp(*paths: str | Path) -> Stamp:
    """Modification time (ns), size and inode of each path, None if missing: changes when one of them changes."""
    stamps = []
    for path in paths:
        try:
            status = os.stat(path)
            stamps.append((status.st_mtime_ns, status.st_size, status.st_ino))
        except OSError:
            stamps.append(None)
    return tuple(stamps)


def free(cache: str | Path) -> int:
    """Free bytes on the disk of a cache; the cache need not exist yet."""
    return shutil.disk_usage(_existing(cache)).free


def _existing(cache: str | Path) -> Path:
    folder = Path(cache).absolute()
    return next(path for path in (folder, *folder.parents) if path.exists())


def read_only(cache: str | Path) -> str:
    """A sentence without its full stop if nothing can be written into a cache; else empty."""
    if os.access(_existing(cache), os.W_OK):
        return ""
    return f"the cache {cache} is read-only: runs can be seen, but none can be started or changed"


def full(cache: str | Path) -> str:
    """A sentence without its full stop if the disk of a cache is full; else empty."""
    if (left := free(cache)) >= FULL:
        return ""
    return f"the disk of the cache {cache} is full ({format_bytes(left)} free): free some space, and runs continue"


def format_bytes(count: int) -> str:
    """A number of bytes as text in a fitting unit: '3.2 kB', '81.8 GB'."""
    for power, unit in ((9, "GB"), (6, "MB"), (3, "kB")):
        if count >= 10**power:
            return f"{count / 10**power:,.1f} {unit}"
    return f"{count} bytes"
