"""Groups of runs on a page: opened from a link, started with a button, and their progress."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from igbviz.datasets import DataError
from igbviz.runs.run import RunError
from igbviz.runs.status import duration_in_words
from igbviz.runs.sweep_config import Sweep
from igbviz.runs.sweeps import RESUMABLE, WAITING, Group, Progress, plan, submit_sweep
from igbviz.spec import ConfigError
from igbviz.ui import refresh, shell
from igbviz.ui.messages import plain, show_dead_link, show_error
from igbviz.ui.progress import STATE_LOOKS
from igbviz.ui.query import turn_to


def linked_group(cache: Path) -> Group | None:
    """The group that the address names; a warning and None when there is no such group."""
    if "sweep" not in st.query_params:
        return None
    try:
        group = Group.open(st.query_params["sweep"], cache)
        sweep_of(str(group.path))
    except (RunError, OSError) as error:
        show_dead_link(error)
        return None
    return group


def show_other_question(group: Group) -> None:
    """Say that the group was not made for this page, and link to the page that shows every group."""
    st.warning(
        f"Sweep {group.id} does not answer a question of this page. The page Compare shows all its runs.",
        icon=":material/info:",
    )
    shell.link("pages/Compare.py", "Compare these runs", icon=":material/compare:", sweep=group.id)


def identified(sweep: Sweep) -> Sweep:
    """The sweep with the fingerprints of its data. Raises DataError."""
    return _identified(sweep.to_json())


# A large folder takes a second even where nothing has changed. Submitting a sweep looks again.
@st.cache_resource(ttl=10, max_entries=50, show_spinner="Reading the data ...")
def _identified(sweep: str) -> Sweep:
    return Sweep.from_json(sweep).identified()


def start_button(describe: Callable[[], Sweep], cache: Path, key: str, compact: bool = False, **query: str) -> None:
    """The number of runs, their expected duration and the button; an error where they cannot start.

    A compact one has the duration on the button and the rest in its help. The address then names the group, and keeps
    `query`.
    """
    try:
        sweep = describe()
        expected = plan(identified(sweep), cache)
        label, duration = f"Start {_runs(expected.runs)}", duration_in_words(expected.seconds)
        about = f"{_runs(expected.runs)}, {expected.finished} already finished: about **{duration}**, {expected.basis}."
        if not compact:
            st.caption(about)
        if st.button(
            f"{label} · {duration}" if compact else label,
            type="primary",
            icon=":material/playlist_play:",
            width="content" if compact else "stretch",
            key=key,
            help=about if compact else None,
        ):
            with st.spinner("Queueing the runs ..."):
                group = submit_sweep(sweep, cache)
            turn_to(sweep=group.id, **query)
    except (ConfigError, DataError, RunError, OSError) as error:
        show_error(error)


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count:,} runs"


LOOKS = STATE_LOOKS | {"missing": ("gray", ":material/delete:")}


def heading(sweep: Sweep) -> str:
    """'Sweep: learning rate × seed'; a race says by itself that it is one."""
    return name if (name := str(sweep)).startswith("Race: ") else f"Sweep: {name}"


@st.cache_resource(max_entries=16, show_spinner=False)
def sweep_of(path: str) -> Sweep:
    return Group(Path(path)).sweep


@st.cache_resource(ttl=refresh.SLOW / 2, max_entries=16, show_spinner=False)
def progress_of(path: str) -> Progress:
    return Group(Path(path)).progress()


def show_progress(group: Group, progress: Progress) -> None:
    """State counts, buttons for all runs of the group, and a progress bar."""
    with st.container(horizontal=True, vertical_alignment="center"):
        for state, count in progress.counts.items():
            color, icon = LOOKS[state]
            st.badge(f"{count} {state}", color=color, icon=icon)
        st.caption(f"{duration_in_words(progress.eta)} to go" if progress.eta is not None else "no run is active")
        if any(state in progress.counts for state in WAITING) and st.button(
            "Stop all", icon=":material/stop:", key="sweep-stop"
        ):
            group.stop()
            progress_of.clear()
            st.rerun()
        if any(state in progress.counts for state in RESUMABLE) and st.button(
            "Resume", icon=":material/play_arrow:", key="sweep-resume"
        ):
            progress_of.clear()
            try:
                group.resume()
            except ConfigError as error:  # runs of a package that is not installed here
                show_error(error)
            else:
                st.rerun()
    st.progress(progress.share, f"{100 * progress.share:.0f} % of the steps")
    if progress.problem:
        st.warning(plain(f"{progress.problem[0].upper()}{progress.problem[1:]}."), icon=":material/sync_problem:")
    if missing := progress.counts.get("missing"):
        st.caption(f"{missing} of its runs were deleted; starting the same sweep again trains them anew.")
