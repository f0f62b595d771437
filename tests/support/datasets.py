"""Write data sets to disk, and compare data sets that were read."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch

from igbviz.datasets import (
    DATASETS,
    Data,
    DataError,
)
from igbviz.datasets.public import Downloaded, IdxImages

DOWNLOADED = {name: cls for name, cls in DATASETS.items() if issubclass(cls, Downloaded)}


PARTS = ("train_images", "train_labels", "test_images", "test_labels")


LIKE_MNIST = {name: cls for name, cls in DATASETS.items() if issubclass(cls, IdxImages)}


def write_idx(place: Path, packed: bool, labels=(0, 1, 2, 1, 0), side: int = 4) -> np.ndarray:
    """Write four IDX files, compressed if `packed`; returns the training images."""
    place.mkdir(parents=True, exist_ok=True)
    images = np.random.default_rng(len(labels)).integers(0, 256, (len(labels), side, side), dtype=np.uint8)
    for part in ("train", "t10k"):
        for array, kind in ((images, "images-idx3"), (np.array(labels, np.uint8), "labels-idx1")):
            content = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes() + array.tobytes()
            (place / f"{part}-{kind}-ubyte{'.gz' if packed else ''}").write_bytes(
                gzip.compress(content) if packed else content
            )
    return images


def sentence(action, *names) -> str:
    """The message of the DataError that `action` raises; asserts that it is one line with all the names."""
    with pytest.raises(DataError) as caught:
        action()
    message = str(caught.value)
    assert "\n" not in message and ". " not in message and len(message) < 400, message
    assert all(str(name) in message for name in names), message
    return message


def same(one: Data, other: Data) -> bool:
    return all(torch.equal(getattr(one, part), getattr(other, part)) for part in PARTS)
