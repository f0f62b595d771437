"""The first page: what this is, three first looks, and the latest runs."""

import streamlit as st

from igbviz.runs.queue import cache_folder, ensure_worker

ensure_worker(
    cache_folder()
)  # before anything else: it needs a second or two to wake up, and somebody may press a button by then

from igbviz.config import PRESETS
from igbviz.runs.shipped import shipped_runs
from igbviz.ui import shell
from igbviz.ui.messages import plain
from igbviz.ui.runs import run_rows, start_run, state_badge
from igbviz.ui.views import losses

cache = shell.shell("Home")

st.title("Watch a network lose (or keep) its first prejudice", anchor=False)
st.markdown(
    "An untrained network is not neutral: it tends to give one class almost all the probability. The loss decides "
    "what happens next. Press a button; a small network trains in the background on this machine, and you see which "
    "classes ever come alive."
)
looks = ("first-look-cross-entropy", "first-look-piecewise-zero", "first-look-blurry")
for column, name in zip(st.columns(len(looks)), looks, strict=True):
    with column.container(border=True, height="stretch"):
        preset = PRESETS[name]
        st.markdown(f"**{preset.title.partition(': ')[2]}**")
        st.latex(preset.config.loss.latex())
        st.caption(preset.look_for)
        if st.button("Watch", icon=":material/play_arrow:", type="primary", key=name):
            if run := start_run(preset.config, cache):
                st.switch_page("pages/Train.py", query_params={"run": run.id})

settings = {
    "torchvision": "As the paper's presets have it: raw input, torchvision's initialisation, learning rate 0.001.",
    "he-normal": "Another start as sure of itself, and ten times the learning rate: standardised input, He normal in "
    "every layer.",
}
shipped = [run for run in shipped_runs(cache, model="resnet50") if run.config.seed == 0]
pictures = {start: [run for run in shipped if run.config.initialization.name == start] for start in settings}
if any(pictures.values()):
    st.subheader("The paper's network, already trained", anchor=False)
    st.caption(
        "These runs ship with the program: ResNet-50 on grey CIFAR-10 for one epoch, probed from before the first "
        "step on."
    )
    for start, runs in pictures.items():
        st.caption(settings[start])
        with st.container(horizontal=True):
            for run in runs:
                held = ", weight held fixed" if getattr(run.config.loss, "detach_weight", False) else ""
                shell.link("pages/Train.py", f"{run.config.loss.title}{held}", icon=":material/package_2:", run=run.id)
    shell.link("pages/Paper.py", "What the paper says, checked", icon=":material/fact_check:")

rows = [row for row in run_rows(cache) if not row["archived"] and not row["shipped"]][:8]
if rows:
    st.subheader("Latest runs", anchor=False)
    for row in rows:
        with st.container(horizontal=True, vertical_alignment="center"):
            state_badge(row["state"])
            shell.link("pages/Train.py", plain(row["title"]), run=row["id"])
            st.caption(row["submitted"] or plain(row["note"]))

losses.measured()
