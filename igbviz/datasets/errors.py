"""Errors of data sets: sentences that name the file or folder, and the limit on the size of a data set."""

from __future__ import annotations

import os
from collections.abc import Sequence

MAX_VALUES = 8e9  # of all images together: 8 GB as bytes, 32 GB as float32


class DataError(RuntimeError):
    """Data cannot be loaded. The message is one sentence: which file or folder, what is wrong, what to do.

    >>> igbviz.datasets.ImageFolder(folder="/no/such").facts()
    Traceback (most recent call last):
    igbviz.datasets.errors.DataError: /no/such does not exist: an image folder needs train/<class>/* and test/<class>/*
    """


def check_size(count: int, shape: tuple[int, int, int], source: str) -> None:
    """Raise DataError for more images than fit into memory: before hours of decoding, and before an OOM kill."""
    values = count * shape[0] * shape[1] * shape[2]
    if values > MAX_VALUES:
        need = f"{count} images of {' x '.join(map(str, shape))} values need {values / 1e9:.1f} GB as bytes"
        raise DataError(f"{source}: {need}, allowed: {MAX_VALUES / 1e9:.0f} GB; choose a smaller size or fewer images")


def some(names: Sequence[str], limit: int = 10) -> str:
    """The first names, and how many there are besides: 'a, b, c and 12 more'."""
    more = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {more} more" if more > 0 else "")


def readable(path: str) -> str:
    """A path that can be printed and stored, with a mark for every byte that is not UTF-8."""
    return os.fsencode(path).decode(errors="replace")
