"""What was measured on the plane: accuracy against gamma along a line through it, and c against gamma.

A click on a dot chooses its point, so that the buttons beside the map lead on from it. The address holds `line`, the
activation, and `rate`, as far as they are no defaults.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import streamlit as st

from igbviz.charts.phases.bridge import correlation_against_gamma
from igbviz.charts.phases.line import HEIGHT, accuracy_against_gamma
from igbviz.studies.phases import bridge, line, peak
from igbviz.ui.live_chart import live_chart, payload
from igbviz.ui.query import from_query, set_query
from igbviz.ui.views.phases.point import Point

RATES = {f"{rate:g}": rate for rate in line.RATES}
START_LINE, START_RATE = "tanh", "0.003"


def begin_with_the_link() -> None:
    st.session_state["phase-line"] = from_query("line", peak.LABELS, START_LINE)
    st.session_state["phase-rate"] = from_query("rate", RATES, START_RATE)


def draw() -> Point | None:
    """Both pictures with their sentences; the point of the dot that was just clicked on."""
    clicked = _accuracy()
    st.header("γ and c: one theory, two languages", anchor=False)
    figure, height, sentence, caption = _bridge()
    on_curve = live_chart(figure, key="phase-bridge", height=height, on_click=True)
    st.markdown(sentence)
    st.caption(caption)
    return clicked or (_layer(on_curve) if on_curve else None)


def _accuracy() -> Point | None:
    st.header("Do networks train best where they begin prejudiced?", anchor=False)
    with st.container(horizontal=True, vertical_alignment="center"):
        activation = st.segmented_control(
            "Networks", list(peak.LABELS), required=True, key="phase-line", format_func=peak.LABELS.__getitem__
        )
        rate = st.segmented_control("Learning rate", list(RATES), required=True, key="phase-rate")
    set_query(line=None if activation == START_LINE else activation, rate=None if rate == START_RATE else rate)
    figure, sentence, caption = _along(activation, RATES[rate])
    clicked = live_chart(figure, key="phase-line-chart", height=HEIGHT, on_click=True)
    st.markdown(sentence)
    st.caption(caption)
    return _start(activation, clicked) if clicked else None


def _start(activation: str, clicked: dict[str, Any]) -> Point:
    """The point of the line whose gamma, by theory or as measured, was clicked on."""
    kind = "measured" if clicked["y"] < 0 else "gamma"
    starts = [start for start in line.read().starts if start.activation == activation]
    start = min(starts, key=lambda start: abs(getattr(start, kind) / float(clicked["x"]) - 1))
    return Point(activation, start.sigma_w2, line.SIGMA_B2, line.HIDDEN + 1)


def _layer(clicked: dict[str, Any]) -> Point:
    row = min(bridge.read()[0], key=lambda row: abs(row.gamma / float(clicked["x"]) - 1))
    return Point(row.activation, row.sigma_w2, row.sigma_b2, row.layer)


@lru_cache(maxsize=8)
def _along(activation: str, rate: float) -> tuple[str, str, str]:
    measured = line.read()
    figure = accuracy_against_gamma.spec(activation, rate, measured)
    origin = measured.provenance
    sentence = f"{peak.verdict(measured, activation, rate)} {peak.over_rates(measured, activation)}"
    caption = (
        f"A line of the map above: σ²w grows from right to left at σ²b = {line.SIGMA_B2:g}. MLPs of {line.HIDDEN} "
        f"hidden layers of {line.WIDTH} nodes, {origin['data']}, cross-entropy, SGD at one constant learning rate, "
        f"batches of {origin['batch_size']}; each dot is one of {len(origin['seeds'])} seeds, the line their mean. γ "
        "by theory for infinite width, mean square and correlation of these images; at the foot as measured on "
        f"{origin['networks']} untrained networks, with its standard error. *Deeply prejudiced*: a network gives at "
        "least 90 % of its guesses to one of ten classes on average. Depth and width are finite and training is "
        "short: at the edge itself γ is infinite only for infinite depth. A click on a dot chooses its point on the "
        f"map. {origin['device']}, torch {origin['torch']}, {origin['date']}."
    )
    return payload(figure), sentence, caption


@lru_cache(maxsize=1)
def _bridge() -> tuple[str, int, str, str]:
    rows, origin = bridge.read()
    figure = correlation_against_gamma.spec(rows)
    caption = (
        "Pre-activations of layers "
        f"{', '.join(map(str, bridge.LAYERS[:-1]))} and {bridge.LAYERS[-1]} of untrained MLPs of width "
        f"{origin['width']}, (σ²w, σ²b) in the legend. γ is the variance of a node's centre over networks, divided by "
        f"its variance over {origin['inputs']} inputs of noise ({origin['networks']} networks); c is the mean cosine "
        f"of two inputs, in {origin['networks']} other networks. Bars are standard errors over networks. At finite "
        "width the norms of the inputs drift apart from layer to layer, which lowers γ, but no cosine: most in deep "
        "GELU and ReLU networks. A click on a dot chooses its point on the map. "
        f"{origin['device']}, torch {origin['torch']}, {origin['date']}."
    )
    return payload(figure), figure["layout"]["height"], bridge.verdict(rows), caption
