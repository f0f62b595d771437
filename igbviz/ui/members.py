"""The members of a comparison on a page: the states of their runs and their records, cached for all viewers.

A `Stamp` identifies the state of a run; it changes when there is something new to read. What a page reads or draws from
runs is cached by their stamps, so thirty viewers of a growing run read each of its states once, whichever pages they
are on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from igbviz.runs.run import Run, RunError
from igbviz.runs.sweeps import UNREADABLE, WAITING
from igbviz.studies.comparison import Member

Reader = Callable[[Run], Member | None]


class Stamp(NamedTuple):
    """A run in one state."""

    path: str
    size: int  # bytes of records
    state: str  # one of status.STATES, or 'unreadable'

    @classmethod
    def of(cls, run: Run, state: str | None = None) -> Stamp:
        """The run in its current state; pass `state` to skip reading it. Raises RunError or OSError."""
        return cls(str(run.path), run.record_bytes, state or run.status.state)

    @classmethod
    def unreadable(cls, run: Run) -> Stamp:
        return cls(str(run.path), 0, UNREADABLE)

    @property
    def is_active(self) -> bool:
        return self.state in WAITING

    @property
    def run(self) -> Run:
        return Run(Path(self.path))


def stamps_of(runs: Iterable[Run]) -> tuple[list[Stamp], list[str]]:
    """The stamps of the runs that can be read, and an error message for each of the others."""
    stamps, problems = [], []
    for run in runs:
        try:
            stamps.append(Stamp.of(run))
        except (RunError, OSError) as error:
            problems.append(str(error))
    return stamps, problems


def member_of(stamp: Stamp, read: Reader = Member.read) -> Member | None:
    """The run in this state, read by `read`; None before its first probe. Raises RunError or OSError."""
    return _member(stamp, f"{read.__module__}.{read.__qualname__}", read)


def members_of(stamps: Iterable[Stamp], read: Reader = Member.read) -> tuple[list[Member], list[Stamp], list[str]]:
    """Members for runs that have a probe, stamps of runs without one, and an error message for each unreadable run."""
    members, unprobed, problems = [], [], []
    for stamp in stamps:
        try:
            member = member_of(stamp, read)
        except (RunError, OSError) as error:
            problems.append(str(error))
            continue
        if member is None:
            unprobed.append(stamp)
        else:
            members.append(member)
    return members, unprobed, problems


def without_probe(stamps: Iterable[Stamp]) -> list[str]:
    """Messages about runs that cannot be compared because they have no probe."""
    waiting = [stamp.run.id for stamp in stamps if stamp.is_active]
    sentences = [
        f"run {stamp.run.id} has nothing to compare: it is {stamp.state} and has no probe"
        for stamp in stamps
        if not stamp.is_active
    ]
    if waiting:
        names = ", ".join(waiting[:3]) + (f" and {len(waiting) - 3} more" if len(waiting) > 3 else "")
        sentences.append(f"shown as soon as they have a probe: {names}")
    return sentences


def sentence(problem: object) -> str:
    text = str(problem)
    return f"{text[:1].upper()}{text[1:]}."


# Streamlit cannot hash a function, so its name is the key. The cache is large enough for all sweeps of a class: an
# evicted run would be read again at every redraw.
@st.cache_resource(max_entries=2048, show_spinner=False)
def _member(stamp: Stamp, reader: str, _read: Reader) -> Member | None:
    return _read(stamp.run)
