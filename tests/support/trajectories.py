"""Synthetic trajectories, and comparing records."""

from __future__ import annotations

import numpy as np

from igbviz.trajectory import Trajectory, snapshot_dtype
from igbviz.trajectory.images import WatchedImages, images_dtype


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays of records are bitwise equal, except for the wall clock."""
    return a.dtype == b.dtype and all(
        a[name].tobytes() == b[name].tobytes() for name in a.dtype.names if name != "seconds"
    )


def trajectory(
    probes: int, classes: int = 10, last_step: int | None = None, seed: int = 0, noisy: bool = False
) -> Trajectory:
    """Random but valid probes: rows of probabilities sum to 1, every class has images, the loss is NaN at step 0."""
    rng = np.random.default_rng(seed)
    records = np.zeros(probes, snapshot_dtype(classes, noisy))
    step = (
        np.arange(probes)
        if last_step is None
        else np.unique(np.append(0, np.geomspace(1, last_step, max(probes - 1, 1)).astype(int)))
    )
    records = records[: len(step)]
    records["step"], records["epoch"], records["seconds"] = step, step / 1563, step * 0.01
    records["train_loss"] = np.where(step == 0, np.nan, 2.3)
    records["mean_prob"] = rng.dirichlet(np.full(classes, 0.3), (len(step), classes))
    records["confusion"] = rng.multinomial(50, np.full(classes, 1 / classes), (len(step), classes))
    records["signal"], records["silent"] = rng.random((2, len(step), classes))
    if noisy:
        records["memorised"], records["resisted"], records["otherwise"] = rng.dirichlet(np.ones(3), len(step)).T
    bins = records["p_hist"].shape[-1]
    records["p_hist"] = rng.multinomial(50, np.full(bins, 1 / bins), (len(step), classes))
    return Trajectory(records)


def watched(probes: int, count: int, classes: int = 10, wrong: int = 0) -> WatchedImages:
    """Random but valid images, `wrong` of which have a wrong label."""
    rng, records = np.random.default_rng(0), np.zeros(probes, images_dtype(count))
    records["p"], records["guess"] = rng.random((probes, count)), rng.integers(0, classes, (probes, count))
    labels = np.arange(count) % classes
    given = np.where(np.arange(count) < count - wrong, -1, (labels + 1) % classes)
    return WatchedImages(records, np.arange(count), labels, given)
