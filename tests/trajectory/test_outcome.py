"""The outcome of a run: its escape step, and the median probability of the true class."""

from __future__ import annotations

import numpy as np
import pytest

from igbviz.trajectory import Trajectory, snapshot_dtype
from igbviz.trajectory.trajectory import P_EDGES


def test_the_median_probability() -> None:
    records = np.zeros(1, snapshot_dtype(2))
    records["p_hist"][0, :, list(P_EDGES).index(0.5) - 1] = 10
    assert 0.48 <= Trajectory(records).median_probability() <= 0.5


def guessing(*live: int, classes: int = 10) -> Trajectory:
    """A trajectory whose probes, at steps 0, 10, 20, ..., spread all guesses evenly over `live` classes."""
    records = np.zeros(len(live), snapshot_dtype(classes))
    records["step"] = 10 * np.arange(len(live))
    for record, count in zip(records, live, strict=True):
        record["confusion"][:, :count] = (
            60 // count
        )  # 60 guesses per class: whole numbers for 1, 2, 3, 5, 6, 10 classes
    return Trajectory(records)


@pytest.mark.parametrize(
    ("live", "step"),
    [
        ((1, 1, 2, 5), None),  # never: ln 5 / ln 10 = 0.7
        ((10, 10, 10), 0),  # at once
        ((1, 5, 10, 10), 20),  # stays
        ((1, 10, 2, 10, 10), 30),  # escapes, falls back, escapes for good
        ((10, 1, 10), 20),
        ((1, 10, 10, 1), None),  # falls back at the end
        ((), None),
    ],
)
def test_escape_time(live: tuple[int, ...], step: int | None) -> None:
    assert guessing(*live).escape_step() == step


def test_the_threshold_is_a_parameter() -> None:
    assert guessing(1, 2, 5, 10).escape_step(0.69) == 20
    assert guessing(1, 10).escape_step(1 - 1e-9) == 10
