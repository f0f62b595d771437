"""Which images of the run steer the training under each of the chosen losses."""

from __future__ import annotations

import streamlit as st

from igbviz.charts.classes.who_steers import who_steers
from igbviz.losses import Loss
from igbviz.ui.live_chart import live_chart, payload
from igbviz.ui.runs import shown_trajectory
from igbviz.ui.views.losses.run_choice import Shown

MAX_DRAWN = 4  # losses beside each other in a bin


def draw(chosen: dict[str, Loss], shown: Shown) -> None:
    """The picture at Init. and at the selected probe; nothing without a run or without a loss of p."""
    drawn = [(name, loss) for name, loss in chosen.items() if loss.of_p is not None][:MAX_DRAWN]
    if shown.run is None or shown.trajectory is None or not drawn or not shown.trajectory.p_hist[:1].any():
        return
    st.header("Who steers the training", anchor=False)
    later = shown.index or len(shown.trajectory) - 1  # beside Init., the last probe unless another one is selected
    figure, height, sentence = _figure(tuple(drawn), str(shown.run.path), shown.run.record_bytes, later)
    live_chart(figure, key="losses-steering", height=height)
    images = int(shown.trajectory.class_sizes()[shown.index].sum())
    more = f" Shown are the first {MAX_DRAWN} of the chosen losses." if len(chosen) > len(drawn) == MAX_DRAWN else ""
    st.caption(
        f"**{sentence}** Top: the norm of the gradient on the logits of one image, from the formula, where one wrong "
        f"class has the rest of the probability. Below: how many of the run's {images:,} test images have this p "
        "(gray), and what part of all gradient norms is theirs under each loss, at Init. and at the probe "
        f"selected above, or the last one.{more}"
    )


@st.cache_resource(max_entries=64, show_spinner=False)
def _figure(chosen: tuple[tuple[str, Loss], ...], path: str, size: int, index: int) -> tuple[str, int, str]:
    """All viewers of the same losses and probe share a figure: the key is the length of the run's file."""
    figure = who_steers.spec(shown_trajectory(path, size), dict(chosen), index)
    return payload(figure), figure["layout"]["height"], figure["layout"]["meta"]["words"]
