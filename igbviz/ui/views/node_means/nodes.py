"""Hidden nodes of a neutral and a prejudiced network, as they were measured once for everybody."""

from __future__ import annotations

import streamlit as st

from igbviz.charts.untrained import hidden_nodes as charts
from igbviz.runs.run import Run
from igbviz.studies.nodes import hidden
from igbviz.ui.live_chart import live_chart, payload

PAIRS = {
    "tanh and ReLU": ("neutral", "prejudiced"),
    "ReLU, lowered or not": ("lowered", "prejudiced"),
}


def draw(_: Run) -> None:
    pair = PAIRS[st.segmented_control("Networks", list(PAIRS), default=next(iter(PAIRS)), required=True, key="pair")]
    for name in pair:
        st.markdown(charts.sentence(hidden.read()[name]))
    live_chart(_drawn(pair), key="hidden-nodes", height=charts.HEIGHT)
    st.caption(charts.caption(pair))


@st.cache_resource(show_spinner=False)
def _drawn(pair: tuple[str, ...]) -> str:
    return payload(charts.hidden_nodes.spec(pair))
