"""Synthetic short trainings."""

from __future__ import annotations

import numpy as np

from igbviz.config import RunConfig
from igbviz.studies.comparison import Member
from igbviz.studies.dynamics import (
    BASE,
)
from igbviz.trajectory.outcome import Outcome
from igbviz.trajectory.quantities import MEASURES

STEP = np.array([0, 1, 10, 100])


def member(
    config: RunConfig, began: float, accuracy: float, state: str = "done", step: np.ndarray = STEP, loss: float = 1.0
) -> Member:
    """A synthetic training with largest guess fraction `began` at Init.; its accuracy rises from 0.1 to `accuracy`."""
    rising = np.linspace(0.1, accuracy, len(step))
    measures = dict.fromkeys(MEASURES, rising) | {"train_loss": np.full(len(step), loss)}
    return Member(
        f"run-{config.id}", state, config, tuple("abcdefghij"), 313.0, 0, step, step / 313, step / 100, {}, measures,
        Outcome(accuracy, accuracy, began, 0.1, 0, 0.0, None, "a"),
    )  # fmt: skip


def seeds(accuracies: list[float], began: float, first: int = 0) -> list[Member]:
    return [member(BASE.with_(seed=first + i), began, accuracy) for i, accuracy in enumerate(accuracies)]
