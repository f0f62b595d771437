"""Thumbnails as one PNG, row by row, so that a browser loads one picture for all of them."""

from __future__ import annotations

import io
import math

import numpy as np
from PIL import Image

MAX_SIDE = 32  # of a thumbnail, in pixels
MODES = {1: "L", 3: "RGB"}  # by the number of channels


def columns(count: int) -> int:
    """Thumbnails in a row."""
    return math.ceil(math.sqrt(count))


def draw(images: np.ndarray) -> tuple[tuple[int, int], bytes]:
    """The size (width, height) of a thumbnail, and the PNG of these images (N, C, H, W) uint8."""
    count, channels, height, width = images.shape
    shrink = min(1.0, MAX_SIDE / max(height, width))
    tile = max(1, round(shrink * width)), max(1, round(shrink * height))
    across = columns(count)
    sheet = Image.new(MODES[channels], (across * tile[0], math.ceil(count / across) * tile[1]))
    for place, image in enumerate(images):
        picture = Image.fromarray(image[0] if channels == 1 else np.ascontiguousarray(image.transpose(1, 2, 0)))
        if picture.size != tile:
            picture = picture.resize(tile, Image.Resampling.BOX)
        sheet.paste(picture, (place % across * tile[0], place // across * tile[1]))
    png = io.BytesIO()
    sheet.save(png, "PNG", optimize=True)
    return tile, png.getvalue()


def check(png: bytes, tile: tuple[int, int], across: int, count: int) -> None:
    """ValueError if this is not a grey or colored PNG of so many thumbnails, `across` in a row."""
    size = across * tile[0], math.ceil(count / across) * tile[1]
    try:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as sheet:
            if sheet.size != size or sheet.mode not in MODES.values():
                raise ValueError(
                    f"it has {sheet.size[0]} x {sheet.size[1]} pixels in mode {sheet.mode}, "
                    f"allowed: {size[0]} x {size[1]} in {' or '.join(MODES.values())}"
                )
            sheet.load()
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"it is not a complete PNG ({error})") from None
