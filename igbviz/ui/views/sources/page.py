"""The page "Sources": what the paper, its review and the theory talk say, and where the program shows it.

The address holds the source that is listed: `source`.
"""

from __future__ import annotations

from typing import Any

import streamlit as st

from igbviz.charts.sources import coverage
from igbviz.studies.sources import SOURCES, Statement
from igbviz.ui import shell
from igbviz.ui.live_chart import live_chart
from igbviz.ui.query import from_query, go_to, set_query

ICONS = {"shown": ":material/check_circle:", "in part": ":material/contrast:", "not shown": ":material/close:"}


def draw() -> None:
    """The whole page: a map of all statements, and the list of one source."""
    st.markdown(_summary())
    if clicked := live_chart(coverage.coverage(SOURCES), key="sources-map", on_click=True):
        _open(clicked)
    key = st.segmented_control(
        "Source", list(SOURCES), default=from_query("source", SOURCES, "paper"), required=True, key="sources-source",
        format_func=lambda name: f"{name} ({len(SOURCES[name].statements)})", label_visibility="collapsed",
    )  # fmt: skip
    set_query(source=key if key != "paper" else None)
    source = SOURCES[key]
    st.markdown(f"**[{source.title}]({source.link})**, {source.authors}, in our words:")
    for number, statement in enumerate(source.statements, start=1):
        _row(number, statement)


def _summary() -> str:
    statements = [statement for source in SOURCES.values() for statement in source.statements]
    counts = {state: sum(each.state == state for each in statements) for state in ICONS}
    return (
        f"**{counts['shown']} of {len(statements)}** statements of the sources are shown, {counts['in part']} in part, "
        f"{counts['not shown']} not. Click on a square to see it in the program."
    )


def _open(clicked: dict[str, Any]) -> None:
    """Go to the first place of the statement whose square was clicked; list the source of one that has none."""
    squares, _ = coverage.squares(SOURCES)
    for (key, index), (x, y) in squares.items():
        if (clicked["x"], clicked["y"]) == (x, y):
            if places := SOURCES[key].statements[index].places:
                go_to(places[0].page, **dict(places[0].query))
            st.session_state["sources-source"] = key


def _row(number: int, statement: Statement) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key=f"source-{number}"):
        remarks = "".join(f" *{remark}*" for remark in (statement.found, statement.missing) if remark)
        st.markdown(
            f"{ICONS[statement.state]} **{number}** :small[{statement.where}] {statement.says}.{remarks}",
            width="content",
        )
        for place in statement.places:
            shell.link(place.page, place.label, ":material/arrow_forward:", **dict(place.query))
