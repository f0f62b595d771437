"""Runs on the pages: listed, started, opened from a link and read, cached for all viewers."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import streamlit as st

from igbviz.config import PRESETS
from igbviz.datasets import DataError
from igbviz.losses import LOSSES
from igbviz.runs import library
from igbviz.runs.kinds import TRAINED, Config, Kind, kind_of
from igbviz.runs.run import Run, RunError
from igbviz.runs.shipped import shipped_run, shipped_runs
from igbviz.runs.submit import submit
from igbviz.spec import ConfigError
from igbviz.trajectory.trajectory import ThinnedTrajectory
from igbviz.ui.messages import show_dead_link, show_error
from igbviz.ui.query import go_to

FIRST_LOOKS = ("first-look-cross-entropy", "first-look-piecewise-zero", "first-look-blurry")  # presets
PAPER_LOSSES = ("cross-entropy", "piecewise-zero", "blurry")

# Cached for two seconds and shared, not copied: thirty viewers of a list cause one scan of the folders.


@st.cache_resource(ttl=2, max_entries=4, show_spinner=False)
def _rows(cache: str) -> list[library.Row]:
    return library.rows(cache)


def run_rows(cache: Path) -> list[library.Row]:
    """One mapping per run for a table, newest first; see `library.rows`. Read only: all viewers share the list."""
    return _rows(str(cache))


def forget_rows() -> None:
    """Read the list anew next time, after a change made on this page."""
    _rows.clear()


def shipped_by_loss(cache: Path) -> dict[str, str]:
    """The shipped runs of the paper's network and initialization with its three losses, seed 0: their ids by loss.
    Empty without a gallery."""
    start = {"shipped": True, "model": "resnet50", "initialization": "torchvision", "seed": 0, "knobs": ""}
    ids = {row["loss"]: row["id"] for row in run_rows(cache) if all(row[key] == value for key, value in start.items())}
    return {loss: ids[loss] for loss in PAPER_LOSSES if loss in ids}


def start_run(config: Config | dict[str, Any], cache: Path, *, own: bool = False) -> Run | None:
    """Submit a run; an error on the page and None if that fails. `own`: not the shipped one."""
    try:
        return submit(config, cache, own=own)
    except (ConfigError, DataError, RunError, OSError) as error:
        show_error(error, icon=":material/error:")
        return None


def open_run(run_id: str, cache: Path, kind: Kind = TRAINED) -> Run | None:
    """The run of a link; a warning and None if it does not exist. A run of another page opens there."""
    try:
        run = Run.open(run_id, cache)
    except RunError as error:
        show_dead_link(error)
        return None
    with contextlib.suppress(RunError):  # the view of an unreadable run reports it
        if run.kind.page != kind.page:
            go_to(page_of(run.config), run=run.id)
    return run


def first_looks(cache: Path) -> dict[str, Run]:
    """The three first looks as they were recorded, by the title of their loss: what a page shows before any run.

    Without them, another shipped run; nothing in a cache without shipped runs.
    """
    recorded = {name: shipped_run(PRESETS[name].config, cache) for name in FIRST_LOOKS}
    found = {PRESETS[name].title.partition(": ")[2]: run for name, run in recorded.items() if run}
    return found or {run.config.loss.title: run for run in shipped_runs(cache)[:1]}


def loss_title(name: str) -> str:
    """The title of a loss as pages show it; the name itself of a loss that no longer exists."""
    return LOSSES[name].title_of(name) if name in LOSSES else name


def page_of(config: Config) -> str:
    """The page that shows runs of this kind."""
    return f"pages/{kind_of(config).page}"


# All viewers of a run share what was read from it: the key is the length of its file.


@st.cache_resource(max_entries=16, show_spinner=False)
def shown_trajectory(path: str, size: int) -> ThinnedTrajectory:
    """The probes that charts draw, from the run in this folder when its records had `size` bytes."""
    return Run(Path(path)).glance()
