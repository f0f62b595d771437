"""Two of the compared runs as confusion matrices, A, B and A - B, under one player."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

import streamlit as st

from igbviz.charts.run import MAX_LINES
from igbviz.runs.sweeps import members_of
from igbviz.studies import comparison
from igbviz.studies.comparison import Member
from igbviz.ui.messages import plain
from igbviz.ui.race.lanes import MAX_LANES, lanes


def draw(members: Sequence[Member], cache: Path) -> None:
    """Draw the runs, or update them while they train; of more than two, the viewer chooses A and B."""
    same, problem = comparable(members)
    if len(same) < 2:
        st.info(plain(problem), icon=":material/info:")
        return
    if problem:
        st.caption(plain(problem))  # a box would push the player out of sight
    titles = comparison.titles(comparison.settings(same))
    names = [member.run for member in same]
    found = members_of(names, cache)
    lanes(
        {titles[name]: run for name, run in zip(names, found, strict=True)},
        key=f"compare-confusion-{'-'.join(names)}",
        confusion=True,
    )


def comparable(members: Sequence[Member]) -> tuple[list[Member], str]:
    """The members with the classes of the first one, as many as can be chosen from; and a sentence on the others."""
    first = members[0].class_names
    if len(first) > MAX_LINES:
        return [], f"Confusion is shown of at most {MAX_LINES} classes, and run {members[0].run} has {len(first)}."
    same = _by_turns([member for member in members if member.class_names == first])
    if len(same) < 2:
        return same, "Confusion is compared between two runs with the same classes: select another run."
    if len(same) > MAX_LANES:
        return same[:MAX_LANES], (
            f"Confusion is compared between {MAX_LANES} of these {len(same)} runs, one of each setting first."
        )
    if len(same) < len(members):
        others = len(members) - len(same)
        have = "1 run has" if others == 1 else f"{others} runs have"
        is_ = "is" if others == 1 else "are"
        return same, f"{have} other classes than the first and {is_} left out here."
    return same, ""


def _by_turns(members: Sequence[Member]) -> list[Member]:
    """One run of every setting, then the second ones: two settings are compared sooner than two seeds."""
    turns = zip_longest(*(setting.members for setting in comparison.settings(members)))
    return [member for turn in turns for member in turn if member is not None]
