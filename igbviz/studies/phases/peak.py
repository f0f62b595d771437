"""Where accuracy is highest along the measured line, and whether prejudice is deep there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from igbviz import theory
from igbviz.studies.phases.line import CLASSES, RATES, STEPS, Line, Row, Start
from igbviz.theory.phases import phase_name

LABELS = {"tanh": "tanh", "relu": "ReLU"}


@dataclass(frozen=True)
class Place:
    """A point of the line and the runs from it at one learning rate."""

    start: Start
    rows: tuple[Row, ...]

    @property
    def diverged(self) -> int:
        return sum(row.diverged is not None for row in self.rows)

    def values(self, number: int) -> np.ndarray:
        """(seeds,) accuracies after STEPS[number], NaN for a run that diverged before."""
        return np.array([np.nan if (value := row.accuracy[number]) is None else value for row in self.rows])

    def mean(self, number: int) -> float:
        """NaN if a seed diverged: the others are no fair sample."""
        return float(self.values(number).mean())


def places(line: Line, activation: str, rate: float) -> list[Place]:
    """The points of a line by sigma_w2, each with its runs by seed."""
    rows: dict[float, list[Row]] = {}
    for row in line.rows:
        if (row.activation, row.learning_rate) == (activation, rate):
            rows.setdefault(row.sigma_w2, []).append(row)
    return [
        Place(start, tuple(sorted(rows[start.sigma_w2], key=lambda row: row.seed)))
        for start in sorted(line.starts, key=lambda start: start.sigma_w2)
        if start.activation == activation and start.sigma_w2 in rows
    ]


def best(found: Sequence[Place], number: int) -> Place | None:
    """The point with the highest mean after STEPS[number]; None if seeds diverged at every point."""
    return max((p for p in found if not np.isnan(p.mean(number))), key=lambda p: p.mean(number), default=None)


def equals(found: Sequence[Place], number: int) -> list[Place]:
    """The best point and all others whose difference from it, seed by seed, is within two standard errors."""
    top = best(found, number)
    alike = []
    for place in found:
        if top is None or np.isnan(place.mean(number)):
            continue
        lost = top.values(number) - place.values(number)
        if place is top or lost.mean() < 2 * lost.std(ddof=1) / np.sqrt(len(lost)):
            alike.append(place)
    return alike


def verdict(line: Line, activation: str, rate: float) -> str:
    """Where accuracy is highest along the line, and whether networks are deeply prejudiced there."""
    found, number = places(line, activation, rate), len(STEPS) - 1
    top, deep = best(found, number), theory.regime_cuts(CLASSES)[1]
    if top is None:
        return "At this learning rate seeds diverged at every point."
    values, alike = top.values(number), [place.start.gamma for place in equals(found, number)]
    name, gamma = phase_name(top.start.chi_1), top.start.gamma
    guess = float(theory.expected_max_guess(gamma, CLASSES))
    error = values.std(ddof=1) / np.sqrt(len(values))
    regime = theory.regime(gamma, CLASSES)
    if gamma >= deep:
        peak = "yes:**" if min(alike) >= deep else "yes, but not beyond the errors:**"
    else:
        peak = "no:**" if max(alike) < deep else "no, but within the errors it may:**"
    sentences = [
        f"After {STEPS[number]} steps {LABELS[activation]} networks are most accurate at **γ = {gamma:.3g}**, "
        f"{_side(name)}: {values.mean():.3f} ± {error:.3f} (n = {len(values)}). {_plateau(alike)}",
        f"**Does trainability peak at deep prejudice? Here {peak} at this γ networks are {regime}: the favoured class "
        f"begins with {100 * guess:.0f} % of the guesses on average (theory). With ten classes prejudice is deep from "
        f"γ = {deep:.0f} (90 %) on.",
    ]
    low = [place.start.gamma for place in found if place.start.chi_1 < 1 and place.mean(number) < 1.5 / CLASSES]
    if low:
        first = f"γ = {float(f'{min(low):.2g}'):,.0f}"
        there = f"At {first}" if len(low) == 1 else f"From {first} on"
        sentences.append(f"{there} the networks stay near chance.")
    sentences += _at_one_gamma([p for p in found if phase_name(p.start.chi_1) != "ordered"], number)
    if lost := [place for place in found if place.diverged]:
        sentences.append(
            f"{sum(place.diverged for place in lost)} of {sum(len(place.rows) for place in found)} runs diverged, "
            f"from σ²w = {min(place.start.sigma_w2 for place in lost):g} on."
        )
    return " ".join(sentences)


def _at_one_gamma(chaotic: Sequence[Place], number: int) -> list[str]:
    """A sentence where networks from the edge on have nearly the same gamma, but not the same accuracy."""
    gammas = [place.start.gamma for place in chaotic]
    ended = [place for place in chaotic if not place.diverged]
    if not ended or max(gammas) > 1.5 * min(gammas) or len(equals(ended, number)) == len(chaotic):
        return []
    means = [place.mean(number) for place in ended]
    lost = ", and runs diverge" if len(ended) < len(chaotic) else ""
    return [
        f"From the edge of chaos on γ hardly changes ({max(gammas):.3g} to {min(gammas):.3g}), but accuracy lies "
        f"between {min(means):.2f} and {max(means):.2f}{lost}: γ alone does not decide."
    ]


def over_rates(line: Line, activation: str) -> str:
    """One sentence: whether the best gamma is another at another learning rate or after more steps."""
    tops = [
        (rate, steps, best(places(line, activation, rate), number))
        for rate in RATES
        for number, steps in enumerate(STEPS)
    ]
    found = {f"{top.start.gamma:.3g}" for _, _, top in tops if top}
    if len(found) == 1:
        steps = _and(map(str, STEPS))
        return f"The highest mean is at γ = {found.pop()} at every learning rate here, after {steps} steps."
    each = (
        f"{f'γ = {top.start.gamma:.3g}' if top else 'no γ'} (rate {rate:g}, {steps} steps)" for rate, steps, top in tops
    )
    return f"Which γ has the highest mean depends on the learning rate and the steps: {_and(each)}."


def _and(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def _side(name: str) -> str:
    return f"in the {name} phase" if name in ("ordered", "chaotic") else name


def _plateau(alike: Sequence[float]) -> str:
    if len(alike) < 2:
        return "Seed by seed, every other point is worse by more than two standard errors."
    return (
        f"Seed by seed, {len(alike)} points from γ = {min(alike):.3g} to {max(alike):.3g} are within two standard "
        "errors of it."
    )
