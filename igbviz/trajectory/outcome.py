"""The outcome of a run: when it escaped its initial guessing bias, and its metrics at the end."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from igbviz.trajectory.trajectory import Trajectory

ALIVE_IN_WORDS = (
    "A class is alive while its accuracy (recall) is at chance, 1/K, or above, and comes alive for good at the first "
    "probe from which on it stays so to the end, or to the last probe so far of a run that is not finished."
)


@dataclass(frozen=True)
class Outcome:
    """Scalars of the last probe of a run and of the one at Init."""

    balanced_accuracy: float
    true_class_probability: float  # averaged over the classes
    largest_guess_init: float
    largest_guess: float
    classes_at_zero: int  # classes with accuracy 0
    silent: float  # fraction of all probed images with (almost) zero gradient
    escape_step: int | None  # None: not escaped
    favoured_class: str  # the class with the highest mean probability at Init.
    favoured_guesses_init: float | None = None  # the part of all guesses that this class has at Init., and in the end
    favoured_guesses: float | None = None
    favoured_errors: float | None = None  # its part of all wrong guesses in the end; None also where there is none
    alive_steps: tuple[int | None, ...] = ()  # when each class comes alive, None: never; empty where that is unknown

    @property
    def escape(self) -> float:
        """The escape step as a number that sorts and averages: infinite for a run that has not escaped."""
        return never_is_infinite([self.escape_step])[0]

    @property
    def alive(self) -> float:
        """The step from which on every class is alive: infinite if one never is, NaN where that is unknown."""
        return max(never_is_infinite(self.alive_steps), default=math.nan)

    @property
    def classes_alive(self) -> float:
        """How many classes came alive and stayed so to the end; NaN where that is unknown."""
        return float(sum(step is not None for step in self.alive_steps)) if self.alive_steps else math.nan


def never_is_infinite(steps: Iterable[int | None]) -> list[float]:
    """Steps as numbers that sort and average."""
    return [math.inf if step is None else float(step) for step in steps]


def outcome(trajectory: Trajectory, diverged: bool = False) -> Outcome:
    """The outcome of a run with at least one probe.

    A diverged run counts as not escaped, however even its guesses, and none of its classes as alive.
    """
    first, last = trajectory[:1], trajectory[-1:]
    favoured = first.favoured()
    errors = float(last.error_fraction()[0, favoured])
    return Outcome(
        balanced_accuracy=float(last.balanced_accuracy()[0]),
        true_class_probability=float(last.true_class_probability().mean()),
        largest_guess_init=float(first.largest_guess()[0]),
        largest_guess=float(last.largest_guess()[0]),
        classes_at_zero=int((last.accuracy() == 0).sum()),
        silent=float(last.silent_fraction()[0]),
        escape_step=None if diverged else trajectory.escape_step(),
        favoured_class=trajectory.class_names[favoured],
        favoured_guesses_init=float(first.guess_fraction()[0, favoured]),
        favoured_guesses=float(last.guess_fraction()[0, favoured]),
        favoured_errors=None if math.isnan(errors) else errors,
        alive_steps=(None,) * trajectory.classes if diverged else trajectory.alive_steps(),
    )
