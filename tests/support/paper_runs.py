"""Synthetic runs whose classes behave as the paper says, and configurations of its sets."""

from __future__ import annotations

import numpy as np

from igbviz.config import RunConfig
from igbviz.runs.run import Run
from igbviz.studies.paper.experiment import SETS
from igbviz.trajectory import Trajectory, snapshot_dtype

K, PER_EPOCH, IMAGES = 10, 100, 20


STEPS = np.array([0, 1, 2, 3, 5, 8, 10, 15, 20, 30, 40, 50, 70, 100, 150, 200, 500, 1000, 2000])


def classes(first: float, others: float, second: float | None = None) -> np.ndarray:
    """(K,) values: `first` for class 0, which the network favours, `second` for class 1 if set, else `others`."""
    values = np.full(K, float(others))
    values[0], values[1] = first, others if second is None else second
    return values


START, EVEN = classes(1, 0), classes(0.1, 0.1)


def made(
    p: dict, accuracy: dict, last: int = 2000, signal: float = 1.0, steps: np.ndarray = STEPS, rest: str = "favoured"
) -> Trajectory:
    """A run whose per-class values are interpolated linearly between the given steps.

    `rest` says where the remaining probability of a class goes: to the favoured class, or evenly to all others.
    """
    steps = steps[steps <= last]
    records = np.zeros(len(steps), snapshot_dtype(K))
    records["step"], records["epoch"], records["signal"] = steps, steps / PER_EPOCH, signal
    probability, right = (
        np.stack([np.interp(steps, list(path), [values[k] for values in path.values()]) for k in range(K)], -1)
        for path in (p, accuracy)
    )
    for record, own, correct in zip(records, probability, right, strict=True):
        record["mean_prob"] = _table(own, rest)
        record["confusion"] = np.diff(
            np.round(np.cumsum(_table(correct, rest), -1) * IMAGES), prepend=0
        )  # rounded so that each row sums to IMAGES
    return Trajectory(records)


def _table(diagonal: np.ndarray, rest: str) -> np.ndarray:
    table = np.diag(diagonal)
    for k, own in enumerate(diagonal):
        if rest == "favoured" and k:
            table[k, 0] += 1 - own
        else:
            table[k, np.arange(K) != k] += (1 - own) / (K - 1)
    return table


def rising(last: int = 2000, **more) -> Trajectory:
    """Cross-entropy in the paper: the favoured class falls, the classes meet and rise as a group."""
    p = {0: START, 1: classes(0.4, 0.05), 10: EVEN, 100: classes(0.3, 0.3), 2000: classes(0.6, 0.6)}
    return made(p, {0: START, 5: START, 20: EVEN, 100: classes(0.4, 0.4), 2000: classes(0.7, 0.7)}, last, **more)


def stuck(last: int = 2000, **more) -> Trajectory:
    return made({0: START}, {0: START}, last, **more)


def favouring(last: int = 2000) -> Trajectory:
    """Piecewise-zero in the paper: the classes meet, then the favoured class rises alone."""
    p = {0: START, 1: classes(0.4, 0.05), 10: classes(0.12, 0.09), 100: classes(0.5, 0.02), 2000: classes(0.9, 0.01)}
    return made(p, {0: START}, last)


def usurped(last: int = 2000) -> Trajectory:
    """The classes meet, then another class dominates."""
    p = {0: START, 10: EVEN, 40: classes(0, 0, 0.9)}
    return made(p, {0: START, 10: EVEN, 40: classes(0, 0, 1)}, last, rest="even")


def even() -> Trajectory:
    return made({0: EVEN}, {0: EVEN}, rest="even")


FOLDER = {"name": "image-folder", "folder": "~/somewhere/else", "grayscale": True, "scaling": "raw"}


QUICK = SETS["quick"].config("piecewise-zero")


def short(config: RunConfig, **changes) -> RunConfig:
    return config.with_(epochs=0.25, probes={"size": 1000, "count": 40}, dataset=FOLDER, **changes)


def shipped(run: Run) -> Run:
    gallery = run.cache / "gallery"
    gallery.mkdir(exist_ok=True)
    return Run(run.path.rename(gallery / run.id))
