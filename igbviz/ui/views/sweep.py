"""A group of runs on the page: its progress, the time left, and the result of each run so far."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from igbviz.runs.sweep_config import Sweep, label, title
from igbviz.runs.sweeps import Group, Progress, SweepRun
from igbviz.studies.comparison import ESCAPE_IN_WORDS
from igbviz.trajectory.outcome import Outcome
from igbviz.ui import refresh, shell
from igbviz.ui.groups import progress_of, show_progress, sweep_of
from igbviz.ui.members import Stamp
from igbviz.ui.messages import plain
from igbviz.ui.runs import loss_title

MAX_LINES = 20  # rows of the table before it scrolls


def view(group: Group) -> None:
    """The whole view of a group. A timer that ends with the group redraws only the part that changes."""
    sweep, progress = sweep_of(str(group.path)), progress_of(str(group.path))
    st.subheader(f"Sweep: {plain(str(sweep))}", anchor=False)
    st.caption(
        "  \n".join(
            f"**{plain(title(path))}**: {plain(', '.join(_label(path, value) for value in values))}"
            for path, values in sweep.axes.items()
        )
    )
    _shared(group)

    def update() -> float | None:
        now = progress_of(str(group.path))
        show_progress(group, now)
        _table(sweep, now)
        return None if now.ended else refresh.SLOW

    refresh.fragment(update, None if progress.ended else refresh.SLOW)
    shell.link("pages/Compare.py", "Compare these runs", icon=":material/compare:", sweep=group.id)


# All viewers of a group share what was read from its runs.


@st.cache_resource(max_entries=2000, show_spinner=False)
def _outcome(stamp: Stamp, _member: SweepRun) -> Outcome | None:
    return _member.outcome()


def _label(path: str, value: Any) -> str:
    """A value of an axis in words, a loss by its title: 'Generalized cross-entropy (q 0.7)'."""
    text = label(value)
    if path != "loss":
        return text
    name = value if isinstance(value, str) else value["name"]
    return loss_title(name) + text.removeprefix(name) if text.startswith(name) else text


def _shared(group: Group) -> None:
    if others := group.sharing():
        names = ", ".join(f"`{other.id}`" for other in others)
        st.caption(
            f"Some of these runs also belong to {names}. They are shared, so **Stop all** stops them there, too."
        )


def _table(sweep: Sweep, progress: Progress) -> None:
    choices = sweep.choices()
    rows = [_row(member, choices.get(member.id, {})) for member in progress.members]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height=38 + 35 * min(len(rows), MAX_LINES),
        placeholder="–",
        key="sweep-runs",
        column_config={
            "run": st.column_config.LinkColumn("run", display_text="open", width="small"),
            "done": st.column_config.ProgressColumn("done", format="%.0f %%", max_value=100, width="small"),
            "accuracy": st.column_config.NumberColumn(
                "accuracy",
                format="%.3f",
                help="Balanced accuracy: the mean of the per-class accuracies (recalls), at the last probe.",
            ),
            "largest guess": st.column_config.NumberColumn(
                "largest guess",
                format="%.3f",
                help="The largest fraction of the probed images that is assigned to one class, at the last probe.",
            ),
            "escape step": st.column_config.NumberColumn(
                "escape step", format="%d", help="Empty: the run has not escaped its first guess."
            ),
        },
    )
    st.caption(f"One row per run, at its last probe. {ESCAPE_IN_WORDS}")


def _row(member: SweepRun, choice: dict[str, Any]) -> dict[str, Any]:
    row = {"run": f"Train?run={member.id}" if member.run else None} | {
        title(path): _label(path, value) for path, value in choice.items()
    }
    row |= {"state": member.state, "done": 100 * member.share}
    result = _outcome(Stamp.of(member.run, member.state), member) if member.run else None
    return row | {
        "favoured at Init.": result.favoured_class if result else None,
        "accuracy": result.balanced_accuracy if result else None,
        "largest guess": result.largest_guess if result else None,
        "escape step": result.escape_step if result else None,
    }
