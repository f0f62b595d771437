"""Images counted by the zone of a loss that they are in."""

from __future__ import annotations

import numpy as np

from igbviz.losses import LOSSES, PiecewiseZero, force
from igbviz.trajectory.trajectory import P_EDGES
from igbviz.trajectory.zones import images_by_zone
from tests.support.losses import OF_P
from tests.support.stored_runs import crowded


def test_standing_counts_the_images_of_each_zone() -> None:
    trajectory = crowded()
    counts = trajectory.p_hist[0]
    shares = images_by_zone(trajectory, 0, force.zones(PiecewiseZero(cutoff=0.1)))
    np.testing.assert_allclose(shares.sum(1), 1)
    np.testing.assert_allclose(shares[:, 1], counts[:, P_EDGES[1:] <= 0.1 + 1e-12].sum(1) / counts.sum(1))
    for name in OF_P:
        np.testing.assert_allclose(images_by_zone(trajectory, 0, force.zones(LOSSES[name]())).sum(1), 1)
