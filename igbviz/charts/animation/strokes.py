"""Small parts of drawing: dashes along a line, and colors between two others."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

import numpy as np
from PIL import ImageColor

Color = tuple[int, int, int]


def rgb(color: str) -> Color:
    return ImageColor.getrgb(color)[:3]


def mixed(color: Color, background: Color, part: float) -> Color:
    """The color at this opacity."""
    return tuple(round(part * one + (1 - part) * other) for one, other in zip(color, background, strict=True))


def dashes(points: np.ndarray, pattern: Sequence[float]) -> list[np.ndarray]:
    """The line through these points, cut into strokes: `pattern` has lengths of strokes and gaps by turns."""
    if not pattern or len(points) < 2:
        return [points] if len(points) > 1 else []
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])

    def at(length: float) -> list[float]:
        return [float(np.interp(length, along, column)) for column in points.T]

    strokes, start = [], 0.0
    for number, length in enumerate(cycle(pattern)):
        end = min(start + length, along[-1])
        if number % 2 == 0 and end > start:
            inside = points[(along > start) & (along < end)]
            strokes.append(np.array([at(start), *inside.tolist(), at(end)]))
        start = end
        if start >= along[-1]:
            return strokes
    return strokes
