"""The page that compares runs: shows them side by side, overlaid or as tables, and exports the result.

The address holds its state: `runs` (names separated by commas), `group` (all seeds of one setting) or `sweep`, and the
view: `tab`, `quantity`, `unit`, `collapse`, `rows`. Without runs it shows shipped ones. Viewers share the figures: the
keys are the lengths of the runs' files.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from igbviz.charts.browser import find_chromium
from igbviz.charts.classes.of_runs import PICTURES
from igbviz.charts.comparison import MAX_ROWS
from igbviz.charts.comparison_export import ESCAPE, FORMATS, NO_CURVES, TABS, View, alike, spec
from igbviz.charts.time_axis import UNITS
from igbviz.config import RecordedConfig
from igbviz.runs.run import Run, RunError
from igbviz.studies import comparison
from igbviz.studies.comparison import ESCAPE_IN_WORDS, OUTCOMES, Member, Setting
from igbviz.trajectory.outcome import ALIVE_IN_WORDS
from igbviz.trajectory.quantities import MEASURES
from igbviz.ui import forms, refresh, shell
from igbviz.ui.live_chart import live_chart, payload
from igbviz.ui.members import Stamp, members_of, sentence, stamps_of, without_probe
from igbviz.ui.messages import plain, quoting
from igbviz.ui.query import from_query, set_query
from igbviz.ui.runs import run_rows, shipped_by_loss
from igbviz.ui.views.compare import confusion, select

MAX_RUNS = 100
MAX_VERDICTS = 12  # below a figure; of more runs the table has them


def draw(cache: Path) -> None:
    """The whole page. A timer that ends with the last run redraws the part that changes."""
    rows = [row for row in run_rows(cache) if row.get("kind") != "untrained"]
    if not rows:
        st.info("No network has been trained here yet.", icon=":material/info:")
        shell.link("pages/Train.py", "Train a first network", icon=":material/play_circle:")
        return
    chosen = select.linked(rows, cache)
    names = chosen or list(shipped_by_loss(cache).values())
    select.dialog(rows)
    if not names:
        select.button(chosen)
        st.info("Select two or more runs to compare them.", icon=":material/info:")
        return
    runs, missing = _open(names, cache)
    stamps, _ = stamps_of(runs)
    members = members_of(stamps)[0]
    view = _options(members)
    with st.container(horizontal=True, vertical_alignment="center"):
        select.chips(names, comparison.titles(comparison.settings(members)) if members else {})
        select.button(chosen)
    if not chosen:
        st.caption(
            "Recorded runs to begin with: the paper's network with each of its three losses, from the same weights "
            "(seed 0)."
        )
    is_active = any(stamp.is_active for stamp in stamps)

    def update() -> float | None:
        stamps, torn = stamps_of(runs)
        members, unprobed, unread = members_of(stamps)
        problems = [*missing, *torn, *unread, *without_probe(unprobed)]
        overlapping = alike(members)[1] if members and view.tab == "grid" else []
        # one container, so that the charts keep their position on the page, and with it their zoom
        place = st.container()
        for text in [*map(sentence, problems), *overlapping]:
            place.warning(quoting(text), icon=":material/info:")
        if members and view.tab == "confusion":
            confusion.draw(members, cache)
        elif members:
            _show(members, stamps, view)
        return refresh.SLOW if any(stamp.is_active for stamp in stamps) else None

    refresh.fragment(update, refresh.SLOW if is_active else None)


# The view.


def _options(members: Sequence[Member]) -> View:
    """One row with all that can be set."""
    tab = from_query("tab", TABS, "grid")
    quantity = from_query("quantity", [*MEASURES, *NO_CURVES], "balanced_accuracy")
    collapse, page = st.query_params.get("collapse") != "no", 0
    with st.container(key="options", horizontal=True, vertical_alignment="center"):
        tab = st.segmented_control(
            "View",
            list(TABS),
            default=tab,
            required=True,
            key="compare-tab",
            format_func=TABS.get,
            label_visibility="collapsed",
        )
        if tab == "overlay":
            quantities = [*_measured(members), *NO_CURVES]
            quantity = st.selectbox(
                "Quantity",
                quantities,
                index=quantities.index(quantity) if quantity in quantities else 0,
                format_func=lambda name: NO_CURVES.get(name) or MEASURES[name].title,
                key="compare-quantity",
                label_visibility="collapsed",
                width=230,
            )
        # a table has no axis, but what is exported from it may have one
        has_epochs = all(member.has_epochs for member in members)
        linked_unit = from_query("unit", UNITS, "epoch")
        is_timeless = tab in ("table", "confusion") or (
            tab == "overlay" and quantity in PICTURES and not PICTURES[quantity].has_time
        )
        unit = linked_unit if is_timeless else forms.time_unit("compare-unit", has_epochs=has_epochs)
        has_seeds = len({member.config.group for member in members}) < len(members)
        if tab == "table" or (tab == "overlay" and quantity not in NO_CURVES and has_seeds):
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
                label_visibility="collapsed",
            )
    set_query(
        tab=tab if tab != "grid" else None,
        quantity=quantity if quantity != "balanced_accuracy" else None,
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
    if view.tab == "table":
        _tables(settings, view.collapse)
    else:
        figure, height = _figure(tuple(stamps), view)
        live_chart(figure, key=f"compare-{view.tab}", height=height)
        if view.tab == "overlay" and view.quantity not in PICTURES:
            _verdicts(settings)
        st.caption(_caption(view, settings))
    st.caption(quoting("; ".join(parts) + "."))
    configs = [setting.members[0].config for setting in settings]
    if outside := dict.fromkeys(config.title for config in configs if isinstance(config, RecordedConfig)):
        st.caption(f"Recorded outside igbviz: {plain(', '.join(outside))}.")
    _exports(settings, view)


def _verdicts(settings: Sequence[Setting]) -> None:
    """What came of each run, where the figure does not say it."""
    labels = comparison.titles(settings)
    members = [member for setting in settings for member in setting.members]
    lines = [f"- **{plain(labels[member.run])}**: {plain(member.verdict)}" for member in members[:MAX_VERDICTS]]
    if len(members) > MAX_VERDICTS:
        lines.append(f"- and {len(members) - MAX_VERDICTS} more in the view *{TABS['table']}*, seeds apart.")
    st.markdown("\n".join(lines))


def _caption(view: View, settings: Sequence[Setting]) -> str:
    if view.tab == "grid":
        return (
            "One row per run, as in the paper's Figure 2, with what came of it. ★ and the bold line: the class that "
            "the untrained network favours. Dashed: the end of the first epoch; dotted: 1/K. Point at a line to mark "
            "its class at the same time in every row; click on a class in the legend to hide it everywhere."
        )
    if view.quantity == ESCAPE:
        return f"One dot per seed, a vertical line at the median. {ESCAPE_IN_WORDS}"
    if view.quantity in PICTURES:
        return PICTURES[view.quantity].caption(settings)
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
        st.caption(f"Median (minimum–maximum) over n seeds. {ESCAPE_IN_WORDS} {ALIVE_IN_WORDS}")
        return
    table = comparison.run_table(settings)
    for name in ("escape", "alive"):
        table[name] = [step if step < float("inf") else None for step in table[name]]
    table["run"] = [f"Train?run={name}" for name in table["run"]]
    table.insert(2, "verdict", table.pop("verdict"))
    number = {name: st.column_config.NumberColumn(title, format="%.3g") for name, (title, _) in OUTCOMES.items()}
    opened = {"run": st.column_config.LinkColumn("run", display_text="open", width=60)}
    looks = _pinned() | number | opened | {"verdict": st.column_config.TextColumn("what came of it", width="large")}
    looks |= {"last_step": st.column_config.NumberColumn("last step")}
    st.dataframe(table, hide_index=True, key="compare-outcomes-runs", column_config=looks, placeholder="never")
    st.caption(f"At the last probe of each run. {ESCAPE_IN_WORDS} {ALIVE_IN_WORDS}")


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
        st.caption("Download")
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
            st.caption("PNG and SVG: the buttons at the top right of the chart, seen when you point at it.")
        if no_browser:
            st.caption("A PDF needs Chromium or Chrome on the machine that serves this page.")
