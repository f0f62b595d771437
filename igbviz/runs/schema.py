"""Reading what a worker wrote: schema.json and the records it describes, or one sentence on why they cannot be those of
a run.

A disk may have been full, a folder may come from another program. What a page draws from has passed through here:
columns and shapes that this version knows, as many names as classes, numbers that a probe can have. Of long files a
part is looked at, so that the look costs the same however long the run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from igbviz.ensembles import Ensemble, ensemble_dtype
from igbviz.trajectory import Trajectory, snapshot_dtype
from igbviz.trajectory.trajectory import dtype_from

LOOKED_AT = 100  # records of a file, evenly spread; all of a usual run
MOST_CLASSES = MOST_LAYERS = 10_000
MOST_STEPS = 2**53


def trained(schema: dict[str, Any], path: Path, looked_at: int = LOOKED_AT) -> Trajectory:
    """The probes in a file. ValueError, naming the file, when they cannot be those of a training."""
    names = _class_names(schema)
    for name in {"steps", "steps_per_epoch"} & set(schema):  # the plan of probes is made from them
        if type(schema[name]) is not int or not 1 <= schema[name] < MOST_STEPS:
            raise ValueError(
                f"schema.json: its {name} are {str(schema[name])[:40]!r}, allowed: a whole number of at least 1"
            )
    dtype = _known(schema, snapshot_dtype(len(names)), snapshot_dtype(len(names), noisy=True))
    trajectory = Trajectory.read(path, dtype, names)
    if problem := _impossible_probes(trajectory[_some(len(trajectory), looked_at)]):
        raise ValueError(f"trajectory.bin: {problem}")
    return trajectory


def untrained(schema: dict[str, Any], path: Path, looked_at: int = LOOKED_AT) -> Ensemble:
    """The networks in a file. ValueError, naming the file, when they cannot be those of an ensemble."""
    names = _class_names(schema)
    dtype = _known(schema, ensemble_dtype(len(names)), ensemble_dtype(len(names), 1, 1))
    ensemble = Ensemble.read(path, dtype, names)
    which = _some(len(ensemble), looked_at)
    if problem := _impossible_networks(ensemble[which], which):
        raise ValueError(f"trajectory.bin: {problem}")
    return ensemble


def _class_names(schema: dict[str, Any]) -> tuple[str, ...]:
    names = schema.get("class_names")
    if (
        not isinstance(names, list)
        or not 2 <= len(names) <= MOST_CLASSES
        or not all(isinstance(name, str) for name in names)
    ):
        raise ValueError("schema.json: it does not name two classes or more")
    return tuple(names)


def _known(schema: dict[str, Any], needed: np.dtype, widest: np.dtype) -> np.dtype:
    """The record that the schema describes: all columns of `needed` as they are there, further ones of `widest` with
    other lengths."""
    try:
        dtype = dtype_from(schema.get("columns"), needed.names)
    except ValueError as error:
        raise ValueError(f"schema.json: {error}") from None
    for name in dtype.names:
        known = widest[name] if name in widest.names else None
        if known is None or dtype[name].base != known.base:
            fits = False
        elif name in needed.names:
            fits = dtype[name].shape == needed[name].shape
        else:  # what not every run measures: of an ensemble, one number a layer, however many those are
            fits = len(dtype[name].shape) == len(known.shape) and max(dtype[name].shape, default=1) <= MOST_LAYERS
        if not fits:
            raise ValueError(f"schema.json: its column {name[:40]!r} is none that this version knows")
    return dtype


def _some(length: int, most: int) -> np.ndarray:
    """Places of at most so many records, the first and the last among them."""
    return np.arange(length) if length <= most else np.linspace(0, length - 1, most).astype(int)


def _impossible_probes(some: Trajectory) -> str:
    """Why these probes cannot be; empty when they can."""
    if not len(some):
        return ""
    step, sizes, probabilities = some.step, some.class_sizes(), some.mean_prob
    if step[0] != 0:
        return f"its first probe is at step {step[0]}, not at 0"
    if (np.diff(step) <= 0).any() or step[-1] >= MOST_STEPS:
        return "its steps do not increase"
    if not np.isfinite(some.epoch).all():
        return "it holds an epoch that is no finite number"
    if not np.isfinite(probabilities).all() or probabilities.min() < 0 or probabilities.max() > 1.001:
        return "it holds a mean probability that is not from 0 to 1"
    if (some.confusion < 0).any() or (sizes != sizes[0]).any() or not (sizes[0] > 0).all():
        return "its counts of guesses are not those of one and the same set of images"
    return ""


def _impossible_networks(some: Ensemble, numbers: np.ndarray) -> str:
    records = some.records
    if (records["network"] != numbers).any():
        return "its networks are not numbered from 0 on"
    if not all(np.isfinite(records[name]).all() for name in records.dtype.names):
        return "it holds a number that is not finite"
    inputs = records["guesses"].sum(-1)
    if (records["guesses"] < 0).any() or (len(inputs) and (inputs[0] == 0 or (inputs != inputs[0]).any())):
        return "its counts of guesses are not those of one and the same set of inputs"
    return ""
