"""When classes come alive, against a loop over the probes that reads the definition word by word."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from igbviz.trajectory import Trajectory, snapshot_dtype
from igbviz.trajectory.outcome import outcome
from igbviz.trajectory.trajectory import lasting
from tests.support.trajectories import trajectory


def by_hand(run: Trajectory, k: int) -> int | None:
    """From the first probe on: does the recall of class k stay at chance or above at all that follow?"""
    tables = [record["confusion"].tolist() for record in run.records]
    for start in range(len(tables)):
        recalls = [Fraction(table[k][k], sum(table[k])) for table in tables[start:] if sum(table[k])]
        if len(recalls) == len(tables) - start and all(recall >= Fraction(1, run.classes) for recall in recalls):
            return int(run.step[start])
    return None


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_random_runs(classes: int, seed: int) -> None:
    run = trajectory(30, classes, last_step=1000, seed=seed)
    steps = run.alive_steps()
    assert steps == tuple(by_hand(run, k) for k in range(classes))
    assert outcome(run).alive_steps == steps


def test_exactly_at_chance_is_alive_whatever_rounding_says() -> None:
    records = np.zeros(2, snapshot_dtype(3))
    records["step"] = 0, 7
    records["confusion"] = [[33, 33, 33], [34, 32, 33], [98, 0, 1]], [[99, 0, 0], [0, 33, 66], [99, 0, 0]]
    run = Trajectory(records)
    assert run.alive_steps() == (0, 7, None)
    records["confusion"][:, 0] = 0  # a class without an image is never alive
    assert run.alive_steps()[0] is None and by_hand(run, 0) is None


def test_the_outcome_of_all_classes() -> None:
    records = np.zeros(3, snapshot_dtype(2))
    records["step"] = 0, 1, 10
    records["confusion"] = [[9, 1], [9, 1]], [[9, 1], [1, 9]], [[9, 1], [1, 9]]
    run = Trajectory(records)
    found = outcome(run)
    assert (found.alive_steps, found.alive, found.classes_alive) == ((0, 1), 1.0, 2.0)
    assert outcome(run[:1]).alive == math.inf and outcome(run[:1]).classes_alive == 1
    diverged = outcome(run, diverged=True)
    assert (diverged.alive_steps, diverged.alive, diverged.classes_alive) == ((None, None), math.inf, 0)


def test_lasting_is_the_first_index_without_a_failure_after_it() -> None:
    holds = np.random.default_rng(0).random((20, 40)) < 0.9
    expected = [next((t for t in range(21) if column[t:].all()), 20) for column in holds.T]
    assert lasting(holds).tolist() == expected and len(set(expected)) > 5
    assert lasting(np.empty(0, bool)) == 0
