"""The force of a loss over the probability of the true class: silent zones, wrong pushes, and a ranking of the family.
No torch, and no pictures.

Two quantities say how much of a say an image has, and every chart, lesson and record speaks of one of them:

- the force, w(p) = -p f'(p): the derivative of the loss by the true class's logit in units of cross-entropy's, which
  is 1 at every p. `LossOfP.weight` computes it; below 0 the true class is pushed down.
- the training signal: the Euclidean norm of the gradient on all logits, whose mean over the images of a class is what a
  probe records. An image is silent, or ignored, when its norm is under `ZERO_GRADIENT_FRACTION` of cross-entropy's; for
  a loss of p the two norms differ by the factor |w(p)|, so that its silent zones are known beforehand.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np

from igbviz.losses import LOSSES
from igbviz.losses.base import Loss, LossOfP, probability_grid

ZERO_GRADIENT_FRACTION = 0.01  # of cross-entropy's gradient: what is smaller counts as none
ZONES = {"right": "pushes the right way", "silent": "silent", "wrong": "pushes the wrong way"}


class Zone(NamedTuple):
    """A stretch of p in which a loss does one thing."""

    kind: Literal["right", "silent", "wrong"]
    low: float
    high: float

    def describe(self) -> str:
        place = f"from p = {self.low:.2g} to {self.high:.2g}"
        if self.low == 0 or self.high == 1:
            place = (
                "at every p"
                if self.high - self.low == 1
                else f"above p = {self.low:.2g}"
                if self.low
                else f"below p = {self.high:.2g}"
            )
        return f"{'is silent' if self.kind == 'silent' else ZONES[self.kind]} {place}"


def zones(loss: LossOfP) -> list[Zone]:
    """What the loss does from p = 0 to p = 1, each stretch beginning where the one before ends."""
    log_p = probability_grid()
    force = loss.weight(log_p, np)
    does = np.where(np.abs(force) < ZERO_GRADIENT_FRACTION, 0, np.sign(force)).astype(int)
    change = np.flatnonzero(np.diff(does)) + 1
    for first, after in zip(change[:-1], change[1:], strict=True):
        if does[first] == 0 and does[first - 1] == -does[after]:  # it only turns round here, which is no silence
            does[first:after] = np.where(force[first:after] < 0, -1, 1)
    change = np.flatnonzero(np.diff(does)) + 1
    low, high = log_p[change - 1], log_p[change]
    # 0 between right and wrong, otherwise the edge of silence on that side.
    level = ZERO_GRADIENT_FRACTION * (does[change - 1] + does[change])
    begins_above = force[change - 1] > level
    for _ in range(60):
        middle = (low + high) / 2
        before = (loss.weight(middle, np) > level) == begins_above
        low, high = np.where(before, middle, low), np.where(before, high, middle)
    edges = [0.0, *np.exp(high).tolist(), 1.0]
    kinds = [("silent", "right", "wrong")[does[place]] for place in [0, *change]]
    return [Zone(kind, *ends) for kind, *ends in zip(kinds, edges[:-1], edges[1:], strict=True)]


def force_at(loss: Loss, p: float, classes: int) -> float:
    """The force where the true class has probability p: w(p), or what corresponds to it for a loss of all logits.

    Such a loss is asked where the true class has probability p and one favoured class stands above K - 1 equal others.
    """
    if isinstance(loss, LossOfP):
        return float(loss.weight(np.log([p]), np)[0])
    lead = np.log(max(1 / p - (classes - 1), 1.0))
    slope = loss.gradient(one_favoured(np.array([lead]), classes), np.zeros(1, np.int64))
    return float(-slope[0, 0] / (1 - p))  # that of cross-entropy is -(1 - p)


def ranking(classes: int) -> list[dict[str, Any]]:
    """Every loss as it is by default, the strongest force on an improbable class first."""
    # Just under 1/K: a cutoff at 1/K counts p = 1/K as below it, and rounding should not decide that.
    even, rare = (1 - 1e-9) / classes, min(1e-4, 0.1 / classes)
    rows = [
        {
            "name": name,
            "title": kind.title,
            "even": force_at(kind(), even, classes),
            "rare": force_at(kind(), rare, classes),
            "effect": kind.effect,
            "source": kind.source,
            "of p only": kind.depends_on_p_only,
        }
        for name, kind in LOSSES.items()
    ]
    return sorted(rows, key=lambda row: (-row["rare"], -row["even"]))


def one_favoured(lead: np.ndarray, classes: int) -> np.ndarray:
    """(leads, classes) logits: the true class is 0 and the favoured one 1."""
    return np.outer(lead, np.arange(classes) == 1).astype(np.float64)
