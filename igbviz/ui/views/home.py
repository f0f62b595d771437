"""The first page: what this is, three first looks, the runs that ship, the latest runs, and what was measured."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from igbviz.config import PRESETS
from igbviz.runs.shipped import shipped_runs
from igbviz.ui import escape, shell
from igbviz.ui.messages import plain
from igbviz.ui.progress import state_badge
from igbviz.ui.runs import run_rows, start_run

FIRST_LOOKS = ("first-look-cross-entropy", "first-look-piecewise-zero", "first-look-blurry")
STARTS = {
    "torchvision": "As the paper's presets have it: raw input, torchvision's initialisation, learning rate 0.001.",
    "he-normal": "Another start as sure of itself, and ten times the learning rate: standardised input, He normal in "
    "every layer.",
}


def draw(cache: Path) -> None:
    """The whole page."""
    st.title("Watch a network lose (or keep) its first prejudice", anchor=False)
    st.markdown(
        "An untrained network is not neutral: it tends to give one class almost all the probability. The loss decides "
        "what happens next. Press a button; a small network trains in the background on this machine, and you see "
        "which classes ever come alive."
    )
    _first_looks(cache)
    _shipped(cache)
    _latest(cache)
    escape.draw()


def _first_looks(cache: Path) -> None:
    for column, name in zip(st.columns(len(FIRST_LOOKS)), FIRST_LOOKS, strict=True):
        with column.container(border=True, height="stretch"):
            preset = PRESETS[name]
            st.markdown(f"**{preset.title.partition(': ')[2]}**")
            st.latex(preset.config.loss.latex())
            st.caption(preset.look_for)
            watch = st.button("Watch", icon=":material/play_arrow:", type="primary", key=name)
            if watch and (run := start_run(preset.config, cache)):
                st.switch_page("pages/Train.py", query_params={"run": run.id})


def _shipped(cache: Path) -> None:
    """The paper's network, from both starts, each with a link a loss."""
    shipped = [run for run in shipped_runs(cache, model="resnet50") if run.config.seed == 0]
    by_start = {start: [run for run in shipped if run.config.initialization.name == start] for start in STARTS}
    if not any(by_start.values()):
        return
    st.subheader("The paper's network, already trained", anchor=False)
    st.caption(
        "These runs ship with the program: ResNet-50 on grey CIFAR-10 for one epoch, probed from before the first "
        "step on."
    )
    for start, runs in by_start.items():
        st.caption(STARTS[start])
        with st.container(horizontal=True):
            for run in runs:
                loss = run.config.loss
                held = ", weight held fixed" if getattr(loss, "detach_weight", False) else ""
                shell.link("pages/Train.py", f"{loss.title}{held}", icon=":material/package_2:", run=run.id)
    shell.link("pages/Paper.py", "What the paper says, checked", icon=":material/fact_check:")


def _latest(cache: Path) -> None:
    rows = [row for row in run_rows(cache) if not row["archived"] and not row["shipped"]][:8]
    if not rows:
        return
    st.subheader("Latest runs", anchor=False)
    for row in rows:
        with st.container(horizontal=True, vertical_alignment="center"):
            state_badge(row["state"])
            shell.link("pages/Train.py", plain(row["title"]), run=row["id"])
            st.caption(row["submitted"] or plain(row["note"]))
