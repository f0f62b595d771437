"""Which losses leave the first guess, and when: the measurement that ships with the program, on two pages."""

from __future__ import annotations

from functools import lru_cache

import streamlit as st

from igbviz.charts.escape import picture
from igbviz.studies import escape
from igbviz.ui.live_chart import live_chart, payload


def draw() -> None:
    st.header("Who escapes?", anchor=False)
    figure, height, numbers = _measured()
    live_chart(figure, key="losses-escape", height=height)
    st.caption(
        "One network with a strong first guess, trained with every loss from the same seeds. Left: the step from "
        "which on its guesses stay evenly spread; right: how accurate it ends. Dots are medians, bars go from least "
        "to most."
    )
    with st.expander("The numbers, and how they were measured", icon=":material/table:"):
        st.markdown(numbers)


@lru_cache(maxsize=1)
def _measured() -> tuple[str, int, str]:
    figure = picture(escape.read())
    return payload(figure), figure.layout.height, escape.block()
