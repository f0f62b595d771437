"""Zips of small pictures, as somebody makes them by hand."""

from __future__ import annotations

import io
import zipfile

import numpy as np
from PIL import Image


def picture(seed: int, kind: str = "PNG", size: tuple[int, int] = (20, 14)) -> bytes:
    """A file with a picture of random pixels."""
    file = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def pets(count: int = 6, above: str = "") -> dict[str, bytes]:
    """So many different pictures of each of two classes, by path; they differ in size."""
    return {
        f"{above}{name}/{number}.png": picture(100 * label + number, size=(20 + number, 14))
        for label, name in enumerate(("cat", "dog"))
        for number in range(count)
    }


def zipped(files: dict[str | zipfile.ZipInfo, bytes]) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file
