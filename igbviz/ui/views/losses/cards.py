"""The cards of the chosen losses: formula, hyperparameters, effect, and a link to train with the loss."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape as escaped
from typing import Any

import streamlit as st

from igbviz.charts.colors import ClassStyle
from igbviz.charts.losses import loss_style
from igbviz.losses import LOSSES, Custom, Loss
from igbviz.plugins.part import in_words
from igbviz.spec import ConfigError
from igbviz.ui import forms, shell
from igbviz.ui.messages import plain, quoting, show_error
from igbviz.ui.query import loss_to_query

IN_A_ROW = 3


def draw(names: Sequence[str], starts: dict[str, dict[str, Any]]) -> dict[str, Loss]:
    """A card for each of these losses; returns those whose hyperparameters are valid. `starts` are those of a link."""
    chosen = {}
    with st.container(key="cards"):
        for first in range(0, len(names), IN_A_ROW):
            row = names[first : first + IN_A_ROW]
            for column, name in zip(st.columns(IN_A_ROW, gap="small"), row, strict=False):
                with column.container(border=True, height="stretch"):
                    if (loss := _card(name, starts.get(name, {}))) is not None:
                        chosen[name] = loss
    return chosen


def _card(name: str, start: dict[str, Any]) -> Loss | None:
    """One loss; None and an error if its hyperparameters are invalid."""
    kind, style = LOSSES[name], loss_style(name)
    st.html(f"{_line_sample(style)} <b>{escaped(kind.title)}</b>")
    formula = st.empty()
    settings = forms.widgets(kind, start, f"losses-{name}", drag=True)
    try:
        loss = kind(**settings)
    except ConfigError as error:
        show_error(error)
        return None
    formula.latex(forms.stacked_formula(loss))
    if isinstance(loss, Custom):
        for finding in loss.checks():
            st.warning(quoting(f"It {finding.text}."), icon=":material/warning:")
    effect = f"Effect on a class with low probability: {kind.effect}." if kind.effect else ""
    source = f"*{kind.source}*" if kind.source else plain(in_words(loss.package))
    st.caption("  \n".join(filter(None, (effect, source))))
    shell.link("pages/Train.py", "Train with this loss", icon=":material/play_circle:", **loss_to_query(loss))
    return loss


def _line_sample(style: ClassStyle) -> str:
    """A sample of the line style of a loss, as HTML."""
    stops, at = [], 0
    for place, length in enumerate(style.dash or (34,)):
        stops.append(f"{'transparent' if place % 2 else style.color} {at}px {at + length}px")
        at += length
    stripes = f"repeating-linear-gradient(90deg, {', '.join(stops)})"
    box = "display:inline-block;width:34px;height:4px;margin-right:6px;vertical-align:middle"
    return f'<span style="{box};background:{stripes}"></span>'
