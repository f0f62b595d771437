"""The shipped measurement of which losses escape the first guess, when, and what decides it, as pages show it."""

from __future__ import annotations

from functools import lru_cache

import streamlit as st

from igbviz.charts.escape import picture
from igbviz.charts.losses import short
from igbviz.charts.spectrum.escape_against_force import escape_against_force
from igbviz.studies import escape, spectrum
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


def draw_spectrum() -> None:
    """The same measurement over the force of each loss at the start."""
    st.header("What decides whether a loss escapes", anchor=False)
    figure, height, caption = _spectrum()
    live_chart(figure, key="losses-spectrum", height=height)
    st.caption(caption)


@lru_cache(maxsize=1)
def _spectrum() -> tuple[str, int, str]:
    rows = escape.read()
    figure, found = escape_against_force.spec(rows), spectrum.points(rows)
    seeds = {point.summary.seeds for point in found}
    count = f"{min(seeds)}" if len(seeds) == 1 else f"{min(seeds)} to {max(seeds)}"
    caption = (
        f"**{spectrum.verdict(found)}** Each point is one loss, trained from {count} seeds at the learning rate "
        f"{escape.BASE.optimizer.learning_rate:g}; it is the median step from which the guesses stay even, and a bar "
        "reaches from the minimum to the maximum. The force is the gradient on the true class's logit in units of "
        f"cross-entropy's, where this class has p = {short(spectrum.START_P)}: the median over the test images and "
        "seeds before the first step. Losses of all logits are evaluated where one wrong class leads the others. The "
        "line joins mixtures of cross-entropy, with the weight λ, and piecewise-zero, from cross-entropy itself to "
        "piecewise-zero itself; softening the cutoff instead leaves no force at such a p."
    )
    return payload(figure), figure["layout"]["height"], caption


@lru_cache(maxsize=1)
def _measured() -> tuple[str, int, str]:
    figure = picture.spec(escape.read())
    return payload(figure), figure["layout"]["height"], escape.block()
