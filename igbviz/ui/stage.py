"""The stage: one large chart of a run, the bars of its classes, and a player that goes through time in the browser."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from igbviz.charts.colors import DARK_FOR
from igbviz.charts.stage import scene
from igbviz.runs.run import Run
from igbviz.ui.assets import asset, component, sprite
from igbviz.ui.runs import shown_trajectory

_mount = component("igbviz_stage")


def stage(runs: Mapping[str, Run], *, key: str, play: bool = False) -> None:
    """Draw the runs, or update them while they train; the keys are the titles of their tabs.

    The browser gets what was recorded since the last call, so it is cheap to call this every second. With `play`, the
    stage begins at Init. and plays until somebody takes the player. Raises RunError where a run cannot be read.
    """
    data = {"scenes": scenes(runs, key), "play": play, "palette": DARK_FOR}
    data |= {"name": "igbviz-stage", "module": asset("js/stage.js"), "plotly": asset("plotly.min.js")}
    _mount(key=key, data=data, on_lost_change=lambda: forget(key))


def scenes(runs: Mapping[str, Run], key: str) -> list[dict[str, str]]:
    """For each run its id, title and message. Only what the browser has not got yet at this `key`."""
    sent = st.session_state.setdefault(f"{key}-sent", {})
    found = []
    for title, run in runs.items():
        status, size = run.status, run.record_bytes
        trajectory = shown_trajectory(str(run.path), size)
        # From the last but one message on: Streamlit drops an update that a newer one overtakes.
        before, last = sent.get(run.id, (0, 0))
        start = max(0, before - 1) if len(trajectory) >= last else 0
        sent[run.id] = (last, len(trajectory))
        message = _scene(str(run.path), size, start, status.ended, status.state == "diverged")
        found.append({"run": run.id, "title": title, "message": message})
    return found


def forget(key: str) -> None:
    """The browser lacks something, so all is sent again."""
    st.session_state.pop(f"{key}-sent", None)


# All viewers of a run share its messages: the key is the length of its file.


@st.cache_resource(max_entries=256, show_spinner=False)
def _scene(path: str, size: int, start: int, ended: bool, diverged: bool) -> str:
    run = Run(Path(path))
    trajectory = shown_trajectory(path, size)
    plan = {"steps_per_epoch": run.steps_per_epoch, "start": start, "ended": ended, "diverged": diverged}
    return scene(trajectory, run.config, sprite=sprite(run), **plan)
