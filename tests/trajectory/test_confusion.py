"""Where two runs differ most at a step, against a count by hand."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from igbviz.trajectory import Trajectory
from igbviz.trajectory.confusion import difference
from tests.support.trajectories import trajectory

NAMES = ("Shirt", "Coat", "Bag")


def by_hand(run: Trajectory, step: int) -> tuple[int, list[list[Fraction]]]:
    """The step and the matrix of the last probe at or before a step, one record after the other."""
    for record in run.records:
        if record["step"] <= step:
            last = record
    rows = last["confusion"].tolist()
    return int(last["step"]), [[Fraction(count, sum(row)) for count in row] for row in rows]


@pytest.mark.parametrize("step", [0, 1, 7, 40, 99, 100, 250, 10_000])
def test_it_is_a_difference_of_fractions(step: int) -> None:
    a, b = trajectory(30, last_step=100, seed=1), trajectory(17, last_step=300, seed=2)
    b.records["confusion"] *= 7  # another probe set
    found = difference(a, b, step)
    (step_a, rows_a), (step_b, rows_b) = by_hand(a, step), by_hand(b, step)
    exact = [[one - other for one, other in zip(*rows, strict=True)] for rows in zip(rows_a, rows_b, strict=True)]
    assert found.steps == (step_a, step_b)
    assert np.allclose(found.a, np.array(rows_a, float), atol=1e-15)
    assert np.allclose(found.values, np.array(exact, float), atol=1e-15) and np.allclose(found.values.sum(-1), 0)
    row, column = found.largest()
    assert abs(exact[row][column]) == max(abs(value) for values in exact for value in values)


def test_without_a_step_it_is_the_last_that_both_have_reached() -> None:
    a, b = trajectory(30, last_step=100, seed=1), trajectory(17, last_step=300, seed=2)
    assert np.array_equal(difference(a, b).values, difference(a, b, 100).values)
    assert np.array_equal(difference(b, a).values, -difference(a, b, 100).values)


def test_the_sentence() -> None:
    a, b = (Trajectory(trajectory(3, classes=3).records, NAMES) for _ in "ab")
    a.records["confusion"][0] = b.records["confusion"][0] = np.eye(3, dtype=int) * 50
    a.records["confusion"][1], b.records["confusion"][1] = [[29, 21, 0], [0, 50, 0], [0, 0, 50]], np.eye(3) * 50
    a.records["confusion"][2], b.records["confusion"][2] = np.eye(3) * 50, [[45, 0, 5], [0, 50, 0], [0, 11, 39]]
    a.records["step"], b.records["step"] = [0, 2, 1000], [0, 3, 1000]
    assert difference(a, b, 1).sentence() == "At Init., both guess the same."
    same = "they differ most in Shirt guessed right: 0.58 in A, 1.00 in B."
    assert difference(a, b, 2).sentence() == f"With A at step 2 and B at Init., {same}"
    assert difference(a, b, 999).sentence() == f"With A at step 2 and B at step 3, {same}"
    largest = "Bag guessed as Coat: 0.00 in A, 0.22 in B"
    assert difference(a, b).sentence() == f"At step 1,000, they differ most in {largest}."
