"""Which points of a long run are drawn."""

from __future__ import annotations

import numpy as np

from igbviz.charts.time_axis import TimeAxis
from igbviz.trajectory.trajectory import thin
from tests.support.trajectories import trajectory


def test_thinning_never_moves_a_point():
    step = trajectory(50_000).step
    for length in (1, 2, 30, 1_000, 20_000):
        early, later = thin(step[:length]), thin(step)
        assert set(early[:-1]) <= set(later)
        assert early[0] == 0 and early[-1] == length - 1


def test_thinning_is_bounded_by_log_time():
    for probes in (50, 50_000, 500_000):
        kept = thin(np.arange(probes))
        assert np.all(np.diff(kept) > 0)
        assert len(kept) <= 40 * np.log10(probes) + 3
    assert list(thin(np.array([], dtype=int))) == []
    assert list(thin(np.array([0]))) == [0]
    assert list(thin(np.array([0, 1, 2, 3]))) == [0, 1, 2, 3]


def test_a_label_at_the_end_is_held_within_the_figure():
    axis = TimeAxis(100, 1)
    assert [axis.anchor(epoch) for epoch in (0.01, 0.1, 1.0)] == ["center", "center", "right"]
