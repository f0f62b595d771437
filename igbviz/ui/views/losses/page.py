"""The page of losses: choose some, see their gradients over p with the images of a run, and compare all losses."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape as escaped
from pathlib import Path

import streamlit as st

from igbviz.charts import losses
from igbviz.charts.colors import class_style
from igbviz.charts.losses import LOSS_CURVES
from igbviz.charts.run import MAX_LINES
from igbviz.losses import LOSSES, Loss, LossOfP, force
from igbviz.losses.force import Zone
from igbviz.trajectory import Trajectory
from igbviz.trajectory.trajectory import P_EDGES
from igbviz.ui import escape
from igbviz.ui.live_chart import live_chart
from igbviz.ui.query import from_query
from igbviz.ui.views.losses import cards, link, steering, tables
from igbviz.ui.views.losses.run_choice import Shown, choose_run

AXES = {"log": "log axis", "linear": "linear axis"}
INTRODUCTION = (
    "A loss decides **which images contribute a gradient**. If the loss is a function of p, the probability of the "
    "true class, each image contributes the gradient of cross-entropy times a factor w(p), the **force** of the "
    "loss. A network with a strong first guess (initial guessing bias, IGB) assigns almost every image a small p: "
    "where w is 0 there, the image is ignored (zero gradient), and where w is negative, the image is pushed away "
    "from its own class."
)


def draw(cache: Path) -> None:
    """The whole page. Every change redraws all of it, in about a tenth of a second."""
    starts = link.hyperparameters_of_link()
    link.begin("losses", link.losses_of_link)
    names = st.multiselect(
        "Losses", list(LOSSES), max_selections=link.MAX_LOSSES, format_func=lambda name: LOSSES[name].title,
        key="losses", label_visibility="collapsed", placeholder="Choose losses",
    )  # fmt: skip
    picture = st.container(key="losses-picture")
    chosen = cards.draw(names, starts)  # stand below the picture that follows from them
    with picture:
        shown = _picture(names, chosen, cache)
    st.markdown(INTRODUCTION)
    tables.contributions(shown)
    steering.draw(chosen, shown)
    tables.over_lead(chosen)
    tables.table(shown.trajectory.classes if shown.trajectory is not None else 10)
    escape.draw()
    escape.draw_spectrum()


def _picture(names: list[str], chosen: dict[str, Loss], cache: Path) -> Shown:
    """The controls, the chart over p with the images of a run, and what it shows; writes the address."""
    of_p = {name: loss.of_p for name, loss in chosen.items() if loss.of_p is not None}
    parts = {name: force.zones(loss) for name, loss in of_p.items()}
    with st.container(key="options", horizontal=True, vertical_alignment="bottom"):
        link.begin("quantity", lambda: from_query("curve", LOSS_CURVES, "weight"))
        quantity = st.segmented_control(
            "Over p", list(LOSS_CURVES), required=True, key="quantity", label_visibility="collapsed",
            format_func=lambda name: LOSS_CURVES[name].title,
        )  # fmt: skip
        link.begin("scale", lambda: from_query("axis", AXES, "log"))
        scale = st.segmented_control(
            "Axis of p", list(AXES), required=True, key="scale", label_visibility="collapsed", format_func=AXES.get
        )
        first = next((name for name in parts if len(parts[name]) > 1), next(iter(parts), None))
        focus = None
        if first is not None:  # a selectbox that was empty once would stay without a selection
            link.begin("focus", lambda: from_query("zones", parts, first))
            if st.session_state["focus"] not in parts:
                st.session_state["focus"] = first
            focus = st.selectbox(
                "Shade the zones of", list(parts), key="focus", label_visibility="collapsed", width=230,
                format_func=lambda name: f"Zones of {LOSSES[name].title}",
            )  # fmt: skip
    choice = choose_run(cache)
    shaded = parts.get(focus, [])
    live_chart(
        losses.over_p.spec(
            of_p, quantity, log=scale == "log", shaded=shaded, marks=_marks(choice.trajectory),
            run=None if choice.trajectory is None else (choice.trajectory, choice.index, choice.only),
        ),
        key="chart-over-p",
    )  # fmt: skip
    shown = Shown(choice.run, choice.trajectory, choice.index, focus, shaded)
    if sentence := tables.verdict(shown):
        st.markdown(sentence)
    if choice.trajectory is not None and choice.only is None and choice.trajectory.classes <= MAX_LINES:
        st.html(_class_legend(choice.trajectory))
    _caption(chosen, of_p, quantity, focus, shaded)
    link.write(
        names, chosen.values(), curve=quantity if quantity != "weight" else None,
        axis=scale if scale != "log" else None, zones=focus if focus != first else None, **choice.query,
    )  # fmt: skip
    return shown


def _marks(trajectory: Trajectory | None) -> list[tuple[float, str]]:
    """The vertical lines at a uniform guess and at the median of a run's images before training."""
    marks = [(1 / (trajectory.classes if trajectory is not None else 10), "uniform guess, 1/K")]
    if trajectory is not None:
        median = trajectory.median_probability()
        side, place = ("left of", median) if median > P_EDGES[1] else ("below", P_EDGES[1])
        marks.append((median, f"half of the images start {side} p = {losses.short(place)}"))
    return marks


def _class_legend(trajectory: Trajectory) -> str:
    """The colors of the histogram's classes as HTML, which wraps at any width; a star at the favoured class."""
    box = "display:inline-block;width:12px;height:12px;margin-right:5px;vertical-align:-1px"
    favoured = trajectory[:1].favoured()
    names = " ".join(
        f'<span style="white-space:nowrap;margin-right:14px"><span style="{box};background:{class_style(k).color}">'
        f"</span>{escaped(name)}{' ★' * (k == favoured)}</span>"
        for k, name in enumerate(trajectory.class_names)
    )
    return f'<div style="font-size:0.875rem">{names}</div>'


def _caption(
    chosen: Mapping[str, Loss], of_p: Mapping[str, LossOfP], quantity: str, focus: str | None, shaded: list[Zone]
) -> None:
    sentences = [LOSS_CURVES[quantity].caption]
    if focus in of_p:
        description = (
            "; ".join(zone.describe() for zone in shaded)
            if len(shaded) <= losses.MAX_ZONES
            else "changes its sign too often to be shaded"
        )
        sentences.append(f"**{of_p[focus].title}** {description}.")
        sentences.append(
            "Zero gradient means: a force under 1 % of cross-entropy's, except where it only changes its sign."
        )
    if missing := [loss.title for name, loss in chosen.items() if name not in of_p]:
        sentences.append(
            f"Not in this chart, since not a function of p alone: {', '.join(missing)}; see *On the logits* below."
        )
    st.caption(" ".join(sentences))
