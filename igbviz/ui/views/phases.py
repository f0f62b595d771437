"""The phase diagram: where very deep networks are ordered or chaotic, and how strong their initial guessing bias is.

A click or two numbers choose a point of the plane; buttons lead from there to drawing networks or training them. The
address holds all settings: `activation`, `color`, `sigma_w2`, `sigma_b2` and `layers`, as far as they are no defaults.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from igbviz import theory
from igbviz.charts import theory as theory_charts
from igbviz.ensembles import EnsembleConfig
from igbviz.ui import forms
from igbviz.ui.live_chart import live_chart
from igbviz.ui.query import from_query, go_to, number_from_query, set_query
from igbviz.ui.runs import start_run

EXPLODED = 1e6  # a variance beyond it does not come back
CLASSES = 10  # of the guess fractions that are predicted
SETTLING = 1000  # layers, enough for the variance to reach its limit
CAVEATS = """
- **Ordered** (χ₁ < 1): gradients vanish with depth, and nearby inputs become the same. With biases (σ²b > 0) all inputs
  do: c\\* = 1, and γ grows exponentially with depth. Without biases tanh, erf and linear networks keep uncorrelated
  inputs uncorrelated: c\\* = 0, and γ = 0 at every depth.
- **Chaotic** (χ₁ > 1): gradients explode. Where q\\* is finite, inputs stay apart (c\\* < 1) and γ stays finite. Where
  the variance explodes, activations that are kinked, or look kinked to large inputs, still lead to c\\* = 1: ReLU,
  leaky ReLU, |x| and GELU at (3, 0.05).
- For ReLU c\\* = 1 in both phases: they differ in χ₁ and in how fast c gets there.
- χ₁ is the factor by which the *squared* difference of two nearby inputs grows per layer; the difference itself grows
  by √χ₁.
- ξ is an e-folding length: over ξ layers the distance to c\\* shrinks to about 37 % of what it was.
- *γ is infinite at the edge of chaos* holds for infinite depth and with biases: tanh at (1.76, 0.05) has γ = 2.2 after
  20 layers, tanh at (1, 0) has γ = 0 at every depth.
- *tanh has no bias* holds for σ²b = 0 and uncorrelated inputs only; with biases in the ordered phase its prejudice is
  deep.
- *Depth makes the bias grow* holds for ReLU (in the limit like its square), not for GELU at (2, 0) beyond 13 layers.
- *Neutral networks cannot be trained*, because γ\\* = 0 implies χ₁ > 1, holds for infinite depth, a finite q\\* > 0
  and a curved activation. Without these it fails: with γ = 0 at every depth, tanh at (0.5, 0) is ordered and tanh at
  (1, 0) lies on the edge, where q\\* = 0. Twenty tanh layers at (1, 0) and (1.2, 0) trained as well as at (1.76, 0.05):
  accuracies of 0.72 to 0.81 against 0.76 and 0.79, two seeds each, ten classes.
- PyTorch's default, σ²w = 1/3 and σ²b = 1/(3n), is deep in the ordered phase.

