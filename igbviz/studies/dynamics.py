"""How the initial bias affects learning: many short runs from one point of the plane of initializations.

Three questions, each a sweep: one setting with many seeds, grouped by the bias at Init. ('starts'); one short run at
every point of the plane ('plane'); and the same seeds with more images of one class ('majority').
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from igbviz import theory
from igbviz.config import RunConfig
from igbviz.config.probe_plan import ProbePlan
from igbviz.datasets.imbalance import Imbalance
from igbviz.models.initializations import Gaussian
from igbviz.runs.sweep_config import Sweep, parse_value
from igbviz.studies.comparison import Member, Setting, interpolated_at
from igbviz.trajectory.quantities import MEASURES
from igbviz.trajectory.trajectory import thin

SEEDS, STEPS, RATIO = 20, 100, 10
ACROSS, UP = "initialization.sigma_w2", "initialization.sigma_b2"  # the axes of the plane
KINDS = {"starts": {"seed"}, "plane": {ACROSS, UP}, "majority": {"imbalance", "seed"}}  # by the axes of the sweep
# Small probes, since the training itself takes about a second.
SHORT, SHORTEST = ProbePlan(size=500, count=25), ProbePlan(size=200, count=10)

# At this point about half of the networks begin neutral, and they learn something within a hundred steps.
BASE = RunConfig(
    model={"name": "mlp", "depth": 10, "width": 100, "activation": "tanh"},
    initialization={"name": "gaussian", "sigma_w2": 1.76, "sigma_b2": 0.05},
    optimizer={"name": "sgd", "learning_rate": 0.003},
    epochs=STEPS / 313,
    probes=SHORT,
)


# The runs.


def at_point(point: Mapping[str, Any], base: RunConfig = BASE) -> RunConfig:
    """The base with another activation, depth (hidden layers), sigma_w2 or sigma_b2; values may be strings. Raises
    ConfigError."""
    point = {name: parse_value(value) if isinstance(value, str) else value for name, value in point.items()}
    network, start = (
        {name: point[name] for name in names if name in point}
        for names in (("activation", "depth"), ("sigma_w2", "sigma_b2"))
    )
    changed = base.with_(model=base.model.model_dump() | network)
    return (
        changed.with_(initialization=Gaussian().model_dump() | base.initialization.model_dump() | start)
        if start
        else changed
    )


def planned_steps(config: RunConfig) -> int:
    """Optimizer steps of this run. Raises DataError if its data cannot be read."""
    return config.total_steps(_images(config))


def with_steps(config: RunConfig, steps: int) -> RunConfig:
    """The same run with this number of optimizer steps. Raises DataError if its data cannot be read."""
    return config.with_(epochs=steps / config.steps_per_epoch(_images(config)))


def _images(config: RunConfig) -> int:
    return config.train_size(config.dataset.facts())


def probed_steps(config: RunConfig) -> list[int]:
    """The steps at which a figure has a point, without Init."""
    step = config.probes.steps(planned_steps(config), config.steps_per_epoch(_images(config)))
    return step[thin(step)][1:].tolist()


def over_seeds(base: RunConfig, seeds: int = SEEDS) -> Sweep:
    """The same run with `seeds` seeds, from the base's on."""
    return Sweep(
        base=base.with_(probes=SHORT),
        axes={"seed": _seeds(base, seeds)},
        title=f"Neutral or prejudiced: {_setting_in_words(base)}",
    )


def over_plane(base: RunConfig, across: int = 10, up: int = 6, largest_w: float = 4.0, largest_b: float = 0.5) -> Sweep:
    """One run at each of across x up points of the plane, with sigma_w2 above 0 and sigma_b2 from 0 on."""
    axes = {ACROSS: np.linspace(largest_w / across, largest_w, across), UP: np.linspace(0, largest_b, up)}
    rounded = {path: [float(f"{value:.4g}") for value in values] for path, values in axes.items()}
    start = base.initialization if isinstance(base.initialization, Gaussian) else Gaussian()
    return Sweep(
        base=base.with_(probes=SHORTEST, initialization=start),
        axes=rounded,
        title=f"Trainability: {base.model.activation}, depth {base.model.depth}",
    )


def over_majorities(base: RunConfig, ratio: int = RATIO, seeds: int = 8) -> Sweep:
    """The same seeds with balanced classes, with the favoured class in the majority, and with the least favoured one.

    The number of epochs gives the unbalanced runs the steps of `base`. The balanced runs have more images and therefore
    more steps.
    """
    unbalanced = [{"ratio": ratio, "majority": majority} for majority in ("favoured", "unfavoured")]
    steps = with_steps(base.with_(imbalance=unbalanced[0]), planned_steps(base))
    return Sweep(
        base=steps.with_(imbalance=Imbalance(), probes=SHORT),
        # Seed by seed, so that runs to be compared are done together.
        axes={"seed": _seeds(base, seeds), "imbalance": [{}, *unbalanced]},
        title=f"Majority {ratio} to 1: {_setting_in_words(base)}",
    )


