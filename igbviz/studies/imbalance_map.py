"""Prejudice and imbalance: short trainings over the ratio of the classes and the depth, which sets the bias at Init.

At every point of the map the same networks are trained twice: with the class that they favour at Init. in the majority,
and with the one that they favour least. The runs are those of the question "Class imbalance" of `studies.dynamics`.
`python -m igbviz.studies.imbalance_map` measures and can be interrupted and resumed; the results are in
imbalance_map.json.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.special import stdtrit

from igbviz.config import RunConfig
from igbviz.config.run import NUMERICS
from igbviz.runs.files import write_text
from igbviz.runs.sweep_config import Sweep
from igbviz.studies import dynamics
from igbviz.studies.escape import processor

DATA = Path(__file__).with_suffix(".json")
DEPTHS, RATIOS, SEEDS, NETWORKS = (2, 5, 10, 20, 40), (2, 5, 10, 30, 100), 8, 100
FAVOURED, UNFAVOURED = "favoured", "unfavoured"  # values of `Imbalance.majority`


@dataclass(frozen=True)
class Row:
    """One run at its last probe; K classes."""

    depth: int
    ratio: int
    majority: str  # FAVOURED or UNFAVOURED
    seed: int
    run: str  # the configuration's id
    majority_class: int
    largest_guess_init: float
    recall: list[float]  # (K,) fraction of the test images of a class that are guessed right
    alive: list[int | None]  # (K,) optimizer steps of the first probe from which on a class is alive to the last one


class Gamma(NamedTuple):
    """gamma of the logits of untrained networks, and its standard error over networks."""

    value: float
    error: float


@dataclass(frozen=True)
class Measured:
    """What the file holds; `gamma` is by depth."""

    rows: tuple[Row, ...] = ()
    gamma: dict[int, Gamma] | None = None
    provenance: dict[str, Any] | None = None


# The runs.


@lru_cache(maxsize=64)
def sweep(depth: int, ratio: int, seeds: int = SEEDS) -> Sweep:
    """The trainings at one point of the map, as the form of the page starts them: also those with equal classes."""
    return dynamics.over_majorities(dynamics.at_point({"depth": depth}), ratio, seeds)


def trials(depths: Sequence[int] = DEPTHS, ratios: Sequence[int] = RATIOS, seeds: int = SEEDS) -> list[RunConfig]:
    """All runs, seed by seed, so that an interrupted measurement has the whole map."""
    planned = [config for depth in depths for ratio in ratios for config in sweep(depth, ratio, seeds).configs()]
    return sorted((config for config in planned if config.imbalance.ratio > 1), key=lambda config: config.seed)


def measure(config: RunConfig) -> Row:
    """Train on the CPU, where runs are bitwise reproducible. Raises Diverged."""
    from igbviz.training.loop import Training
    from igbviz.trajectory import Trajectory
    from igbviz.trajectory.trajectory import escape_step
    from igbviz.trajectory.verdict import ALIVE

    training = Training(config, "cpu")
    run = Trajectory.of([snapshot for snapshot in training.ticks() if snapshot is not None])
    recall = run.accuracy()
    return Row(
        config.model.depth,
        config.imbalance.ratio,
        config.imbalance.majority,
        config.seed,
        config.id,
        training.majority,
        round(float(run.largest_guess()[0]), 4),
        recall[-1].round(4).tolist(),
        [escape_step(run.step, of_class, 0.5) for of_class in (recall > ALIVE).T],
    )


def measure_gamma(depth: int) -> Gamma:
    """Of NETWORKS untrained networks on the images of the runs."""
    from igbviz.ensembles import Ensemble, EnsembleConfig
    from igbviz.ensembles.job import EnsembleJob

    base = sweep(depth, RATIOS[0]).base
    parts = {name: getattr(base, name) for name in ("dataset", "model", "initialization")}
    value, error = Ensemble.of(list(EnsembleJob(EnsembleConfig(**parts, networks=NETWORKS), "cpu").ticks())).gamma()
    return Gamma(round(value, 4), round(error, 4))


def record(path: Path = DATA) -> None:
    """Measure whatever the file lacks, and write it after each run."""
    import torch
    from tqdm import tqdm

    torch.set_num_threads(1)
    stored, planned = read(path), trials()
    by_run = {row.run: row for row in stored.rows}
    rows = [by_run[config.id] for config in planned if config.id in by_run]
    gamma = dict(stored.gamma or {})
    gamma |= {depth: measure_gamma(depth) for depth in DEPTHS if depth not in gamma}
    for config in tqdm([config for config in planned if config.id not in by_run], unit="run", disable=None):
        rows.append(measure(config))
        write(rows, gamma, path)


def read(path: Path = DATA) -> Measured:
    """What a file holds; nothing if it does not exist."""
    if not path.exists():
        return Measured()
    stored = json.loads(path.read_text(encoding="utf-8"))
    gamma = {int(depth): Gamma(*values) for depth, values in stored["gamma"].items()}
    return Measured(tuple(Row(**row) for row in stored["rows"]), gamma, stored["provenance"])


def write(rows: Iterable[Row], gamma: dict[int, Gamma], path: Path = DATA) -> None:
    """Replace the file: provenance first, then one row per line, so that versions can be compared with diff."""
    import torch

    provenance = {
        "date": time.strftime("%Y-%m-%d"),
        "device": f"cpu ({processor()})",
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "numerics": NUMERICS,
        "networks": NETWORKS,
    }
    lines = ",\n".join(json.dumps(asdict(row), separators=(",", ":")) for row in rows)
    head = f'"provenance": {json.dumps(provenance)},\n"gamma": {json.dumps(gamma)}'
    write_text(path, f'{{{head},\n"rows": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    record()
