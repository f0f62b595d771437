"""Images in folders: `train/<class>/*` and `test/<class>/*` become two uint8 arrays, decoded once and then kept.

Nothing here imports torch, and Pillow only where an image is opened: a page may ask for the class names of a folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
import zlib
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

SPLITS = ("train", "test")
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".ppm", ".pgm", ".tif", ".tiff", ".webp", ".gif")
DECODING = 2  # raised whenever the same files would be decoded to other numbers: what was kept is made anew then
LARGEST = 8e9  # values of all images together: 8 GB as bytes, 32 GB once they are float32


class DataError(RuntimeError):
    """Data that cannot be had. The message is one sentence: which file or folder, what is wrong, what to do."""


@dataclass(frozen=True)
class Summary:
    """A folder of images seen from outside: names and counts, in class order, and the (height, width) of its first
    image."""

    class_names: tuple[str, ...]
    train_counts: tuple[int, ...]
    test_counts: tuple[int, ...]
    first_size: tuple[int, int]


def summary(folder: Path) -> Summary:
    """What a folder holds, without decoding it. Asked again it costs only a look at the dates of the class folders."""
    return _summary(folder, tuple(path.stat().st_mtime_ns for path in _class_folders(folder)))


@lru_cache(maxsize=32)
def _summary(folder: Path, changed: tuple[int, ...]) -> Summary:
    files = _files(folder)
    train, test = ([len(entries) for entries in files[split].values()] for split in SPLITS)
    first = next(iter(files["train"].values()))[0]
    return Summary(tuple(files["train"]), tuple(train), tuple(test), _size_of(first.path))


def decoded(folder: Path, size: int | None, grayscale: bool, kept_in: Path) -> dict[str, np.ndarray]:
    """{"train": images, "test": images}, each (N, C, H, W) uint8, class after class in the order of `summary`.

    All images get one size: `size` squared, or else the size of the first image. The arrays are kept in the folder
    `kept_in` under a hash of everything they depend on, so a changed file is decoded anew; a kept file that cannot be
    read is as good as none.
    """
    files = [
        (split, name, entry)
        for split, classes in _files(folder).items()
        for name, entries in classes.items()
        for entry in entries
    ]
    height, width = (size, size) if size else _size_of(files[0][2].path)
    shape = (1 if grayscale else 3, height, width)
    affordable(len(files), shape, str(folder))
    listing = [
        (split, name, entry.name, entry.stat().st_size, entry.stat().st_mtime_ns) for split, name, entry in files
    ]
    identity = json.dumps([DECODING, os.path.realpath(folder), shape, listing])
    kept = kept_in / f"{hashlib.sha256(identity.encode()).hexdigest()[:24]}.npz"
    # Every array in an npz has a checksum, so a torn file does not pass for whole.
    torn = OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error
    with suppress(*torn), np.load(kept, allow_pickle=False) as arrays:
        return {split: arrays[split] for split in SPLITS}
    paths = {wanted: [entry.path for split, _, entry in files if split == wanted] for wanted in SPLITS}
    images = {split: _decode(paths[split], shape, f"{folder.name}/{split}") for split in SPLITS}
    _keep(kept, images)
    return images


def affordable(count: int, shape: tuple[int, int, int], what: str) -> None:
    """Refuse to build more than a machine can hold, before hours of decoding or the kernel's out-of-memory killer do."""
    values = count * shape[0] * shape[1] * shape[2]
    if values > LARGEST:
        need = f"{count} images of {' x '.join(map(str, shape))} values need {values / 1e9:.1f} GB as bytes"
        raise DataError(f"{what}: {need}, allowed: {LARGEST / 1e9:.0f} GB; choose a smaller size or fewer images")


def _class_folders(folder: Path) -> list[Path]:
    """train/<class> in order, then test/<class>; both must hold the same classes."""
    names = {}
    for split in SPLITS:
        try:
            names[split] = sorted(
                entry.name for entry in os.scandir(folder / split) if entry.is_dir() and not entry.name.startswith(".")
            )
        except OSError as error:
            raise DataError(
                f"{folder / split} cannot be read ({error.strerror}): an image folder holds train/<class>/* and "
                "test/<class>/*"
            ) from error
    if odd := sorted(set(names["train"]) ^ set(names["test"])):
        raise DataError(
            f"train and test of {folder} must hold the same classes, but only one of them has: {', '.join(odd)}"
        )
    if len(names["train"]) < 2:
        raise DataError(
            f"{folder / 'train'} holds {len(names['train'])} class folders, allowed: at least 2, one a class"
        )
    return [folder / split / name for split in SPLITS for name in names[split]]


def _files(folder: Path) -> dict[str, dict[str, list[os.DirEntry]]]:
    """The image files by split and class, all sorted by name: the order of the file system is nobody's choice."""
    files: dict[str, dict[str, list[os.DirEntry]]] = {split: {} for split in SPLITS}
    for path in _class_folders(folder):
        images = [entry for entry in os.scandir(path) if entry.name.lower().endswith(SUFFIXES) and entry.is_file()]
        if not images:
            raise DataError(f"{path} holds no image, allowed: at least one file that ends in {', '.join(SUFFIXES)}")
        files[path.parent.name][path.name] = sorted(images, key=lambda entry: entry.name)
    return files


def _size_of(path: str) -> tuple[int, int]:
    from PIL import Image

    try:
        with Image.open(path) as image:
            return image.height, image.width
    except Exception as error:  # decoders of broken files raise almost anything
        raise _unreadable(path, error) from error


def _decode(paths: list[str], shape: tuple[int, int, int], what: str) -> np.ndarray:
    """(N, C, H, W) uint8; colours become grey by luma, other sizes are resized bilinearly with antialiasing."""
    from PIL import Image
    from tqdm import tqdm

    channels, height, width = shape
    images = np.empty((len(paths), *shape), np.uint8)

    def decode(index: int) -> None:
        try:
            with Image.open(paths[index]) as image:
                pixels = _eight_bits(image).convert(
                    "RGB"
                )  # first to RGB: grey means the luma of the colours, from any source
                pixels = pixels.convert("L") if channels == 1 else pixels
                if pixels.size != (width, height):
                    pixels = pixels.resize((width, height), Image.Resampling.BILINEAR)
                images[index] = np.asarray(pixels).reshape(height, width, channels).transpose(2, 0, 1)
        except Exception as error:
            raise _unreadable(paths[index], error) from error

    # Few threads and large pieces: thumbnails spend their time in Python, where more threads only fight for its lock.
    with ThreadPool(min(8, os.cpu_count() or 1)) as pool:
        for _ in tqdm(
            pool.imap(decode, range(len(paths)), chunksize=64), what, len(paths), unit=" images", mininterval=0.5
        ):
            pass
    return images


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 bits (as 32-bit integers where a format has no 16) by its upper byte, as Pillow reads colours of 16
    bits; it would cut off all above 255. Other images as they are."""
    if not image.mode.startswith("I"):
        return image
    from PIL import Image

    return Image.fromarray((np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))


def _unreadable(path: str, error: Exception) -> DataError:
    reason = str(error).replace(repr(path), "it").strip(" .")
    return DataError(f"{path} cannot be read as an image ({reason}): repair it or take it out of the folder")


def _keep(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Written beside and then moved into place, so that a reader never meets half a file; nowhere to write only costs
    the time."""
    unfinished = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(unfinished, "wb") as file:
            np.savez(file, **arrays)
        os.replace(unfinished, path)
    except OSError:
        with suppress(OSError):
            unfinished.unlink()
