"""The pictures of hidden nodes behind a switch, of which one is drawn at a time; the address says which."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from igbviz.runs.run import Run
from igbviz.ui.query import from_query, set_query
from igbviz.ui.views.node_means import nodes, rule

# Each draws its picture from the first ensemble of the page.
PICTURES: dict[str, tuple[str, Callable[[Run], None]]] = {
    "rule": ("The mean of a node decides", rule.draw),
    "nodes": ("Nodes of two networks", nodes.draw),
}


def draw(run: Run) -> None:
    """The switch and, once something is chosen, its picture: nothing is computed before."""
    linked = from_query("inside", PICTURES, "") if "inside" in st.query_params else None
    chosen = st.segmented_control(
        "Inside the networks", list(PICTURES), default=linked or None, key="inside",
        format_func=lambda name: PICTURES[name][0], wrap=True,
    )  # fmt: skip
    set_query(inside=chosen, **({} if chosen == "rule" else dict.fromkeys(rule.SETTINGS)))
    if chosen:
        PICTURES[chosen][1](run)
