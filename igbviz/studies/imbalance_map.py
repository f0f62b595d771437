"""Prejudice and imbalance: short trainings over the ratio of the classes and the depth, which sets the bias at Init.

In every cell of the map the same networks are trained twice: with the class that they favour at Init. in the majority,
and with the one that they favour least. The runs are those of the question "Class imbalance" of `studies.dynamics`.
`python -m igbviz.studies.imbalance_map` measures and can be interrupted and resumed; the results are in
imbalance_map.json. A network's two runs are compared with each other; n counts networks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.special import stdtrit

from igbviz.config import RunConfig
from igbviz.config.run import NUMERICS
from igbviz.runs.files import write_text
from igbviz.runs.sweep_config import Sweep
from igbviz.studies import dynamics
from igbviz.studies.provenance import this_machine
from igbviz.trajectory import Trajectory

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

    rows: tuple[Row, ...]
    gamma: Mapping[int, Gamma]
    provenance: Mapping[str, Any]


# The runs.


@lru_cache(maxsize=64)
def sweep(depth: int, ratio: int, seeds: int = SEEDS) -> Sweep:
    """The trainings of one cell of the map, as the form of the page starts them: also those with equal classes."""
    return dynamics.over_majorities(dynamics.at_point({"depth": depth}), ratio, seeds)


def trials(depths: Sequence[int] = DEPTHS, ratios: Sequence[int] = RATIOS, seeds: int = SEEDS) -> list[RunConfig]:
    """All runs, seed by seed, so that an interrupted measurement has the whole map."""
    planned = [config for depth in depths for ratio in ratios for config in sweep(depth, ratio, seeds).configs()]
    return sorted((config for config in planned if config.imbalance.ratio > 1), key=lambda config: config.seed)


def measure(config: RunConfig) -> Row:
    """Train on the CPU, where runs are bitwise reproducible. Raises Diverged."""
    from igbviz.training.loop import Training

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
        list(run.alive_steps()),
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
    gamma = dict(stored.gamma)
    for depth in (depth for depth in DEPTHS if depth not in stored.gamma):
        gamma[depth] = measure_gamma(depth)
        write(rows, gamma, path)
    for config in tqdm([config for config in planned if config.id not in by_run], unit="run", disable=None):
        rows.append(measure(config))
        write(rows, gamma, path)


def read(path: Path = DATA) -> Measured:
    """What a file holds; nothing if it does not exist."""
    if not path.exists():
        return Measured((), {}, {})
    stored = json.loads(path.read_text(encoding="utf-8"))
    gamma = {int(depth): Gamma(*values) for depth, values in stored["gamma"].items()}
    return Measured(tuple(Row(**row) for row in stored["rows"]), gamma, stored["provenance"])


def write(rows: Iterable[Row], gamma: dict[int, Gamma], path: Path = DATA) -> None:
    """Replace the file: provenance first, then one row per line, so that versions can be compared with diff."""
    facts = {
        **this_machine(),
        "numerics": NUMERICS,
        "networks": NETWORKS,
    }
    lines = ",\n".join(json.dumps(asdict(row), separators=(",", ":")) for row in rows)
    head = f'"provenance": {json.dumps(facts)},\n"gamma": {json.dumps(gamma)}'
    write_text(path, f'{{{head},\n"rows": [\n{lines}\n]}}\n')


# The results.


@dataclass(frozen=True)
class Quantity:
    """What is compared: a number of each run."""

    title: str
    subject: str  # in a sentence
    of: Callable[[Row], float]
    digits: int
    more_is_better: bool
    caption: str


def _accuracy(row: Row) -> float:
    return float(np.mean(row.recall))


def _of_the_majority(row: Row) -> float:
    return row.recall[row.majority_class]


def _of_the_others(row: Row) -> float:
    return float(np.mean(np.delete(row.recall, row.majority_class)))


def _steps_to_life(row: Row) -> float:
    steps = [dynamics.STEPS if step is None else step for step in row.alive]
    return float(np.mean(np.delete(steps, row.majority_class)))


QUANTITIES = {
    "accuracy": Quantity(
        "Balanced accuracy",
        "balanced accuracy",
        _accuracy,
        2,
        True,
        "Balanced accuracy is the mean recall over all classes, of equally many test images each.",
    ),
    "minority": Quantity(
        "Recall of the minority",
        "the recall of the minority",
        _of_the_others,
        2,
        True,
        "The recall of a class is the fraction of its test images that are guessed right; here it is averaged over all "
        "classes but the one in the majority.",
    ),
    "majority": Quantity(
        "Recall of the majority",
        "the recall of the majority",
        _of_the_majority,
        2,
        True,
        "The recall of a class is the fraction of its test images that are guessed right. Guessing always the class in "
        "the majority would give 1.",
    ),
    "alive": Quantity(
        "Steps until the minority is alive",
        "the step at which the minority comes alive",
        _steps_to_life,
        0,
        False,
        "A class is alive while at least 1/K of its test images are guessed right, as by chance. Its step is the first "
        "probe from which on it stays alive, averaged over all classes but the one in the majority. A class that is "
        f"not alive at the end counts with all {dynamics.STEPS} steps.",
    ),
}


@dataclass(frozen=True)
class Cell:
    """Means over the n networks of one depth with one ratio."""

    depth: int
    ratio: int
    favoured: float  # with the class in the majority that a network favours
    unfavoured: float  # with the one that it favours least
    difference: float  # favoured minus unfavoured, network by network
    error: float  # its standard error
    n: int

    @property
    def within_noise(self) -> bool:
        return within_noise(self.difference, self.error, self.n)


def within_noise(mean: float, error: float, n: int) -> bool:
    """Whether the 95 % interval of a mean (Student's t) includes 0."""
    return bool(n < 2 or abs(mean) <= stdtrit(n - 1, 0.975) * error)


def values(rows: Sequence[Row], quantity: str) -> np.ndarray:
    """(networks, ratios, depths, 2) of the networks that are trained in every cell; the last axis is FAVOURED,
    UNFAVOURED."""
    of = QUANTITIES[quantity].of
    by_run = {(row.seed, row.ratio, row.depth, row.majority): of(row) for row in rows}
    seeds = sorted({row.seed for row in rows})
    ratios, depths = _sides(rows)
    table = np.array([
        [[[by_run.get((s, r, d, majority), np.nan) for majority in (FAVOURED, UNFAVOURED)] for d in depths]
         for r in ratios]
        for s in seeds
    ])  # fmt: skip
    return table[np.isfinite(table).all((1, 2, 3))]


def _sides(rows: Sequence[Row]) -> tuple[list[int], list[int]]:
    """The ratios and the depths of the map, from the least."""
    return sorted({row.ratio for row in rows}), sorted({row.depth for row in rows})


def cells(rows: Sequence[Row], quantity: str) -> list[Cell]:
    """The map, row by row: depths from the least, for each ratio from the least."""
    table = values(rows, quantity)
    apart, means = table[..., 0] - table[..., 1], table.mean(0)
    ratios, depths = _sides(rows)
    return [
        Cell(depth, ratio, *map(float, means[i, j]), *_mean_and_error(apart[:, i, j]), len(apart))
        for i, ratio in enumerate(ratios)
        for j, depth in enumerate(depths)
    ]


def _mean_and_error(values: np.ndarray) -> tuple[float, float]:
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))


