"""The plane of initialisations: where networks are ordered or chaotic, and how prejudiced they begin."""

import streamlit as st

from igbviz import theory
from igbviz.charts import theory as theory_charts
from igbviz.ensembles import EnsembleConfig
from igbviz.ui import forms, shell
from igbviz.ui.live_chart import live_chart
from igbviz.ui.runs import start_run

cache = shell.shell("Phase diagram")
st.title("Order, chaos and the first prejudice", anchor=False)
with st.container(horizontal=True, vertical_alignment="bottom"):
    names = sorted(theory.ACTIVATIONS)
    activation = st.selectbox("Activation", names, index=names.index("tanh"), key="phase-activation", width=200)
    quantity = st.segmented_control(
        "Colour", list(theory_charts.MAPS), default="gamma_star", required=True, key="phase-quantity",
        format_func=lambda name: theory_charts.MAPS[name].title.split(",")[0],
    )  # fmt: skip
st.session_state.setdefault("phase-w", 1.76)
st.session_state.setdefault("phase-b", 0.05)
st.session_state.update(
    st.session_state.pop("phase-clicked", {})
)  # a click of the last run; widgets are set before they are drawn
left, right = st.columns([3, 2])
with right:
    st.markdown("**A point of the plane** (or click into the map)")
    sigma_w2 = st.number_input(
        "Weight variance σ²w", step=0.05, key="phase-w", help="W ~ N(0, σ²w / fan-in); He is 2.", format="%g"
    )
    sigma_w2 = forms.nearest("Weight variance σ²w", sigma_w2, 0.01, 25.0)
    sigma_b2 = st.number_input("Bias variance σ²b", step=0.01, key="phase-b", help="b ~ N(0, σ²b).", format="%g")
    sigma_b2 = forms.nearest("Bias variance σ²b", sigma_b2, 0.0, 5.0)
    depth = st.slider("Layers", 2, 100, 20, key="phase-depth")
    point = theory.fixed_point(activation, sigma_w2, sigma_b2)
    gamma = theory.gamma_by_depth(activation, sigma_w2, sigma_b2, depth)[-1]
    phase = "on the edge of chaos" if abs(point.chi_1 - 1) < 0.005 else "ordered" if point.chi_1 < 1 else "chaotic"
    st.markdown(
        f"At this point: **{phase}**, χ₁ = {point.chi_1:.4g}, c\\* = {point.c_star:.4g}, q\\* = {point.q_star:.4g}. "
        f"After {depth} layers γ = **{gamma:.3g}**: {theory.regime(gamma)}; the largest of ten guess fractions is "
        f"{theory.expected_max_guess(min(float(gamma), 1e6), 10):.2f} on average (0.10 without bias)."
    )
    here = {
        "initialization": {"name": "gaussian", "sigma_w2": sigma_w2, "sigma_b2": sigma_b2},
        "model": {"name": "mlp", "depth": max(1, depth - 1), "activation": activation},
    }
    with st.container(horizontal=True):
        if st.button(
            "Initialise here",
            icon=":material/casino:",
            key="phase-initialize",
            help="Draw a hundred such networks on noise.",
        ):
            if run := start_run(EnsembleConfig(**here), cache):
                st.switch_page("pages/Initialisation.py", query_params={"run": run.id})
        if st.button(
            "Train here", icon=":material/play_arrow:", key="phase-train", help="Train one such network on real images."
        ):
            if run := start_run(here | {"epochs": 3}, cache):
                st.switch_page("pages/Train.py", query_params={"run": run.id})
        many = {
            "activation": activation,
            "depth": str(here["model"]["depth"]),
            "sigma_w2": f"{sigma_w2:g}",
            "sigma_b2": f"{sigma_b2:g}",
        }
        for view, label, icon, words in (
            (
                "starts",
                "Train many here",
                "scatter_plot",
                "Short trainings from many seeds: do neutral and prejudiced starts differ?",
            ),
            ("plane", "Map trainability", "grid_on", "One short training at every point of this plane."),
        ):
            if st.button(label, icon=f":material/{icon}:", key=f"phase-{view}", help=words):
                st.switch_page("pages/Dynamics.py", query_params=many | {"view": view})
with left:
    largest_w, largest_b = max(4.0, 1.25 * sigma_w2), max(0.5, 1.25 * sigma_b2)
    picture = theory_charts.phase_map(activation, quantity, largest_w, largest_b, (sigma_w2, sigma_b2))
    clicked = live_chart(picture, key="phase-map", on_click=True)
    st.caption(theory_charts.MAPS[quantity].caption)
if clicked:
    st.session_state["phase-clicked"] = {
        "phase-w": round(float(clicked["x"]), 3),
        "phase-b": round(float(clicked["y"]), 3),
    }
    st.rerun()

by_depth = theory_charts.by_depth(activation, sigma_w2, sigma_b2, depth)
for column, figure in zip(st.columns(2) + st.columns(2), by_depth.items(), strict=True):
    with column:
        live_chart(figure[1], key=f"phase-{figure[0]}")
with st.expander("What is true, and what is simplified", icon=":material/fact_check:"):
    st.markdown(
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