def kind(sweep: Sweep) -> str | None:
    """The name in KINDS of this sweep; None for any other."""
    name = next((name for name, axes in KINDS.items() if axes == set(sweep.axes)), None)
    if name == "majority":  # a sweep from elsewhere may have other ratios and majorities
        settings = {(config.imbalance.ratio, config.imbalance.majority) for config in sweep.configs()}
        ratio = max(ratio for ratio, _ in settings) if all(isinstance(majority, str) for _, majority in settings) else 1
        return name if settings == {(1, "favoured"), (ratio, "favoured"), (ratio, "unfavoured")} else None
    return name


def _seeds(base: RunConfig, seeds: int) -> list[int]:
    return list(range(base.seed, base.seed + seeds))


def _setting_in_words(base: RunConfig) -> str:
    start = base.initialization
    point = f"{start.sigma_w2:g}, {start.sigma_b2:g}" if isinstance(start, Gaussian) else start.name
    return f"{base.model.activation}, depth {base.model.depth}, {point}"


# The results.


@lru_cache
def cut(classes: int) -> float:
    """The largest guess fraction from which on a start is called prejudiced: its expected value at gamma = 1."""
    return float(theory.expected_max_guess(theory.PREJUDICE_CUT, classes))


def starts(members: Sequence[Member]) -> list[Setting]:
    """Three groups, which may be empty: neutral start, prejudiced start, and all members (index -1)."""
    biased = [m.outcome.largest_guess_init >= cut(len(m.class_names)) for m in members]
    neutral = tuple(m for m, is_biased in zip(members, biased, strict=True) if not is_biased)
    prejudiced = tuple(m for m, is_biased in zip(members, biased, strict=True) if is_biased)
    return [
        Setting("neutral start", 0, neutral),
        Setting("prejudiced start", 1, prejudiced),
        Setting("all", -1, tuple(members)),
    ]


def majorities(members: Sequence[Member]) -> list[Setting]:
    """Three groups, which may be empty, by the majority class: none, the favoured, the least favoured."""
    labels = {
        None: "equal classes",
        "favoured": "favoured class in the majority",
        "unfavoured": "least favoured in the majority",
    }
    groups: dict[str | None, list[Member]] = {majority: [] for majority in labels}
    for member in members:
        imbalance = member.config.imbalance
        groups[imbalance.majority if imbalance.ratio > 1 else None].append(member)
    return [Setting(label, index, tuple(groups[majority])) for index, (majority, label) in enumerate(labels.items())]


@dataclass(frozen=True)
class Mean:
    """A measure over the members of a group, on one grid in log time: all (G,)."""

    step: np.ndarray
    mean: np.ndarray
    error: np.ndarray  # standard error of the mean; NaN where n is 1
    n: np.ndarray  # members with a value at this step


def mean(members: Sequence[Member], measure: str) -> Mean:
    """Mean and standard error at every step that at least one member has a value for."""
    step = np.unique(np.concatenate([member.step for member in members])) if members else np.empty(0, int)
    values = (
        np.stack([interpolated_at(step, member.step, member.measures[measure]) for member in members])
        if members
        else np.empty((0, 0))
    )
    finite = np.isfinite(values)
    n = finite.sum(0)
    step, values, finite, n = step[n > 0], values[:, n > 0], finite[:, n > 0], n[n > 0]
    average = np.where(finite, values, 0).sum(0) / n
    squares = np.where(finite, (values - average) ** 2, 0).sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return Mean(step, average, np.where(n > 1, np.sqrt(squares / (n - 1) / n), np.nan), n)


def at_step(members: Sequence[Member], measure: str, step: int) -> np.ndarray:
    """(n,) the measure of each member after `step` steps; NaN for one that has not come this far or diverged before."""
    return np.array([interpolated_at(np.array([step]), member.step, member.measures[measure])[0] for member in members])


def describe_starts(members: Sequence[Member], measure: str, step: int) -> str:
    """One sentence on the two groups after `step` steps: means, difference, standard error and what they show."""
    neutral, prejudiced, _ = starts(members)
    border = f"{cut(len(members[0].class_names)):.2f}"
    for group, others, side in ((neutral, prejudiced, "at or above"), (prejudiced, neutral, "below")):
        if not group.members:
            kind_of_start = group.label.split()[0]
            return (
                f"None of the {len(others.members)} networks began {kind_of_start}: all their largest guess fractions "
                f"are {side} {border}."
            )
    values = [_finite(at_step(group.members, measure, step)) for group in (neutral, prejudiced)]
    labels = [
        f"{len(v)} {group.label}{'s' * (len(v) != 1)}" for v, group in zip(values, (neutral, prejudiced), strict=True)
    ]
    means = " and ".join(f"{_plus_minus(v)} over {label}" for v, label in zip(values, labels, strict=True))
    sentence = f"After {step:,} steps, {MEASURES[measure].title.lower()} is {means}"
    if min(map(len, values)) < 2:
        return f"{sentence}: too few to tell a difference from chance."
    error = float(np.hypot(*(v.std(ddof=1) / np.sqrt(len(v)) for v in values)))
    return f"{sentence}; neutral minus prejudiced is {_judged(values[0].mean() - values[1].mean(), error)}"


