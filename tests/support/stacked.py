"""Train runs as one stack, in the same way as a worker."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from igbviz.training.loop import Diverged, Training
from igbviz.training.stacked import Stack
from igbviz.trajectory import Trajectory


def together(trainings: Sequence[Training], stacks: list[Stack] | None = None) -> list[Trajectory | None]:
    """The trajectory of each training, None without a probe. The stack is appended to `stacks`, if given."""
    stack, snapshots_of = Stack(trainings), {id(training): [] for training in trainings}
    if stacks is not None:
        stacks.append(stack)
    working = list(trainings)
    while working:
        for training in list(working):
            try:
                training.require_finite()
                snapshots_of[id(training)] += [snapshot for snapshot in training.look() if snapshot is not None]
            except Diverged:
                working.remove(training)
                stack.drop(training)
            else:
                if training.step == training.steps:
                    working.remove(training)
                    if working:
                        stack.drop(training)
        if working:
            stack.advance()
    return [Trajectory.of(snapshots) if (snapshots := snapshots_of[id(training)]) else None for training in trainings]


def alike(one: Trajectory, other: Trajectory, tolerance: float = 1e-4) -> None:
    assert one.step.tolist() == other.step.tolist()
    np.testing.assert_allclose(one.mean_prob, other.mean_prob, atol=tolerance)
    np.testing.assert_allclose(one.train_loss, other.train_loss, rtol=1e-3, atol=tolerance)
