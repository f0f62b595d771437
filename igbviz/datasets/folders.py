"""The files in a folder of images, `train/<class>/*` and `test/<class>/*`, without opening any of them.

The rules are those of torchvision's ImageFolder: images may lie in subfolders of their class, sorted by path. Files of
the operating system (.DS_Store, Thumbs.db and the like) are passed over, and names that macOS and Linux spell in
different bytes are one class. Classes are in natural order, 2 before 10.
"""

from __future__ import annotations

import os
import re
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from igbviz.datasets.errors import DataError, readable, some
from igbviz.datasets.paths import hint

SPLITS = ("train", "test")
LAYOUT = "an image folder needs train/<class>/* and test/<class>/*"
SYSTEM_NAMES = ("__macosx", "thumbs.db", "desktop.ini", "$recycle.bin", "@eadir")
# A change within the resolution of a file system's clock leaves the time of modification as it was. So times are
# trusted only when they are older than this, in seconds.
SETTLED = 2.0
_KNOWN: dict[Path, Listing] = {}  # the last listing of each folder, valid until one of its directories changes


@dataclass(frozen=True)
class Listing:
    """Paths of images by split and class, classes in order; and how many other files were passed over, by reason."""

    files: dict[str, dict[str, list[str]]] = field(default_factory=lambda: {split: {} for split in SPLITS})
    passed_over: Counter[str] = field(default_factory=Counter)
    directories: dict[str, int] = field(default_factory=dict)  # with their times of modification

    @property
    def paths(self) -> list[str]:
        """All images: train before test, class by class."""
        return [path for classes in self.files.values() for paths in classes.values() for path in paths]

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(self.files["train"])

    def counts(self, split: str) -> tuple[int, ...]:
        """Images of each class."""
        return tuple(map(len, self.files[split].values()))

    def passed_over_words(self) -> str:
        """In words, what is in the folder that is not read; empty if nothing is."""
        others = [f"{count} {reason}" for reason, count in self.passed_over.most_common()]
        return f"passed over: {some(others)}" if others else ""


def list_folder(folder: Path, suffixes: Mapping[str, str]) -> Listing:
    """The images in a folder: the files whose names end in one of these suffixes. Raises DataError."""
    known = _KNOWN.get(folder)
    if known is None or not _is_unchanged(known.directories):
        if len(_KNOWN) >= 32:
            _KNOWN.clear()
        known = _KNOWN[folder] = _listing(folder, suffixes)
    return known


def natural(name: str) -> tuple[list[str | int], str]:
    """A key that sorts numbers within names by value, as in 2 before 10."""
    parts: list[str | int] = re.split(r"([0-9]+)", name)
    parts[1::2] = map(int, parts[1::2])
    return parts, name


def _is_unchanged(directories: Mapping[str, int]) -> bool:
    try:
        return all(
            os.stat(path).st_mtime_ns == modified and time.time() - modified / 1e9 > SETTLED
            for path, modified in directories.items()
        )
    except OSError:
        return False


def _listing(folder: Path, suffixes: Mapping[str, str]) -> Listing:
    _require_layout(folder)
    listing, foreign, empty = Listing(), [], []
    for split in SPLITS:
        classes: dict[str, list[str]] = {}
        for entry in _entries(str(folder / split), listing):
            if is_of_system(entry.name):
                listing.passed_over["hidden"] += 1
            elif _is(entry.is_dir):
                classes.setdefault(unicodedata.normalize("NFC", entry.name), []).append(entry.path)
            else:
                listing.passed_over["outside the class folders"] += 1
        for name in sorted(classes, key=natural):
            found = sorted(file for place in classes[name] for file in _walk(place, suffixes, listing))
            listing.files[split][name] = [os.path.join(*file) for file in found]
            if not found:
                empty.append(readable(classes[name][0]))
            foreign += [path for path in (*classes[name], *listing.files[split][name]) if not _is_text(path)]
    if foreign:
        shown = some([readable(path) for path in foreign])
        raise DataError(f"{len(foreign)} names are not UTF-8 ({shown}): rename them")
    _require_classes(folder, *(list(listing.files[split]) for split in SPLITS))
    if empty:
        others = listing.passed_over_words()
        raise DataError(
            f"{some(empty)} {'has' if len(empty) == 1 else 'have'} no image, allowed: at least one file in a format "
            f"that Pillow reads, such as .jpg, .png or .tif{f' ({others})' if others else ''}"
        )
    return listing


def _require_layout(folder: Path) -> None:
    if not os.path.isdir(folder):  # not an error either where a name is too long, or a link leads to itself
        reason = "is not a folder" if os.path.lexists(folder) else "does not exist"
        raise DataError(f"{readable(str(folder))} {reason}: {LAYOUT}{hint(folder)}")
    missing = [split for split in SPLITS if not os.path.isdir(folder / split)]
    if missing:
        found = sorted(entry.name for entry in _entries(str(folder), Listing()) if not is_of_system(entry.name))
        there = some([readable(name) for name in found]) or "nothing"
        raise DataError(f"{folder} has no folder {' and no folder '.join(missing)}, it has: {there}; {LAYOUT}")


def _require_classes(folder: Path, train: list[str], test: list[str]) -> None:
    alone = {
        split: [_shown(name) for name in own if name not in set(other)]
        for split, own, other in (("train", train, test), ("test", test, train))
    }
    if any(alone.values()):
        only = " and ".join(f"only {split} has {some(names)}" for split, names in alone.items() if names)
        raise DataError(f"train and test of {folder} must have the same classes, but {only}")
    if len(train) < 2:
        raise DataError(f"{folder / 'train'} has {len(train)} class folders, allowed: at least 2, one per class")


def _shown(name: str) -> str:
    """The name of a class; in quotes if a blank at its end would not be seen."""
    return name if name == name.strip() else repr(name)


def _entries(directory: str, listing: Listing) -> list[os.DirEntry]:
    try:
        listing.directories[directory] = os.stat(directory).st_mtime_ns
        with os.scandir(directory) as entries:
            return list(entries)
    except OSError as error:
        raise DataError(f"{readable(directory)} cannot be read ({error.strerror}): {LAYOUT}") from error


def _walk(top: str, suffixes: Mapping[str, str], listing: Listing) -> list[tuple[str, str]]:
    """The images below a class folder, each as its directory and its name."""
    found, waiting, seen = [], [top], set()
    while waiting:
        directory = waiting.pop()
        if (real := os.path.realpath(directory)) in seen:  # a link to a directory above itself would never end
            continue
        seen.add(real)
        for entry in _entries(directory, listing):
            suffix = os.path.splitext(entry.name)[1].lower()
            if is_of_system(entry.name):
                listing.passed_over["hidden"] += 1
            elif _is(entry.is_dir):
                waiting.append(entry.path)
            elif not _is(entry.is_file):
                listing.passed_over["not files"] += 1
            elif suffix in suffixes:
                found.append((directory, entry.name))
            else:
                listing.passed_over[readable(suffix)[:20] or "without suffix"] += 1
    return found


def _is(kind: Callable[[], bool]) -> bool:
    """Whether an entry is of this kind; a link that runs in a circle is of none."""
    try:
        return kind()
    except OSError:
        return False


def is_of_system(name: str) -> bool:
    return name.startswith(".") or name.lower() in SYSTEM_NAMES


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
