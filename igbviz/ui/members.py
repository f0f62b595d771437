"""The members of a comparison on a page: what state their runs are in, and what was read of them, once for everybody.

A `Stamp` names the state of a run; it changes when there is something new to read. What a page reads or draws of runs
is cached by their stamps, so that thirty viewers of a growing run read each of its states once, whichever pages they
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
        """The run as it stands; `state` where it is known already. Raises RunError or OSError."""
        return cls(str(run.path), run.record_bytes, state or run.status.state)

    @classmethod
    def unreadable(cls, run: Run) -> Stamp:
        return cls(str(run.path), 0, UNREADABLE)

    @property
    def goes_on(self) -> bool:
        return self.state in WAITING

    @property
    def run(self) -> Run:
        return Run(Path(self.path))


def stamps_of(runs: Iterable[Run]) -> tuple[list[Stamp], list[str]]:
    """Where the runs stand now, and what is wrong with those that cannot say so."""
    stamps, problems = [], []
    for run in runs:
        try:
            stamps.append(Stamp.of(run))
        except (RunError, OSError) as error:
            problems.append(str(error))
    return stamps, problems


def member_of(stamp: Stamp, read: Reader = Member.read) -> Member | None:
    """The run in this state, as `read` reads it; None before its first probe. Raises RunError or OSError."""
    return _member(stamp, f"{read.__module__}.{read.__qualname__}", read)


def members_of(stamps: Iterable[Stamp], read: Reader = Member.read) -> tuple[list[Member], list[Stamp], list[str]]:
    """The runs that have a probe, the stamps of those that have none yet, and what is wrong with the others."""
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
    """What there is to say of runs that cannot be compared because nothing of them was probed."""
    waiting = [stamp.run.id for stamp in stamps if stamp.goes_on]
    sentences = [
        f"run {stamp.run.id} has nothing to compare: it is {stamp.state} and has no probe"
        for stamp in stamps
        if not stamp.goes_on
    ]
    if waiting:
        names = ", ".join(waiting[:3]) + (f" and {len(waiting) - 3} more" if len(waiting) > 3 else "")
        sentences.append(f"still without a probe, and shown as soon as there is one: {names}")
    return sentences


def sentence(problem: object) -> str:
    text = str(problem)
    return f"{text[:1].upper()}{text[1:]}."


# Streamlit cannot hash a function, so the reader's name stands for it in the key. As many entries as the sweeps of a
# class have runs: a run that is pushed out is read anew by each of its viewers' pages.
@st.cache_resource(max_entries=2048, show_spinner=False)
def _member(stamp: Stamp, reader: str, _read: Reader) -> Member | None:
    return _read(stamp.run)
