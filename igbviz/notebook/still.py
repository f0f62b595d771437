"""A picture as text that a notebook stores."""

from __future__ import annotations

import base64
import io

from PIL import Image

COLORS = 128  # of a palette: a chart has few, and the file becomes a third as large


def still_image(image: Image.Image) -> str:
    """A PNG in base64."""
    buffer = io.BytesIO()
    image.quantize(COLORS).save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()
