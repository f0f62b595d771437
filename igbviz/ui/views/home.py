"""The home page: the three first looks, already playing; the paper's network, the latest runs, which losses escape."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import streamlit as st

from igbviz.config import PRESETS
from igbviz.runs.run import RunError
from igbviz.runs.shipped import shipped_runs
from igbviz.runs.sweeps import list_groups
from igbviz.ui import escape, refresh, shell
from igbviz.ui.groups import heading, sweep_of
from igbviz.ui.messages import plain
from igbviz.ui.progress import state_badge
from igbviz.ui.query import go_to
from igbviz.ui.race.buttons import race_buttons
from igbviz.ui.runs import FIRST_LOOKS, first_looks, run_rows, start_run
from igbviz.ui.share import hidden
from igbviz.ui.stage import stage

STARTS = {
    "torchvision": "As in the paper's presets: raw input, torchvision's initialization, learning rate 0.001.",
    "he-normal": "Another start with a bias as strong, and ten times the learning rate: standardized input, He normal "
    "initialization in every layer.",
}
TITLE = "Watch a network lose (or keep) its first prejudice"
MAX_LATEST = 6  # of the latest runs
STATES = ("running", "queued", "lost", "failed", "diverged", "stopped", "unreadable", "done")  # most urgent first


class Line(NamedTuple):
    """One line of the latest runs: a run, or a sweep with all its runs."""

    state: str
    title: str
    note: str
    query: dict[str, str]


def draw(cache: Path) -> None:
    """The whole page."""
    if st.context.is_embedded:
        with shell.unseen():
            st.title(TITLE, anchor=False)
        with shell.alone():
            _recorded(cache)
        return
    st.title(TITLE, anchor=False)
    st.markdown(
        "Before it has seen a single label, an untrained network gives one class most of the probability: its initial "
        "guessing bias (IGB). The loss decides what happens next."
    )
    _first_looks(cache)
    if hidden.is_hidden("more"):
        return
    _shipped(cache)
    _latest(cache)
    escape.draw()


def _first_looks(cache: Path) -> None:
    """The recorded first looks on the stage, and buttons that train the same runs here."""
    if not hidden.is_hidden("more"):
        race_buttons(PRESETS["first-look"].config, cache)
    _recorded(cache)
    if hidden.is_hidden("more"):
        return
    st.caption(
        "Three recorded runs: the same start, the same batches, different losses. Train them here, in the background "
        "on this machine:"
    )
    for column, name in zip(st.columns(len(FIRST_LOOKS)), FIRST_LOOKS, strict=True):
        with column.container(border=True, height="stretch"):
            preset = PRESETS[name]
            title = preset.title.partition(": ")[2]
            st.markdown(f"**{title}**")
            st.markdown(f"${preset.config.loss.latex()}$")
            st.caption(preset.look_for)
            pressed = st.button("Run it here", icon=":material/play_arrow:", help=title, key=name)
            if pressed and (run := start_run(preset.config, cache, own=True)):
                go_to("pages/Train.py", run=run.id)


def _recorded(cache: Path) -> None:
    if recorded := first_looks(cache):

        def update() -> None:
            stage(recorded, key="stage", play=True)

        refresh.fragment(update, None)


def _shipped(cache: Path) -> None:
    """The paper's network from both starts, with one link per loss."""
    shipped = [run for run in shipped_runs(cache, model="resnet50") if run.config.seed == 0]
    by_start = {start: [run for run in shipped if run.config.initialization.name == start] for start in STARTS}
    if not any(by_start.values()):
        return
    st.header("The paper's network, already trained", anchor=False)
    st.caption(
        "These runs ship with the program: ResNet-50 on grey CIFAR-10 for one epoch, probed from before the first step."
    )
    for start, runs in by_start.items():
        st.caption(STARTS[start])
        with st.container(horizontal=True):
            for run in runs:
                loss = run.config.loss
                detached = ", weight detached" if getattr(loss, "detach_weight", False) else ""
                shell.link("pages/Train.py", f"{loss.title}{detached}", icon=":material/package_2:", run=run.id)
    shell.link("pages/Paper.py", "The paper's claims, checked", icon=":material/fact_check:")


def _latest(cache: Path) -> None:
    lines = latest(cache)
    if not lines:
        return
    st.header("Latest runs", anchor=False)
    for line in lines:
        with st.container(horizontal=True, vertical_alignment="center"):
            state_badge(line.state)
            shell.link("pages/Train.py", plain(line.title), **line.query)
            st.caption(plain(line.note), width="content")
    shell.link("pages/Runs.py", "All runs", icon=":material/folder_open:")


def latest(cache: Path) -> list[Line]:
    """The latest runs, newest first; the runs of a sweep are one line, at the place of the newest of them."""
    rows = [row for row in run_rows(cache) if not row["archived"] and not row["shipped"]]
    sweeps = {}  # by run; a run that several sweeps share belongs to the newest
    for group in reversed(list_groups(cache)):
        try:
            title = heading(sweep_of(str(group.path)))
        except RunError:
            continue  # its runs are listed one by one
        sweeps |= dict.fromkeys(group.run_ids, (group.id, title))
    lines: dict[str, Line] = {}
    for row in rows:
        sweep_id, title = sweeps.get(row["id"], (None, ""))
        if sweep_id is None:
            lines[row["id"]] = Line(row["state"], row["title"], row["submitted"] or row["note"], {"run": row["id"]})
        elif sweep_id not in lines:
            states = [other["state"] for other in rows if sweeps.get(other["id"], ("",))[0] == sweep_id]
            note = f"{len(states)} run{'s' * (len(states) > 1)}, {row['submitted']}"
            lines[sweep_id] = Line(min(states, key=STATES.index), title, note, {"sweep": sweep_id})
        if len(lines) == MAX_LATEST:
            break
    return list(lines.values())
