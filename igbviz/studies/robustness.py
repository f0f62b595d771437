"""What a robust loss buys and what it costs: the same training with several losses, on wrong labels or with one class
in the majority.

Two questions, each a sweep over losses and seeds: 'noise', how accurate on clean test images and how much learned by
heart; 'imbalance', how accurate on the classes with few images. Against either stands the time until the first guess is
left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from igbviz.config import RunConfig
from igbviz.losses import LOSSES, Loss
from igbviz.runs.run import Run
from igbviz.runs.sweep_config import Sweep
from igbviz.studies.comparison import OUTCOMES, Member, Setting, labels
from igbviz.studies.seed_summary import Spread, format_share, format_spread, format_step, median_and_range
from igbviz.trajectory import Trajectory
from igbviz.trajectory.quantities import MEASURES, Quantity

LOSSES_SHOWN = ("cross-entropy", "gce", "mae", "nce-rce", "piecewise-zero", "blurry")
SEEDS = 3
NOTABLE = 0.02  # of accuracy: a smaller loss since the best probe may be the luck of that probe

# Few images, so that the wrong labels are soon learned by heart, and Adam, so that the size of a loss's gradients does
# not matter.
WRONG_LABELS = RunConfig(
    dataset={"name": "fashion-mini", "examples_per_class": 200},
    label_noise={"name": "symmetric", "rate": 0.4},
    model={"name": "mlp", "depth": 1},
    optimizer={"name": "adam"},
    epochs=40,
    probes={"count": 30},
)
MAJORITY = WRONG_LABELS.with_(
    dataset={"name": "fashion-mini"},
    label_noise={"name": "none"},
    imbalance={"ratio": 20, "majority": "favoured"},
    epochs=20,
)


@dataclass(frozen=True)
class Question:
    """What a sweep of losses may be asked. `measures` are drawn over time; the first is the one that is to be high at
    the end."""

    title: str
    intro: str
    base: RunConfig
    measures: dict[str, Quantity]
    subject: str  # of the first measure, within a sentence
    caution: str  # what its picture does not tell

    @property
    def goal(self) -> str:
        return next(iter(self.measures))


def _per_class(title: str, caption: str) -> Quantity:
    """A curve that `read` adds to a member, since it depends on who is in the majority."""
    return Quantity(
        title, "accuracy (share of images)", caption, Trajectory.balanced_accuracy, chance=True, per_class=False
    )


QUESTIONS = {
    "noise": Question(
        "Wrong labels",
        "A part of the training labels is wrong. Which losses learn the classes and not the mistakes, and how late "
        "do they leave their first guess?",
        WRONG_LABELS,
        {
            "balanced_accuracy": replace(MEASURES["balanced_accuracy"], title="Accuracy on clean test images"),
            "memorised": MEASURES["memorised"],
            "resisted": MEASURES["resisted"],
        },
        "accuracy on clean test images",
        "*Memorised* begins near 1/K: a network that guesses at random hits as many wrong labels as right ones.",
    ),
    "imbalance": Question(
        "One class in the majority",
        "One class has many more training images than the others. Which losses still learn the others, and how late "
        "do they leave their first guess?",
        MAJORITY,
        {
            "minority_accuracy": _per_class(
                "Accuracy of the other classes",
                "Share of their test images that are guessed right, averaged over all classes but the majority.",
            ),
            "majority_accuracy": _per_class(
                "Accuracy of the majority class",
                "Share of its test images that are guessed right: near 1 is easy, by guessing nothing else.",
            ),
        },
        "accuracy of the other classes",
        "Here guesses may also stay uneven because the data are: *never* is not only the doing of the first guess.",
    ),
}


# Which runs.


def over_losses(
    base: RunConfig, losses: Iterable[str | dict[str, Any] | Loss] = LOSSES_SHOWN, seeds: int = SEEDS
) -> Sweep:
    """The same training with each of these losses, from so many seeds on; seed by seed, so that a sweep cut short has
    all losses."""
    spoiled = ", ".join(filter(None, (base.label_noise.label, base.imbalance.label))) or "nothing wrong"
    return Sweep(
        base=base,
        axes={"seed": list(range(base.seed, base.seed + seeds)), "loss": list(losses)},
        title=f"Robustness: {spoiled}, {base.dataset.name}"[:80],
    )


def kind(sweep: Sweep) -> str | None:
    """Which of QUESTIONS this sweep answers; None for any other."""
    if "loss" not in sweep.axes or not set(sweep.axes) <= {"loss", "seed"}:
        return None
    return "noise" if sweep.base.label_noise.label else "imbalance" if sweep.base.imbalance.ratio > 1 else None


def chosen_losses(sweep: Sweep) -> list[dict[str, Any]]:
    """The losses of a sweep with their knobs, each as a mapping."""
    return [{"name": value} if isinstance(value, str) else dict(value) for value in sweep.axes["loss"]]


def usual_losses() -> list[str]:
    """The names of all losses that need nothing more to be said; `custom` has no formula of its own."""
    return [name for name in LOSSES if name != "custom"]


# What became of them.


def read(run: Run) -> Member | None:
    """The run as it is now, with the accuracies of majority and minority where it has them; None before its first
    probe.

    Raises RunError for a run that cannot be read.
    """
    member = Member.read(run)
    if member is None or member.config.imbalance.ratio == 1:
        return member
    accuracy, who = member.per_class["accuracy"], majority(member.config, run.trajectory()[:1])
    more = {"majority_accuracy": accuracy[:, who], "minority_accuracy": np.delete(accuracy, who, axis=1).mean(1)}
    return replace(member, measures=member.measures | more)


def majority(config: RunConfig, first: Trajectory) -> int:
    """The class in the majority of a run with imbalance, from its probe at Init."""
    who = config.imbalance.majority
    if isinstance(who, int):
        return who
    belief = first.predicted_probability()[0]
    return int(belief.argmax() if who == "favoured" else belief.argmin())


def settings(sweep: Sweep, members: Iterable[Member]) -> list[Setting]:
    """The members by loss, with a place and a name for every loss of the sweep, so that both stay while runs arrive;
    some may be empty."""
    groups: dict[str, list[Member]] = {}
    for member in members:
        groups.setdefault(member.config.group, []).append(member)
    kinds = {config.group: config.with_(seed=0) for config in sweep.configs()}
    names = labels(list(kinds.values()))
    return [
        Setting(label, index, tuple(groups.get(group, ())))
        for index, (group, label) in enumerate(zip(kinds, names, strict=True))
    ]


@dataclass(frozen=True)
class LossSummary:
    """How the finished seeds of one loss ended. An escape that never came counts as infinity; diverged runs have no end
    and count apart."""

    label: str
    index: int  # the place of its look
    n: int
    diverged: int
    ends: dict[str, Spread]  # each measure at the last probe
    best: Spread  # the goal at its best probe
    best_epoch: Spread
    lost: Spread  # the best minus the end, seed by seed
    escape: Spread
    escaped: int
    steps: int

    @property
    def final(self) -> Spread:
        """The goal at the last probe."""
        return next(iter(self.ends.values()))


def summaries(settings: Sequence[Setting], question: Question) -> list[LossSummary]:
    """One for each loss with a finished run."""
    return [
        _summary(setting, question) for setting in settings if any(member.state == "done" for member in setting.members)
    ]


def _summary(setting: Setting, question: Question) -> LossSummary:
    done = [member for member in setting.members if member.state == "done"]
    curves = [member.measures[question.goal] for member in done]
    peaks = [int(np.nanargmax(curve)) for curve in curves]
    escapes = [member.outcome.escape for member in done]

    def spread(values: Iterable[float]) -> Spread:
        return median_and_range([float(value) for value in values])

    return LossSummary(
        setting.label,
        setting.index,
        len(done),
        sum(member.state == "diverged" for member in setting.members),
        {name: spread(member.measures[name][-1] for member in done) for name in question.measures},
        spread(curve[peak] for curve, peak in zip(curves, peaks, strict=True)),
        spread(member.epoch[peak] for member, peak in zip(done, peaks, strict=True)),
        spread(curve[peak] - curve[-1] for curve, peak in zip(curves, peaks, strict=True)),
        spread(escapes),
        int(np.isfinite(escapes).sum()),
        max(int(member.step[-1]) for member in done),
    )


COLUMNS: dict[str, tuple[str, Callable[[LossSummary], str]]] = {
    "final": ("at the end", lambda one: format_spread(one.final, format_share)),
    "best": ("at its best", lambda one: format_spread(one.best, format_share)),
    "best_epoch": ("best after epochs", lambda one: format_spread(one.best_epoch, "{:.2g}".format)),
    "escape": (OUTCOMES["escape"][0], lambda one: format_spread(one.escape, format_step)),
}


def table(results: Sequence[LossSummary], question: Question) -> pd.DataFrame:
    """A row a loss, in words: median (least..most) of n finished seeds."""
    rows = []
    for one in results:
        row = {"loss": one.label, "n": one.n} | {title: write(one) for title, write in COLUMNS.values()}
        others = list(question.measures)[1:]
        row |= {question.measures[name].title.lower(): format_spread(one.ends[name], format_share) for name in others}
        rows.append(row | ({"diverged": one.diverged} if any(other.diverged for other in results) else {}))
    return pd.DataFrame(rows)


# In words.


def sentences(results: Sequence[LossSummary], question: Question) -> list[str]:
    """What the numbers say, no more: who ends highest, who was better before, who leaves the first guess when."""
    if not results:
        return []
    return [_highest(results, question), *_better_before(results, question), *_left(results)]


def _highest(results: Sequence[LossSummary], question: Question) -> str:
    order = sorted(results, key=lambda one: -one.final[0])
    top = [one for one in order if one.final[2] >= order[0].final[1]]  # whose seeds reach the least of the highest
    rest = [one for one in order if one not in top]
    sentence = f"**Highest at the end** in {question.subject}: {_listed(top, lambda one: format_spread(one.final, format_share))}"
    sentence += "; the seeds of these overlap." if len(top) > 1 else "."
    return sentence + (
        f" Lowest: {_listed(rest[-1:], lambda one: format_spread(one.final, format_share))}." if rest else ""
    )


def _better_before(results: Sequence[LossSummary], question: Question) -> list[str]:
    """Whose end is worse than its best in every seed."""
    worse = sorted((one for one in results if one.lost[1] > NOTABLE), key=lambda one: -one.lost[0])
    if not worse:
        return [
            f"**Stopping early** would save nothing here: no loss ends more than {NOTABLE:g} below its own best in "
            "all its seeds."
        ]
    first, heart = worse[0], ""
    if "memorised" in first.ends:
        heart = f", with {format_spread(first.ends['memorised'], format_share)} of the wrong labels learned by heart"
    sentence = (
        f"**Stopping early** would help {first.label}: it is at its best, {format_spread(first.best, format_share)}, "
        f"after {format_spread(first.best_epoch, '{:.2g}'.format)} epochs and ends at "
        f"{format_spread(first.final, format_share)}{heart}."
    )
    if others := worse[1:]:
        sentence += f" Also below their best at the end, by the median: {_listed(others, lambda one: format_share(one.lost[0]))}."
    highest = max(results, key=lambda one: one.final[0])
    if highest is not first:
        gap = highest.final[0] - first.best[0]
        beside = "about as high as" if abs(gap) < NOTABLE else f"{abs(gap):.2f} {'below' if gap > 0 else 'above'}"
        sentence += f" At its best, {first.label} is {beside} {highest.label} at the end."
    return [sentence]


def _left(results: Sequence[LossSummary]) -> list[str]:
    """When each leaves the first guess: the first, the last, and those that never do."""
    said = []
    if left := sorted((one for one in results if np.isfinite(one.escape[0])), key=lambda one: one.escape[0]):
        said.append(f"**The first guess is left** first by {_listed(left[:1], _when)}")
        if len(left) > 1:
            ratio = left[-1].escape[0] / max(left[0].escape[0], 1)
            said[0] += f", last by {_listed(left[-1:], _when)}" + (
                f", {float(f'{ratio:.2g}'):g} times as late" if ratio >= 1.5 else ""
            )
        said[0] += "."
    if never := [one for one in results if not np.isfinite(one.escape[0])]:
        told = _listed(
            never,
            lambda one: (
                f"in {one.n - one.escaped} of {one.n} seeds, ending at {format_spread(one.final, format_share)}"
            ),
        )
        said.append(f"**Not left** within {max(one.steps for one in results):,} steps: {told}.")
    return said


def _when(one: LossSummary) -> str:
    return f"at step {format_spread(one.escape, format_step)}"


def _listed(results: Sequence[LossSummary], describe: Callable[[LossSummary], str]) -> str:
    return "; ".join(f"{one.label} {describe(one)}" for one in results)
