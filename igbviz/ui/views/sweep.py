"""A group of runs on the page: its progress, a picture of all its runs, what came of them, and a table of results."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from igbviz.charts.comparison import overlay
from igbviz.runs import queue
from igbviz.runs.run import RunError
from igbviz.runs.sweep_config import Sweep, label, title
from igbviz.runs.sweeps import Group, Progress, SweepRun
from igbviz.studies import comparison
from igbviz.studies.comparison import ESCAPE_IN_WORDS, Setting
from igbviz.trajectory.outcome import Outcome
from igbviz.trajectory.quantities import MEASURES
from igbviz.trajectory.verdict import Verdict, verdict
from igbviz.ui import refresh, shell
from igbviz.ui.groups import progress_of, show_progress, sweep_of
from igbviz.ui.live_chart import live_chart, payload
from igbviz.ui.members import Stamp, members_of
from igbviz.ui.messages import plain
from igbviz.ui.query import from_query, set_query
from igbviz.ui.race.buttons import lane_names
from igbviz.ui.race.lanes import MAX_LANES, lanes
from igbviz.ui.runs import loss_title

MAX_LINES = 20  # rows of the table before it scrolls
MAX_VERDICTS = 8  # settings with a sentence of their own
DRAWN = ("balanced_accuracy", "guess_entropy")
HEIGHT = 380  # pixels, without the legend


def view(group: Group) -> None:
    """The view of a group below its title. A timer that ends with the group redraws only the part that changes."""
    sweep, progress = sweep_of(str(group.path)), progress_of(str(group.path))

    def update() -> float | None:
        now = progress_of(str(group.path))
        show_progress(group, now)
        _picture(sweep, now)
        _table(sweep, now, group.cache)
        return None if now.ended else refresh.SLOW

    refresh.fragment(update, None if progress.ended else refresh.SLOW)
    shell.link("pages/Compare.py", "Compare these runs", icon=":material/compare:", sweep=group.id)
    st.caption(
        "  \n".join(
            f"**{plain(title(path))}**: {plain(', '.join(_label(path, value) for value in values))}"
            for path, values in sweep.axes.items()
        )
    )
    _shared(group)


def _picture(sweep: Sweep, progress: Progress) -> None:
    """Few runs as lanes on one time axis. Of many one line per setting, the median of its seeds with their range, and
    what came of each setting."""
    if 2 <= len(progress.members) <= MAX_LANES:
        names = lane_names(sweep)
        lanes({names.get(member.id, member.id): member for member in progress.members}, key="lanes", play=True)
        return
    stamps = tuple(_stamps(progress))
    settings = comparison.settings(members_of(stamps)[0])
    if not settings:
        st.info("The picture begins with the first probe of a run.", icon=":material/hourglass_top:")
        return
    linked = from_query("quantity", DRAWN, DRAWN[0])
    measure = st.session_state.get("sweep-quantity", linked)
    figure, height = _overlay(stamps, measure)
    live_chart(figure, key="sweep-overlay", height=height)
    st.segmented_control(  # below the picture, which is to be seen first
        "Quantity",
        DRAWN,
        default=linked,
        required=True,
        key="sweep-quantity",
        format_func=lambda name: MEASURES[name].title,
    )
    set_query(quantity=measure if measure != DRAWN[0] else None)
    verdicts = {stamp.run.id: _verdict(stamp) for stamp in stamps}
    st.markdown("  \n".join(_sentences(settings, {run: found for run, found in verdicts.items() if found})))


def _stamps(progress: Progress) -> list[Stamp]:
    stamps = []
    for member in progress.members:
        with contextlib.suppress(RunError, OSError):  # the table shows its state
            if member.run:
                stamps.append(Stamp.of(member.run, member.state))
    return stamps


def _sentences(settings: list[Setting], verdicts: dict[str, Verdict]) -> list[str]:
    """One sentence in total, and one for each setting if there are not too many: that of its first seed."""
    stuck = sum(found.stuck for found in verdicts.values())
    left = len(verdicts) - stuck
    total = (
        f"**{left} of {len(verdicts)} run{'s have' if len(verdicts) > 1 else ' has'} lost the first guess.**"
        if stuck
        else "**Every run has lost its first guess.**"
    )
    if len(settings) > MAX_VERDICTS:
        return [total]
    lines = [total]
    for setting in settings:
        found = [verdicts[member.run] for member in setting.members if member.run in verdicts]
        if found:
            seeds = f" (seed {setting.members[0].config.seed}, one of {len(found)})" if len(found) > 1 else ""
            lines.append(f"{plain(setting.label)}{seeds}: {plain(found[0].sentence)}")
    return lines


# All viewers of a group share what was read from its runs.


@st.cache_resource(max_entries=2000, show_spinner=False)
def _outcome(stamp: Stamp, _member: SweepRun) -> Outcome | None:
    return _member.outcome()


@st.cache_resource(max_entries=2000, show_spinner=False)
def _verdict(stamp: Stamp) -> Verdict | None:
    try:
        trajectory = stamp.run.trajectory()
    except (RunError, OSError):
        return None
    if not len(trajectory):
        return None
    return verdict(trajectory, ended=not stamp.is_active, diverged=stamp.state == "diverged")


@st.cache_resource(max_entries=64, show_spinner=False)
def _overlay(stamps: tuple[Stamp, ...], measure: str) -> tuple[str, int]:
    figure = overlay.spec(comparison.settings(members_of(stamps)[0]), measure, height=HEIGHT)
    return payload(figure), figure["layout"]["height"]


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


def _table(sweep: Sweep, progress: Progress, cache: Path) -> None:
    choices = sweep.choices()
    turns = queue.turns(cache)
    rows = [_row(member, choices.get(member.id, {}), turns.get(member.id)) for member in progress.members]
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


def _row(member: SweepRun, choice: dict[str, Any], turn: queue.Turn | None) -> dict[str, Any]:
    row = {"run": f"Train?run={member.id}" if member.run else None} | {
        title(path): _label(path, value) for path, value in choice.items()
    }
    row |= {"state": member.state} | ({"turn": turn.when} if turn else {}) | {"done": 100 * member.share}
    result = _outcome(Stamp.of(member.run, member.state), member) if member.run else None
    return row | {
        "favoured at Init.": result.favoured_class if result else None,
        "accuracy": result.balanced_accuracy if result else None,
        "largest guess": result.largest_guess if result else None,
        "escape step": result.escape_step if result else None,
    }
