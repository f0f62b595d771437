"""The map below the question of class imbalance: the same question for other class ratios and depths, as measured.

A click on a cell, or a link in the table of its numbers, opens the form with the setting of that cell.
"""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlencode

import streamlit as st

from igbviz.charts.dynamics.imbalance_map import imbalance_map
from igbviz.studies.dynamics import BASE, STEPS
from igbviz.studies.imbalance_map import DEPTHS, QUANTITIES, RATIOS, Measured, cells, read, signed, verdict
from igbviz.ui.live_chart import live_chart, payload
from igbviz.ui.query import from_query, set_query, turn_to, with_hidden
from igbviz.ui.views.dynamics import form

KEY, PICKED = "imbalance-map", "imbalance-map-picked"  # the second one holds the setting of the cell clicked last


def draw() -> None:
    st.header("With other ratios and depths", anchor=False)
    quantity = st.segmented_control(
        "Quantity of the map", list(QUANTITIES), default=from_query("map", QUANTITIES, "accuracy"), required=True,
        key=f"{KEY}-quantity", format_func=lambda name: QUANTITIES[name].title, label_visibility="collapsed",
    )  # fmt: skip
    set_query(map=None if quantity == "accuracy" else quantity)
    figure, height, sentence, caption = _drawn(quantity)
    st.markdown(sentence)
    if clicked := live_chart(figure, key=KEY, height=height, on_click=True):
        form.start_anew()
        ratio, depth = st.session_state[PICKED] = RATIOS[round(clicked["y"])], DEPTHS[round(clicked["x"])]
        turn_to(**_setting(ratio, depth, quantity))
    if picked := st.session_state.pop(PICKED, None):  # the form is out of sight, above
        st.toast("The form at the top of the page now has {} to 1 and depth {}.".format(*picked))
    st.caption(caption)
    with st.expander("The numbers, as links to their settings", icon=":material/table:"):
        st.markdown(_table(quantity, **with_hidden({})))


def _setting(ratio: int, depth: int, quantity: str) -> dict[str, str]:
    """The address of the page with this setting in its form."""
    address = {"view": "majority", "depth": str(depth), "ratio": str(ratio)}
    return address if quantity == "accuracy" else address | {"map": quantity}


@lru_cache(maxsize=len(QUANTITIES))
def _drawn(quantity: str) -> tuple[str, int, str, str]:
    """The figure as JSON and its height, the sentence above it and the caption below it."""
    measured = read()
    spec, networks = imbalance_map.spec(quantity, measured), cells(measured.rows, quantity)[0].n
    caption = (
        f"Each cell: {networks} networks (seeds), each trained twice from the same weights for {STEPS} steps: with the "
        "class in the majority that it favours at Init., and with the one that it favours least. The number is the "
        "mean difference of the two, network by network, ± its standard error. Gray: the 95 % interval (Student's t) "
        f"includes 0; of {len(DEPTHS) * len(RATIOS)} cells about one is colored by chance. "
        f"{QUANTITIES[quantity].caption} **A click on a cell opens the form with its setting.** "
        f"{_conditions(measured)}"
    )
    return payload(spec), spec["layout"]["height"], verdict(measured, quantity), caption


def _conditions(measured: Measured) -> str:
    start, facts = BASE.initialization, measured.provenance
    return (
        f"{BASE.model.activation}, width {BASE.model.width}, σ²w = {start.sigma_w2:g}, σ²b = {start.sigma_b2:g}, "
        f"{BASE.loss.title}, one learning rate ({BASE.optimizer.learning_rate:g}) for all depths, "
        f"{BASE.dataset.title}, {BASE.probes.size} test images of balanced classes. γ is that of the logits of "
        f"{facts['networks']} untrained networks. "
        f"{len(measured.rows)} runs on {facts['device']} with torch {facts['torch']}; {facts['date']}."
    )


@lru_cache(maxsize=16)
def _table(quantity: str, **hidden: str) -> str:
    """Markdown: a row per class ratio, a column per depth, every number a link."""
    found = {(cell.ratio, cell.depth): cell for cell in cells(read().rows, quantity)}
    digits = QUANTITIES[quantity].digits + 1

    def link(ratio: int, depth: int) -> str:
        cell = found[ratio, depth]
        text = f"{signed(cell.difference, digits)} ± {cell.error:.{digits}f}"
        return f"[{text}](?{urlencode(_setting(ratio, depth, quantity) | hidden)}){' (noise)' * cell.within_noise}"

    head = f"| class ratio | {' | '.join(f'depth {depth}' for depth in DEPTHS)} |\n|{'---|' * (1 + len(DEPTHS))}"
    return "\n".join([head, *(
        f"| {ratio} to 1 | {' | '.join(link(ratio, depth) for depth in DEPTHS)} |" for ratio in RATIOS
    )])  # fmt: skip
