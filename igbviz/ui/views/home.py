"""The home page: three first looks, the shipped runs, the latest runs, and which losses escape."""

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
    "torchvision": "As in the paper's presets: raw input, torchvision's initialization, learning rate 0.001.",
    "he-normal": "Another start with a bias as strong, and ten times the learning rate: standardized input, He normal "
    "initialization in every layer.",
}


def draw(cache: Path) -> None:
    """The whole page."""
    st.title("Watch a network lose (or keep) its first prejudice", anchor=False)
    st.markdown(
        "An untrained network is rarely neutral: many architectures give one class most of the probability before they "
        "have seen a single label. This is called initial guessing bias (IGB). The loss decides what happens next. "
        "Press a button: a small network trains in the background on this machine, and you see which classes it learns "
        "to recognize."
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
    """The paper's network from both starts, with one link per loss."""
    shipped = [run for run in shipped_runs(cache, model="resnet50") if run.config.seed == 0]
    by_start = {start: [run for run in shipped if run.config.initialization.name == start] for start in STARTS}
    if not any(by_start.values()):
        return
    st.subheader("The paper's network, already trained", anchor=False)
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
    rows = [row for row in run_rows(cache) if not row["archived"] and not row["shipped"]][:8]
    if not rows:
        return
    st.subheader("Latest runs", anchor=False)
    for row in rows:
        with st.container(horizontal=True, vertical_alignment="center"):
            state_badge(row["state"])
            shell.link("pages/Train.py", plain(row["title"]), run=row["id"])
            st.caption(row["submitted"] or plain(row["note"]))
