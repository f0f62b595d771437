"""The rules for zip files that come from anybody, whatever is in them.

zipfile itself stops at the size that an entry states, so what is checked here holds while it is unpacked.
"""

from __future__ import annotations

import shutil
import stat
import struct
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, ValueError, RuntimeError)
MAX_RATIO, _MIN_CHECKED = 300, 1_000_000  # unpacked over packed size, checked for files above so many bytes
_MAX_DIRECTORY, _CHUNK = 8_000_000, 1_000_000
_UTF8 = 0x800  # the flag of an entry whose name is UTF-8


class ArchiveError(ValueError):
    """A zip file, or something in one, that cannot be used; the message is one sentence."""


def opened(file: BinaryIO, too_many: str) -> zipfile.ZipFile:
    """Open a zip file. Raises ArchiveError, with the sentence `too_many` for a directory that would fill the memory:
    zipfile reads all of it before anything can be checked."""
    file.seek(max(0, file.seek(0, 2) - 22 - 65_535))
    end = file.read()
    start = end.rfind(b"PK\5\6")  # the end-of-directory record; its byte 12 holds the directory's size
    if start < 0 or len(end) < start + 22:
        raise ArchiveError("the file is not a zip archive")
    (size,) = struct.unpack_from("<L", end, start + 12)
    if end[max(0, start - 20) : start].startswith(b"PK\6\7"):  # some programs write 64-bit sizes however small they are
        record = end[max(0, start - 76) : start - 20]
        is_record = record.startswith(b"PK\6\6") and len(record) == 56
        size = struct.unpack_from("<Q", record, 40)[0] if is_record else _MAX_DIRECTORY + 1
    if size > _MAX_DIRECTORY:
        raise ArchiveError(too_many)
    try:
        return zipfile.ZipFile(file)
    except DAMAGED as error:
        raise ArchiveError(f"the file is not a zip archive, or it is damaged ({_reason(error)})") from None


def name_of(entry: zipfile.ZipInfo) -> str:
    """The path of an entry, with slashes. macOS writes UTF-8 without saying so: zipfile reads it as code page 437."""
    name = entry.orig_filename
    if not entry.flag_bits & _UTF8:
        try:
            name = name.encode("cp437").decode()
        except UnicodeError:
            pass
    return name.replace("\\", "/")


def problem(entry: zipfile.ZipInfo, max_ratio: int = MAX_RATIO) -> str:
    """What is wrong with an entry, to be said after its name; empty if it can be unpacked."""
    if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG):
        return "is a link or a device, allowed: plain files"
    if entry.flag_bits & 1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is encrypted or compressed by another method, allowed: stored or deflated"
    if entry.file_size > max(_MIN_CHECKED, max_ratio * entry.compress_size):
        return f"unpacks to more than {max_ratio} times its size, allowed: at most that"
    return ""


def unpack(entry: zipfile.ZipInfo, archive: zipfile.ZipFile, path: Path) -> str:
    """Write an entry to a file; what is wrong with it, empty if nothing is."""
    try:
        with archive.open(entry) as source, open(path, "wb") as target:
            shutil.copyfileobj(source, target, _CHUNK)
    except DAMAGED as error:
        return f"is damaged ({_reason(error)})"
    return ""


def _reason(error: Exception) -> str:
    """What zipfile says, without the bytes of a damaged archive that it may quote."""
    text = str(error) or type(error).__name__
    return text if len(text) <= 150 and text.isprintable() else f"{ascii(text)[1:151]} ..."
