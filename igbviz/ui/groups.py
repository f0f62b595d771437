"""Groups of runs on a page: offered, started, and how far they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from igbviz.datasets import DataError
from igbviz.runs.run import RunError
from igbviz.runs.sweep_config import Sweep
from igbviz.runs.sweeps import RESUMABLE, WAITING, Group, Progress, plan, submit_sweep
from igbviz.spec import ConfigError
from igbviz.ui import messages, refresh
from igbviz.ui.runs import STATE_LOOKS, duration


def show(group: Group) -> None:
    """Turn the page to this group: its name goes into the address bar, so that the link opens it anywhere."""
    st.query_params.from_dict({"sweep": group.id})
    st.rerun()


def offer(described: Callable[[], Sweep], cache: Path, key: str) -> None:
    """How many runs, how long, and the button; one sentence where that cannot be."""
    try:
        sweep = described()
        expected = plan(sweep, cache)
        st.caption(
            f"{_runs(expected.runs)}, {expected.finished} already finished: about **{duration(expected.seconds)}**, "
            f"{expected.basis}."
        )
        if st.button(
            f"Start {_runs(expected.runs)}", type="primary", icon=":material/playlist_play:", width="stretch", key=key
        ):
            with st.spinner("Putting them into the queue ..."):
                group = submit_sweep(sweep, cache)
            show(group)
    except (ConfigError, DataError, RunError, OSError) as error:
        messages.wrong(error)


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count:,} runs"


STATES_LOOK = STATE_LOOKS | {"missing": ("gray", ":material/delete:")}


@st.cache_resource(max_entries=16, show_spinner=False)
def sweep_of(path: str) -> Sweep:
    return Group(Path(path)).sweep


@st.cache_resource(ttl=refresh.SLOW / 2, max_entries=16, show_spinner=False)
def progress_of(path: str) -> Progress:
    return Group(Path(path)).progress()


def group_standing(group: Group, progress: Progress) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        for state, count in progress.counts.items():
            colour, icon = STATES_LOOK[state]
            st.badge(f"{count} {state}", color=colour, icon=icon)
        st.caption(f"{duration(progress.eta)} to go" if progress.eta is not None else "nothing is going on")
        if any(state in progress.counts for state in WAITING) and st.button(
            "Stop all", icon=":material/stop:", key="sweep-stop"
        ):
            group.stop()
            progress_of.clear()
            st.rerun()
        if any(state in progress.counts for state in RESUMABLE) and st.button(
            "Resume", icon=":material/play_arrow:", key="sweep-resume"
        ):
            group.resume()
            progress_of.clear()
            st.rerun()
    st.progress(progress.share, f"{100 * progress.share:.0f} % of the steps")
    if missing := progress.counts.get("missing"):
        st.caption(f"{missing} of its runs were deleted; starting the same sweep again makes them anew.")
