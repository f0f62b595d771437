"""The outcome of a run: when it escaped its initial guessing bias, and its metrics at the end."""

from __future__ import annotations

import math
from dataclasses import dataclass

from igbviz.trajectory.trajectory import Trajectory


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

    @property
    def escape(self) -> float:
        """The escape step as a number that sorts and averages: infinite for a run that has not escaped."""
        return math.inf if self.escape_step is None else float(self.escape_step)


def outcome(trajectory: Trajectory, diverged: bool = False) -> Outcome:
    """The outcome of a run with at least one probe. A diverged run counts as not escaped, however even its guesses."""
    first, last = trajectory[:1], trajectory[-1:]
    return Outcome(
        balanced_accuracy=float(last.balanced_accuracy()[0]),
        true_class_probability=float(last.true_class_probability().mean()),
        largest_guess_init=float(first.largest_guess()[0]),
        largest_guess=float(last.largest_guess()[0]),
        classes_at_zero=int((last.accuracy() == 0).sum()),
        silent=float(last.silent_fraction()[0]),
        escape_step=None if diverged else trajectory.escape_step(),
        favoured_class=trajectory.class_names[first.favoured()],
    )
