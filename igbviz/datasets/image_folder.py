"""Folders of images as two uint8 arrays, decoded once and cached.

Torch is never imported, and an image is opened only to decode it or to learn the size of the first, so that listing the
classes of a folder is cheap.
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
from pathlib import Path

import numpy as np

from igbviz.datasets import decoding
from igbviz.datasets.errors import DataError, check_size
from igbviz.datasets.fingerprints import fingerprint, write_whole
from igbviz.datasets.folders import SPLITS, Listing, list_folder

DECODER_VERSION = 4  # raised whenever the same files would be decoded to other values: part of every fingerprint


@dataclass(frozen=True)
class Decoded:
    """The images of both splits, (N, C, H, W) uint8, class by class; and in words what was read and done."""

    images: dict[str, np.ndarray]
    words: str


def listing_of(folder: Path) -> Listing:
    """The images in a folder, by split and class. Raises DataError."""
    return list_folder(folder, decoding.formats())


def first_size(listing: Listing) -> tuple[int, int]:
    """(height, width) of the first image. Raises DataError."""
    path = listing.paths[0]
    try:
        return _size_of(path, os.stat(path).st_mtime_ns)
    except DataError:
        decoding.require_images(listing.paths)  # rather than name one bad file after the other
        raise


@lru_cache(maxsize=32)
def _size_of(path: str, modified: int) -> tuple[int, int]:
    return decoding.size_of(path)


def folder_fingerprint(folder: Path, cache: Path) -> str:
    """The fingerprint of the images in a folder, of their classes and order, and of the version of the decoder."""
    listing = listing_of(folder)
    groups = {f"{split}/{name}": paths for split in SPLITS for name, paths in listing.files[split].items()}
    index = cache / f"{_key(os.path.realpath(folder))}.index.json"
    return fingerprint(groups, ["image-folder", DECODER_VERSION], index)


def decode_folder(folder: Path, size: int | None, grayscale: bool, cache: Path) -> Decoded:
    """All images of a folder, of the size `size` squared, or else all of the same size.

    The arrays are cached in the folder `cache` under the fingerprint of the images, so a changed file is decoded again;
    a cached file that cannot be read is ignored.
    """
    listing = listing_of(folder)
    height, width = (size, size) if size else first_size(listing)
    shape = (1 if grayscale else 3, height, width)
    check_size(len(listing.paths), shape, str(folder))
    before = folder_fingerprint(folder, cache)
    path = decoded_file(before, size, grayscale, cache)
    if (cached := _cached(path)) is None:
        images, words = decoding.decode(listing.paths, shape, size is not None, folder.name)
        trained_on = sum(listing.counts("train"))
        cached = Decoded({"train": images[:trained_on], "test": images[trained_on:]}, words)
        if folder_fingerprint(folder, cache) != before:
            raise DataError(f"{folder} has changed while its images were read: start the run again")
        _store(path, cached)
    return Decoded(cached.images, "; ".join(filter(None, (cached.words, listing.passed_over_words()))))


def decoded_file(found: str, size: int | None, grayscale: bool, cache: Path) -> Path:
    """The file in which `decode_folder` caches the images of a folder with the fingerprint `found`."""
    return cache / f"{_key([found, size, grayscale])}.npz"


def _key(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:24]


def _cached(path: Path) -> Decoded | None:
    # Every array in an npz has a checksum, so an incomplete file raises one of these errors.
    damaged = OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error
    with suppress(*damaged), np.load(path, allow_pickle=False) as arrays:
        return Decoded({split: arrays[split] for split in SPLITS}, str(arrays["words"]))
    return None


def _store(path: Path, decoded: Decoded) -> None:
    write_whole(path, lambda file: np.savez(file, words=np.array(decoded.words), **decoded.images))