def describe_majorities(members: Sequence[Member], measure: str, step: int) -> str:
    """The difference favoured minus least favoured after `step` steps, taken seed by seed: the same network with
    another majority. A second paragraph has the means of the three settings."""
    settings = majorities(members)
    parts = []
    for setting in settings:
        values = _finite(at_step(setting.members, measure, step))
        parts.append(f"{setting.label} {_plus_minus(values)} (n = {len(values)})")
    sentence = f"{MEASURES[measure].title} after {step:,} steps: {', '.join(parts)}"
    favoured, unfavoured = (
        dict(zip((m.config.seed for m in setting.members), at_step(setting.members, measure, step), strict=True))
        for setting in settings[1:]
    )
    pairs = _finite(np.array([favoured[seed] - unfavoured[seed] for seed in favoured.keys() & unfavoured.keys()]))
    if len(pairs) < 2:
        return f"{sentence}; too few to tell a difference from chance."
    error = float(pairs.std(ddof=1) / np.sqrt(len(pairs)))
    return f"Seed by seed, favoured minus least favoured is {_judged(pairs.mean(), error)}\n\n{sentence}."


def describe_plane(plane: Plane, measure: str, steps: int) -> str:
    """Where on the plane the measure is lowest and highest, how many points are finished, and how many diverged."""
    learned, diverged = int(np.isfinite(plane.values).sum()), int(plane.diverged.sum())
    finished = f"{learned + diverged} of {plane.values.size} points"
    sentences = [f"{finished} are trained for {steps:,} steps; {diverged} of them diverged."]
    if learned == plane.values.size:
        sentences = []  # the picture has them all
    if learned > 1:
        places = (np.unravel_index(find(plane.values), plane.values.shape) for find in (np.nanargmin, np.nanargmax))
        (low, low_w, low_b), (high, high_w, high_b) = (
            (plane.values[up, across], plane.sigma_w2[across], plane.sigma_b2[up]) for up, across in places
        )
        sentences.insert(
            0,
            f"{MEASURES[measure].title} is lowest (**{low:.3g}**) at weight variance {low_w:.3g}, bias variance "
            f"{low_b:.3g} and highest (**{high:.3g}**) at {high_w:.3g} and {high_b:.3g}.",
        )
    return " ".join(sentences)


def _judged(difference: float, error: float) -> str:
    size = abs(difference) / error if error > 0 else np.inf if difference else 0.0
    phrase = (
        f"{difference:+.3f} ± {error:.3f}, {size:.1f} standard errors"
        if np.isfinite(size)
        else f"{difference:+.3f} in every seed"
    )
    phrase = phrase.replace("-", "−")
    if size < 2:
        return f"{phrase}: these seeds do not show a difference."
    return f"{phrase}: more than chance alone usually gives, for this setting and this step."


def _plus_minus(values: np.ndarray) -> str:
    if not len(values):
        return "not measured yet"
    return f"{values.mean():.3f}" + (f" ± {values.std(ddof=1) / np.sqrt(len(values)):.3f}" if len(values) > 1 else "")


def _finite(values: np.ndarray) -> np.ndarray:
    return values[np.isfinite(values)]


@dataclass(frozen=True)
class Plane:
    """A measure at the last probe of the run at each point; `values` and `diverged` are (B, W)."""

    sigma_w2: np.ndarray  # (W,)
    sigma_b2: np.ndarray  # (B,)
    values: np.ndarray  # NaN where no run has finished
    diverged: np.ndarray  # bool


def plane(sweep: Sweep, members: Sequence[Member], measure: str) -> Plane:
    """The finished members of an `over_plane` sweep by their point; runs that have not ended are left out."""
    across, up = sweep.axes[ACROSS], sweep.axes[UP]
    values, diverged = np.full((len(up), len(across)), np.nan), np.zeros((len(up), len(across)), bool)
    for member in members:
        start = member.config.initialization
        point = up.index(start.sigma_b2), across.index(start.sigma_w2)
        if member.state == "diverged":
            diverged[point] = True
        elif member.state == "done":
            values[point] = member.measures[measure][-1]
    return Plane(np.array(across), np.array(up), values, diverged)
