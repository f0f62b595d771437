"""Recorded runs, as a probe stores them, without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from igbviz.config import RecordedConfig
from igbviz.runs.recorded import store
from igbviz.runs.run import Run
from igbviz.trajectory import Trajectory
from tests.support.stored_runs import story

ABOUT = {
    "title": "my own loop",
    "dataset": {"name": "birds, 200 images"},
    "model": {"name": "SmallNet", "parameters": 12_345},
    "loss": {"name": "FocalLoss(gamma=2)"},
    "optimizer": {"name": "AdamW"},
    "device": "CPU",
    "date": "2026-11-28",
}


def watched_outside(per_epoch: int = 0, has_loss: bool = True, **changes: Any) -> Trajectory:
    """A synthetic trajectory; without `per_epoch` its epochs are unknown, without a loss its signals are."""
    trajectory = story(per_epoch=per_epoch or 100, **changes)
    records = trajectory.records.copy()
    records["p_hist"][..., 30] = records["confusion"].sum(-1)
    if not per_epoch:
        records["epoch"] = np.nan
    if not has_loss:
        records["signal"] = records["silent"] = records["train_loss"] = np.nan
    return Trajectory(records, trajectory.class_names)


def recorded(cache: Path, trajectory: Trajectory | None = None, **changes: Any) -> Run:
    """A recorded run in a cache."""
    return store(watched_outside() if trajectory is None else trajectory, RecordedConfig(**ABOUT | changes), cache)
