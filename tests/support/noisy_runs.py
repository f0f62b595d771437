"""Synthetic runs on corrupted labels: one loss memorizes them, one does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from igbviz.config import RunConfig
from igbviz.runs.run import Run
from igbviz.runs.sweep_config import Sweep
from igbviz.studies.robustness import QUESTIONS, over_losses
from igbviz.trajectory import Trajectory, snapshot_dtype
from tests.support.stored_runs import stored
from tests.support.tiny import TINY

STEPS = np.array([0, 1, 3, 10, 30, 100, 300])


NOISE = QUESTIONS["noise"]


BASE = RunConfig(**TINY | {"label_noise": {"name": "symmetric", "rate": 0.4}, "epochs": 3})


UNEQUAL = RunConfig(**TINY | {"imbalance": {"ratio": 4, "majority": "favoured"}})


def story(
    accuracy: list[float], escapes_at: int | None, memorized: float = 0.5, favoured: int = 1, unfavoured: int = 2
) -> Trajectory:
    """A synthetic run of three classes with 100 images each, with this balanced accuracy at each probe. Until it
    escapes, one class gets all wrong guesses. `memorized` is the final fraction of memorized labels."""
    records = np.zeros(len(STEPS), snapshot_dtype(3, noisy=True))
    records["step"], records["epoch"], records["seconds"] = STEPS, STEPS / 100, STEPS / 10
    for record, share in zip(records, accuracy, strict=True):
        right = round(100 * share)
        record["confusion"] = (
            np.full((3, 3), (100 - right) // 2) if escapes_at is not None and record["step"] >= escapes_at else 0
        )
        np.fill_diagonal(record["confusion"], right)
        record["confusion"][:, favoured] += 100 - record["confusion"].sum(1)
        record["mean_prob"] = 0.3
        record["mean_prob"][:, favoured], record["mean_prob"][:, unfavoured] = 0.5, 0.2
    records["memorised"], records["resisted"] = np.linspace(0, memorized, len(STEPS)), 0.4
    records["otherwise"] = 1 - records["memorised"] - records["resisted"]
    return Trajectory(records)


PLAIN = [0.0, 0.1, 0.4, 0.8, 0.7, 0.6, 0.5]  # best at step 10


ROBUST = [0.0, 0.0, 0.1, 0.2, 0.5, 0.7, 0.7]


STUCK = [0.0, 0.0, 0.1, 0.2, 0.2, 0.2, 0.2]


def sweep_of_three(cache: Path, seeds: int = 3, base: RunConfig = BASE) -> tuple[Sweep, list[Run]]:
    """Cross-entropy escapes at step 3 and gets worse, gce escapes at step 30 and stays, piecewise-zero never does."""
    sweep = over_losses(base, ("cross-entropy", "gce", "piecewise-zero"), seeds)
    stories = {"cross-entropy": (PLAIN, 3, 0.9), "gce": (ROBUST, 30, 0.1), "piecewise-zero": (STUCK, None, 0.0)}
    runs = []
    for config in sweep.configs():
        curve, escape, memorized = stories[config.loss.name]
        lower = [max(0.0, share - 0.02 * config.seed) for share in curve]
        runs.append(stored(config, cache, story(lower, escape, memorized)))
    return sweep, runs
