"""When each loss leaves the first guess, as a picture and in the README."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go

from igbviz.charts.browser import save_png
from igbviz.charts.colors import COLORS, LIGHT_NEUTRAL, NEUTRAL
from igbviz.charts.style import AXIS, FONT, frame
from igbviz.runs.files import PROJECT, write_text
from igbviz.runs.run import RunError
from igbviz.studies.escape import BASE, DATA, RATES, EscapeSummary, Row, _escaped, block, read, summaries
from igbviz.studies.seed_summary import format_share, format_spread, format_step

README = PROJECT / "README.md"
PICTURE = PROJECT / "tests" / "readme" / "escape.png"
MARKS = ("<!-- escape table -->", "<!-- end of escape table -->")
LOOKS = {
    "preset": (COLORS[0], "circle", -0.17),
    "matched": (COLORS[1], "diamond", 0.17),
}  # colour, shape, how far below the line


def picture(rows: list[Row]) -> go.Figure:
    """A line a loss: when it escapes, with a column for never, and how accurate it ends. Dots are medians, bars go from
    least to most."""
    table = summaries(rows)
    losses = list(table)
    last = max((row.probes[-1] for row in rows if row.probes), default=10)
    init, wall, never, edge = (
        10**-0.5,
        last * 10**0.15,
        last * 10**0.4,
        last * 10**0.6,
    )  # places without a number on the log axis

    def placed(summary: EscapeSummary) -> list[float]:
        return [never if np.isinf(step) else max(step, init) for step in summary.escape]

    traces = [
        trace
        for rate in LOOKS
        for trace in (
            _dots(table, rate, "x", placed, lambda summary: format_spread(summary.escape, format_step)),
            _dots(
                table,
                rate,
                "x2",
                lambda summary: summary.accuracy,
                lambda summary: format_spread(summary.accuracy, format_share),
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
    note = {"x": 0.98, "xref": "x2", "xanchor": "right", "showarrow": False, "font": {"color": NEUTRAL, "size": 12}}
    lost = [
        (sum(one.diverged for one in kinds.values()), sum(one.seeds for one in kinds.values()))
        for kinds in table.values()
    ]
    notes = [
        note | {"y": place, "text": f"{some} of {all_} runs diverged"}
        for place, (some, all_) in enumerate(lost)
        if some
    ]
    small = {"standoff": 6, "font": {"size": 13}}
    ticks = [10**power for power in range(int(np.log10(last)) + 1)]
    at_once = any(
        row.escape == 0 for row in rows
    )  # such a network was not prejudiced; without any the axis need not begin at Init.
    return go.Figure(
        {
            "data": traces,
            "layout": frame(136 + 24 * len(losses))
            | {
                "xaxis": AXIS
                | {
                    "domain": [0, 0.64],
                    "type": "log",
                    "range": [np.log10(init) - 0.05 if at_once else -0.1, np.log10(edge)],
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
                "font": {"size": 13, "family": FONT},
                "hovermode": "closest",
                "margin": {"l": 150, "r": 24, "t": 48, "b": 76},
                "shapes": shapes,
                "annotations": notes,
                "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"},
            },
        }
    )


def _dots(
    table: dict[str, dict[str, EscapeSummary]], rate: str, axis: str, spread: Callable, describe: Callable
) -> dict[str, Any]:
    """One rate in one panel: `spread` says where a summary lies, `words` what it says under the pointer."""
    color, shape, lower = LOOKS[rate]
    points = [(place, loss, kinds[rate]) for place, (loss, kinds) in enumerate(table.items()) if rate in kinds]
    middle, low, high = np.array([spread(one) for *_, one in points], dtype=float).reshape(-1, 3).T
    return {
        "type": "scatter",
        "mode": "markers",
        "x": middle,
        "y": [place + lower for place, *_ in points],
        "xaxis": axis,
        "error_x": {
            "array": high - middle,
            "arrayminus": middle - low,
            "symmetric": False,
            "thickness": 1.5,
            "width": 0,
        },
        "marker": {"color": color, "symbol": shape, "size": 9},
        "cliponaxis": False,
        "name": RATES[rate],
        "legendgroup": rate,
        "showlegend": axis == "x",
        "hovertext": [
            f"<b>{loss}</b>, {RATES[rate]}<br>{_escaped(one)} escaped<br>{describe(one)}" for _, loss, one in points
        ],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }


def publish(path: Path = DATA, readme: Path = README, png: Path = PICTURE) -> None:
    """Put the table between the README's two marks, and the picture beside it. Raises RunError for a README without the
    marks."""
    text = block(path)
    before, begin, rest = readme.read_text().partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    if not (begin and end):
        raise RunError(f"{readme} has no {MARKS[0]} ... {MARKS[1]} to put the table between")
    write_text(readme, f"{before}{begin}\n\n{text}\n\n{end}{after}")
    save_png(picture(read(path)), png)
