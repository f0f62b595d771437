"""The plane of initialisations: where networks are ordered or chaotic, and how prejudiced they begin. A click or two
numbers choose a point of it, and from there one goes on to draw networks or to train them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import streamlit as st

from igbviz import theory
from igbviz.charts import theory as theory_charts
from igbviz.ensembles import EnsembleConfig
from igbviz.ui import forms
from igbviz.ui.live_chart import live_chart
from igbviz.ui.runs import start_run

CAVEATS = (
    "- **Ordered** (χ₁ < 1): two inputs become the same, gradients vanish, and with biases γ grows exponentially "
    "with depth. **Chaotic** (χ₁ > 1): inputs separate, gradients explode, γ stays finite.\n- *γ is infinite at "
    "the edge of chaos* holds for infinite depth only: tanh at σ²b = 0.05 has γ = 2.2 after 20 layers.\n- *tanh "
    "has no bias* holds for σ²b = 0 and uncorrelated data only; with biases in the ordered phase it is deeply "
    "prejudiced.\n- *Depth makes the bias grow* holds for ReLU (like the square of the depth), not for GELU at "
    "(2, 0) beyond 13 layers.\n- For ReLU, c\\* = 1 everywhere: the phase shows in χ₁ and in how fast c gets "
    "there.\n- A plain network without bias at every depth (γ\\* = 0) is always chaotic: neutrality and "
    "trainability exclude each other.\n- PyTorch's default, σ²w = 1/3 and σ²b = 1/(3n), is deep in the ordered "
    "phase.\n\nTheory for infinitely wide, fully connected networks and uncorrelated inputs: Schoenholz et al. "
    "2017 (arXiv 1611.01232), Francazi et al. 2024 (arXiv 2306.00809), Bassi et al. 2025 (arXiv 2505.12096)."
)


class Point(NamedTuple):
    """A setting of the theory: a place on the plane, with activation and depth."""

    activation: str
    sigma_w2: float
    sigma_b2: float
    depth: int


def draw(cache: Path) -> None:
    """The whole page."""
    st.caption("Order, chaos and the first prejudice")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        names = sorted(theory.ACTIVATIONS)
        activation = st.selectbox("Activation", names, index=names.index("tanh"), key="phase-activation", width=200)
        quantity = st.segmented_control(
            "Colour", list(theory_charts.MAPS), default="gamma_star", required=True, key="phase-quantity",
            format_func=lambda name: theory_charts.MAPS[name].title.split(",")[0],
        )  # fmt: skip
    left, right = st.columns([3, 2])
    with right:
        point = _choose_point(activation)
        _say(point)
        _go_on(point, cache)
    with left:
        _map(point, quantity)
    by_depth = theory_charts.by_depth(*point)
    for column, (name, figure) in zip(st.columns(2) + st.columns(2), by_depth.items(), strict=True):
        with column:
            live_chart(figure, key=f"phase-{name}")
    with st.expander("What is true, and what is simplified", icon=":material/fact_check:"):
        st.markdown(CAVEATS)


def _choose_point(activation: str) -> Point:
    st.session_state.setdefault("phase-w", 1.76)
    st.session_state.setdefault("phase-b", 0.05)
    # a click of the last run; widgets are set before they are drawn
    st.session_state.update(st.session_state.pop("phase-clicked", {}))
    st.markdown("**A point of the plane** (or click into the map)")
    sigma_w2 = st.number_input(
        "Weight variance σ²w", step=0.05, key="phase-w", help="W ~ N(0, σ²w / fan-in); He is 2.", format="%g"
    )
    sigma_w2 = forms.clamped("Weight variance σ²w", sigma_w2, 0.01, 25.0)
    sigma_b2 = st.number_input("Bias variance σ²b", step=0.01, key="phase-b", help="b ~ N(0, σ²b).", format="%g")
    sigma_b2 = forms.clamped("Bias variance σ²b", sigma_b2, 0.0, 5.0)
    return Point(activation, sigma_w2, sigma_b2, st.slider("Layers", 2, 100, 20, key="phase-depth"))


def _say(point: Point) -> None:
    """What theory predicts at this point."""
    fixed = theory.fixed_point(point.activation, point.sigma_w2, point.sigma_b2)
    gamma = theory.gamma_by_depth(*point)[-1]
    phase = "on the edge of chaos" if abs(fixed.chi_1 - 1) < 0.005 else "ordered" if fixed.chi_1 < 1 else "chaotic"
    st.markdown(
        f"At this point: **{phase}**, χ₁ = {fixed.chi_1:.4g}, c\\* = {fixed.c_star:.4g}, q\\* = {fixed.q_star:.4g}. "
        f"After {point.depth} layers γ = **{gamma:.3g}**: {theory.regime(gamma, 10)}; the largest of ten guess fractions "
        f"is {theory.expected_max_guess(min(float(gamma), 1e6), 10):.2f} on average (0.10 without bias)."
    )


def _go_on(point: Point, cache: Path) -> None:
    """From theory to networks: draw some here, train one, or many."""
    hidden = max(1, point.depth - 1)
    here = {
        "initialization": {"name": "gaussian", "sigma_w2": point.sigma_w2, "sigma_b2": point.sigma_b2},
        "model": {"name": "mlp", "depth": hidden, "activation": point.activation},
    }
    with st.container(horizontal=True):
        draws = st.button(
            "Initialise here",
            icon=":material/casino:",
            key="phase-initialize",
            help="Draw a hundred such networks on noise.",
        )
        if draws and (run := start_run(EnsembleConfig(**here), cache)):
            st.switch_page("pages/Initialisation.py", query_params={"run": run.id})
        trains = st.button(
            "Train here", icon=":material/play_arrow:", key="phase-train", help="Train one such network on real images."
        )
        if trains and (run := start_run(here | {"epochs": 3}, cache)):
            st.switch_page("pages/Train.py", query_params={"run": run.id})
        query = {
            "activation": point.activation,
            "depth": str(hidden),
            "sigma_w2": f"{point.sigma_w2:g}",
            "sigma_b2": f"{point.sigma_b2:g}",
        }
        for view, label, icon, help_ in (
            (
                "starts",
                "Train many here",
                "scatter_plot",
                "Short trainings from many seeds: do neutral and prejudiced starts differ?",
            ),
            ("plane", "Map trainability", "grid_on", "One short training at every point of this plane."),
        ):
            if st.button(label, icon=f":material/{icon}:", key=f"phase-{view}", help=help_):
                st.switch_page("pages/Dynamics.py", query_params=query | {"view": view})


def _map(point: Point, quantity: str) -> None:
    """The plane around the point; a click into it moves the point there."""
    largest_w, largest_b = max(4.0, 1.25 * point.sigma_w2), max(0.5, 1.25 * point.sigma_b2)
    at = (point.sigma_w2, point.sigma_b2)
    figure = theory_charts.phase_map(point.activation, quantity, largest_w, largest_b, at)
    clicked = live_chart(figure, key="phase-map", on_click=True)
    st.caption(theory_charts.MAPS[quantity].caption)
    if clicked:
        st.session_state["phase-clicked"] = {
            "phase-w": round(float(clicked["x"]), 3),
            "phase-b": round(float(clicked["y"]), 3),
        }
        st.rerun()
