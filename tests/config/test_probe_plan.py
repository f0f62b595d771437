"""The steps at which a run is probed."""

from __future__ import annotations

import numpy as np
import pytest

from igbviz.config.probe_plan import ProbePlan


@pytest.mark.parametrize("total", [1, 2, 10, 59, 60, 100, 313, 1563, 31_260])
@pytest.mark.parametrize("count", [2, 3, 12, 60, 200])
def test_log_schedule(total: int, count: int) -> None:
    steps = ProbePlan(count=count).steps(total, 313)
    assert steps[0] == 0 and steps[-1] == total
    assert (np.diff(steps) > 0).all()
    assert len(steps) == min(count, total + 1) or (count > 3 and abs(len(steps) - count) <= 1)


def test_log_schedule_is_even_in_log_time() -> None:
    steps = ProbePlan(count=60).steps(100_000, 313)
    late = np.diff(np.log(steps[steps > 100]))
    assert late.max() < 1.2 * late.min()


def test_a_very_long_plan_is_fast() -> None:
    steps = ProbePlan(count=200).steps(3_000_000, 300)
    assert len(steps) == 200 and steps[-1] == 3_000_000


def test_batch_schedule_is_the_papers() -> None:
    steps = ProbePlan(schedule="batch").steps(20 * 1563, 1563)
    assert steps.tolist() == [*range(1564), *range(2 * 1563, 20 * 1563 + 1, 1563)]
    assert ProbePlan(schedule="batch").steps(100, 1563).tolist() == list(range(101))
    assert ProbePlan(schedule="batch").steps(250, 100).tolist() == [*range(101), 200, 250]
