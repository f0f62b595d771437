"""Names beside the points of a figure: points at nearly one place share a label, and no label covers another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

LINE = 17  # pixels between the lines of a label


class Label(NamedTuple):
    lines: list[str]
    height: float  # of its middle, in pixels from the bottom of the plot


def wrapped(names: Sequence[str], width: int) -> list[str]:
    """The names separated by commas, in lines of at most `width` characters; a longer name has a line of its own."""
    lines: list[str] = []
    for place, name in enumerate(names):
        text = name + ("," if place < len(names) - 1 else "")
        if lines and len(lines[-1]) + 1 + len(text) <= width:
            lines[-1] += f" {text}"
        else:
            lines.append(text)
    return lines


def grouped(heights: Sequence[float], within: float) -> list[list[int]]:
    """The indices of points whose heights follow each other within this distance, from the lowest group up."""
    groups: list[list[int]] = []
    for index in sorted(range(len(heights)), key=heights.__getitem__):
        if groups and heights[index] - heights[groups[-1][-1]] <= within:
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups


def stacked(labels: Sequence[Label], bottom: float) -> list[Label]:
    """The labels, from the lowest up, moved up or down as little as keeps them apart and above `bottom`."""
    placed: list[list[Label]] = []  # blocks of labels that touch each other
    for label in labels:
        block = [label]
        while placed and _low(block, bottom) < _top(placed[-1], bottom):
            block = placed.pop() + block
        placed.append(block)
    result = []
    for block in placed:
        at = _low(block, bottom)
        for label in block:
            size = LINE * len(label.lines)
            result.append(label._replace(height=at + size / 2))
            at += size
    return result


def _low(block: Sequence[Label], bottom: float) -> float:
    """The lower end of a block whose labels are, on average, where they belong."""
    offset, shifts = 0.0, 0.0
    for label in block:
        size = LINE * len(label.lines)
        shifts += label.height - (offset + size / 2)
        offset += size
    return max(bottom, shifts / len(block))


def _top(block: Sequence[Label], bottom: float) -> float:
    return _low(block, bottom) + sum(LINE * len(label.lines) for label in block)
