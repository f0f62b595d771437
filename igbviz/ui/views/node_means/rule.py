"""The rule 'no bias if and only if the mean of a node over the data is zero': a slider shifts the activation, theory
answers at once, and a button draws real networks with this shift."""

from __future__ import annotations

from typing import NamedTuple

import streamlit as st

from igbviz import theory
from igbviz.charts.untrained import shift as charts
from igbviz.ensembles import EnsembleConfig
from igbviz.ensembles.predictions import VARIANCES, layer_variances
from igbviz.models import Mlp
from igbviz.runs.run import Run
from igbviz.studies.nodes.shifts import Of
from igbviz.ui.live_chart import live_chart
from igbviz.ui.query import from_query, number_from_query, set_query, turn_to
from igbviz.ui.runs import start_run

MAX_DEPTH = 20  # of the theory on the page: with more layers the answer would not come at once
STEP = 0.01
SETTINGS = ("phi", "of", "a")  # in the address
TITLES: dict[Of, str] = {"offset": "Lower the outputs: φ(x) − a", "shift": "Shift the inputs: φ(x − a)"}


class Network(NamedTuple):
    """The network of the theory: variances of weights and biases, and its hidden layers."""

    sigma_w2: float
    sigma_b2: float
    depth: int


def draw(run: Run) -> None:
    """The picture; moving the slider redraws this part of the page alone."""
    st.fragment(_draw)(run)


def _draw(run: Run) -> None:
    config = run.config
    network = network_of(config)
    _begin(config, run.id)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        activation = st.selectbox("Activation φ", list(theory.ACTIVATIONS), format_func=charts.name_of, key="rule-phi",
                                  width=130)  # fmt: skip
        of = st.segmented_control("How to shift it", list(TITLES), format_func=TITLES.get, required=True, key="rule-of",
                                  wrap=True)  # fmt: skip
        amount = st.slider("Shift a", -charts.MAX_AMOUNT, charts.MAX_AMOUNT, step=STEP, key="rule-a", width=290)
        zero = theory.zero_mean_shift(activation, network.sigma_w2 + network.sigma_b2, of)
        reached = zero is not None and abs(zero) <= charts.MAX_AMOUNT
        st.button("Mean zero", key="rule-zero", disabled=not reached, on_click=_set, args=(zero,))
    here = charts.at(activation, of, amount, *network)
    advice = charts.advice(activation, of, network.sigma_w2, network.sigma_b2)
    st.markdown(f"{charts.sentence(activation, of, amount, here, network.depth)} {advice}")
    left, right = st.columns([2, 3])
    with left:
        live_chart(charts.shifted_activation.spec(activation, of, amount, *network[:2]), key="rule-function")
    with right:
        live_chart(charts.gamma_against_mean.spec(activation, of, amount, *network), key="rule-gamma")
    other = shifted(config, activation, of, amount)
    if st.button("Draw the networks with this shift", icon=":material/casino:", key="rule-draw",
                 disabled=other.id == run.id) and (against := start_run(other, run.cache)):  # fmt: skip
        turn_to(run=run.id, against=against.id)
    st.caption(
        f"Theory here: σ²w = {network.sigma_w2:.3g}, σ²b = {network.sigma_b2:.3g}, {network.depth} hidden layers. "
        + charts.caption()
    )
    set_query(phi=activation, of=of, a=f"{amount:g}")


def network_of(config: EnsembleConfig) -> Network:
    """The network of this ensemble, as far as it is of one kind in all layers; else one with He normal weights."""
    if not isinstance(config.model, Mlp) or config.initialization.name not in VARIANCES:
        return Network(2.0, 0.0, Mlp().depth)
    depth = min(config.model.depth, MAX_DEPTH)
    hidden = layer_variances(config)[:-1]
    alike = all(max(values) - min(values) <= 1e-9 for values in zip(*hidden, strict=True)) and hidden[0][0] > 0
    return Network(*(hidden[0] if alike else (2.0, 0.0)), depth)


def shifted(config: EnsembleConfig, activation: str, of: Of, amount: float) -> EnsembleConfig:
    """The ensemble with this shift, and nothing else changed."""
    model = config.model if isinstance(config.model, Mlp) else Mlp()
    changes = {"shift": 0.0, "offset": 0.0} | {of: amount}
    return config.with_(model=model.with_(activation=activation, **changes))


def _begin(config: EnsembleConfig, opened: str) -> None:
    """The widgets begin with the address, else with the networks shown; they begin anew with other networks."""
    state = st.session_state
    if state.get("rule-opened") == opened and "rule-a" in state:
        return
    model = config.model if isinstance(config.model, Mlp) else Mlp()
    of = "shift" if model.shift else "offset"
    amount = max(-charts.MAX_AMOUNT, min(charts.MAX_AMOUNT, getattr(model, of)))
    state["rule-opened"] = opened
    state["rule-phi"] = from_query("phi", theory.ACTIVATIONS, model.activation)
    state["rule-of"] = from_query("of", TITLES, of)
    state["rule-a"] = number_from_query("a", -charts.MAX_AMOUNT, charts.MAX_AMOUNT, amount)


def _set(amount: float) -> None:
    st.session_state["rule-a"] = round(amount, 2)  # a stop of the slider
