"""The force of a loss as a function of p: zero-gradient zones, wrong pushes, and a ranking of all losses. No torch.

Every chart, lesson and record uses one of two quantities for the influence of an image on training:

- the force, w(p) = -p f'(p): the derivative of the loss by the true class's logit in units of cross-entropy's, whose
  force is 1 at every p. `LossOfP.weight` computes it; below 0 the true class is pushed down.
- the training signal: the Euclidean norm of the gradient on all logits. A probe records its mean over the images of a
  class. An image is ignored (silent) when its norm is under `ZERO_GRADIENT_FRACTION` of cross-entropy's; for a loss of
  p the two norms differ by the factor |w(p)|, so its silent zones follow from the formula.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np

from igbviz.losses import LOSSES
from igbviz.losses.base import Loss, LossOfP, probability_grid

ZERO_GRADIENT_FRACTION = 0.01  # of cross-entropy's gradient: smaller gradients count as zero
ZONES = {"right": "pushes the right way", "silent": "zero gradient", "wrong": "pushes the wrong way"}


class Zone(NamedTuple):
    """An interval of p in which the force of a loss has one sign, or is nearly zero."""

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
        return f"{'has zero gradient' if self.kind == 'silent' else ZONES[self.kind]} {place}"


def zones(loss: LossOfP) -> list[Zone]:
    """The zones of a loss from p = 0 to p = 1, each beginning where the one before ends.

    A force that only changes its sign makes no silent zone, although it is nearly zero there: blurry loss goes from
    the wrong push to the right one between p = 0.230 and 0.249.
    """
    log_p = probability_grid()
    force = loss.weight(log_p, np)
    sign = np.where(np.abs(force) < ZERO_GRADIENT_FRACTION, 0, np.sign(force)).astype(int)
    change = np.flatnonzero(np.diff(sign)) + 1
    for first, after in zip(change[:-1], change[1:], strict=True):
        if sign[first] == 0 and sign[first - 1] == -sign[after]:  # only a change of sign
            sign[first:after] = np.where(force[first:after] < 0, -1, 1)
    change = np.flatnonzero(np.diff(sign)) + 1
    low, high = log_p[change - 1], log_p[change]
    # A boundary is where the force crosses 0 between right and wrong, otherwise the threshold on that side.
    level = ZERO_GRADIENT_FRACTION * (sign[change - 1] + sign[change])
    begins_above = force[change - 1] > level
    for _ in range(60):
        middle = (low + high) / 2
        before = (loss.weight(middle, np) > level) == begins_above
        low, high = np.where(before, middle, low), np.where(before, high, middle)
    edges = [0.0, *np.exp(high).tolist(), 1.0]
    kinds = [("silent", "right", "wrong")[sign[place]] for place in [0, *change]]
    return [Zone(kind, *ends) for kind, *ends in zip(kinds, edges[:-1], edges[1:], strict=True)]


def force_at(loss: Loss, p: float, classes: int) -> float:
    """The force where the true class has probability p: w(p), or its equivalent for a loss of all logits.

    Such a loss is evaluated where the true class has probability p and one favoured class leads K - 1 equal others. NaN
    for one that does not run on numpy.
    """
    if loss.of_p is not None:
        return float(loss.of_p.weight(np.log([p]), np)[0])
    lead = np.log(max(1 / p - (classes - 1), 1.0))
    slope = loss.gradient(one_favoured(np.array([lead]), classes), np.zeros(1, np.int64))
    return float(-slope[0, 0] / (1 - p))  # cross-entropy's slope is -(1 - p)


def pulls(loss: Loss, p: np.ndarray, classes: int) -> np.ndarray:
    """The force at every p over the largest one up to p = 0.9: 0 where an image is ignored, below 0 for a wrong push.

    A loss of all logits is evaluated as in `force_at`, where one class leads the others by at least 1. Close to p = 1,
    where cross-entropy itself hardly pulls, a force in units of it may be a hundred times as large: 1 is the most. A
    loss that does not run on numpy counts as one that hears every image.
    """
    if not loss.runs_on_numpy:
        return np.ones(len(p))
    p = np.clip(p, 1e-6, 0.998)
    if loss.of_p is not None:
        force = loss.of_p.weight(np.log(p), np)
    else:
        lead = np.log(np.maximum(1 / p - (classes - 1), np.e))
        logits = one_favoured(lead, classes)
        logits[:, 0] = np.log(p / (1 - p) * (np.exp(lead) + classes - 2))
        force = -loss.gradient(logits, np.zeros(len(p), np.int64))[:, 0] / (1 - p)
    largest = np.abs(force[p <= 0.9]).max(initial=ZERO_GRADIENT_FRACTION)
    share = np.clip(np.abs(force) / largest, ZERO_GRADIENT_FRACTION, 1)  # what is heard is not lost in rounding
    return np.where(np.abs(force) < ZERO_GRADIENT_FRACTION, 0.0, np.sign(force) * share)


def gradient_norm(loss: LossOfP, log_p: np.ndarray) -> np.ndarray:
    """The training signal of an image: the norm of the gradient on all logits, where one wrong class has the rest.

    Cross-entropy's gradient is the probabilities minus the one-hot label, so its norm is √2 (1 - p) there; a loss of p
    multiplies it by |w(p)|. Were the rest spread over all K - 1 wrong classes, it would be smaller by √(K / (2K - 2)).

    >>> igbviz.losses.force.gradient_norm(igbviz.losses.CrossEntropy().of_p, np.log([1e-9]))
    array([1.41421356])
    """
    return np.sqrt(2) * -np.expm1(log_p) * np.abs(loss.weight(log_p, np))


def ranking(classes: int) -> list[dict[str, Any]]:
    """One row per loss at its defaults, the strongest force on an improbable class first."""
    # Just under 1/K: a cutoff at 1/K counts p = 1/K as below it, which rounding must not decide.
    even, rare = (1 - 1e-9) / classes, min(1e-4, 0.1 / classes)
    rows = [
        {
            "name": name,
            "title": kind.title,
            "even": force_at(kind(), even, classes),
            "rare": force_at(kind(), rare, classes),
            "effect": kind.effect,
            "source": kind.source,
            "of p only": kind().of_p is not None,
        }
        for name, kind in LOSSES.items()
    ]
    return sorted(rows, key=lambda row: (np.isnan(row["rare"]), -row["rare"], -row["even"]))  # the unknown ones last


def one_favoured(lead: np.ndarray, classes: int) -> np.ndarray:
    """(leads, classes) logits: the true class is 0 and the favoured one 1."""
    return np.outer(lead, np.arange(classes) == 1).astype(np.float64)
