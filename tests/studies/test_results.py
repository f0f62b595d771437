"""The tables of the README and of docs/results.md, recomputed from the runs and measurements that ship."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from igbviz.config import PRESETS
from igbviz.runs.run import Run
from igbviz.runs.shipped import shipped_runs
from igbviz.studies import escape
from igbviz.training.loop import train
from igbviz.trajectory import Trajectory
from igbviz.trajectory.outcome import outcome
from tests.support import ROOT, texts

README, RESULTS = texts.README.read_text(), texts.RESULTS.read_text()
LOSSES = {
    "cross-entropy": ("cross-entropy", False),
    "piecewise-zero": ("piecewise-zero", False),
    "blurry, as printed": ("blurry", False),
    "blurry, weight held fixed": ("blurry", True),
}


def shipped(initialization: str, loss: str) -> list[Run]:
    name, held = LOSSES[loss]
    runs = shipped_runs(ROOT / "cache", model="resnet50", initialization=initialization, loss=name)
    return [run for run in runs if getattr(run.config.loss, "detach_weight", False) == held]


def span(values: Sequence[float], digits: int = 2) -> str:
    low, high = f"{min(values):.{digits}f}", f"{max(values):.{digits}f}"
    return low if low == high else f"{low} to {high}"


def cells(loss: str) -> list[str]:
    """The row of a loss, but for the first seed's own wording: three seeds of torchvision's initialization."""
    trajectories = [run.trajectory() for run in shipped("torchvision", loss)]
    assert len(trajectories) == 3
    ends = [outcome(trajectory) for trajectory in trajectories]
    leads = sum(
        int(trajectory.true_class_probability()[-1].argmax()) == trajectory.favoured() for trajectory in trajectories
    )
    return [
        span([trajectory.predicted_probability()[0].max() for trajectory in trajectories]),
        span([end.balanced_accuracy for end in ends]),
        span([end.largest_guess for end in ends]),
        span([end.classes_at_zero for end in ends], 0),
        span([end.silent for end in ends]),
        f"{leads} of 3",
    ]


@pytest.mark.parametrize("loss", LOSSES)
def test_three_seeds_of_the_papers_network(loss: str) -> None:
    row = cells(loss)
    assert f"| {loss} | {' | '.join(row)} |" in RESULTS
    confidence, accuracy, largest, never = row[:4]
    assert f"| {loss} | {accuracy} | {largest} | {never} |" in README
    assert f"one class has a mean probability of {confidence}\nat Init." in README


@pytest.mark.parametrize("loss", LOSSES)
def test_another_initialization_and_rate(loss: str) -> None:
    (run,) = shipped("he-normal", loss)
    end = outcome(run.trajectory())
    row = [
        f"{end.balanced_accuracy:.2f}",
        f"{end.largest_guess:.2f}",
        str(end.classes_at_zero),
        f"{end.silent:.2f}",
    ]
    assert f"| {loss} | {' | '.join(row)} |" in RESULTS


def test_what_the_text_says_of_the_tables() -> None:
    """The class favoured at Init. takes every guess under printed blurry in one of three seeds, and with He normal."""
    taken = [
        end.favoured_class
        for run in [*shipped("torchvision", "blurry, as printed"), *shipped("he-normal", "blurry, as printed")]
        if (end := outcome(run.trajectory())).largest_guess == 1
        and run.trajectory()[-1:].guess_fraction()[0].argmax() == run.trajectory().favoured()
    ]
    assert len(taken) == 2
    leads = []
    for loss in LOSSES:
        for run in shipped("torchvision", loss):
            last = run.trajectory().true_class_probability()[-1]
            if last.argmax() == run.trajectory().favoured() and loss in ("cross-entropy", "piecewise-zero"):
                leads.append(sorted(last)[-1] - sorted(last)[-2])
    assert len(leads) == 2 and max(leads) < 0.01, "the lead that the text calls slight"


# Rows of the README's table of losses.
LEAVING = {
    "cross-entropy, label smoothing, focal (2), bootstrapping (2)": [
        "cross-entropy", "label-smoothing", "focal", "focal, detached", "bootstrapping-hard", "bootstrapping-soft",
    ],
    "symmetric cross-entropy": ["sce"],
    "LogitNorm": ["logit-norm"],
    "piecewise-zero with 0.3, 0.1, 0.03 or 0.01 parts of cross-entropy": [
        "mixed, 0.3", "mixed, 0.1", "mixed, 0.03", "mixed, 0.01",
    ],
    "curriculum": ["curriculum"],
}  # fmt: skip


def escaped(losses: Sequence[str]) -> tuple[str, int, float]:
    """In how many seeds each of these losses leaves the first guess at the preset's rate, the first and last step."""
    found = [escape.summaries(escape.read())[loss]["preset"] for loss in losses]
    counts = {f"{summary.escaped} of {summary.seeds}" for summary in found}
    assert len(counts) == 1, "the losses of a row have one number"
    return counts.pop(), int(min(s.escape[1] for s in found)), max(s.escape[2] for s in found)


def test_which_losses_leave_the_first_guess() -> None:
    for row, losses in LEAVING.items():
        count, first, last = escaped(losses)
        steps = f"{first} to {last:.0f}" if np.isfinite(last) else f"{first} at the earliest"
        assert f"| {row} | {count} | {steps} |" in README
    every = escape.summaries(escape.read())
    others = {loss: of for loss, of in every.items() if loss not in sum(LEAVING.values(), [])}
    assert f"| all others: {len(others)} losses | 0 of 5 | never |" in README
    assert {(of["preset"].escaped, of["preset"].seeds) for of in others.values()} == {(0, 5)}

    steps = {loss: every[f"mixed, {loss}"]["preset"].escape[1:] for loss in ("0.3", "0.1", "0.03", "0.01")}
    assert [f"{low:.0f} to {high:.0f}" in RESULTS for low, high in steps.values()] == [True] * 4

    changed = {loss for loss, of in every.items() if of["matched"].escaped != of["preset"].escaped}
    assert changed == {"logit-norm", "mmc"} and [every[loss]["matched"].escaped for loss in changed] == [1, 1]
    assert every["mmc"]["matched"].diverged == 4
    assert [loss for loss, of in every.items() if of["preset"].diverged] == ["mmc"]


def first_look(**changes) -> Trajectory:
    config = PRESETS["first-look"].config.with_(epochs=1, **changes)
    return Trajectory(np.array(list(train(config, "cpu"))), config.dataset.facts().class_names)


def test_the_first_five_minutes() -> None:
    """What the README says one sees, seed 0."""
    run = first_look()
    favoured, sandal = run.favoured(), run.class_names.index("Sandal")
    p, accuracy = run.predicted_probability()[:, favoured], run.accuracy()
    assert 0.8 < p[0] < 0.95 and p[run.step == 10][0] < 0.2
    learned = {name: run.step[accuracy[:, k] >= 0.1].min(initial=10**9) for k, name in enumerate(run.class_names)}
    assert max(learned, key=learned.get) == "Sandal" and 80 < learned["Sandal"] < 313
    assert (accuracy[-1] > 0).all() and accuracy[run.step <= 80, sandal].max() < 0.01
    never = [
        set(np.flatnonzero(first_look(loss={"name": "piecewise-zero", "cutoff": cutoff}).accuracy()[-1] == 0))
        for cutoff in (0.1, 0.001)
    ]
    assert never[0] == never[1] and len(never[0]) == 8 and favoured not in never[0]
