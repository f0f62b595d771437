"""The page that compares runs: select them, show them side by side, overlaid or as tables, and export the result.

The address holds its state: `runs` (names separated by commas), `group` (all seeds of one setting) or `sweep`, and the
view: `tab`, `quantity`, `unit`, `collapse`, `rows`. Viewers share the figures: the keys are the lengths of the runs'
files.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from igbviz.charts.browser import find_chromium
from igbviz.charts.comparison import MAX_ROWS
from igbviz.charts.comparison_export import ESCAPE, FORMATS, TABS, View, alike, spec
from igbviz.runs.kinds import TRAINED, kind_of
from igbviz.runs.run import Run, RunError
from igbviz.runs.sweeps import Group
from igbviz.studies import comparison
from igbviz.studies.comparison import ESCAPE_IN_WORDS, OUTCOMES, Member, Setting
from igbviz.trajectory.quantities import MEASURES
from igbviz.ui import refresh, shell
from igbviz.ui.live_chart import live_chart, payload
from igbviz.ui.members import Stamp, members_of, sentence, stamps_of, without_probe
from igbviz.ui.messages import show_dead_link
from igbviz.ui.query import from_query, set_query
from igbviz.ui.runs import loss_title, run_rows

MAX_RUNS = 100
COLUMNS = [
    "state",
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
FILTERS = ("state", "dataset", "loss", "tags")


def draw(cache: Path) -> None:
    """The whole page. A timer that ends with the last run redraws the part that changes."""
    rows = [row for row in run_rows(cache) if row.get("kind") != "untrained"]
    if not rows:
        st.info("No network has been trained here yet.", icon=":material/info:")
        shell.link("pages/Train.py", "Train a first network", icon=":material/play_circle:")
        return
    names = _choose(rows, _linked(rows, cache))
    if not names:
        st.info("Tick two or more runs above to compare them.", icon=":material/info:")
        return
    runs, missing = _open(names, cache)
    stamps, _ = stamps_of(runs)
    is_active = any(stamp.is_active for stamp in stamps)
    view = _options(members_of(stamps)[0])

    def update() -> float | None:
        stamps, torn = stamps_of(runs)
        members, unprobed, unread = members_of(stamps)
        problems = [*missing, *torn, *unread, *without_probe(unprobed)]
        overlapping = alike(members)[1] if members and view.tab == "grid" else []
        # one container, so that the charts keep their position on the page, and with it their zoom
        place = st.container()
        for text in [*map(sentence, problems), *overlapping]:
            place.warning(text, icon=":material/info:")
        if members:
            _show(members, stamps, view)
        return refresh.SLOW if any(stamp.is_active for stamp in stamps) else None

    refresh.fragment(update, refresh.SLOW if is_active else None)


# Selecting runs.


def _linked(rows: Sequence[dict[str, Any]], cache: Path) -> list[str]:
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
    return config.group if kind_of(config) is TRAINED else ""


def _choose(rows: Sequence[dict[str, Any]], chosen: list[str]) -> list[str]:
    """The table to select runs in. The address holds the selection; runs that a filter hides stay selected."""
    if "compare-find" not in st.session_state:  # the first draw: open if nothing is selected, unchanged from then on
        st.session_state["compare-open"] = not chosen
    with st.expander("Select runs", expanded=st.session_state["compare-open"], icon=":material/checklist:"):
        matching = _matching(rows)
        ids, before = [row["id"] for row in matching], set(chosen)
        titled = [{**row, "loss": loss_title(row["loss"])} for row in matching]
        table = pd.DataFrame(titled, columns=[name for name in COLUMNS if any(name in row for row in rows)])
        cleared = st.session_state.setdefault("compare-cleared", 0)
        marked = st.dataframe(
            table,
            hide_index=True,
            on_select="rerun",
            selection_mode="multi-row",
            selection_default={"selection": {"rows": [place for place, name in enumerate(ids) if name in before]}},
            height=min(420, 38 + 35 * max(len(matching), 1)),
            column_config={"epochs": st.column_config.NumberColumn(format="%.4g"), "knobs": "hyperparameters"},
            # other rows make another table, whose selection comes from the address
            key=f"compare-table-{cleared}-{hash(tuple(ids))}",
            alt=f"{len(matching)} runs to choose from",
        ).selection.rows
        ticked = [ids[place] for place in marked if place < len(ids)]
        unticked = set(ids) - set(ticked)
        now = [name for name in chosen if name not in unticked] + [name for name in ticked if name not in before]
        with st.container(horizontal=True, vertical_alignment="center"):
            hidden = len(set(now) - set(ids))
            aside = f", {hidden} of them hidden by the filters" if hidden else ""
            st.caption(
                f"{len(matching)} of {len(rows)} runs; {len(now)} selected{aside}. Tick a box to add a run; click on a "
                "heading to sort."
            )
            if st.button("Clear selection", icon=":material/close:", disabled=not now, key="compare-none"):
                st.session_state["compare-cleared"] += 1
                set_query(runs=None, group=None, sweep=None)
                st.rerun()
    if now != chosen:
        set_query(runs=",".join(now) or None, group=None, sweep=None)
    return now


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


# The view.


def _options(members: Sequence[Member]) -> View:
    chosen, unit = from_query("tab", TABS, "grid"), from_query("unit", ("epoch", "step"), "epoch")
    quantity = from_query("quantity", [*MEASURES, ESCAPE], "balanced_accuracy")
    collapse, page = st.query_params.get("collapse") != "no", 0
    with st.container(horizontal=True, vertical_alignment="bottom"):
        tab = st.segmented_control(
            "View", list(TABS), default=chosen, required=True, key="compare-tab", format_func=TABS.get
        )
        if tab == "overlay":
            quantities = [*_measured(members), ESCAPE]
            quantity = st.selectbox(
                "Quantity",
                quantities,
                index=quantities.index(quantity) if quantity in quantities else 0,
                format_func=lambda name: "Time to escape" if name == ESCAPE else MEASURES[name].title,
                key="compare-quantity",
                width=300,
            )
        if tab != "table":
            unit = st.segmented_control(
                "Time in", ("epoch", "step"), default=unit, required=True, key="compare-unit", format_func="{}s".format
            )
        if tab == "table" or (tab == "overlay" and quantity != ESCAPE):
            help_ = (
                "Runs that differ only in the seed become one line: their median, with a band from the minimum to the "
                "maximum."
            )
            collapse = st.toggle("Combine seeds", value=collapse, key="compare-collapse", help=help_)
        if tab == "grid" and len(members) > MAX_ROWS:
            starts = range(0, len(members), MAX_ROWS)
            linked_page = st.query_params.get("rows")
            page = st.segmented_control(
                "Rows",
                list(range(len(starts))),
                default=int(linked_page) if linked_page in map(str, range(len(starts))) else 0,
                required=True,
                key="compare-rows",
                format_func=lambda n: f"{starts[n] + 1}–{min(starts[n] + MAX_ROWS, len(members))}",
            )
    set_query(
        tab=tab if tab != "grid" else None,
        quantity=quantity if quantity != "balanced_accuracy" else None,
        unit=unit if unit != "epoch" else None,
        collapse=None if collapse else "no",
        rows=str(page) if page else None,
    )
    return View(tab, quantity, unit, collapse, page)


def _measured(members: Sequence[Member]) -> list[str]:
    """The measures recorded by at least one of the runs."""
    return [name for name in MEASURES if any(pd.notna(member.measures[name]).any() for member in members)] or list(
        MEASURES
    )


def _open(names: Sequence[str], cache: Path) -> tuple[list[Run], list[str]]:
    """The runs that exist, and an error message for each of the others."""
    runs, problems = [], []
    for name in names[:MAX_RUNS]:
        try:
            runs.append(Run.open(name, cache))
        except RunError as error:
            problems.append(str(error))
    if len(names) > MAX_RUNS:
        problems.append(f"only the first {MAX_RUNS} of {len(names)} selected runs are compared")
    return runs, problems


def _show(members: Sequence[Member], stamps: Sequence[Stamp], view: View) -> None:
    settings, shared = comparison.settings(members), comparison.in_common([member.config for member in members])
    active = sum(not member.ended for member in members)
    parts = [f"{len(members)} run{'s' * (len(members) > 1)} in {len(settings)} setting{'s' * (len(settings) > 1)}"]
    parts += [f"{active} still running"] * bool(active) + [f"in common: {shared}"] * bool(shared)
    st.caption("; ".join(parts) + ".")
    if view.tab == "table":
        _tables(settings, view.collapse)
    else:
        figure, height = _figure(tuple(stamps), view)
        live_chart(figure, key=f"compare-{view.tab}", height=height)
        st.caption(_caption(view, settings))
    _exports(settings, view)


def _caption(view: View, settings: Sequence[Setting]) -> str:
    if view.tab == "grid":
        return (
            "One row per run, as in the paper's Figure 2. ★ and the bold line: the class that the untrained network "
            "favours. Dashed: the end of the first epoch; dotted: 1/K. Point at a line to mark its class at the same "
            "time in every row; click on a class in the legend to hide it everywhere."
        )
    if view.quantity == ESCAPE:
        return f"One dot per seed, a vertical line at the median. {ESCAPE_IN_WORDS}"
    band = " Line: median over the seeds; band: minimum to maximum; where a seed ended early, n is smaller."
    caption = MEASURES[view.quantity].caption
    if view.quantity == "silent":
        caption = " ".join(
            [
                caption,
                *sorted(
                    {member.config.loss.selection_note for setting in settings for member in setting.members} - {""}
                ),
            ]
        )
    return caption + (band if view.collapse else " One line per run; the seeds of a setting share a line style.")


def _tables(settings: Sequence[Setting], collapse: bool) -> None:
    st.markdown("**Settings that differ**")
    st.dataframe(
        comparison.difference_table(settings), hide_index=True, key="compare-differences", column_config=_pinned()
    )
    st.markdown("**Results**")
    headings = {name: st.column_config.Column(title) for name, (title, _) in OUTCOMES.items()}
    if collapse:
        st.dataframe(
            comparison.setting_table(settings),
            hide_index=True,
            key="compare-outcomes",
            column_config=_pinned() | headings,
        )
        st.caption(f"Median (minimum–maximum) over n seeds. {ESCAPE_IN_WORDS}")
        return
    table = comparison.run_table(settings)
    table["escape"] = [step if step < float("inf") else None for step in table["escape"]]
    table["run"] = [f"Train?run={name}" for name in table["run"]]
    number = {name: st.column_config.NumberColumn(title, format="%.3g") for name, (title, _) in OUTCOMES.items()}
    opened = {"run": st.column_config.LinkColumn("run", display_text="open", width=60)}
    looks = _pinned() | number | opened | {"last_step": st.column_config.NumberColumn("last step")}
    st.dataframe(table, hide_index=True, key="compare-outcomes-runs", column_config=looks, placeholder="never")
    st.caption(f"At the last probe of each run. {ESCAPE_IN_WORDS}")


def _pinned() -> dict[str, Any]:
    return {"setting": st.column_config.TextColumn("setting", pinned=True)}


# All viewers of the same runs share a figure.


@st.cache_resource(max_entries=64, show_spinner=False)
def _figure(stamps: tuple[Stamp, ...], view: View) -> tuple[str, int]:
    figure = spec(comparison.settings(members_of(stamps)[0]), view)
    return payload(figure), figure["layout"]["height"]


def _exports(settings: Sequence[Setting], view: View) -> None:
    no_browser = find_chromium() is None
    with st.container(horizontal=True, vertical_alignment="center"):
        for label, (suffix, mime, make) in FORMATS.items():
            st.download_button(
                label,
                data=lambda make=make: make(settings, view),
                file_name=f"compare-{view.quantity if view.tab == 'overlay' else view.tab}{suffix}",
                mime=mime,
                on_click="ignore",
                key=f"compare-get{suffix}",
                disabled=label == "PDF" and no_browser,
            )
        if view.tab != "table":
            st.caption("The chart's own buttons, at its top right, save it as PNG or SVG.")
        if no_browser:
            st.caption("A PDF needs Chromium or Chrome on the machine that serves this page.")