def verdict(measured: Measured, quantity: str) -> str:
    """What came of it, in sentences: where the two majorities differ, on the whole, and with ratio and depth."""
    rows, shown = measured.rows, QUANTITIES[quantity]
    found, table = cells(rows, quantity), values(rows, quantity)
    apart = table[..., 0] - table[..., 1]
    whole = _mean_and_error(apart.mean((1, 2)))
    ratios, depths = _sides(rows)
    ends = [f"depth {depth} (γ = {measured.gamma[depth].value:.1f})" for depth in (depths[0], depths[-1])]
    return (
        f"**With the favoured class in the majority, {_where(found, shown)} Over all cells the difference is "
        f"{_number(*whole, shown)}: {_meaning(whole, len(apart), quantity)}.** "
        f"{_trend(apart.mean(2), f'a ratio of {ratios[0]}', f'a ratio of {ratios[-1]}', shown)} "
        f"{_trend(apart.mean(1), *ends, shown)}"
    )


def _where(found: Sequence[Cell], shown: Quantity) -> str:
    less, more = ("lower", "higher") if shown.more_is_better else ("earlier", "later")
    clear = [cell.difference for cell in found if not cell.within_noise]
    if not clear:
        return f"{shown.subject} differs by no more than noise in each of the {len(found)} cells."
    counts = {less: sum(value < 0 for value in clear), more: sum(value > 0 for value in clear)}
    parts = " and ".join(f"{word} in {count}" for word, count in counts.items() if count)
    return f"{shown.subject} is {parts} of {len(found)} cells; elsewhere the difference is within noise."


def _meaning(whole: tuple[float, float], n: int, quantity: str) -> str:
    if within_noise(*whole, n):
        return "on the whole it makes no difference beyond noise"
    if quantity == "majority":
        return f"the majority is recognized {'more' if whole[0] > 0 else 'less'} often where the network favours it"
    is_better = (whole[0] > 0) == QUANTITIES[quantity].more_is_better
    return f"a prejudice that agrees with the majority makes the imbalance {'milder' if is_better else 'worse'}"


def _trend(apart: np.ndarray, first: str, last: str, shown: Quantity) -> str:
    """How the difference goes along one side of the map; `apart` is (networks, places)."""
    start, end = apart.mean(0)[[0, -1]]
    change = _mean_and_error(apart[:, -1] - apart[:, 0])
    if within_noise(*change, len(apart)):
        judged = "within noise"
    elif start * end < 0:
        judged = "it changes its sign"
    else:
        judged = "it grows" if abs(end) > abs(start) else "it shrinks"
    return (
        f"From {first} to {last} the difference goes from {signed(start, shown.digits + 1)} to "
        f"{signed(end, shown.digits + 1)}, a change of {_number(*change, shown)}: {judged}."
    )


def _number(mean: float, error: float, shown: Quantity) -> str:
    return f"{signed(mean, shown.digits + 1)} ± {error:.{shown.digits + 1}f}"


def signed(value: float, digits: int) -> str:
    """With a sign, a real minus; 0 has none."""
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0 else text.replace("-", "−")


if __name__ == "__main__":
    record()
