"""When a probe looks at a network whose training is somebody else's: its length is not known.

So no schedule depends on it. `log` looks at the steps that a chart draws (`trajectory.thin`): the first step in each
of 40 cells per decade, which is every step up to the 17th, and about 130 looks in 10,000 steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator
from operator import index
from typing import Any, Literal, NamedTuple

import numpy as np

from igbviz.spec import ConfigError, short
from igbviz.trajectory.trajectory import POINTS_PER_DECADE, log_cell

Schedule = Literal["log", "batch"] | Iterable[int] | Callable[[int], bool]
ALLOWED = "allowed: 'log', 'batch', the steps as whole numbers from 0, or a function of the step"


class Looks(NamedTuple):
    """The steps of a schedule, one at a time, so that a call between two of them costs one comparison."""

    after: Callable[[int], float]  # the next step after this one that may be due; infinite if there is none
    due: Callable[[int], bool] = lambda step: True  # whether a step of `after` is due; asked once


def looks_of(schedule: Schedule, steps_per_epoch: int | None = None) -> Looks:
    """The steps of a schedule; ConfigError if it is none."""
    if isinstance(schedule, str):
        if schedule == "log":
            return Looks(_after_in_log_time)
        if schedule == "batch":
            return Looks(_after_every_batch(steps_per_epoch))
    elif isinstance(schedule, np.ndarray | Collection):
        return Looks(_after_among(iter(_checked(schedule))))
    elif isinstance(schedule, Iterable):  # a generator without an end, such as itertools.count(0, 100)
        return Looks(_after_among(iter(schedule)))
    elif callable(schedule):
        return Looks(lambda step: step + 1, lambda step: bool(schedule(step)))
    raise ConfigError((("schedule",), f"is {short(schedule)}, {ALLOWED}"))


def _after_in_log_time(step: int) -> int:
    """The first step in a later cell of the log grid."""
    if step < 1:
        return 1
    cell = log_cell(step)
    later = max(step + 1, int(10 ** ((cell + 1) / POINTS_PER_DECADE)) - 1)
    while log_cell(later) == cell:
        later += 1
    return later


def _after_every_batch(steps_per_epoch: int | None) -> Callable[[int], float]:
    """Every step of the first epoch, then every epoch, as in the paper; every step if no end of an epoch is known."""
    if steps_per_epoch is None:
        return lambda step: step + 1
    return lambda step: step + 1 if step < steps_per_epoch else (step // steps_per_epoch + 1) * steps_per_epoch


def _after_among(steps: Iterator[Any]) -> Callable[[int], float]:
    """The next of these increasing steps, which are read only as far as the training has come."""
    ahead = -1.0

    def after(step: int) -> float:
        nonlocal ahead
        while ahead <= step:
            ahead = next(steps, math.inf)
        return ahead

    return after


def _checked(steps: Iterable[Any]) -> list[int]:
    try:
        checked = sorted({index(step) for step in steps})
    except TypeError:
        checked = [-1]
    if checked and checked[0] < 0:
        raise ConfigError((("schedule",), f"is {short(steps)}, {ALLOWED}"))
    return checked
