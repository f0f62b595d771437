"""Which images steer the training: how much of the gradient those contribute whose true class has this probability p.

The number of images by p is what a probe recorded; the gradient of one of them follows from the formula of a loss of p,
where one wrong class has the rest of the probability, as a network with a strong first guess gives it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from igbviz.losses.base import Loss, LossOfP
from igbviz.losses.force import gradient_norm, zones
from igbviz.trajectory import Trajectory
from igbviz.trajectory.trajectory import P_EDGES

BINS = (0.0, 1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 0.5, 1.0)  # edges of p; all are edges of the recorded histogram
LOW = 0.1  # images with a lower p are counted together in the sentence
MIN_P = 1e-8  # the lowest p at which a bin of the formula is evaluated
POINTS = 64  # of a bin, over which the formula is averaged


@dataclass(frozen=True)
class Steering:
    """The images of one probe by the bins of `BINS`: all (B,)."""

    images: np.ndarray  # fraction of all images
    norm: np.ndarray  # mean gradient norm of these images; NaN where there is none
    share: np.ndarray  # of the summed gradient norms of all images; zeros where there is no gradient at all

    @property
    def total(self) -> float:
        """The mean gradient norm of all images: the training signal of a probe, over all classes."""
        return float(np.nansum(self.images * self.norm))


def steering(loss: LossOfP, trajectory: Trajectory, index: int) -> Steering:
    """Who steers at one probe under this loss, whether the run was trained with it or not.

    Within a bin of the recorded histogram, images are assumed to be spread evenly, except near p = 1. There the norm is
    proportional to 1 - p, whose sum follows from the recorded means; half of the last bin, 0.01, may be a thousand
    times too much, and with strong bias those images are all that have a gradient.
    """
    counts = trajectory.p_hist[index].astype(np.float64)
    norms = counts.sum(0) * mean_norms(loss)
    norms[-1] *= 2 * _short_of_1(trajectory, index) / (P_EDGES[-1] - P_EDGES[-2]) / max(counts[:, -1].sum(), 1)
    counts = counts.sum(0)
    images, norms = by_bin(counts), by_bin(norms)
    with np.errstate(invalid="ignore"):
        return Steering(images / images.sum(), norms / images, norms / (norms.sum() or 1.0))


def _short_of_1(trajectory: Trajectory, index: int) -> float:
    """The sum of 1 - p over the images in the last bin: over all images of a class, less those in the other bins."""
    counts = trajectory.p_hist[index].astype(np.float64)
    of_class = counts.sum(-1) * (1 - trajectory.true_class_probability()[index].astype(np.float64))
    elsewhere = counts[:, :-1] @ (1 - (P_EDGES[1:-1] + P_EDGES[:-2]) / 2)
    return float(np.clip(of_class - elsewhere, 0, counts[:, -1] * (P_EDGES[-1] - P_EDGES[-2])).sum())


def by_bin(values: np.ndarray) -> np.ndarray:
    """Sums of values by bin of the recorded histogram over the wider bins of `BINS`."""
    first = np.abs(P_EDGES[:, None] - np.array(BINS[:-1])).argmin(0)
    return np.add.reduceat(values, first)


def mean_norms(loss: LossOfP) -> np.ndarray:
    """The gradient norm, averaged over each bin of the recorded histogram."""
    place = (np.arange(POINTS) + 0.5) / POINTS
    p = P_EDGES[:-1, None] + np.diff(P_EDGES)[:, None] * place
    return gradient_norm(loss, np.log(p)).mean(-1)


def norm_of_formula(loss: LossOfP) -> np.ndarray:
    """(B,) the gradient norm of one image, averaged over log p in each of `BINS`."""
    place = (np.arange(POINTS) + 0.5) / POINTS
    low, high = (np.log(np.maximum(edges, MIN_P)) for edges in (BINS[:-1], BINS[1:]))
    return gradient_norm(loss, low[:, None] + (high - low)[:, None] * place).mean(-1)


def sentence(losses: Mapping[str, Loss], trajectory: Trajectory, index: int) -> str:
    """How many images have a low p, and how much of the gradient is theirs, at Init. and at a later probe."""
    probes = [0, index] if index % len(trajectory) else [0]
    low = sum(edge < LOW for edge in BINS)
    parts = {}
    for name, loss in losses.items():
        found = [steering(loss.of_p, trajectory, probe) for probe in probes]
        fractions = [f"{100 * one.share[:low].sum():.0f} %" if one.total else "none at all" for one in found]
        parts[name] = f"{name} {', then '.join(fractions)}"
        of_images = [f"{100 * one.images[:low].sum():.0f} %" for one in found]
    later = f", and {of_images[1]} at step {trajectory.step[index]:,}." if len(probes) > 1 else ""
    return (
        f"Images with p up to {LOW:g} are {of_images[0]} of all at Init.{later} "
        f"Their part of the gradient: {'; '.join(parts.values())}.{_wrong_ways(losses)}"
    )


def _wrong_ways(losses: Mapping[str, Loss]) -> str:
    """Which losses push an image away from its class, since a norm does not say so."""
    found = {
        name: [zone.describe() for zone in zones(loss.of_p) if zone.kind == "wrong"] for name, loss in losses.items()
    }
    wrong = [f"{name} {' and '.join(ways)}" for name, ways in found.items() if ways]
    return f" A norm has no direction: {'; '.join(wrong)}." if wrong else ""
