"""The phase diagram: where very deep networks are ordered or chaotic, and how strong their initial guessing bias is.

A click or two numbers choose a point of the plane; buttons lead from there to drawing networks or training them. The
address holds all settings: `activation`, `color`, `sigma_w2`, `sigma_b2` and `layers`, as far as they are no defaults.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import streamlit as st

from igbviz import theory
from igbviz.charts import theory as theory_charts
from igbviz.ensembles import EnsembleConfig
from igbviz.ui import forms
from igbviz.ui.live_chart import live_chart
from igbviz.ui.query import from_query, go_to, number_from_query, set_query
from igbviz.ui.runs import start_run
from igbviz.ui.views.phases import measured
from igbviz.ui.views.phases.caveats import CAVEATS
from igbviz.ui.views.phases.point import Point, show_prediction

START, START_COLOR = Point("tanh", 1.76, 0.05, 20), "gamma_star"
KEYS = {  # of the widgets, by field of the point
    "activation": "phase-activation",
    "sigma_w2": "phase-w",
    "sigma_b2": "phase-b",
    "depth": "phase-depth",
}
RANGE_W, RANGE_B, RANGE_DEPTH = (0.01, 25.0), (0.0, 5.0), (2, 100)


def draw(cache: Path) -> None:
    """The whole page."""
    _begin_with_the_link()
    with st.container(key="options", horizontal=True, vertical_alignment="center"):
        activation = st.selectbox(
            "Activation", sorted(theory.ACTIVATIONS), key="phase-activation", width=160, label_visibility="collapsed"
        )
        quantity = st.segmented_control(
            "Color", list(theory_charts.MAPS), required=True, key="phase-quantity", wrap=True,
            label_visibility="collapsed", format_func=lambda name: theory_charts.MAPS[name].short,
        )  # fmt: skip
    left, right = st.columns([3, 2])
    with right:
        point = _choose_point(activation)
        show_prediction(point)
        _go_on(point, cache)
    with left:
        _map(point, quantity)
    for column, (name, curve) in zip(st.columns(2) + st.columns(2), theory_charts.DEPTH_CURVES.items(), strict=True):
        with column:
            live_chart(theory_charts.by_depth.spec(*point, name), key=f"phase-{curve.title}")
    st.caption(
        "Order, chaos and the initial guessing bias (IGB): where deep networks begin prejudiced, and where they train."
    )
    clicked = measured.draw()
    with st.expander("What is true, and what is simplified", icon=":material/fact_check:"):
        st.markdown(CAVEATS)
    _write_link(point, quantity)
    if said := st.session_state.pop("phase-said", None):
        st.toast(said)
    if clicked:  # the map may be out of sight
        at = f"{clicked.activation}, σ²w = {clicked.sigma_w2:g}, σ²b = {clicked.sigma_b2:g}"
        st.session_state["phase-said"] = f"Chosen on the map: {at}, {clicked.depth} layers"
        _choose(clicked._asdict())


def _begin_with_the_link() -> None:
    """Every widget begins with what the address says, and then keeps its own value."""
    state = st.session_state
    if "phase-w" not in state:  # the page was opened just now
        state["phase-activation"] = from_query("activation", sorted(theory.ACTIVATIONS), START.activation)
        state["phase-quantity"] = from_query("color", theory_charts.MAPS, START_COLOR)
        state["phase-w"] = number_from_query("sigma_w2", *RANGE_W, START.sigma_w2)
        state["phase-b"] = number_from_query("sigma_b2", *RANGE_B, START.sigma_b2)
        state["phase-depth"] = number_from_query("layers", *RANGE_DEPTH, START.depth)
        measured.begin_with_the_link()
    # the click of the last rerun; a widget's value can only be set before it is drawn
    state.update(state.pop("phase-clicked", {}))


def _write_link(point: Point, quantity: str) -> None:
    """Write the point and the color of the map into the address, without defaults."""
    values = {
        "activation": point.activation,
        "color": quantity,
        "sigma_w2": f"{point.sigma_w2:g}",
        "sigma_b2": f"{point.sigma_b2:g}",
        "layers": str(point.depth),
    }
    defaults = (START.activation, START_COLOR, f"{START.sigma_w2:g}", f"{START.sigma_b2:g}", str(START.depth))
    set_query(**{
        name: None if value == default else value
        for (name, value), default in zip(values.items(), defaults, strict=True)
    })  # fmt: skip


def _choose_point(activation: str) -> Point:
    st.markdown("**A point of the plane** (or click on the map)")
    sigma_w2 = st.number_input(
        "Weight variance σ²w", step=0.05, key="phase-w", help="W ~ N(0, σ²w / fan-in); He is 2.", format="%g"
    )
    sigma_w2 = forms.clamped("Weight variance σ²w", sigma_w2, *RANGE_W)
    sigma_b2 = st.number_input("Bias variance σ²b", step=0.01, key="phase-b", help="b ~ N(0, σ²b).", format="%g")
    sigma_b2 = forms.clamped("Bias variance σ²b", sigma_b2, *RANGE_B)
    return Point(activation, sigma_w2, sigma_b2, st.slider("Layers", *RANGE_DEPTH, key="phase-depth"))


def _go_on(point: Point, cache: Path) -> None:
    """Buttons from theory to networks: draw many, train one, or train many at this point."""
    hidden = max(1, point.depth - 1)
    here = {
        "initialization": {"name": "gaussian", "sigma_w2": point.sigma_w2, "sigma_b2": point.sigma_b2},
        "model": {"name": "mlp", "depth": hidden, "activation": point.activation},
    }
    with st.container(horizontal=True):
        draws = st.button(
            "Initialize here",
            icon=":material/casino:",
            key="phase-initialize",
            help="Draw a hundred such networks and feed them noise.",
        )
        if draws and (run := start_run(EnsembleConfig(**here), cache)):
            go_to("pages/Initialisation.py", run=run.id)
        trains = st.button(
            "Train here", icon=":material/play_arrow:", key="phase-train", help="Train one such network on real images."
        )
        if trains and (run := start_run(here | {"epochs": 3}, cache)):
            go_to("pages/Train.py", run=run.id)
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
                "Short training runs from many seeds: do neutral and prejudiced starts learn differently?",
            ),
            ("plane", "Map trainability", "grid_on", "One short training run at every point of a grid on this plane."),
        ):
            if st.button(label, icon=f":material/{icon}:", key=f"phase-{view}", help=help_):
                go_to("pages/Dynamics.py", **query | {"view": view})


def _map(point: Point, quantity: str) -> None:
    """The plane around the point; a click on it moves the point there."""
    max_w, max_b = max(4.0, 1.25 * point.sigma_w2), max(0.5, 1.25 * point.sigma_b2)
    at = (point.sigma_w2, point.sigma_b2)
    figure = theory_charts.phase_map.spec(point.activation, quantity, max_w, max_b, at)
    clicked = live_chart(figure, key="phase-map", on_click=True)
    st.caption(theory_charts.MAPS[quantity].caption)
    if clicked:
        _choose({"sigma_w2": round(float(clicked["x"]), 3), "sigma_b2": round(float(clicked["y"]), 3)})


def _choose(values: dict[str, Any]) -> NoReturn:
    """Rerun the page at another point, given by some of its values."""
    st.session_state["phase-clicked"] = {KEYS[name]: value for name, value in values.items()}
    st.rerun()
