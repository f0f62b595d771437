"""What became of a run: when it left its first guess, and where it ended."""

from __future__ import annotations

import math
from dataclasses import dataclass

from igbviz.trajectory.trajectory import Trajectory


@dataclass(frozen=True)
class Outcome:
    """The last probe of a run and the one at Init., each as one number."""

    balanced_accuracy: float
    true_class_probability: float  # averaged over the classes
    largest_guess_init: float
    largest_guess: float
    classes_at_zero: int  # of whose images none is guessed right
    silent: float  # fraction of all probed images that the loss ignores
    escape_step: int | None  # None: the first guess has not been left
    favoured_class: str  # that the untrained network gives most probability to

    @property
    def escape(self) -> float:
        """The escape step as a number to order and average: infinite for a run that has not escaped."""
        return math.inf if self.escape_step is None else float(self.escape_step)


def outcome(trajectory: Trajectory, diverged: bool = False) -> Outcome:
    """Of a run with at least one probe. A run that diverged has not escaped, however even its last guesses were."""
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
