"""A view of a comparison, as in its address: the figure that it draws, and its export to files."""

from __future__ import annotations

import io
from collections.abc import Sequence
from html import escape as escaped
from typing import Any, NamedTuple

import pandas as pd
import plotly.graph_objects as go

from igbviz.charts import comparison as comparison_charts
from igbviz.charts import escape
from igbviz.charts.browser import print_pdf
from igbviz.charts.classes.of_runs import PICTURES
from igbviz.charts.comparison import MAX_ROWS
from igbviz.charts.interface.figures import to_html
from igbviz.charts.run_export import csv_table
from igbviz.charts.time_axis import Unit
from igbviz.studies import comparison
from igbviz.studies.comparison import ESCAPE_IN_WORDS, OUTCOMES, Member, Setting

TABS = {"grid": "Side by side", "overlay": "One quantity", "confusion": "Confusion", "table": "Numbers"}
ESCAPE = "escape"  # among the quantities of the overlay, though it is one number per run, not a curve
NO_CURVES = {ESCAPE: "Time to escape"} | {name: picture.title for name, picture in PICTURES.items()}


class View(NamedTuple):
    """What is shown of the runs."""

    tab: str = "grid"
    quantity: str = "balanced_accuracy"
    unit: Unit = "epoch"
    collapse: bool = True  # the seeds of a setting as their median and range
    rows: int = 0  # page of the grid


def alike(members: Sequence[Member]) -> tuple[list[Member], list[str]]:
    """Members with as many classes as the first, for one legend; and a sentence about each run with other classes."""
    first = members[0].class_names
    same = [member for member in members if len(member.class_names) == len(first)]
    sentences = [
        f"Run {member.run} has {len(member.class_names)} classes and the first run {len(first)}: it is shown in the "
        "other views only."
        for member in members
        if len(member.class_names) != len(first)
    ]
    sentences += [
        f"Run {member.run} has other class names ({', '.join(member.class_names[:3])}, ...): its classes have the "
        "colors of the first run's, in order."
        for member in same
        if member.class_names != first
    ]
    return same, sentences


def spec(settings: Sequence[Setting], view: View) -> dict[str, Any]:
    """The figure of the grid or of the overlay, as a plain dictionary."""
    if view.tab == "overlay":
        if view.quantity == ESCAPE:
            return escape.escapes.spec(settings, view.unit)
        if view.quantity in PICTURES:
            return PICTURES[view.quantity].spec(settings, view.unit)
        return comparison_charts.overlay.spec(settings, view.quantity, view.unit, view.collapse)
    shown = [member.run for member in alike([member for setting in settings for member in setting.members])[0]]
    first = view.rows * MAX_ROWS
    return comparison_charts.grid.spec(settings, shown[first : first + MAX_ROWS] or shown[:MAX_ROWS], view.unit)


def frame(settings: Sequence[Setting], view: View) -> pd.DataFrame:
    """The data of a view as a tidy table; for the grid, of all its pages."""
    if view.tab == "grid":
        return comparison.panel_frame(settings)
    if view.tab == "table" or view.quantity == ESCAPE:
        return comparison.run_table(settings)
    if view.quantity in PICTURES:
        return PICTURES[view.quantity].frame(settings)
    return comparison.band_frame(settings, view.quantity) if view.collapse else comparison.measure_frame(settings)


def csv(settings: Sequence[Setting], view: View) -> bytes:
    return csv_table(frame(settings, view))


def parquet(settings: Sequence[Setting], view: View) -> bytes:
    buffer = io.BytesIO()
    frame(settings, view).to_parquet(buffer, index=False)
    return buffer.getvalue()


def html(settings: Sequence[Setting], view: View) -> bytes:
    """The view as a self-contained HTML page that needs no network."""
    if view.tab != "table":
        return to_html(go.Figure(spec(settings, view)), dark=False).encode()
    outcomes = comparison.setting_table(settings) if view.collapse else comparison.run_table(settings)
    headings = {name: title for name, (title, _) in OUTCOMES.items()}
    tables = [comparison.difference_table(settings), outcomes.rename(columns=headings)]
    css = (
        "body{font:14px sans-serif;margin:24px}table{border-collapse:collapse;margin-bottom:24px}"
        "td,th{padding:4px 10px;text-align:left}"
    )
    head = f'<head><meta charset="utf-8"><style>{css}</style></head>'
    body = "".join(table.to_html(index=False, border=1) for table in tables)
    return f"<!DOCTYPE html><html>{head}<body>{body}<p>{escaped(ESCAPE_IN_WORDS)}</p></body></html>".encode()


def pdf(settings: Sequence[Setting], view: View) -> bytes:
    """The same page on one sheet as high as its figure. Raises RunError without a browser, or if it fails."""
    height = 1000 if view.tab == "table" else spec(settings, view)["layout"]["height"] + 20
    return print_pdf(html(settings, view).decode(), height)


FORMATS = {
    "HTML": (".html", "text/html", html),
    "PDF": (".pdf", "application/pdf", pdf),
    "CSV": (".csv", "text/csv", csv),
    "Parquet": (".parquet", "application/vnd.apache.parquet", parquet),
}
