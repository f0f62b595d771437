"""When a probe looks, without knowing how long the training is."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from igbviz.config.probe_plan import ProbePlan
from igbviz.recording.schedule import looks_of
from igbviz.spec import ConfigError
from igbviz.trajectory.trajectory import thin


def steps(schedule, until: int, steps_per_epoch: int | None = None) -> list[int]:
    looks, step, found = looks_of(schedule, steps_per_epoch), 0, [0]
    while (step := looks.after(step)) <= until:
        found += [step] * looks.due(step)
    return found


def test_log_time_looks_at_the_steps_that_a_chart_draws() -> None:
    assert steps("log", 200_000) == np.arange(200_001)[thin(np.arange(200_001))][:-1].tolist()
    assert steps("log", 1000) == steps("log", 200_000)[: len(steps("log", 1000))], "whatever the length"
    assert steps("log", 16) == list(range(17)) and len(steps("log", 10_000)) == 129


def test_every_batch_is_that_of_the_plan() -> None:
    plan = ProbePlan(schedule="batch")
    assert steps("batch", 35, 10) == sorted({*plan.steps(35, 10).tolist()} - {35})
    assert steps("batch", 35) == list(range(36))


@pytest.mark.parametrize(
    "schedule",
    [[30, 0, 10, 20, 20], np.array([10, 20, 30]), range(0, 35, 10), lambda step: step % 10 == 0, {10, 20, 30}],
)
def test_chosen_steps(schedule) -> None:
    assert steps(schedule, 35) == [0, 10, 20, 30]


def test_steps_without_an_end() -> None:
    assert steps(itertools.count(5, 10), 30) == [0, 5, 15, 25]


@pytest.mark.parametrize("schedule", ["linear", 5, [0, -1], [1.5], ["a"], None])
def test_what_is_no_schedule(schedule) -> None:
    with pytest.raises(ConfigError, match=r"^schedule is .*, allowed: 'log', 'batch', the steps as whole numbers"):
        looks_of(schedule)
