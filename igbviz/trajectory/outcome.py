"""What became of a run: when it left its first guess, and where it ended."""

from __future__ import annotations

from typing import Any

import numpy as np

from igbviz.trajectory.trajectory import P_EDGES, Trajectory

SHARE = 0.8  # of ln K: the evenness of guesses spread evenly over 6.3 of ten classes


def escape_time(trajectory: Trajectory, share: float = SHARE) -> int | None:
    """The step of the first probe from which on the guesses stay even: `guess_entropy()` is at least `share` there and
    at every later probe. None when the last probe, too, is below, or when there is none; 0 when the network never was
    that prejudiced."""
    return settled(trajectory.step, trajectory.guess_entropy(), share)


def settled(step: Any, evenness: Any, share: float) -> int | None:
    below = np.flatnonzero(np.asarray(evenness) < share)
    first = below[-1] + 1 if len(below) else 0
    return int(step[first]) if first < len(step) else None


def typical_probability(trajectory: Trajectory, index: int = 0) -> float:
    """The p_y that half of the probed images stay below. (Their mean says little: with a guess that ignores the image
    it is 1/K.)"""
    below = np.pad(trajectory.p_hist[index].sum(0).cumsum(), (1, 0))
    return float(np.interp(below[-1] / 2, below, P_EDGES))
