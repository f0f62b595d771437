"""When the classes of runs come alive, over the seeds of a setting, and in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from igbviz.studies.comparison import Member, Setting
from igbviz.trajectory.outcome import never_is_infinite


def alive_steps(members: Sequence[Member]) -> np.ndarray:
    """(runs, K) the step from which on each class is alive, infinite for never."""
    return np.array([never_is_infinite(member.outcome.alive_steps) for member in members])


def frame(settings: Sequence[Setting]) -> pd.DataFrame:
    """Tidy, one row per (run, class): the step from which it is alive, infinite for never."""
    return pd.DataFrame([
        {"setting": setting.label, "run": member.run, "seed": member.config.seed, "class": name, "alive_step": step}
        for setting in settings
        for member in setting.members
        for name, step in zip(member.class_names, never_is_infinite(member.outcome.alive_steps), strict=True)
    ])  # fmt: skip


def sentence(members: Sequence[Member]) -> str:
    """How many classes of one run, or of the seeds of a setting, came alive for good, and when."""
    steps = alive_steps(members)
    came = steps[np.isfinite(steps)]
    total, missing = steps.size, steps.size - came.size
    of_runs = f" of {len(members)} runs" if len(members) > 1 else ""
    if not came.size:
        return f"No class{of_runs} came alive for good."
    rest = "did not" if all(member.ended for member in members) else f"{'has' if missing == 1 else 'have'} not yet"
    ends = [member.step[-1] == came.max() for member, own in zip(members, steps, strict=True) if came.max() in own]
    # alive at a single probe: whether it lasts is not known
    when = f"only at the last probe, step {came.max():,.0f}" if came.max() and all(ends) else _at(came.max())
    last = f"the last {when}"
    if len(members) == 1:
        name = members[0].class_names[int((steps[0] == came.max()).argmax())]
        last = f"{name} last, {when}"
        if came.size == 1:
            return f"Only {name} came alive for good, {when}; {missing} {rest}."
    half = np.median(steps)
    middle = f"half {_at(half, 'by')}, " if np.isfinite(half) else ""
    if not missing:
        return f"All {total} classes{of_runs} came alive for good: {middle}{last}."
    return f"{came.size} of {total} classes{of_runs} came alive for good: {middle}{last}; {missing} {rest}."


def _at(step: float, word: str = "at") -> str:
    return f"{word} step {np.ceil(step):,.0f}" if step else f"{word} Init."
