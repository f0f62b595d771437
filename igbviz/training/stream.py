"""What `train` returns: the snapshots of a training, one by one, and what is known of it meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from igbviz.trajectory import Trajectory
from igbviz.trajectory.stream import Stream

if TYPE_CHECKING:
    from torch import nn


class TrainingStream(Stream):
    """The snapshots of a training, `len(stream)` in all: each is computed when it is asked for.

        for snapshot in (stream := igbviz.train(config)): ...
        stream.trajectory  # also after a Ctrl-C

    `network` is the torch module that is trained, as it is now; `steps` are the optimizer steps in all, of which a pass
    over the training set has `steps_per_epoch`.
    """

    network: nn.Module

    def __init__(self, training: Any) -> None:  # a `Training`, whose parts are no part of the interface
        snapshots = (snapshot for snapshot in training.ticks() if snapshot is not None)
        super().__init__(snapshots, training.dtype, len(training.probe_steps), training.data.class_names)
        # The training itself, and so its data, is let go as soon as the last snapshot is made.
        self.network = training.network
        self.steps: int = training.steps
        self.steps_per_epoch: int = training.steps_per_epoch

    @property
    def trajectory(self) -> Trajectory:
        """The snapshots so far, under the names of the classes; later ones do not change it."""
        return Trajectory(self.recorded, self.class_names)

    def __repr__(self) -> str:
        step = f", at step {self.recorded['step'][-1]:,} of {self.steps:,}" if self._count else ""
        return f"<TrainingStream: {self._count:,} of {len(self):,} snapshots{step}>"