Theory for infinitely wide, fully connected networks and uncorrelated inputs: Schoenholz et al. 2017 (arXiv 1611.01232),
Francazi et al. 2024 (arXiv 2306.00809), Bassi et al. 2025 (arXiv 2505.12096).
"""


class Point(NamedTuple):
    """A point of the plane, with activation and depth."""

    activation: str
    sigma_w2: float
    sigma_b2: float
    depth: int


START, START_COLOR = Point("tanh", 1.76, 0.05, 20), "gamma_star"
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
        _show_prediction(point)
        _go_on(point, cache)
    with left:
        _map(point, quantity)
    for column, (name, curve) in zip(st.columns(2) + st.columns(2), theory_charts.DEPTH_CURVES.items(), strict=True):
        with column:
            live_chart(theory_charts.by_depth.spec(*point, name), key=f"phase-{curve.title}")
    st.caption(
        "Order, chaos and the initial guessing bias (IGB): where deep networks begin prejudiced, and where they train."
    )
    with st.expander("What is true, and what is simplified", icon=":material/fact_check:"):
        st.markdown(CAVEATS)
    _write_link(point, quantity)


def _begin_with_the_link() -> None:
    """Every widget begins with what the address says, and then keeps its own value."""
    state = st.session_state
    if "phase-w" not in state:  # the page was opened just now
        state["phase-activation"] = from_query("activation", sorted(theory.ACTIVATIONS), START.activation)
        state["phase-quantity"] = from_query("color", theory_charts.MAPS, START_COLOR)
        state["phase-w"] = number_from_query("sigma_w2", *RANGE_W, START.sigma_w2)
        state["phase-b"] = number_from_query("sigma_b2", *RANGE_B, START.sigma_b2)
        state["phase-depth"] = number_from_query("layers", *RANGE_DEPTH, START.depth)
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


def _show_prediction(point: Point) -> None:
    """The numbers of the theory at this point, and what they mean there."""
    fixed = theory.fixed_point(point.activation, point.sigma_w2, point.sigma_b2)
    gamma = theory.gamma_by_depth(*point)[-1]
    largest = theory.expected_max_guess(min(float(gamma), 1e6), CLASSES)
    st.markdown(
        f"At this point: **{phase(fixed)}**, χ₁ = {fixed.chi_1:.4g}, c\\* = {fixed.c_star:.4g}, "
        f"q\\* = {fixed.q_star:.4g}. After {point.depth} layers γ = **{gamma:.3g}**: "
        f"{theory.regime(gamma, CLASSES)} for {CLASSES} classes, of which the most guessed one gets {largest:.2f} of "
        f"the guesses on average ({1 / CLASSES:.2f} without bias)."
    )
    st.markdown(" ".join(consequences(point, fixed)))


def phase(fixed: theory.FixedPoint) -> str:
    """The name of the phase, by chi_1."""
    return "on the edge of chaos" if abs(fixed.chi_1 - 1) < 0.005 else "ordered" if fixed.chi_1 < 1 else "chaotic"


def consequences(point: Point, fixed: theory.FixedPoint) -> list[str]:
    """Sentences on variance, inputs and gradients of very deep networks at this point, for normalized inputs."""
    gradients = {
        "ordered": "Gradients vanish with depth.",
        "chaotic": "Gradients explode with depth.",
        "on the edge of chaos": "Gradients neither vanish nor explode exponentially fast.",
    }[phase(fixed)]
    if fixed.q_star == 0:
        variance = ["With depth the signal dies out (q\\* = 0)."]
    elif fixed.q_star == math.inf:
        variance = ["With depth the variance explodes (q\\* = ∞)."]
    elif fixed.chi_1 > 1 and _explodes(point):
        return [
            "Normalized inputs do not reach this q\\*: their variance explodes. The q\\* and c\\* shown are those of "
            "smaller inputs.",
            gradients,
        ]
    else:
        variance = []
    if fixed.c_star == 0:
        inputs = "Uncorrelated inputs stay uncorrelated, so γ = 0 at every depth."
    elif fixed.c_star == 1:
        inputs = "All inputs become the same (c\\* = 1), and γ grows without bound."
    else:
        gamma = fixed.c_star / (1 - fixed.c_star)
        inputs = f"Inputs stay apart (c\\* < 1), and γ settles at {gamma:.3g}."
    return [*variance, inputs, gradients]


def _explodes(point: Point) -> bool:
    """Whether the variance of normalized inputs grows without bound although a finite fixed point exists."""
    variances = theory.variance_by_depth(point.activation, point.sigma_w2, point.sigma_b2, SETTLING)
    return bool(variances[-1] > EXPLODED)


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
        st.session_state["phase-clicked"] = {
            "phase-w": round(float(clicked["x"]), 3),
            "phase-b": round(float(clicked["y"]), 3),
        }
        st.rerun()
