"""A race on the page: several runs below each other on one time axis, with one player and one sentence over all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from igbviz.charts.colors import DARK_FOR
from igbviz.runs.run import Run, RunError
from igbviz.runs.status import FINISHED
from igbviz.runs.sweeps import SweepRun
from igbviz.trajectory.verdict import Verdict, race_verdict, verdict
from igbviz.ui.assets import asset, component
from igbviz.ui.stage import forget, scenes

MAX_LANES = 6  # more would be too low to be read
NOT_YET = "has not left its guess yet"
WAITS = {"missing": "not trained yet", "unreadable": "cannot be read"}

_mount = component("igbviz_lanes")


def lanes(members: Mapping[str, SweepRun], *, key: str, play: bool = False, confusion: bool = False) -> None:
    """Draw the runs, or update them while they train; the keys are the names of the lanes.

    As cheap to call every second as the stage. A run that cannot be read says so in its lane. With `confusion`, two of
    the runs are compared by their confusion matrices, and no other view is offered.
    """
    verdicts = {title: verdict_of(member.run, member.state) for title, member in members.items()}
    drawn = {title: members[title].run for title, found in verdicts.items() if found}
    messages = {scene["title"]: scene["message"] for scene in scenes(drawn, key)}
    shown = []
    for title, member in members.items():
        found = verdicts[title]
        lane = {"run": member.id, "title": title, "waits": _waits(member)}
        lane |= {"brief": found.brief, "left": found.escape_step, "message": messages[title]} if found else {}
        shown.append(lane)
    data = {"scenes": shown, "sentence": race_verdict(verdicts), "notYet": NOT_YET, "play": play, "palette": DARK_FOR}
    data |= {"confusion": confusion, "name": "igbviz-stage igbviz-lanes"}
    data |= {"module": asset("js/lanes.js"), "plotly": asset("plotly.min.js")}
    _mount(key=key, data=data, on_lost_change=lambda: forget(key))


def verdict_of(run: Run | None, state: str) -> Verdict | None:
    """The verdict on a run in this state so far; None before its first probe, and for one that cannot be read."""
    if run is None or state in WAITS or not (size := run.record_bytes):
        return None
    try:
        return _verdict(str(run.path), size, state)
    except (RunError, OSError):
        return None


def _waits(member: SweepRun) -> str:
    """What a lane says before its first probe."""
    if member.state in WAITS or member.run is None or member.status is None:
        return WAITS.get(member.state, "")
    if member.run.record_bytes and member.status.ended:
        return WAITS["unreadable"]
    if member.state == "running":
        return "about to start"
    try:
        return member.run.status.message if member.state == "queued" else member.status.message
    except RunError:
        return ""


# All viewers of a run share its verdict: the key is the length of its file.


@st.cache_resource(max_entries=256, show_spinner=False)
def _verdict(path: str, size: int, state: str) -> Verdict | None:
    trajectory = Run(Path(path)).trajectory()
    if not len(trajectory):
        return None
    return verdict(trajectory, ended=state in FINISHED, diverged=state == "diverged")
