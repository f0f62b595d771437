"""Folders of images: `train/<class>/*` and `test/<class>/*` become two uint8 arrays, decoded once and cached.

Torch is never imported, and Pillow only when an image is opened, so that listing the classes of a folder is cheap.
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
DECODER_VERSION = 2  # raised whenever the same files would be decoded to other values: invalidates the cache
MAX_VALUES = 8e9  # of all images together: 8 GB as bytes, 32 GB as float32


class DataError(RuntimeError):
    """Data cannot be loaded. The message is one sentence: which file or folder, what is wrong, what to do."""


@dataclass(frozen=True)
class FolderSummary:
    """Names and counts of a folder of images, in class order, and the (height, width) of its first image."""

    class_names: tuple[str, ...]
    train_counts: tuple[int, ...]
    test_counts: tuple[int, ...]
    first_size: tuple[int, int]


def folder_summary(folder: Path) -> FolderSummary:
    """The contents of a folder, without decoding it. Cached until the modification time of a class folder changes."""
    return _summary(folder, tuple(path.stat().st_mtime_ns for path in _class_folders(folder)))


@lru_cache(maxsize=32)
def _summary(folder: Path, modified: tuple[int, ...]) -> FolderSummary:
    files = _files(folder)
    train, test = ([len(entries) for entries in files[split].values()] for split in SPLITS)
    first = next(iter(files["train"].values()))[0]
    return FolderSummary(tuple(files["train"]), tuple(train), tuple(test), _size_of(first.path))


def decode_folder(folder: Path, size: int | None, grayscale: bool, cache: Path) -> dict[str, np.ndarray]:
    """{"train": images, "test": images}, each (N, C, H, W) uint8, class by class in the order of `folder_summary`.

    All images get the same size: `size` squared, or else that of the first image. The arrays are cached in the folder
    `cache` under a hash of everything they depend on, so a changed file is decoded again; a cached file that cannot be
    read is ignored.
    """
    files, shape = _files_and_shape(folder, size, grayscale)
    check_size(len(files), shape, str(folder))
    path = decoded_file(folder, size, grayscale, cache)
    # Every array in an npz has a checksum, so an incomplete file raises one of these errors.
    damaged = OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error
    with suppress(*damaged), np.load(path, allow_pickle=False) as arrays:
        return {split: arrays[split] for split in SPLITS}
    paths = {name: [entry.path for split, _, entry in files if split == name] for name in SPLITS}
    images = {split: _decode(paths[split], shape, f"{folder.name}/{split}") for split in SPLITS}
    _store(path, images)
    return images


def decoded_file(folder: Path, size: int | None, grayscale: bool, cache: Path) -> Path:
    """The file that `decode_folder` caches its arrays in."""
    files, shape = _files_and_shape(folder, size, grayscale)
    listing = [
        (split, name, entry.name, entry.stat().st_size, entry.stat().st_mtime_ns) for split, name, entry in files
    ]
    identity = json.dumps([DECODER_VERSION, os.path.realpath(folder), shape, listing])
    return cache / f"{hashlib.sha256(identity.encode()).hexdigest()[:24]}.npz"


def _files_and_shape(
    folder: Path, size: int | None, grayscale: bool
) -> tuple[list[tuple[str, str, os.DirEntry]], tuple[int, int, int]]:
    """All images with their split and class, and the (C, H, W) that they are decoded to."""
    files = [
        (split, name, entry)
        for split, classes in _files(folder).items()
        for name, entries in classes.items()
        for entry in entries
    ]
    height, width = (size, size) if size else _size_of(files[0][2].path)
    return files, (1 if grayscale else 3, height, width)


def check_size(count: int, shape: tuple[int, int, int], source: str) -> None:
    """Raise DataError for more images than fit into memory: before hours of decoding, and before an OOM kill."""
    values = count * shape[0] * shape[1] * shape[2]
    if values > MAX_VALUES:
        need = f"{count} images of {' x '.join(map(str, shape))} values need {values / 1e9:.1f} GB as bytes"
        raise DataError(f"{source}: {need}, allowed: {MAX_VALUES / 1e9:.0f} GB; choose a smaller size or fewer images")


def _class_folders(folder: Path) -> list[Path]:
    """All train/<class> in order, then all test/<class>; both must have the same classes."""
    names = {}
    for split in SPLITS:
        try:
            names[split] = sorted(
                entry.name for entry in os.scandir(folder / split) if entry.is_dir() and not entry.name.startswith(".")
            )
        except OSError as error:
            raise DataError(
                f"{folder / split} cannot be read ({error.strerror}): an image folder needs train/<class>/* and "
                "test/<class>/*"
            ) from error
    if unmatched := sorted(set(names["train"]) ^ set(names["test"])):
        raise DataError(
            f"train and test of {folder} must have the same classes, but only one of them has: {', '.join(unmatched)}"
        )
    if len(names["train"]) < 2:
        raise DataError(
            f"{folder / 'train'} has {len(names['train'])} class folders, allowed: at least 2, one per class"
        )
    return [folder / split / name for split in SPLITS for name in names[split]]


def _files(folder: Path) -> dict[str, dict[str, list[os.DirEntry]]]:
    """The image files by split and class, sorted by name, since the order of the file system is arbitrary."""
    files: dict[str, dict[str, list[os.DirEntry]]] = {split: {} for split in SPLITS}
    for path in _class_folders(folder):
        images = [entry for entry in os.scandir(path) if entry.name.lower().endswith(SUFFIXES) and entry.is_file()]
        if not images:
            raise DataError(f"{path} has no image, allowed: at least one file that ends in {', '.join(SUFFIXES)}")
        files[path.parent.name][path.name] = sorted(images, key=lambda entry: entry.name)
    return files


def _size_of(path: str) -> tuple[int, int]:
    from PIL import Image

    try:
        with Image.open(path) as image:
            return image.height, image.width
    except Exception as error:  # decoders raise almost any exception on damaged files
        raise _unreadable(path, error) from error


def _decode(paths: list[str], shape: tuple[int, int, int], label: str) -> np.ndarray:
    """Images (N, C, H, W) uint8: grey is luma, other sizes are resized bilinearly with antialiasing."""
    from PIL import Image
    from tqdm import tqdm

    channels, height, width = shape
    images = np.empty((len(paths), *shape), np.uint8)

    def decode(index: int) -> None:
        try:
            with Image.open(paths[index]) as image:
                # First to RGB, so that grey is the luma of the colours for every mode.
                pixels = _eight_bits(image).convert("RGB")
                pixels = pixels.convert("L") if channels == 1 else pixels
                if pixels.size != (width, height):
                    pixels = pixels.resize((width, height), Image.Resampling.BILINEAR)
                images[index] = np.asarray(pixels).reshape(height, width, channels).transpose(2, 0, 1)
        except Exception as error:
            raise _unreadable(paths[index], error) from error

    # Few threads and large chunks: small images spend their time in Python, where more threads compete for the GIL.
    with ThreadPool(min(8, os.cpu_count() or 1)) as pool:
        for _ in tqdm(
            pool.imap(decode, range(len(paths)), chunksize=64), label, len(paths), unit=" images", mininterval=0.5
        ):
            pass
    return images


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit grey (32-bit integers in some formats) reduced to its upper byte, as Pillow does for 16-bit colours.

    Pillow itself would clip 16-bit grey at 255. Other images are returned unchanged.
    """
    if not image.mode.startswith("I"):
        return image
    from PIL import Image

    return Image.fromarray((np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))


def _unreadable(path: str, error: Exception) -> DataError:
    reason = str(error).replace(repr(path), "it").strip(" .")
    return DataError(f"{path} cannot be read as an image ({reason}): repair it or remove it from the folder")


def _store(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write to a temporary file and rename it, so that no reader sees half a file.

    A folder that is not writable is no error: the images are decoded again next time.
    """
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            np.savez(file, **arrays)
        os.replace(temporary, path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
