"""Accuracy after some steps against gamma at Init., along a line of the plane through the edge of chaos.

Along the line sigma_w2 grows at one sigma_b2. For tanh every gamma belongs to one point of it. For ReLU all of the
chaotic phase has nearly the same gamma.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from igbviz import theory
from igbviz.config import RunConfig
from igbviz.config.run import NUMERICS
from igbviz.ensembles import Ensemble, EnsembleConfig
from igbviz.studies.phases import files
from igbviz.trajectory import Trajectory

DATA = Path(__file__).with_suffix(".json")
SIGMA_B2, HIDDEN, WIDTH = 0.05, 20, 100
SIGMA_W2 = {  # tanh at 1.761 and ReLU at 2 are on the edge of chaos
    "tanh": (0.8, 1.0, 1.1, 1.2, 1.35, 1.5, 1.761, 2.1, 2.5, 3.2, 4.0),
    "relu": (1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 2.0, 2.2, 2.5),
}
RATES = (0.003, 0.03)
STEPS = (100, 300)
CLASSES = 10
NETWORKS, INPUTS = 200, 500  # of the measured gamma
# One of 25 probes is after 100 steps. Stacked: the whole line trains at once, in a third of the time.
BASE = RunConfig(epochs=max(STEPS) / 313, probes={"count": 25, "size": 1000}, stacked=True)


@dataclass(frozen=True)
class Start:
    """A point of the line: gamma of the logits by theory, for the mean square and the cosine of these images, and as
    measured on untrained networks, with its standard error."""

    activation: str
    sigma_w2: float
    chi_1: float
    gamma: float
    measured: float
    error: float


@dataclass(frozen=True)
class Row:
    """One short run; `accuracy` after each of STEPS, None from where it diverged."""

    activation: str
    sigma_w2: float
    learning_rate: float
    seed: int
    run: str  # the configuration's id
    largest_guess: float  # at Init.
    accuracy: tuple[float | None, ...]
    diverged: int | None  # the step at which the loss or a logit became non-finite


@dataclass(frozen=True)
class Line:
    """Everything that is measured for one or more activations."""

    starts: tuple[Start, ...]
    rows: tuple[Row, ...]
    provenance: dict[str, Any]


def networks(activation: str, sigma_w2: float) -> dict[str, Any]:
    """Model and initialization at a point of the line."""
    return {
        "model": {"name": "mlp", "depth": HIDDEN, "width": WIDTH, "activation": activation},
        "initialization": {"name": "gaussian", "sigma_w2": sigma_w2, "sigma_b2": SIGMA_B2},
    }


def points() -> set[tuple[str, float]]:
    """(activation, sigma_w2) of every point."""
    return {(activation, w) for activation, line in SIGMA_W2.items() for w in line}


def lines(seeds: int) -> list[list[RunConfig]]:
    """All runs, those of one line together; seed by seed, so that an interrupted measurement has every line."""
    return [
        [
            BASE.with_(**networks(activation, w), optimizer={"name": "sgd", "learning_rate": rate}, seed=seed)
            for w in of_line
        ]
        for seed in range(seeds)
        for activation, of_line in SIGMA_W2.items()
        for rate in RATES
    ]


def train(configs: Sequence[RunConfig]) -> list[Row]:
    """The runs of a line as one stack, on the CPU."""
    from igbviz.training.loop import Diverged, Training
    from igbviz.training.stacked import Stack

    data = configs[0].dataset.load("cpu")
    trainings = [Training(config, "cpu", data=data) for config in configs]
    for training in trainings:
        training.probe_steps = np.array([0, *STEPS])  # the other probes would take half of the time
    probes: list[list[Any]] = [[] for _ in configs]
    diverged: dict[int, int] = {}
    stack, steps = Stack(trainings), trainings[0].steps
    for step in range(steps + 1):
        for place, training in enumerate(trainings):
            if place not in diverged:
                try:
                    training.require_finite()
                    probes[place] += [snapshot for snapshot in training.look() if snapshot is not None]
                except Diverged as error:
                    diverged[place] = error.step
                    stack.drop(training)
        if step < steps and stack.trainings:
            stack.advance()
    return [
        _row(config, snapshots, diverged.get(place))
        for place, (config, snapshots) in enumerate(zip(configs, probes, strict=True))
    ]


def _row(config: RunConfig, snapshots: list[Any], diverged: int | None) -> Row:
    run = Trajectory.of(snapshots)
    by_step = dict(zip(run.step.tolist(), run.balanced_accuracy().tolist(), strict=True))
    return Row(
        config.model.activation,
        config.initialization.sigma_w2,
        config.optimizer.learning_rate,
        config.seed,
        config.id,
        files.five(run.largest_guess()[0]),
        tuple(files.five(by_step[step]) if step in by_step else None for step in STEPS),
        diverged,
    )


def measure_starts() -> Iterator[Start]:
    """gamma at every point of the line."""
    from igbviz.ensembles.networks import record_batches

    q0, c0 = image_moments()
    for activation, line in SIGMA_W2.items():
        for w in line:
            config = EnsembleConfig(**networks(activation, w), dataset=BASE.dataset, networks=NETWORKS, inputs=INPUTS)
            measured = Ensemble.of(np.concatenate(list(record_batches(config, "cpu")))).gamma("cosine")
            gamma = theory.gamma_by_depth(activation, w, SIGMA_B2, HIDDEN + 1, c0, q0)[-1]
            chi_1 = theory.fixed_point(activation, w, SIGMA_B2).chi_1
            yield Start(activation, w, *map(files.five, (chi_1, gamma, *measured)))


@lru_cache(maxsize=1)
def image_moments() -> tuple[float, float]:
    """(q0, c0): mean square of a pixel, and the correlation of two test images, which theory begins with."""
    images = BASE.dataset.load("cpu").test_images.flatten(1).double().numpy()
    n, squares = len(images), (images**2).mean()
    of_pairs = (n * (images.mean(0) ** 2).mean() - squares) / (n - 1)
    return float(squares), float(of_pairs / squares)


@lru_cache(maxsize=1)
def read(path: Path = DATA) -> Line:
    """What a file holds; nothing if it does not exist."""
    stored = files.read(path)
    rows = (Row(**row | {"accuracy": tuple(row["accuracy"])}) for row in stored.get("rows", ()))
    return Line(tuple(Start(**start) for start in stored.get("starts", ())), tuple(rows), stored.get("provenance", {}))


def write(starts: Sequence[Start], rows: Sequence[Row], path: Path = DATA) -> None:
    """Replace the file by these measurements and the conditions of today."""
    q0, c0 = image_moments()
    origin = files.provenance(
        data=BASE.dataset.name, mean_square=files.five(q0), correlation=files.five(c0), sigma_b2=SIGMA_B2,
        hidden_layers=HIDDEN, width=WIDTH, batch_size=BASE.batch_size, steps=list(STEPS),
        seeds=sorted({row.seed for row in rows}), networks=NETWORKS, inputs=INPUTS, numerics=NUMERICS,
    )  # fmt: skip
    files.write(path, origin, {"starts": starts, "rows": rows})
    read.cache_clear()
