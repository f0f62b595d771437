"""The spectrum between cross-entropy and piecewise-zero: the escape step of a loss against its force at the start.

The measurements are those of `igbviz.studies.escape`; the force of each loss is computed from its formula, at the p of
an average image before the first step.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

import numpy as np

from igbviz.losses import Loss, Mixed, SoftPiecewiseZero
from igbviz.losses.force import force_at
from igbviz.spec import listing
from igbviz.studies.escape import BASE, EscapeSummary, Row, contenders, summaries

Family = Literal["mixture", "soft", "other"]
CLASSES = len(BASE.dataset.facts().class_names)
# The probability that the untrained network gives the true class of an image: the median over the test images and seeds
# 0 to 4, to the nearest power of ten. The medians of single seeds are from 1e-183 to 1e-61.
START_P = 1e-93


class Point(NamedTuple):
    """One loss: its force where the true class has probability START_P, and when its runs escape."""

    label: str
    family: Family
    force: float
    summary: EscapeSummary


def points(rows: Iterable[Row], rate: str = "preset") -> list[Point]:
    """Every measured loss that still takes part, the strongest force first; `rate` is a key of RATES."""
    losses, table = contenders(), summaries(rows)
    found = [
        Point(label, family(losses[label]), force_at(losses[label], START_P, CLASSES), kinds[rate])
        for label, kinds in table.items()
        if label in losses and rate in kinds
    ]
    return sorted(found, key=lambda point: -point.force)


def verdict(found: Iterable[Point]) -> str:
    """In one sentence: above which force losses escape, and which do not although they have it."""
    found = list(found)
    least = min((point.force for point in found if escapes(point)), default=np.inf)
    if least == np.inf:
        return "No loss escapes in the median over its seeds."
    stronger = [point for point in found if point.force >= least]
    exceptions = [point.label for point in stronger if not escapes(point)]
    but = f", except {listing(exceptions)}" if exceptions else ""
    return (
        f"Every loss with a force of at least {least:.2g} leaves the first guess in the median over its seeds{but}; "
        f"none of the {len(found) - len(stronger)} others does."
    )


def escapes(point: Point) -> bool:
    """Whether the median over the seeds is a step."""
    return bool(np.isfinite(point.summary.escape[0]))


def family(loss: Loss) -> Family:
    return "mixture" if isinstance(loss, Mixed) else "soft" if isinstance(loss, SoftPiecewiseZero) else "other"
