"""When each loss escapes from the initial guessing bias: the figure, and the table in docs/results.md."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go

from igbviz.charts.browser import save_png
from igbviz.charts.colors import LIGHT, LIGHT_NEUTRAL, NEUTRAL, NEUTRAL_TEXT
from igbviz.charts.style import AXIS, FONT, SMALL, frame
from igbviz.runs.files import PROJECT, write_text
from igbviz.runs.run import RunError
from igbviz.studies.escape import BASE, DATA, RATES, EscapeSummary, Row, _escaped, block, read, summaries
from igbviz.studies.seed_summary import format_fraction, format_spread, format_step

RESULTS = PROJECT / "igbviz" / "docs" / "results.md"
PICTURE = PROJECT / "tests" / "readme" / "escape.png"
MARKS = ("<!-- escape table -->", "<!-- end of escape table -->")
# Colour, symbol, and distance below the loss's row.
STYLES = {"preset": (LIGHT[0], "circle", -0.17), "matched": (LIGHT[1], "diamond", 0.17)}


def picture(rows: list[Row]) -> go.Figure:
    """One row per loss: the step of escape, with a column for never, and the accuracy at the end.

    Markers are medians over seeds, bars reach from min to max.
    """
    table = summaries(rows)
    losses = list(table)
    last = max((row.probes[-1] for row in rows if row.probes), default=10)
    # Positions on the log axis that stand for no step.
    init, wall, never, edge = 10**-0.5, last * 10**0.15, last * 10**0.4, last * 10**0.6

    def escape_positions(summary: EscapeSummary) -> list[float]:
        return [never if np.isinf(step) else max(step, init) for step in summary.escape]

    traces = [
        trace
        for rate in STYLES
        for trace in (
            _dots(table, rate, "x", escape_positions, lambda summary: format_spread(summary.escape, format_step)),
            _dots(
                table,
                rate,
                "x2",
                lambda summary: summary.accuracy,
                lambda summary: format_spread(summary.accuracy, format_fraction),
            ),
        )
    ]
    chance = 1 / len(BASE.dataset.facts().class_names)
    dotted, upright = (
        {"color": NEUTRAL, "dash": "dot", "width": 1.5},
        {"y0": 0, "y1": 1, "yref": "paper", "layer": "below"},
    )
    shapes = [
        upright | {"type": "rect", "x0": wall, "x1": edge, "fillcolor": LIGHT_NEUTRAL, "line": {"width": 0}},
        upright | {"type": "line", "x0": chance, "x1": chance, "xref": "x2", "line": dotted},
    ]
    annotation = {
        "x": 0.98,
        "xref": "x2",
        "xanchor": "right",
        "showarrow": False,
        "font": {"color": NEUTRAL_TEXT, "size": SMALL},
    }
    diverged = [
        (sum(summary.diverged for summary in kinds.values()), sum(summary.seeds for summary in kinds.values()))
        for kinds in table.values()
    ]
    annotations = [
        annotation | {"y": row, "text": f"{count} of {total} runs diverged"}
        for row, (count, total) in enumerate(diverged)
        if count
    ]
    small = {"standoff": 6, "font": {"size": SMALL}}
    ticks = [10**power for power in range(int(np.log10(last)) + 1)]
    # A network with even guesses at Init. escapes at step 0; without any the axis need not begin at Init.
    has_even_start = any(row.escape == 0 for row in rows)
    return go.Figure(
        {
            "data": traces,
            "layout": frame(136 + 24 * len(losses))
            | {
                "xaxis": AXIS
                | {
                    "domain": [0, 0.64],
                    "type": "log",
                    "range": [np.log10(init) - 0.05 if has_even_start else -0.1, np.log10(edge)],
                    "tickvals": [init, *ticks, never],
                    "ticktext": ["Init.", *(f"{tick:,}" for tick in ticks), "<b>never</b>"],
                    "title": {"text": f"steps until the guesses stay even<br>(optimizer steps, of {last:,}; log scale)"}
                    | small,
                },
                "xaxis2": AXIS
                | {
                    "domain": [0.69, 1],
                    "range": [0, 1],
                    "dtick": 0.2,
                    "title": {"text": "accuracy at the end<br>(dotted: chance)"} | small,
                },
                "yaxis": AXIS
                | {
                    "tickvals": list(range(len(losses))),
                    "ticktext": losses,
                    "range": [len(losses) - 0.4, -0.6],
                    "ticks": "",
                    "showline": False,
                },
                "font": {"size": SMALL, "family": FONT},
                "hovermode": "closest",
                "margin": {"l": 150, "r": 24, "t": 48, "b": 76},
                "shapes": shapes,
                "annotations": annotations,
                "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"},
            },
        }
    )


def _dots(
    table: dict[str, dict[str, EscapeSummary]], rate: str, axis: str, positions_of: Callable, describe: Callable
) -> dict[str, Any]:
    """The markers of one learning rate in one panel.

    `positions_of` a summary are its (median, min, max) on the axis, `describe` gives its hover text.
    """
    color, symbol, below = STYLES[rate]
    points = [(row, loss, kinds[rate]) for row, (loss, kinds) in enumerate(table.items()) if rate in kinds]
    median, low, high = np.array([positions_of(summary) for *_, summary in points], dtype=float).reshape(-1, 3).T
    return {
        "type": "scatter",
        "mode": "markers",
        "x": median,
        "y": [row + below for row, *_ in points],
        "xaxis": axis,
        "error_x": {
            "array": high - median,
            "arrayminus": median - low,
            "symmetric": False,
            "thickness": 1.5,
            "width": 0,
        },
        "marker": {"color": color, "symbol": symbol, "size": 9},
        "cliponaxis": False,
        "name": RATES[rate],
        "legendgroup": rate,
        "showlegend": axis == "x",
        "hovertext": [
            f"<b>{loss}</b>, {RATES[rate]}<br>{_escaped(summary)} escaped<br>{describe(summary)}"
            for _, loss, summary in points
        ],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }


def publish(path: Path = DATA, results: Path = RESULTS, png: Path = PICTURE) -> None:
    """Write the table between two marks in `results`, and the figure to `png`. Raises RunError without the marks."""
    text = block(path)
    before, begin, rest = results.read_text().partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    if not (begin and end):
        raise RunError(f"{results} has no {MARKS[0]} ... {MARKS[1]} between which to put the table")
    write_text(results, f"{before}{begin}\n\n{text}\n\n{end}{after}")
    save_png(picture(read(path)), png)
