"""What a robust loss gains and what it costs: the same training with several losses, on label noise or class imbalance.

Two questions, each a sweep over losses and seeds: 'noise' measures the accuracy on clean test images and the memorized
wrong labels, 'imbalance' the accuracy on the classes with few images. Both are compared with the escape step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from igbviz.config import RecordedConfig, RunConfig
from igbviz.losses import LOSSES, Loss
from igbviz.runs.run import Run
from igbviz.runs.sweep_config import Sweep
from igbviz.studies.comparison import OUTCOMES, Member, Setting, labels
from igbviz.studies.seed_summary import Spread, format_fraction, format_spread, format_step, median_and_range
from igbviz.trajectory import Trajectory
from igbviz.trajectory.quantities import MEASURES, Quantity

LOSSES_SHOWN = ("cross-entropy", "gce", "mae", "nce-rce", "piecewise-zero", "blurry")
SEEDS = 3
NOTABLE = 0.02  # of accuracy: the best of many probes is higher than the last by chance alone

# Few images, so that the wrong labels are soon memorized, and Adam, so that the scale of a loss's gradients does not
# matter.
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
    """A question to a sweep over losses. `measures` are drawn over time; the first is the goal, which should be high at
    the end."""

    title: str
    intro: str
    base: RunConfig
    measures: dict[str, Quantity]
    subject: str  # the first measure, within a sentence
    caution: str  # what to keep in mind when reading its figure
    losses: tuple[str, ...] = LOSSES_SHOWN  # what the page compares at first: shipped runs

    @property
    def goal(self) -> str:
        return next(iter(self.measures))


def _per_class(title: str, caption: str) -> Quantity:
    """A measure whose values `read` adds to a member, since they depend on which class is in the majority."""
    return Quantity(
        title, "accuracy (fraction of images)", caption, Trajectory.balanced_accuracy, chance=True, per_class=False
    )


QUESTIONS = {
    "noise": Question(
        "Wrong labels",
        "Some of the training labels are wrong. Which losses learn the classes and not the mistakes, and when do they "
        "leave their first guess (the initial guessing bias)?",
        WRONG_LABELS,
        {
            "balanced_accuracy": replace(MEASURES["balanced_accuracy"], title="Accuracy on clean test images"),
            "memorised": MEASURES["memorised"],
            "resisted": MEASURES["resisted"],
        },
        "accuracy on clean test images",
        "*Memorised* begins near 1/K: random guesses agree with a wrong label as often as with a right one.",
    ),
    "imbalance": Question(
        "One class in the majority",
        "One class has many more training images than the others. Which losses still learn the others, and when do "
        "they leave their first guess (the initial guessing bias)?",
        MAJORITY,
        {
            "minority_accuracy": _per_class(
                "Accuracy of the other classes",
                "Fraction of their test images that are classified correctly, averaged over the classes.",
            ),
            "majority_accuracy": _per_class(
                "Accuracy of the majority class",
                "Fraction of its test images that are classified correctly. Guessing only this class gives 1.",
            ),
        },
        "accuracy of the other classes",
        "Guesses may also stay uneven because the training data are: *never* need not be due to the first guess alone.",
        ("cross-entropy", "gce", "blurry"),
    ),
}


# The runs.


def over_losses(
    base: RunConfig, losses: Iterable[str | dict[str, Any] | Loss] = LOSSES_SHOWN, seeds: int = SEEDS
) -> Sweep:
    """The same training with each of these losses and `seeds` seeds, seed by seed, so that an interrupted sweep has all
    losses."""
    corruption = ", ".join(filter(None, (base.label_noise.label, base.imbalance.label))) or "nothing wrong"
    return Sweep(
        base=base,
        axes={"seed": list(range(base.seed, base.seed + seeds)), "loss": list(losses)},
        title=f"Robustness: {corruption}, {base.dataset.name}"[:80],
    )


def kind(sweep: Sweep) -> str | None:
    """The name in QUESTIONS of the question that this sweep answers; None for any other sweep."""
    if "loss" not in sweep.axes or not set(sweep.axes) <= {"loss", "seed"}:
        return None
    return "noise" if sweep.base.label_noise.label else "imbalance" if sweep.base.imbalance.ratio > 1 else None


def chosen_losses(sweep: Sweep) -> list[dict[str, Any]]:
    """The losses of a sweep with their hyperparameters, each as a mapping."""
    return [{"name": value} if isinstance(value, str) else dict(value) for value in sweep.axes["loss"]]


def usual_losses() -> list[str]:
    """The names of all losses that are complete with their defaults; `custom` needs a formula."""
    return [name for name in LOSSES if name != "custom"]


# The results.


def read(run: Run) -> Member | None:
    """The run so far, with the accuracies of majority and minority if it has an imbalance; None before its first probe.

    Raises RunError for a run that cannot be read.
    """
    member = Member.read(run)
    if member is None or isinstance(member.config, RecordedConfig) or member.config.imbalance.ratio == 1:
        return member  # nobody knows which classes had fewer images in a recorded run
    accuracy, index = member.per_class["accuracy"], majority(member.config, run.trajectory()[:1])
    added = {"majority_accuracy": accuracy[:, index], "minority_accuracy": np.delete(accuracy, index, axis=1).mean(1)}
    return replace(member, measures=member.measures | added)


def majority(config: RunConfig, first: Trajectory) -> int:
    """The index of the majority class of a run with imbalance; `first` is its probe at Init."""
    chosen = config.imbalance.majority
    if isinstance(chosen, int):
        return chosen
    probability = first.predicted_probability()[0]
    return int(probability.argmax() if chosen == "favoured" else probability.argmin())


def settings(sweep: Sweep, members: Iterable[Member]) -> list[Setting]:
    """The members by loss. Every loss of the sweep has an index and a label, even without members, so that neither
    changes while runs arrive."""
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
    """The finished seeds of one loss. A run that never escapes counts as infinity; diverged runs are only counted."""

    label: str
    index: int  # of its color and symbol
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
    """One for each loss with a finished run, in the order of the settings."""
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
    "final": ("at the end", lambda result: format_spread(result.final, format_fraction)),
    "best": ("at its best", lambda result: format_spread(result.best, format_fraction)),
    "best_epoch": ("best after epochs", lambda result: format_spread(result.best_epoch, "{:.2g}".format)),
    "escape": (OUTCOMES["escape"][0], lambda result: format_spread(result.escape, format_step)),
}


def table(results: Sequence[LossSummary], question: Question) -> pd.DataFrame:
    """One row per loss: median (min to max) of n finished seeds, as text."""
    rows = []
    for result in results:
        row = {"loss": result.label, "n": result.n} | {
            title: format_cell(result) for title, format_cell in COLUMNS.values()
        }
        others = list(question.measures)[1:]
        row |= {
            question.measures[name].title.lower(): format_spread(result.ends[name], format_fraction) for name in others
        }
        rows.append(row | ({"diverged": result.diverged} if any(other.diverged for other in results) else {}))
    return pd.DataFrame(rows)


# Sentences.


def sentences(results: Sequence[LossSummary], question: Question) -> list[str]:
    """What the numbers show: which losses end highest, which were better before, and when each escapes."""
    if not results:
        return []
    return [_highest(results, question), *_better_before(results, question), *_left(results)]


def _highest(results: Sequence[LossSummary], question: Question) -> str:
    order = sorted(results, key=lambda result: -result.final[0])
    # The highest median, and all whose best seed reaches its worst.
    top = [result for result in order if result.final[2] >= order[0].final[1]]
    rest = [result for result in order if result not in top]
    sentence = f"**Highest at the end** in {question.subject}: {_listed(top, _final)}"
    sentence += "; the seeds of these overlap." if len(top) > 1 else "."
    return sentence + (f" Lowest: {_listed(rest[-1:], _final)}." if rest else "")


def _better_before(results: Sequence[LossSummary], question: Question) -> list[str]:
    """The losses that end below their own best in every seed."""
    worse = sorted((result for result in results if result.lost[1] > NOTABLE), key=lambda result: -result.lost[0])
    if not worse:
        return [
            f"**Early stopping** would not help here: no loss ends more than {NOTABLE:g} below its own best in all its "
            "seeds."
        ]
    first, memorized = worse[0], ""
    if "memorised" in first.ends:
        memorized = f", with {format_spread(first.ends['memorised'], format_fraction)} of the wrong labels memorized"
    sentence = (
        f"**Early stopping** would help {first.label}: it is at its best, "
        f"{format_spread(first.best, format_fraction)}, after {format_spread(first.best_epoch, '{:.2g}'.format)} "
        f"epochs and ends at {_final(first)}{memorized}."
    )
    if others := worse[1:]:
        losses = _listed(others, lambda result: format_fraction(result.lost[0]))
        sentence += f" Others end below their best, too, by a median of: {losses}."
    highest = max(results, key=lambda result: result.final[0])
    if highest is not first:
        gap = highest.final[0] - first.best[0]
        relation = "about as high as" if abs(gap) < NOTABLE else f"{abs(gap):.2f} {'below' if gap > 0 else 'above'}"
        sentence += f" At its best, {first.label} is {relation} {highest.label} at the end."
    return [sentence]


def _left(results: Sequence[LossSummary]) -> list[str]:
    """The earliest and the latest escape, and the losses that do not escape in the median."""
    said = []
    if left := sorted((r for r in results if np.isfinite(r.escape[0])), key=lambda r: r.escape[0]):
        said.append(f"**The first guess is left** first by {_listed(left[:1], _when)}")
        if len(left) > 1:
            ratio = left[-1].escape[0] / max(left[0].escape[0], 1)
            said[0] += f", last by {_listed(left[-1:], _when)}" + (
                f", {float(f'{ratio:.2g}'):g} times as late" if ratio >= 1.5 else ""
            )
        said[0] += "."
    if never := [result for result in results if not np.isfinite(result.escape[0])]:
        losses = _listed(never, lambda r: f"in {r.n - r.escaped} of {r.n} seeds, ending at {_final(r)}")
        said.append(f"**The first guess is not left** within {max(r.steps for r in results):,} steps: {losses}.")
    return said


def _final(result: LossSummary) -> str:
    return format_spread(result.final, format_fraction)


def _when(result: LossSummary) -> str:
    return f"at step {format_spread(result.escape, format_step)}"


def _listed(results: Sequence[LossSummary], describe: Callable[[LossSummary], str]) -> str:
    return "; ".join(f"{result.label} {describe(result)}" for result in results)
