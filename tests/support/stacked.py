"""Trainings side by side in one stack."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from igbviz.training.loop import Diverged, Training
from igbviz.training.stacked import Lanes
from igbviz.trajectory import Trajectory


def together(trainings: Sequence[Training]) -> list[Trajectory | None]:
    """As a worker drives them: in turn."""
    Lanes(trainings)
    ticks, found = [training.ticks() for training in trainings], [[] for _ in trainings]
    while any(ticks):
        for place, lane in enumerate(ticks):
            if lane is None:
                continue
            try:
                tick = next(lane)
            except (StopIteration, Diverged):
                trainings[place].stack.drop(trainings[place])
                ticks[place] = None
            else:
                found[place] += [] if tick is None else [tick]
    return [Trajectory.of(snapshots) if snapshots else None for snapshots in found]


def alike(one: Trajectory, other: Trajectory, tolerance: float = 1e-4) -> None:
    assert one.step.tolist() == other.step.tolist()
    np.testing.assert_allclose(one.mean_prob, other.mean_prob, atol=tolerance)
    np.testing.assert_allclose(one.train_loss, other.train_loss, rtol=1e-3, atol=tolerance)
