"""The fraction of probe images for which a loss pushes the right way, has zero gradient, or pushes the wrong way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from igbviz.losses.force import ZONES, Zone
from igbviz.trajectory.trajectory import P_EDGES, Trajectory


def images_by_zone(trajectory: Trajectory, index: int, zones: Sequence[Zone]) -> np.ndarray:
    """(K, 3) fraction of the images of each class in the zones of `ZONES`, at one probe; rows sum to 1.

    Within a bin of the histogram, images are assumed to be spread evenly.
    """
    counts = trajectory.p_hist[index].astype(np.float64)
    below = np.pad(counts.cumsum(-1), ((0, 0), (1, 0))) / counts.sum(-1, keepdims=True)
    fractions = np.zeros((len(counts), len(ZONES)))
    for zone in zones:
        low, high = (np.array([np.interp(end, P_EDGES, row) for row in below]) for end in (zone.low, zone.high))
        fractions[:, list(ZONES).index(zone.kind)] += high - low
    return fractions
