"""What is left of the bias, counted guess by guess and with the standard library's statistics."""

from __future__ import annotations

import statistics
from pathlib import Path

import numpy as np
import pytest

from igbviz.charts.classes.lasting_bias import lasting_bias
from igbviz.studies.comparison import Member, settings
from igbviz.studies.lasting_bias import Share, frame, sentence, shares
from igbviz.trajectory import Trajectory, snapshot_dtype
from igbviz.trajectory.outcome import outcome
from tests.support.stored_runs import BASE, stored
from tests.support.trajectories import trajectory


def one_by_one(run: Trajectory) -> tuple[float, float]:
    """The part of all guesses and of all errors, from a list of every (true class, guess) at the last probe."""
    mean = run.records["mean_prob"][0].astype(float)
    sizes = run.records["confusion"][0].sum(1)
    favoured = max(range(run.classes), key=lambda k: sum(sizes[i] * mean[i, k] for i in range(run.classes)))
    table = run.records["confusion"][-1]
    pairs = [(i, j) for i in range(run.classes) for j in range(run.classes) for _ in range(table[i, j])]
    wrong = [j for i, j in pairs if i != j]
    return sum(j == favoured for _, j in pairs) / len(pairs), wrong.count(favoured) / len(wrong)


@pytest.mark.parametrize("seed", range(4))
def test_the_parts_of_a_run(seed: int) -> None:
    run = trajectory(5, classes=4, seed=seed)
    run.records["confusion"] += np.random.default_rng(seed).integers(0, 40, (5, 4, 4))  # classes of unequal sizes
    found = outcome(run)
    assert (found.favoured_guesses, found.favoured_errors) == pytest.approx(one_by_one(run))


def test_without_an_error_nothing_is_known_of_errors() -> None:
    records = np.zeros(2, snapshot_dtype(2))
    records["confusion"] = [[5, 0], [5, 0]], [[5, 0], [0, 5]]
    found = outcome(Trajectory(records))
    assert (found.favoured_guesses_init, found.favoured_guesses, found.favoured_errors) == (1, 0.5, None)


def test_mean_error_and_whether_it_is_more_than_chance() -> None:
    values = (0.30, 0.34, 0.29)
    share = Share("a", values, 0.1)
    assert share.mean == pytest.approx(statistics.mean(values))
    assert share.error == pytest.approx(statistics.stdev(values) / 3**0.5)
    for n, critical in ((2, 12.706), (3, 4.3027), (5, 2.7764)):  # of the table of Student's t, two-sided, 5 %
        around = np.linspace(-1, 1, n)
        error = statistics.stdev(around) / n**0.5
        for factor, lasts in ((1.001, True), (0.999, False)):
            values = tuple(0.1 + factor * critical * error + around)
            assert Share("a", values, 0.1).lasts is lasts
    assert Share("a", (0.9,), 0.1).lasts is None
    assert Share("a", (0.05, 0.05, 0.05), 0.1).lasts is False


def guessing(part: float, seed: int) -> Trajectory:
    """All guesses are of class `seed` at Init.; in the end this part of 100 of each class is, the others are right."""
    records = np.zeros(2, snapshot_dtype(4))
    records["step"], records["epoch"] = (0, 10), (0, 1)
    records["confusion"][0, :, seed] = 100
    own = round(100 * part)
    records["confusion"][1] = (100 - own) * np.eye(4)
    records["confusion"][1, :, seed] += own
    records["mean_prob"] = records["confusion"] / 100
    return Trajectory(records)


@pytest.fixture
def family(tmp_path: Path) -> list[Member]:
    losses = {"cross-entropy": (0.0, 0.02, 0.0), "mae": (0.9, 0.94, 0.92), "blurry": (0.5,)}
    return [
        Member.read(stored(BASE.with_(seed=seed, loss={"name": loss}), tmp_path, guessing(part, seed), names=[*"abcd"]))
        for loss, parts in losses.items()
        for seed, part in enumerate(parts)
    ]


def test_the_sentence_and_the_table(family: list[Member]) -> None:
    by_loss = settings(family)
    guesses, errors = shares(by_loss, "guesses"), shares(by_loss, "errors")
    assert [share.n for share in guesses] == [3, 3, 1] and [share.n for share in errors] == [1, 3, 1]
    assert guesses[1].values == pytest.approx([0.9 + 0.1 / 4, 0.94 + 0.06 / 4, 0.92 + 0.08 / 4])
    assert "Surely more than chance: not even this one." in sentence(by_loss[:1])
    assert "Surely" not in sentence(by_loss[2:]), "one run"
    text = sentence(by_loss)
    assert text.startswith(
        "Of all guesses in the end, the class favoured at Init. has: Cross-entropy 26 ± 1 %; Mean absolute error "
        "94 ± 1 %; Blurry 62 % (n = 1 to 3; chance is 25 %). Surely more than chance: Mean absolute error. Of all "
    )
    table = frame(by_loss)
    assert len(table) == 7 and set(table["favoured_class"]) == {"a", "b", "c"} and (table["chance"] == 0.25).all()


def test_the_figure(family: list[Member]) -> None:
    spec = lasting_bias.spec(settings(family))
    start, _, guesses, single, errors = spec["data"]
    assert start["x"] == [1, 1, 1] and spec["layout"]["shapes"][0]["x0"] == 0.25
    assert guesses["x"][1] == pytest.approx(0.94) and guesses["error_x"]["array"][2] == 0
    assert len(single["x"]) == 3 and errors["x"] == pytest.approx([1, 1, 1])
    diverged = [Member(**{**vars(member), "state": "diverged"}) for member in family]
    assert shares(settings(diverged), "guesses") == [] and sentence(settings(diverged)) == ""
    assert lasting_bias.spec(settings(diverged))["data"]
