"""The progress of a run of either kind on the page: its state, a bar, and buttons to stop, resume or repeat it."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from igbviz.runs import shipped
from igbviz.runs.kinds import Config
from igbviz.runs.run import Run, RunError
from igbviz.runs.status import Status
from igbviz.spec import ConfigError
from igbviz.ui.messages import plain, show_error
from igbviz.ui.query import turn_to
from igbviz.ui.runs import start_run

STATE_LOOKS = {
    "queued": ("gray", ":material/hourglass_empty:"),
    "running": ("blue", ":material/play_arrow:"),
    "done": ("green", ":material/check:"),
    "stopped": ("orange", ":material/stop:"),
    "lost": ("orange", ":material/sync_problem:"),
    "failed": ("red", ":material/error:"),
    "diverged": ("red", ":material/trending_up:"),
    "unreadable": ("gray", ":material/broken_image:"),
}
IMPORTED = "This run came in an archive and was not trained here: its records are as good as whoever made the archive."
RECORDED = "recorded outside igbviz"
NOT_TRAINED = "A probe watched this training in somebody's own program. It cannot be repeated or continued here."


def state_badge(state: str) -> None:
    color, icon = STATE_LOOKS[state]
    st.badge(state, color=color, icon=icon)


def draw(run: Run, status: Status, key: str = "") -> None:
    """State, progress in words, buttons and bar. To be called within a fragment."""
    went_wrong = status.state in ("failed", "diverged")
    with st.container(key=f"{key}progress", horizontal=True, vertical_alignment="center", gap="small"):
        state_badge(status.state)
        worded = status.model_copy(update={"message": ""}) if went_wrong else status
        st.caption(plain(worded.sentence(run.kind.unit)))
        can_stop, can_resume = status.state in ("queued", "running"), status.state in ("stopped", "failed", "lost")
        if can_stop and st.button("Stop", icon=":material/stop:", key=f"{key}stop"):
            if _done(run.stop):
                st.rerun(scope="fragment")
        if can_resume and st.button("Resume", icon=":material/play_arrow:", key=f"{key}resume"):
            if _done(run.resume):
                st.rerun()
        if run.is_shipped:
            st.badge("shipped", color="violet", icon=":material/package_2:")
        if run.is_imported:
            st.badge("imported", color="violet", icon=":material/upload:", help=IMPORTED)
        if run.is_recorded:
            st.badge(RECORDED, color="violet", icon=":material/sensors:", help=NOT_TRAINED)
        elif run.is_shipped or run.is_imported:
            repeat = st.button("Run it here", icon=":material/play_circle:", key=f"{key}own")
            if repeat and (config := _repeated(run)) and (own := start_run(config, run.cache, own=True)):
                turn_to(run=own.id)
        another = not run.is_recorded and st.button(
            "Another seed", icon=":material/casino:", key=f"{key}again", help="Run the same with the next seed."
        )
        if another and (config := _repeated(run)):
            if again := start_run(config.model_dump() | {"seed": (config.seed + 1) % 2**31}, run.cache):
                turn_to(run=again.id)
        bar = st.empty()
        if status.state == "running" and status.steps:
            bar.progress(min(status.step / status.steps, 1.0))
    # Always the same number of elements above the charts: Streamlit remounts a chart whose position changes, and its
    # zoom is lost.
    problem = st.empty()
    if went_wrong and status.message:
        (problem.error if status.state == "failed" else problem.warning)(
            plain(status.message), icon=STATE_LOOKS[status.state][1]
        )


def _repeated(run: Run) -> Config | None:
    """The configuration that repeats the run here; None, with the reason on the page, if it cannot be repeated."""
    try:
        return shipped.config_to_repeat(run)
    except RunError as error:
        show_error(error, icon=":material/error:")
        return None


def _done(act: Callable[[], None]) -> bool:
    """Whether a button had its effect; if not, the reason is shown."""
    try:
        act()
    except (ConfigError, RunError, OSError) as error:
        show_error(error, icon=":material/error:")
        return False
    return True
