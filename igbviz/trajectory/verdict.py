"""What came of a run, in a sentence: whether its classes came alive, and where its guesses went."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from igbviz.trajectory.trajectory import Trajectory

ALIVE = 0.01  # a class is alive while more than this fraction of its images is guessed right
MAX_NAMED = 3  # longer lists of classes are counted, not named


@dataclass(frozen=True)
class Verdict:
    """The sentence, and the facts that it states. A network is stuck while most images get a few guesses."""

    sentence: str
    stuck: bool
    escape_step: int | None
    never_alive: tuple[str, ...]  # classes that were alive at no probe
    lost: tuple[str, ...]  # classes that were alive at an earlier probe, but not at the last one


def verdict(trajectory: Trajectory, *, ended: bool = True, diverged: bool = False) -> Verdict:
    """The verdict on a run with at least one probe, up to its last one.

    `ended`: no more probes will follow. A diverged run counts as stuck, however even its guesses.
    """
    alive = trajectory.accuracy() > ALIVE
    names = np.array(trajectory.class_names, dtype=object)
    never, lost = names[~alive.any(0)], names[alive.any(0) & ~alive[-1]]
    guesses = trajectory[-1:].guess_fraction()[0]
    top = f"{100 * guesses.max():.0f} % of the guesses are {names[guesses.argmax()]}"
    escaped = None if diverged else trajectory.escape_step()
    silenced = _silenced(never, lost, trajectory.classes, ended)
    last = int(trajectory.step[-1])
    accuracy = f"balanced accuracy {trajectory[-1:].balanced_accuracy()[0]:.2f}"
    if diverged:
        sentence = f"Training diverged after step {last:,}; at the last probe, {top}."
    elif last == 0:
        sentence = f"Before the first step, {top}."
    elif escaped is None:
        sentence = f"{silenced}; {top}." if silenced else f"The first guess is still dominant: {top}."
    else:
        left = f"The first guess was lost at step {escaped:,}" if escaped else "The guesses were even from the start"
        sentence = f"{left}, {f'but {silenced}' if silenced else 'and every class is alive'}; {accuracy}."
    return Verdict(sentence, escaped is None, escaped, tuple(never), tuple(lost))


def _silenced(never: np.ndarray, lost: np.ndarray, total: int, ended: bool) -> str:
    """'8 of 10 classes never came alive', 'Coat and Shirt did not stay alive'; empty where all classes are alive."""
    if len(never) and len(lost):
        return f"{len(never) + len(lost)} of {total} classes are not alive, and {len(never)} of them never were"
    if len(never):
        came = "never came" if ended else "has not come" if len(never) == 1 else "have not come"
        return f"{len(never)} of {total} classes {came} alive"
    if len(lost) > MAX_NAMED:
        return f"{len(lost)} of {total} classes did not stay alive"
    return f"{_listed(lost)} did not stay alive" if len(lost) else ""


def _listed(names: np.ndarray) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
