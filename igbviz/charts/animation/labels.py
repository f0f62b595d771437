"""Names beside the ends of lines, as on the stage: see charts/js/labels.js, which does the same in the browser.

Ends that lie together share one name ("8 classes at 0"); the names are then moved apart as little as possible.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression

TOGETHER = 5.0  # pixels between ends that may share a name
FEWEST = 3  # so many ends at least: two names still fit beside each other


@dataclass(frozen=True)
class End:
    """The end of a line, in pixels from the top; a strong one keeps its own name."""

    name: str
    y: float
    value: float
    color: str | None
    strong: bool


@dataclass(frozen=True)
class Name:
    """A text at height `at`, for lines that end at height `y`."""

    text: str
    y: float
    at: float
    color: str | None
    strong: bool


def layout(ends: list[End], plural: str, *, gap: float, low: float, high: float) -> list[Name]:
    """The names of these ends, their centers at least `gap` apart, between `low` and `high`."""
    if not ends:
        return []
    ends = sorted(ends, key=lambda end: end.y)
    most = max(1, int((high - low) / gap) + 1)  # names that fit
    near, groups = TOGETHER, _grouped(ends, TOGETHER, FEWEST)
    while len(groups) > most and near < 2 * (high - low):
        near *= 1.5
        groups = _grouped(ends, near, 2)
    centers = [sum(end.y for end in group) / len(group) for group in groups]
    names = []
    for group, y, at in zip(groups, centers, apart(centers, gap, low, high), strict=True):
        one = group[0]
        text, color = one.name, one.color
        if len(group) > 1:
            text, color = f"{len(group)} {plural} at {round(group[len(group) // 2].value, 2):g}", None
        names.append(Name(text, y, at, color, one.strong))
    return names


def apart(wanted: list[float], gap: float, low: float, high: float) -> list[float]:
    """Positions at least `gap` apart and as near to the wanted ones as possible, in their order.

    Without the gaps, place i minus i * gap, the order is all that is left to keep: an isotonic regression.
    """
    gaps = gap * np.arange(len(wanted))
    places = isotonic_regression(np.asarray(wanted) - gaps).x
    return list(np.clip(places, low, max(low, high - gaps[-1])) + gaps)


def _grouped(ends: list[End], near: float, fewest: int) -> list[list[End]]:
    groups: list[list[End]] = []
    for end in ends:
        last = groups[-1] if groups else None
        joins = (
            last is not None
            and not (end.strong or last[0].strong)
            and end.y - last[-1].y <= near
            and end.y - last[0].y <= 2 * near
        )
        if last is not None and joins:
            last.append(end)
        else:
            groups.append([end])
    return [part for group in groups for part in ([group] if len(group) >= fewest else [[end] for end in group])]
