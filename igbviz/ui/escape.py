"""The shipped measurement of which losses escape the first guess, and when, as two pages show it."""

from __future__ import annotations

from functools import lru_cache

import streamlit as st

from igbviz.charts.escape import picture
from igbviz.studies import escape
from igbviz.ui.live_chart import live_chart, payload


def draw() -> None:
    st.header("Which losses escape?", anchor=False)
    figure, height, numbers = _measured()
    live_chart(figure, key="losses-escape", height=height)
    st.caption(
        "One network with a strong first guess (initial guessing bias, IGB), trained with every loss from the same "
        "seeds. Left: the step from which its guesses stay evenly spread over the classes; right: its accuracy at the "
        "end. Dots are medians over the seeds, bars reach from the minimum to the maximum."
    )
    with st.expander("The numbers and how they were measured", icon=":material/table:"):
        st.markdown(numbers)


@lru_cache(maxsize=1)
def _measured() -> tuple[str, int, str]:
    figure = picture.spec(escape.read())
    return payload(figure), figure["layout"]["height"], escape.block()
