"""The spectrum between cross-entropy and piecewise-zero: the escape step of a loss against its force at a small p.

The measurements are those of `igbviz.studies.escape`; the force of each loss is computed from its formula.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from igbviz.losses import Loss, Mixed, SoftPiecewiseZero
from igbviz.losses.force import force_at, small_p
from igbviz.studies.escape import BASE, EscapeSummary, Row, contenders, summaries

Family = Literal["mixture", "soft", "other"]
CLASSES = len(BASE.dataset.facts().class_names)
SMALL_P = small_p(CLASSES)


class Point(NamedTuple):
    """One loss: its force where the true class has probability SMALL_P, and when its runs escape."""

    label: str
    family: Family
    force: float
    summary: EscapeSummary


def points(rows: Iterable[Row], rate: str = "preset") -> list[Point]:
    """Every measured loss that still takes part, the strongest force first; `rate` is a key of RATES."""
    losses, table = contenders(), summaries(rows)
    found = [
        Point(label, family(losses[label]), force_at(losses[label], SMALL_P, CLASSES), kinds[rate])
        for label, kinds in table.items()
        if label in losses and rate in kinds
    ]
    return sorted(found, key=lambda point: -point.force)


def family(loss: Loss) -> Family:
    return "mixture" if isinstance(loss, Mixed) else "soft" if isinstance(loss, SoftPiecewiseZero) else "other"
