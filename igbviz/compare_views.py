"""A view of a comparison, as in its address: the figure that it draws, and the files one may take away."""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from html import escape as escaped
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import plotly.graph_objects as go

from igbviz import charts, compare_charts, comparison
from igbviz.compare_charts import MOST_ROWS
from igbviz.comparison import ESCAPE_IN_WORDS, OUTCOMES, Member, Setting
from igbviz.runs.run import RunError

TABS = {"grid": "Side by side", "overlay": "One quantity", "table": "Numbers"}
ESCAPE = "escape"  # among the quantities of the overlay, though it is one number a run and has no curve


class View(NamedTuple):
    """What of the runs is shown."""

    tab: str = "grid"
    quantity: str = "balanced_accuracy"
    unit: charts.Unit = "epoch"
    collapse: bool = True  # the seeds of a setting as one
    rows: int = 0  # page of the grid


def alike(members: Sequence[Member]) -> tuple[list[Member], list[str]]:
    """Those with as many classes as the first, since one legend is for all; and a sentence for each that has others."""
    first = members[0].class_names
    same = [member for member in members if len(member.class_names) == len(first)]
    sentences = [
        f"Run {member.run} has {len(member.class_names)} classes, the first one {len(first)}: it is only in the other two views."
        for member in members
        if len(member.class_names) != len(first)
    ]
    sentences += [
        f"Run {member.run} has classes of other names ({', '.join(member.class_names[:3])}, ...): they look like the first run's, in order."
        for member in same
        if member.class_names != first
    ]
    return same, sentences


def spec(those: Sequence[Setting], view: View) -> dict[str, Any]:
    """The figure of a view with one, the grid or the overlay, as a plain dictionary."""
    if view.tab == "overlay":
        if view.quantity == ESCAPE:
            return compare_charts.escapes(those, view.unit)
        return compare_charts.overlay(those, view.quantity, view.unit, view.collapse)
    shown = [member.run for member in alike([member for setting in those for member in setting.members])[0]]
    first = view.rows * MOST_ROWS
    return compare_charts.grid(those, shown[first : first + MOST_ROWS] or shown[:MOST_ROWS], view.unit)


def frame(those: Sequence[Setting], view: View) -> pd.DataFrame:
    """What is shown, tidy; of the grid all its pages."""
    if view.tab == "grid":
        return comparison.panel_frame(those)
    if view.tab == "table" or view.quantity == ESCAPE:
        return comparison.run_table(those)
    return comparison.band_frame(those, view.quantity) if view.collapse else comparison.measure_frame(those)


def csv(those: Sequence[Setting], view: View) -> bytes:
    return frame(those, view).to_csv(index=False).encode()


def parquet(those: Sequence[Setting], view: View) -> bytes:
    buffer = io.BytesIO()
    frame(those, view).to_parquet(buffer, index=False)
    return buffer.getvalue()


def html(those: Sequence[Setting], view: View) -> bytes:
    """What is shown, on a page of its own that needs no network."""
    if view.tab != "table":
        return charts.to_html(go.Figure(spec(those, view)), dark=False).encode()
    outcomes = comparison.setting_table(those) if view.collapse else comparison.run_table(those)
    headings = {name: title for name, (title, _) in OUTCOMES.items()}
    tables = [comparison.difference_table(those), outcomes.rename(columns=headings)]
    look = "body{font:14px sans-serif;margin:24px}table{border-collapse:collapse;margin-bottom:24px}td,th{padding:4px 10px;text-align:left}"
    head = f'<head><meta charset="utf-8"><style>{look}</style></head>'
    body = "".join(table.to_html(index=False, border=1) for table in tables)
    return f"<!DOCTYPE html><html>{head}<body>{body}<p>{escaped(ESCAPE_IN_WORDS)}</p></body></html>".encode()


def pdf(those: Sequence[Setting], view: View) -> bytes:
    """The same page on one sheet that is as high as its figure. Raises RunError where there is no browser or it fails."""
    height = 1000 if view.tab == "table" else spec(those, view)["layout"]["height"] + 20
    return printed(html(those, view).decode(), height)


FORMATS = {
    "HTML": (".html", "text/html", html),
    "PDF": (".pdf", "application/pdf", pdf),
    "CSV": (".csv", "text/csv", csv),
    "Parquet": (".parquet", "application/vnd.apache.parquet", parquet),
}


def browser() -> str | None:
    """The path of an installed Chromium or Chrome, or None."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def printed(page: str, height: int, width: int = 1400, timeout: float = 60.0) -> bytes:
    """An HTML page printed by a headless browser on sheets of `width` by `height` pixels.

    Raises RunError where there is no browser, or where it does not finish within `timeout` seconds.
    """
    program = browser()
    if program is None:
        raise RunError("a PDF needs a Chromium or Chrome on the PATH")
    sheet = f"<style>@page{{size:{width}px {height}px;margin:0}}.modebar{{display:none}}</style></head>"
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder) / "page.html", Path(folder) / "page.pdf"
        source.write_text(page.replace("</head>", sheet, 1), encoding="utf-8")
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-pdf-header-footer"]
        waits = ["--virtual-time-budget=20000", f"--window-size={width},{height}", f"--user-data-dir={folder}/profile"]
        try:
            subprocess.run(
                [program, *flags, *waits, f"--print-to-pdf={made}", source.as_uri()],
                timeout=timeout, check=True, capture_output=True, stdin=subprocess.DEVNULL,
            )  # fmt: skip
            return made.read_bytes()
        except (OSError, subprocess.SubprocessError) as error:
            raise RunError(f"the browser {program} made no PDF: {error}") from None
