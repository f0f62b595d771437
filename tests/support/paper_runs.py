"""Made-up runs whose classes go where the paper says, and runs of its sets."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from igbviz.config import RunConfig
from igbviz.runs.run import Run
from igbviz.studies.paper.experiment import SETS
from igbviz.trajectory import Trajectory, snapshot_dtype
from igbviz.trajectory.trajectory import P_EDGES

K, PER_EPOCH, IMAGES = 10, 100, 20


STEPS = np.array([0, 1, 2, 3, 5, 8, 10, 15, 20, 30, 40, 50, 70, 100, 150, 200, 500, 1000, 2000])


def classes(first: float, others: float, second: float | None = None) -> np.ndarray:
    """(K,) class 0, which the network favours, all others, and class 1 where it goes its own way."""
    values = np.full(K, float(others))
    values[0], values[1] = first, others if second is None else second
    return values


START, EVENNESS_THRESHOLD = classes(1, 0), classes(0.1, 0.1)


def made(
    p: dict,
    accuracy: dict,
    last: int = 2000,
    signal: ArrayLike = 1.0,
    silent: ArrayLike = 0.0,
    steps: np.ndarray = STEPS,
    rest: str = "favoured",
) -> Trajectory:
    """A run whose per-class values are interpolated linearly between the given steps. `signal` and `silent` are
    constant, for all classes or (K,). The probability that a class does not get goes to the favoured one, or evenly to
    all others; every image has its class's p̄."""
    steps = steps[steps <= last]
    records = np.zeros(len(steps), snapshot_dtype(K))
    records["step"], records["epoch"], records["signal"], records["silent"] = steps, steps / PER_EPOCH, signal, silent
    probability, accuracies = (
        np.stack([np.interp(steps, list(path), [values[k] for values in path.values()]) for k in range(K)], -1)
        for path in (p, accuracy)
    )
    for record, diagonal_p, diagonal_accuracy in zip(records, probability, accuracies, strict=True):
        record["mean_prob"] = _table(diagonal_p, rest)
        record["p_hist"][np.arange(K), np.maximum(np.searchsorted(P_EDGES, diagonal_p) - 1, 0)] = IMAGES
        record["confusion"] = np.diff(
            np.round(np.cumsum(_table(diagonal_accuracy, rest), -1) * IMAGES), prepend=0
        )  # rounded, but IMAGES in all
    return Trajectory(records)


def _table(diagonal: np.ndarray, rest: str) -> np.ndarray:
    table = np.diag(diagonal)
    for k, diagonal_p in enumerate(diagonal):
        if rest == "favoured" and k:
            table[k, 0] += 1 - diagonal_p
        else:
            table[k, np.arange(K) != k] += (1 - diagonal_p) / (K - 1)
    return table


def rising(last: int = 2000, **more) -> Trajectory:
    """Cross-entropy as in the paper: the favoured class falls, the classes meet and rise as a group."""
    p = {0: START, 1: classes(0.4, 0.05), 10: EVENNESS_THRESHOLD, 100: classes(0.3, 0.3), 2000: classes(0.6, 0.6)}
    return made(
        p, {0: START, 5: START, 20: EVENNESS_THRESHOLD, 100: classes(0.4, 0.4), 2000: classes(0.7, 0.7)}, last, **more
    )


def stuck(last: int = 2000, **more) -> Trajectory:
    return made({0: START}, {0: START}, last, **more)


def favouring(last: int = 2000, **more) -> Trajectory:
    """Piecewise-zero as in the paper: the classes meet, then only the favoured one rises."""
    p = {0: START, 1: classes(0.4, 0.05), 10: classes(0.12, 0.09), 100: classes(0.5, 0.02), 2000: classes(0.9, 0.01)}
    return made(p, {0: START}, last, **more)


def usurped(last: int = 2000, **more) -> Trajectory:
    """The classes meet, then another one than the favoured takes over."""
    p = {0: START, 10: EVENNESS_THRESHOLD, 40: classes(0, 0, 0.9)}
    return made(p, {0: START, 10: EVENNESS_THRESHOLD, 40: classes(0, 0, 1)}, last, rest="even", **more)


def collapsing(end: float, last: int = 2000, **more) -> Trajectory:
    """The classes meet, then one takes over and the others sink to `end` within 50 steps."""
    return made({0: START, 10: EVENNESS_THRESHOLD, 60: classes(end, end, 1 - 9 * end)}, {0: START}, last, **more)


def even() -> Trajectory:
    return made({0: EVENNESS_THRESHOLD}, {0: EVENNESS_THRESHOLD}, rest="even")


FOLDER = {"name": "image-folder", "folder": "~/somewhere/else", "grayscale": True, "scaling": "raw"}


QUICK = SETS["quick"].config("piecewise-zero")


def short(config: RunConfig, **changes) -> RunConfig:
    return config.with_(epochs=0.25, probes={"size": 1000, "count": 40}, dataset=FOLDER, **changes)


def shipped(run: Run) -> Run:
    gallery = run.cache / "gallery"
    gallery.mkdir(exist_ok=True)
    return Run(run.path.rename(gallery / run.id))
