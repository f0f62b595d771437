"""A small app for the browser test: a made-up run that grows at every tick, in the shape of the paper's Figure 2."""

import numpy as np
import streamlit as st

from igbviz import charts
from igbviz.charts.colors import class_style, on_any_page
from igbviz.trajectory import Trajectory, snapshot_dtype
from igbviz.ui.live_chart import live_chart

NAMES = ("T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
STEPS_PER_EPOCH, EPOCHS, FAVOURED = 1563, 20, 8


@st.cache_data
def story(probes: int) -> np.ndarray:
    """A favoured class falls to 1/K, all gather there, then rise one after the other."""
    rng, k = np.random.default_rng(3), len(NAMES)
    late = np.geomspace(1, STEPS_PER_EPOCH * EPOCHS, probes).astype(int)
    step = np.unique(np.concatenate([[0], late]))
    records = np.zeros(len(step), snapshot_dtype(k))
    records["step"], records["epoch"], records["seconds"] = step, step / STEPS_PER_EPOCH, step * 0.02
    records["train_loss"] = np.where(step > 0, 0.4 + 1.9 / (1 + step / 1500), np.nan)
    early = 1 / (1 + (step / 12.0) ** 1.6)
    rise = 1 / (1 + (rng.uniform(1.5, 9, k)[None] * 1500 / np.maximum(step, 1)[:, None]) ** rng.uniform(0.8, 1.4, k))
    wobble = np.cumsum(rng.normal(0, 0.02, (len(step), k)), 0) * (1 - early)[:, None] * 0.3
    start = np.where(np.arange(k) == FAVOURED, 0.97, rng.uniform(0.0005, 0.02, k))
    own = np.clip(start * early[:, None] + (0.1 + 0.75 * rise + wobble) * (1 - early)[:, None], 0.0005, 0.995)
    table = np.repeat(((1 - own) / (k - 1))[:, :, None], k, 2)
    table[:, :, FAVOURED] += early[:, None] * (1 - own) * 0.95
    table[:, np.arange(k), np.arange(k)] = own
    records["mean_prob"] = table / table.sum(-1, keepdims=True)
    records["confusion"] = np.round(
        records["mean_prob"] ** 2 / (records["mean_prob"] ** 2).sum(-1, keepdims=True) * 1000
    )
    return records


# Ticks of this session, not of the clock, so that a slow machine sees the same pictures.
ticks = st.session_state.setdefault("ticks", 0)
records = story(400)
st.set_page_config(layout="wide")
shown = st.toggle("Right chart", True)


@st.fragment(run_every=0.5)
def chart() -> None:
    st.session_state.ticks += 1
    st.caption(f"tick {st.session_state.ticks}")
    st.html(f'<span class="sample" style="color:{on_any_page(class_style(1).color)}">orange</span>')
    probes = int(st.query_params.get("probes", 60 + 4 * st.session_state.ticks))
    run = Trajectory(records[:probes], NAMES)
    epochs = float(st.query_params.get("epochs", EPOCHS))
    marks = [(3, "loss changes")] if epochs > 3 else []
    plan = {"steps_per_epoch": STEPS_PER_EPOCH, "epochs": epochs, "marks": marks}
    left, right = st.columns(2)
    with left:
        live_chart(charts.curves.spec(run, **plan), key="curves")
    if shown:
        with right:
            quantity = st.query_params.get("right", "accuracy")
            figure = charts.bars.spec(run) if quantity == "bars" else charts.curves.spec(run, quantity, **plan)
            st.session_state.clicked = live_chart(figure, key="right", on_click=True) or st.session_state.get("clicked")
            st.text(f"clicked: {st.session_state.clicked}")


chart()
