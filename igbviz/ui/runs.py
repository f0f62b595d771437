"""Runs on a page: listed, started, opened, read, and their state as a badge."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import streamlit as st

from igbviz.config import RunConfig
from igbviz.ensembles import EnsembleConfig
from igbviz.runs import library
from igbviz.runs.run import Run, RunError
from igbviz.runs.submit import submit
from igbviz.spec import ConfigError, Description
from igbviz.trajectory.trajectory import Glance
from igbviz.ui.messages import nowhere, wrong

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


def state_badge(state: str) -> None:
    colour, icon = STATE_LOOKS[state]
    st.badge(state, color=colour, icon=icon)


def duration(seconds: float | None) -> str:
    """Seconds in words that fit: '8 s', '3 min', '2.5 h', '4 days'."""
    if seconds is None:
        return "unknown"
    for size, unit, digits in ((86400, "days", 1), (3600, "h", 1), (60, "min", 0)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.{digits}f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 1 else "under a second"


# Widgets from descriptions.


# Lists of runs. Kept for a moment and shared, not copied: thirty viewers of a list look at the folders once.


@st.cache_resource(ttl=2, max_entries=4, show_spinner=False)
def _rows(cache: str) -> list[library.Row]:
    return library.rows(cache)


def run_rows(cache: Path) -> list[library.Row]:
    """One mapping a run for a table, newest first; see `library.rows`. To be read only: other viewers look at the same
    list."""
    return _rows(str(cache))


def forget_rows() -> None:
    """Read the list afresh next time: something was changed from this page."""
    _rows.clear()


def start_run(config: RunConfig | EnsembleConfig | dict[str, Any], cache: Path, *, own: bool = False) -> Run | None:
    """Submit a run; one sentence on the page and None when that cannot be done. `own`: not the one that ships with the
    program."""
    try:
        return submit(config, cache, own=own)
    except (ConfigError, RunError, OSError) as error:
        wrong(error, icon=":material/error:")
        return None


def open_run(run_id: str, cache: Path, kind: type[Description] = RunConfig) -> Run | None:
    """The run of a link; a friendly sentence and None when there is no such run. One of the other kind turns to its own
    page."""
    try:
        run = Run.open(run_id, cache)
    except RunError as error:
        nowhere(error)
        return None
    with contextlib.suppress(RunError):  # an unreadable run is told of by whoever shows it
        if not isinstance(run.config, kind):
            st.switch_page(page_of(run.config), query_params={"run": run.id})
    return run


def page_of(config: RunConfig | EnsembleConfig) -> str:
    """The page that shows runs of this kind."""
    return "pages/Initialisation.py" if isinstance(config, EnsembleConfig) else "pages/Train.py"


# Everybody who watches the same run at the same moment shares what was read of it: the key is the length of its file.


@st.cache_resource(max_entries=16, show_spinner=False)
def shown_trajectory(path: str, size: int) -> Glance:
    """The probes that charts draw, of the run in this folder when its records had `size` bytes."""
    return Run(Path(path)).glance()
