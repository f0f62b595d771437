"""What the values in an image file mean, where Pillow gives them without their meaning.

Pillow takes unsigned 32-bit integers for signed ones and signed 8-bit integers for unsigned ones, inverts values that
count white as zero only up to 8 bits, and compares a transparent grey of 2, 4 or 16 bits with values of another scale.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

PHOTOMETRIC, SAMPLE_FORMAT = 262, 339  # TIFF tags
WHITE_IS_ZERO, UNSIGNED, SIGNED = 0, 1, 2
GREYS = {"L;2": 85, "L;4": 17}  # what Pillow multiplies the values of a PNG by


@dataclass(frozen=True)
class Meaning:
    """The numpy type of the values, if it is not Pillow's, and the value that is transparent, if one of them is."""

    dtype: str = ""
    transparent: int | None = None

    def values(self, image: Image.Image) -> np.ndarray:
        values = np.asarray(image)
        return values.view(self.dtype) if self.dtype else values

    def limits(self, image: Image.Image) -> tuple[float, float]:
        """The lowest and the highest value, without transparent ones; both 0 if there are no others."""
        values = self.values(image)
        if self.transparent is not None:
            values = values[values != self.transparent]
        return (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)


def meaning_of(image: Image.Image) -> Meaning:
    """What the values mean, read from a file that is not loaded yet; its transparent grey gets Pillow's scale.

    Raises ValueError where the meaning cannot be kept.
    """
    coding = str(image.tile[0][3]) if image.tile else ""
    tags = getattr(image, "tag_v2", {})
    is_wide = image.mode.startswith("I") or image.mode == "F"
    if is_wide and tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:
        raise ValueError("its values of more than 8 bits count white as 0, allowed: black as 0, or 8 bits")
    if image.format == "PNG" and "transparency" in image.info:
        if "RGB;16" in coding:
            raise ValueError("it has a transparent colour of 16 bits, allowed: an alpha channel, or 8 bits")
        if factor := next((factor for name, factor in GREYS.items() if name in coding), None):
            image.info["transparency"] *= factor
        if is_wide:
            return Meaning(transparent=image.info["transparency"])
    sample_format = tags.get(SAMPLE_FORMAT, (UNSIGNED,))[0] if tags else None
    if image.mode == "I" and sample_format == UNSIGNED:
        return Meaning("uint32")
    if image.mode == "L" and sample_format == SIGNED:
        return Meaning("int8")
    return Meaning()


def color_limits(image: Image.Image) -> tuple[float, float]:
    """The lowest and the highest value of the colours that can be seen."""
    values = np.asarray(image.convert("RGBA") if image.has_transparency_data else image.convert("RGB"))
    seen = values[values[..., 3] > 0] if values.shape[2] == 4 else values
    return (float(seen[..., :3].min()), float(seen[..., :3].max())) if seen.size else (0.0, 0.0)
