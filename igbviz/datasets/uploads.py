"""Pictures that somebody uploads: a zip of folders becomes an image folder in the cache.

    <cache>/pictures/<name>-<hash of the zip>/{train,test}/<class>/<hash of the file>.jpg   about.json   thumbnails.png

The zip may have been made by hand: one folder a class, with or without train/ and test/ around them, in one more folder
or several, with backslashes, and with what desktops add. No path in it is used: the folders are named after the classes
alone, and the files after their contents. So nothing can be written elsewhere, a copy is the same file, and the part
that is left for testing depends on the pictures only. The folder is made under a hidden name and renamed when it is
whole; the same zip is the same folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import threading
import time
import unicodedata
import zipfile
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from filelock import FileLock, Timeout

from igbviz.datasets import decoding
from igbviz.datasets.errors import DataError, some
from igbviz.datasets.folders import is_of_system, natural
from igbviz.datasets.image_folder import listing_of
from igbviz.disk import zips
from igbviz.disk.zips import ArchiveError

MB = 2**20
MAX_UPLOAD, MAX_CONTENT, MAX_TOTAL = 200 * MB, 500 * MB, 2000 * MB  # bytes: a zip, unpacked, and all sets of a cache
MAX_FILES, MAX_CLASSES = 5000, 100
MAX_PIXELS, MAX_ALL_PIXELS = 50_000_000, 4_000_000_000  # of one picture, and of those of a zip
MIN_IMAGES = 2  # of a class: one to train on, one to test
SIDE, KEPT_SIDES = 32, range(8, 65)  # photographs are resized to the first; squares of the second keep their size
THUMBNAILS = 6  # of a class
TEST_SHARE = 4  # without a folder test, one of so many is left for testing
ROLES = {"train": "train", "training": "train"} | dict.fromkeys(("test", "val", "valid", "validation"), "test")
FOLDER, WAIT = "pictures", 120.0  # in the cache; seconds that an upload waits for those before it
ARCHIVES = (".zip", ".rar", ".7z", ".tar", ".gz", ".tgz", ".bz2", ".xz")
WANTED = "a zip with at least 2 folders of pictures, one for each class"
Entry = tuple[tuple[str, ...], zipfile.ZipInfo]  # with the parts of its path
ByClass = dict[tuple[str, str], list[zipfile.ZipInfo]]  # by split, empty where there is none, and class


@dataclass(frozen=True)
class Pictures:
    """An uploaded set of pictures, and the settings with which a data set can begin."""

    folder: Path
    title: str
    uploaded: float  # seconds since 1970
    bytes: int
    class_names: tuple[str, ...]
    counts: tuple[tuple[int, int], ...]  # pictures of each class, to train on and to test
    size: int | None
    grayscale: bool
    words: str  # what was read, done and passed over

    def images(self) -> np.ndarray:
        """(classes, THUMBNAILS, side, side, 3) bytes: the first pictures of each class as a network sees them."""
        from PIL import Image

        with Image.open(self.folder / "thumbnails.png") as sheet:
            pixels = np.asarray(sheet.convert("RGB"))
        side = pixels.shape[1] // THUMBNAILS
        return pixels.reshape(-1, side, THUMBNAILS, side, 3).swapaxes(1, 2)


def sets(cache: Path) -> list[Pictures]:
    """All uploaded sets, the last one first."""
    found = []
    for place in _parent(cache).glob("[!.]*"):
        with suppress(OSError, ValueError, TypeError, KeyError):  # not written by us, or deleted just now
            about = json.loads((place / "about.json").read_bytes())
            about |= {"class_names": tuple(about["class_names"]), "counts": tuple(map(tuple, about["counts"]))}
            found.append(Pictures(folder=place, **about))
    return sorted(found, key=lambda pictures: -pictures.uploaded)


def total(cache: Path) -> int:
    """Bytes of all uploaded sets."""
    return sum(pictures.bytes for pictures in sets(cache))


def delete(pictures: Pictures) -> None:
    """Remove a set for good."""
    hidden = pictures.folder.with_name(f".deleted-{time.time_ns()}")
    pictures.folder.rename(hidden)  # one step for readers
    shutil.rmtree(hidden, ignore_errors=True)


def add(file: BinaryIO, file_name: str, cache: Path) -> Pictures:
    """Unpack a zip of pictures into the cache. Raises ArchiveError or DataError, one sentence."""
    if (length := file.seek(0, os.SEEK_END)) > MAX_UPLOAD:
        raise ArchiveError(f"the zip is {_mb(length)} large, allowed: at most {_mb(MAX_UPLOAD)}")
    file.seek(0)
    key, parent = hashlib.file_digest(file, "sha256").hexdigest()[:10], _parent(cache)
    title = " ".join(re.sub(r"[^\w.-]+", " ", Path(file_name).stem).split())[:40] or "pictures"
    place = parent / f"{re.sub('[^a-z0-9]+', '-', title.lower()).strip('-') or 'pictures'}-{key}"
    parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(parent / ".lock", timeout=WAIT):  # one at a time: to decode photographs takes memory
            if known := [pictures for pictures in sets(cache) if pictures.folder.name.endswith(f"-{key}")]:
                return known[0]
            arriving = parent / f".{place.name}.{os.getpid()}-{threading.get_ident()}"
            try:
                with zips.opened(file, f"the zip has far more than {MAX_FILES:,} files") as archive:
                    _unpack(archive, arriving, title, cache)
                arriving.rename(place)
            finally:
                shutil.rmtree(arriving, ignore_errors=True)
    except Timeout:
        raise ArchiveError("other pictures are being unpacked: try again in a minute") from None
    return next(pictures for pictures in sets(cache) if pictures.folder == place)


def _parent(cache: Path) -> Path:
    return Path(os.path.abspath(cache)) / FOLDER


def _unpack(archive: zipfile.ZipFile, place: Path, title: str, cache: Path) -> None:
    passed_over: Counter[str] = Counter()
    pictures = _pictures(archive, passed_over)
    _require_room([entry for _, entry in pictures], cache)
    by_class = _by_class(pictures, passed_over)
    _require_classes(by_class, passed_over)
    names = _write(by_class, archive, place, passed_over)
    listing = listing_of(place)
    try:
        size, grayscale = _settings(listing.paths)
        shape = (1 if grayscale else 3, *((size, size) if size else decoding.size_of(listing.paths[0])))
        images, words = decoding.decode(listing.paths, shape, size is not None, title)
    except DataError as error:
        sentence = str(error)
        for path, name in names.items():
            sentence = sentence.replace(path, name)
        raise DataError(sentence) from None
    _write_thumbnails(images, listing.counts("train"), place)
    split = "" if ("train", listing.class_names[0]) in by_class else f"1 in {TEST_SHARE} left for testing"
    about = {
        "title": title,
        "uploaded": time.time(),
        "bytes": sum(map(os.path.getsize, listing.paths)),
        "class_names": listing.class_names,
        "counts": list(zip(listing.counts("train"), listing.counts("test"), strict=True)),
        "size": size,
        "grayscale": grayscale,
        "words": "; ".join(filter(None, (words, split, _in_words(passed_over)))),
    }
    (place / "about.json").write_text(json.dumps(about))


# What is in a zip.


def _pictures(archive: zipfile.ZipFile, passed_over: Counter[str]) -> list[Entry]:
    """The entries whose names end as those of pictures. Raises ArchiveError for one that nobody zips in good faith."""
    found = []
    for entry in archive.infolist():
        name = zips.name_of(entry)
        parts, suffix = tuple(name.rstrip("/").split("/")), Path(name).suffix.lower()
        if ".." in parts or "" in parts or "\0" in name or re.match("[A-Za-z]:", name):
            raise ArchiveError(f"the zip has the path {name[:80]!r}, allowed: paths below the folder that was zipped")
        if sentence := "" if entry.is_dir() else zips.problem(entry):
            raise ArchiveError(f"{name[-80:]} {sentence}")
        if entry.is_dir() or name.endswith("/"):
            continue
        if any(map(is_of_system, parts)):
            passed_over["hidden"] += 1
        elif suffix in ARCHIVES:
            raise ArchiveError(f"the zip has another archive in it, {name[-80:]}, allowed: {WANTED}")
        elif suffix in decoding.formats():
            found.append((parts, entry))
        else:
            passed_over[suffix[:20] or "without suffix"] += 1
    return found


def _require_room(entries: list[zipfile.ZipInfo], cache: Path) -> None:
    content, room = sum(entry.file_size for entry in entries), shutil.disk_usage(_parent(cache)).free // 2
    if len(entries) > MAX_FILES:
        raise ArchiveError(f"the zip has {len(entries):,} pictures, allowed: at most {MAX_FILES:,}")
    if content > MAX_CONTENT:
        raise ArchiveError(f"the zip has {_mb(content)} unpacked, allowed: at most {_mb(MAX_CONTENT)}")
    if content > room:
        raise ArchiveError(f"the zip has {_mb(content)} unpacked, allowed: {_mb(room)}, half of the free disk space")
    if (all_sets := total(cache) + content) > MAX_TOTAL:
        raise ArchiveError(
            f"all uploaded pictures together would have {_mb(all_sets)}, allowed: at most {_mb(MAX_TOTAL)}; delete "
            "some on the page Runs"
        )


def _by_class(pictures: list[Entry], passed_over: Counter[str]) -> ByClass:
    """The pictures of each class, whatever folders the zip has above those of the classes."""
    while True:
        inside = [(parts, entry) for parts, entry in pictures if len(parts) > 1]
        passed_over["outside the class folders"] += len(pictures) - len(inside)
        tops = {parts[0] for parts, _ in inside}
        if len(tops) != 1 or max(len(parts) for parts, _ in inside) == 2:
            break
        pictures = [(parts[1:], entry) for parts, entry in inside]
    split_of = {top: ROLES[top.lower()] for top in tops if top.lower() in ROLES}
    has_splits = set(split_of.values()) == {"train", "test"}
    found: ByClass = {}
    for parts, entry in inside:
        split = split_of.get(parts[0]) if has_splits else ""
        if split is None or (split and len(parts) == 2):
            passed_over["outside the class folders"] += 1
            continue
        name = unicodedata.normalize("NFC", parts[1] if split else parts[0])
        if len(name.encode()) > 100 or not name.isprintable():
            raise ArchiveError(f"the class folder {name[:80]!r} has a name that is too long or cannot be printed")
        found.setdefault((split, name), []).append(entry)
    return found


def _require_classes(by_class: ByClass, passed_over: Counter[str]) -> None:
    names = sorted({name for _, name in by_class}, key=natural)
    if not 2 <= len(names) <= MAX_CLASSES:
        there = f"folder{'' if len(names) == 1 else 's'} with pictures" + (f" ({some(names)})" if names else "")
        allowed = WANTED if len(names) < 2 else f"at most {MAX_CLASSES}"
        raise ArchiveError(f"the zip has {len(names)} {there}, allowed: {allowed}{_why(passed_over)}")
    if any(split for split, _ in by_class):
        lacking = [
            f"{split} has no {name}" for split in ("train", "test") for name in names if (split, name) not in by_class
        ]
        if lacking:
            raise ArchiveError(f"train and test of the zip must have the same classes, but {some(lacking)}")


def _why(passed_over: Counter[str]) -> str:
    """To be added to a sentence about missing pictures."""
    hint = "; save .heic photographs as .jpg" if passed_over[".heic"] else ""
    return "".join(f"; {words}" for words in [_in_words(passed_over)] if words) + hint


def _in_words(passed_over: Counter[str]) -> str:
    others = [f"{count} {reason}" for reason, count in passed_over.most_common() if count]
    return f"passed over: {some(others)}" if others else ""


# What is written.


def _write(by_class: ByClass, archive: zipfile.ZipFile, place: Path, passed_over: Counter[str]) -> dict[str, str]:
    """Unpack the pictures into an image folder; the names that they had, by path."""
    names, pixels = {}, 0
    for (split, class_name), entries in by_class.items():
        train, test = (place / part / class_name for part in ("train", "test"))
        folder = test if split == "test" else train
        train.mkdir(parents=True, exist_ok=True), test.mkdir(parents=True, exist_ok=True)
        for entry in entries:
            name, path = zips.name_of(entry), place / "picture"
            if sentence := zips.unpack(entry, archive, path):
                raise ArchiveError(f"{name} {sentence}")
            pixels += _pixels(path, name)
            if pixels > MAX_ALL_PIXELS:
                raise ArchiveError(
                    f"the pictures of the zip have more than {MAX_ALL_PIXELS // 10**6:,} megapixels together, allowed: "
                    "at most that; make them smaller"
                )
            with open(path, "rb") as content:
                digest = hashlib.file_digest(content, "sha256").hexdigest()[:20]
            target = folder / f"{digest}{Path(name).suffix.lower()}"
            passed_over["copies"] += target.exists()
            path.replace(target)
            names[str(target)] = name
        count = len(files := sorted(folder.iterdir()))
        if not split and count < MIN_IMAGES:
            raise ArchiveError(
                f"the class {class_name} has {count} picture, allowed: at least {MIN_IMAGES}{_why(passed_over)}"
            )
        for file in files[: max(1, round(count / TEST_SHARE))] if not split else ():
            names[str(test / file.name)] = names.pop(str(file))
            file.rename(test / file.name)
    return names


def _pixels(path: Path, name: str) -> int:
    """The pixels of a picture, before it is decoded."""
    try:
        width, height, _ = decoding.header_of(str(path))
    except DataError as error:
        raise DataError(str(error).replace(str(path), name)) from None
    if width * height > MAX_PIXELS:
        raise ArchiveError(
            f"{name} has {width} x {height} pixels, allowed: at most {MAX_PIXELS // 10**6} megapixels; make it smaller"
        )
    return width * height


def _settings(paths: list[str]) -> tuple[int | None, bool]:
    """The size to resize to, None to keep it, and whether all pictures are grey."""
    headers = [decoding.header_of(path) for path in paths]
    sizes = {(width, height) for width, height, _ in headers}
    (width, height) = next(iter(sizes))
    keep = len(sizes) == 1 and width == height and width in KEPT_SIDES
    return None if keep else SIDE, all(mode in ("1", "L", "LA") for _, _, mode in headers)


def _write_thumbnails(images: np.ndarray, counts: tuple[int, ...], place: Path) -> None:
    """The first training images of each class in one picture, a row a class; white where a class has fewer."""
    from PIL import Image

    side = images.shape[2]
    sheet = np.full((len(counts), side, THUMBNAILS, side, 3), 255, np.uint8)
    for row, (count, end) in enumerate(zip(counts, np.cumsum(counts), strict=True)):
        shown = images[end - count : end][:THUMBNAILS].transpose(2, 0, 3, 1)  # (side, shown, side, channels)
        sheet[row, :, : shown.shape[1]] = shown
    Image.fromarray(sheet.reshape(len(counts) * side, THUMBNAILS * side, 3)).save(place / "thumbnails.png")


def _mb(count: int) -> str:
    return f"{count / MB:,.1f} MB" if count < 10 * MB else f"{count / MB:,.0f} MB"
