"""Which runs are compared: those of the address, chips to remove them, and a dialog with the table of all runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from igbviz.runs.kinds import kind_of
from igbviz.runs.run import Run, RunError
from igbviz.runs.sweeps import Group
from igbviz.ui.messages import show_dead_link
from igbviz.ui.query import set_query
from igbviz.ui.runs import loss_title

COLUMNS = [
    "state",
    "kind",
    "loss",
    "knobs",
    "model",
    "dataset",
    "initialization",
    "epochs",
    "seed",
    "name",
    "tags",
    "remark",
    "submitted",
    "note",
    "id",
]
FILTERS = ("kind", "state", "dataset", "loss", "tags")
OPEN, PICKED = "compare-open", "compare-picked"  # in the session: whether the dialog is open, and the runs ticked there


def linked(rows: Sequence[dict[str, Any]], cache: Path) -> list[str]:
    """The runs that the address names."""
    query = st.query_params
    names = [name for name in query.get("runs", "").split(",") if name]
    if "group" in query:
        names += [row["id"] for row in reversed(rows) if _group(row["id"], cache) == query["group"]]
    if "sweep" in query:
        try:
            names += [run.id for run in Group.open(query["sweep"], cache).runs]
        except RunError as error:
            show_dead_link(error)
    return list(dict.fromkeys(names))


@lru_cache(maxsize=20_000)
def _group(name: str, cache: Path) -> str:
    try:
        config = Run.open(name, cache).config
    except RunError:
        return ""
    return config.group if kind_of(config).has_probes else ""


def chips(names: Sequence[str], labels: Mapping[str, str]) -> None:
    """The compared runs in one slim row, each with a cross that removes it; `labels` are by run id."""
    kept = st.multiselect(
        "Compared runs",
        names,
        default=names,
        format_func=lambda name: labels.get(name, name),
        key=f"compare-chips-{hash(tuple(names))}",  # other runs make another row
        label_visibility="collapsed",
        select_all=False,
        wrap=False,
    )
    if kept != list(names):
        _compare([name for name in names if name in kept])


def button(chosen: Sequence[str]) -> None:
    """The button that opens the dialog, in which these runs are ticked at first."""
    st.button("Select runs", icon=":material/checklist:", key="compare-select", on_click=_open, args=(list(chosen),))


def dialog(rows: Sequence[dict[str, Any]]) -> None:
    """The dialog, if it is open. What is ticked in it is compared when its button is pressed."""
    if st.session_state.get(OPEN):
        _dialog(rows)


def _open(ticked: list[str]) -> None:
    st.session_state[OPEN], st.session_state[PICKED] = True, ticked


def _close() -> None:
    st.session_state[OPEN] = False


def _clear() -> None:
    st.session_state[PICKED] = []
    st.session_state["compare-cleared"] += 1


@st.dialog("Select runs", width="large", icon=":material/checklist:", on_dismiss=_close)
def _dialog(rows: Sequence[dict[str, Any]]) -> None:
    """The table of runs. Those that a filter hides stay ticked."""
    picked = st.session_state[PICKED]
    matching = _matching(rows)
    ids, before = [row["id"] for row in matching], set(picked)
    titled = [{**row, "loss": loss_title(row["loss"])} for row in matching]
    table = pd.DataFrame(titled, columns=[name for name in COLUMNS if any(name in row for row in rows)])
    cleared = st.session_state.setdefault("compare-cleared", 0)
    marked = st.dataframe(
        table,
        hide_index=True,
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [place for place, name in enumerate(ids) if name in before]}},
        height=min(360, 38 + 35 * max(len(matching), 1)),
        column_config={"epochs": st.column_config.NumberColumn(format="%.4g"), "knobs": "hyperparameters"},
        # other rows make another table, whose selection comes from the session
        key=f"compare-table-{cleared}-{hash(tuple(ids))}",
        alt=f"{len(matching)} runs to choose from",
    ).selection.rows
    ticked = [ids[place] for place in marked if place < len(ids)]
    unticked = set(ids) - set(ticked)
    now = [name for name in picked if name not in unticked] + [name for name in ticked if name not in before]
    st.session_state[PICKED] = now
    hidden = len(set(now) - set(ids))
    aside = f", {hidden} of them hidden by the filters" if hidden else ""
    st.caption(
        f"{len(matching)} of {len(rows)} runs; {len(now)} selected{aside}. Tick a box to add a run; click on a heading "
        "to sort."
    )
    with st.container(horizontal=True):
        label = f"Compare {len(now)} run{'s' * (len(now) != 1)}" if now else "Compare"
        if st.button(label, type="primary", icon=":material/compare:", disabled=not now, key="compare-show"):
            _close()
            _compare(now)
        st.button("Clear selection", icon=":material/close:", disabled=not now, key="compare-none", on_click=_clear)


def _compare(names: Sequence[str]) -> None:
    """Compare these runs: they become part of the address."""
    set_query(runs=",".join(names) or None, group=None, sweep=None, rows=None)
    st.rerun()


def _matching(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows that match the search and the filters."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input("Find", placeholder="words in a name, state, tag or note", key="compare-find")
        filters = {}
        for name in FILTERS:
            values = {tuple(_values(row, name)) for row in rows}
            if len(values) > 1:
                values = sorted({value for several in values for value in several})
                shown = {"format_func": loss_title} if name == "loss" else {}
                filters[name] = set(
                    st.multiselect(name.capitalize(), values, key=f"compare-{name}", placeholder="all", **shown)
                )
        archived = any(row.get("archived") for row in rows) and st.toggle("Include archived", key="compare-archived")
    return [
        row
        for row in rows
        if (archived or not row.get("archived"))
        and all(not values or values & set(_values(row, name)) for name, values in filters.items())
        and all(
            word in " ".join([*map(str, row.values()), loss_title(row["loss"])]).lower()
            for word in text.lower().split()
        )
    ]


def _values(row: dict[str, Any], name: str) -> list[str]:
    value = row.get(name)
    return [str(item) for item in value] if isinstance(value, (list, tuple, set)) else [value] if value else []
