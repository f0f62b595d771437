"""The run whose images the page of losses shows: which one, which of its classes, and at which probe."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from igbviz.config import PRESETS
from igbviz.losses.force import Zone
from igbviz.runs.library import Row
from igbviz.runs.run import Run, RunError
from igbviz.trajectory import Trajectory
from igbviz.trajectory.trajectory import P_EDGES
from igbviz.ui import shell
from igbviz.ui.messages import quoting, show_dead_link
from igbviz.ui.query import from_query
from igbviz.ui.runs import loss_title, run_rows, shown_trajectory
from igbviz.ui.views.losses.link import begin, probe_of_link

EVERY_CLASS = "all classes"
FIRST_CHOICE = PRESETS["first-look-blurry"].config.id  # if it ships, as the run that is shown at first


class Shown(NamedTuple):
    """The contents of the chart over p: a run at one probe, if there is any, and the zones of one loss."""

    run: Run | None
    trajectory: Trajectory | None
    index: int
    focus: str | None
    shaded: list[Zone]


class Choice(NamedTuple):
    """A run with its trajectory, the class shown (None for all), the index of the probe, and this as a query."""

    run: Run | None
    trajectory: Trajectory | None
    only: int | None
    index: int
    query: dict[str, str | None]


NOWHERE: dict[str, str | None] = {"run": None, "class": None, "step": None}


def choose_run(cache: Path) -> Choice:
    """The run whose images are drawn.

    The widgets are one row above the chart, so that the slider and its effect are visible together. Without any run, a
    link to the Train page.
    """
    rows = {
        row["id"]: row
        for row in run_rows(cache)
        if row["state"] not in ("unreadable", "queued") and row["kind"] != "untrained"
    }
    if not rows:
        st.info(
            "Train a network once, and this page shows which of its images contribute a gradient and which do not.",
            icon=":material/info:",
        )
        shell.link("pages/Train.py", "Train a first network", icon=":material/play_circle:")
        return Choice(None, None, None, 0, NOWHERE)
    choice, of_class, when = st.columns([2, 1.2, 1.8], vertical_alignment="center")
    default, ships = _first(rows)
    begin("images", lambda: _linked(rows, default))
    if st.session_state["images"] not in rows:  # deleted meanwhile
        st.session_state["images"] = default
    name = choice.selectbox(
        "Images of this run", list(rows), format_func=lambda name: _run_in_words(rows[name], cache), key="images",
        label_visibility="collapsed",
    )  # fmt: skip
    nothing = Choice(None, None, None, 0, NOWHERE | {"run": name})
    try:
        run = Run.open(name, cache)
        trajectory, _ = shown_trajectory(str(run.path), run.record_bytes), run.config  # both can be unreadable
    except RunError as error:
        st.warning(quoting(f"{error}."), icon=":material/broken_image:")
        return nothing
    columns = trajectory.records.dtype
    if not len(trajectory) or "p_hist" not in columns.names or columns["p_hist"].shape[1] != len(P_EDGES) - 1:
        st.info("This run has no recorded probabilities of its images yet.", icon=":material/info:")
        return nothing
    names = [EVERY_CLASS, *trajectory.class_names]
    begin("only", lambda: names.index(from_query("class", names, EVERY_CLASS)))
    if st.session_state["only"] >= len(names):  # the run before had more classes
        st.session_state["only"] = 0
    place = of_class.selectbox(
        "Show", range(len(names)), format_func=names.__getitem__, key="only", label_visibility="collapsed"
    )
    index = 0
    if len(trajectory) > 1:
        begin("moment", lambda: probe_of_link(trajectory))
        st.session_state["moment"] = min(st.session_state["moment"], len(trajectory) - 1)
        index = when.select_slider(
            "Probe", range(len(trajectory)), key="moment", format_func=lambda i: moment(trajectory, i),
            label_visibility="collapsed",
        )  # fmt: skip
    query = {
        "run": None if ships and name == default else name,
        "class": names[place] if place else None,
        "step": str(int(trajectory.step[index])) if index else None,
    }
    return Choice(run, trajectory, place - 1 if place else None, index, query)


def _linked(rows: dict[str, Row], default: str) -> str:
    name = st.query_params.get("run", default)
    if name in rows:
        return name
    show_dead_link(f"run {name[:80]!r} is not in the cache, or has no images to show")
    return default


def _first(rows: dict[str, Row]) -> tuple[str, bool]:
    """The run that is shown at first, and whether it ships: only then is it the same for everybody.

    Without shipped runs, the newest finished run, else the newest. A diverged run has little to show.
    """
    if shipped := sorted(name for name, row in rows.items() if row["shipped"]):
        return FIRST_CHOICE if FIRST_CHOICE in shipped else shipped[0], True
    return next((name for name, row in rows.items() if row["state"] == "done"), next(iter(rows))), False


def _run_in_words(row: Row, cache: Path) -> str:
    """A run in one line; custom losses share one name, so they are shown by their formula."""
    if row["kind"] == "recorded":
        return f"{row['title']} · recorded outside igbviz"
    loss = _formula(str(cache), row["id"]) if row["loss"] == "custom" else loss_title(row["loss"])
    return f"{loss} · {row['model']} · {row['dataset']} · seed {row['seed']} · {row['state']}"


@lru_cache(maxsize=256)
def _formula(cache: str, name: str) -> str:
    """The formula of a run with its parameters: 'f = -p**g*log(p), g = 0.7'. Cached, since a config never changes."""
    try:
        loss = Run.open(name, cache).config.loss
    except RunError:
        return "custom"
    return ", ".join([f"f = {loss.formula}", *(f"{symbol} = {value:g}" for symbol, value in loss.parameters.items())])


def moment(trajectory: Trajectory, index: int) -> str:
    step = int(trajectory.step[index])
    return f"step {step:,}" if step else "Init."
