"""What came of a run, in a sentence: whether its classes came alive, and where its guesses went.

And over several runs in one sentence: which of them left their first guess, and when.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from igbviz.trajectory.trajectory import Trajectory

MAX_NAMED = 3  # longer lists of classes are counted, not named


@dataclass(frozen=True)
class Verdict:
    """The sentence, and the facts that it states. A network is stuck while most images get a few guesses."""

    sentence: str
    stuck: bool
    escape_step: int | None
    never_alive: tuple[str, ...]  # classes whose accuracy was at chance, 1/K, or above at no probe
    lost: tuple[str, ...]  # classes that were alive at an earlier probe, but not at the last one
    ended: bool = True
    diverged: bool = False

    @property
    def brief(self) -> str:
        """The fate of the first guess alone: 'left its guess at step 7', 'never left its guess'."""
        if self.diverged:
            return "diverged"
        if self.escape_step is None:
            return "never left its guess" if self.ended else "has not left its guess yet"
        return f"left its guess at step {self.escape_step:,}" if self.escape_step else "even guesses from the start"


def verdict(trajectory: Trajectory, *, ended: bool = True, diverged: bool = False) -> Verdict:
    """The verdict on a run with at least one probe, up to its last one.

    `ended`: no more probes will follow. A diverged run counts as stuck, however even its guesses.
    """
    alive = trajectory.alive()
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
    return Verdict(sentence, escaped is None, escaped, tuple(never), tuple(lost), ended, diverged)


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


def race_verdict(verdicts: Mapping[str, Verdict | None]) -> str:
    """One sentence over the runs of a race, by their names: 'A left its guess at step 7, B at step 45, C never.'

    Whoever left first is named first; None stands for a run without a probe.
    """
    by_fate: dict[tuple[int, int], list[str]] = {}
    for name, found in verdicts.items():
        by_fate.setdefault(_fate(found), []).append(name)
    clauses: list[str] = []
    speaks_of_guess = False  # "left its guess" is said once and understood from then on
    for fate, names in sorted(by_fate.items()):
        clauses.append(f"{_listed(names)} {_words(fate, names, speaks_of_guess)}")
        speaks_of_guess |= fate[0] in (_LEFT, _NOT_YET, _NEVER)
    return f"{', '.join(clauses)}."


_EVEN, _LEFT, _NOT_YET, _NEVER, _DIVERGED, _WAITING = range(6)  # in the order of the sentence


def _fate(found: Verdict | None) -> tuple[int, int]:
    """What became of the first guess, and at which step."""
    if found is None:
        return _WAITING, 0
    if found.diverged:
        return _DIVERGED, 0
    if found.escape_step is None:
        return (_NEVER if found.ended else _NOT_YET), 0
    return (_LEFT if found.escape_step else _EVEN), found.escape_step


def _words(fate: tuple[int, int], names: list[str], speaks_of_guess: bool) -> str:
    its, has = ("its", "has") if len(names) == 1 else ("their", "have")
    kind, step = fate
    short = {_LEFT: f"at step {step:,}", _NOT_YET: "not yet", _NEVER: "never"}
    full = {
        _EVEN: "had even guesses from the start",
        _LEFT: f"left {its} guess at step {step:,}",
        _NOT_YET: f"{has} not left {its} guess yet",
        _NEVER: f"never left {its} guess",
        _DIVERGED: "diverged",
        _WAITING: f"{has} not started yet",
    }
    return (speaks_of_guess and short.get(kind)) or full[kind]


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
