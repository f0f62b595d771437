"""Every statement of every source as a numbered square: shown, in part, or not shown."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import wrap
from typing import Any

from igbviz.charts.colors import LIGHT, NEUTRAL, shade
from igbviz.charts.style import AXIS, SMALL, frame, literal
from igbviz.studies.sources import Source, State, Statement

PER_ROW, ROW, GAP = 13, 44, 0.5  # squares; pixels; part of a row between two sources
FILLED, TOUCH = 0.44, 24  # half the side of a square, in columns and rows; pixels that answer to the pointer
TOP, BOTTOM = 32, 40  # pixels: of the buttons of plotly, and of the legend
WIDTH = 44  # characters of a line of what the pointer tells, on a phone
STATES: dict[State, dict[str, Any]] = {
    "shown": {"fillcolor": shade(LIGHT[0], 0.3), "line": {"width": 2, "color": LIGHT[0]}},
    "in part": {"fillcolor": "rgba(0,0,0,0)", "line": {"width": 3, "color": LIGHT[1]}},
    "not shown": {"fillcolor": "rgba(0,0,0,0)", "line": {"width": 2, "color": NEUTRAL, "dash": "dot"}},
}


def coverage(sources: Mapping[str, Source]) -> dict[str, Any]:
    """The figure as a dictionary."""
    places, names = squares(sources)
    traces = [trace for state in STATES for trace in _numbers(state, sources, places)]
    rows = max(y for _, y in places.values()) + 1
    height = int(rows * ROW) + TOP + BOTTOM
    total = sum(len(source.statements) for source in sources.values())
    shown = sum(source.count("shown") for source in sources.values())
    axes = AXIS | {"showgrid": False, "showline": False, "ticks": "", "fixedrange": True}
    return {
        "data": traces,
        "layout": frame(height)
        | {
            "margin": {"l": 8, "r": 8, "t": TOP, "b": BOTTOM},
            "xaxis": axes | {"range": [-0.6, PER_ROW - 0.4], "showticklabels": False},
            "yaxis": axes
            | {
                "range": [rows - 0.4, -0.6],
                "tickvals": list(names),
                "ticktext": list(names.values()),
                "automargin": True,
            },
            "hovermode": "closest",
            "shapes": [_square(sources[key].statements[index].state, *at) for (key, index), at in places.items()],
            "legend": {
                "orientation": "h",
                "x": 0,
                "y": 0,
                "yanchor": "top",
                "font": {"size": SMALL},
                "itemclick": False,
            },
            "meta": {"words": f"{shown} of {total} statements of {len(sources)} sources are shown"},
        },
    }


def squares(sources: Mapping[str, Source]) -> tuple[dict[tuple[str, int], tuple[int, float]], dict[float, str]]:
    """Column and row of every statement, and the name of each source at its first row."""
    places, names, top = {}, {}, 0.0
    for key, source in sources.items():
        names[top] = f"<b>{key}</b>"
        for index in range(len(source.statements)):
            places[key, index] = (index % PER_ROW, top + index // PER_ROW)
        top += -(-len(source.statements) // PER_ROW) + GAP
    return places, names


def _square(state: State, x: float, y: float) -> dict[str, Any]:
    sides = {"x0": x - FILLED, "x1": x + FILLED, "y0": y - FILLED, "y1": y + FILLED}
    return {"type": "rect", "layer": "below"} | sides | STATES[state]


def _numbers(
    state: State, sources: Mapping[str, Source], places: Mapping[tuple[str, int], Any]
) -> list[dict[str, Any]]:
    """The numbers of all statements of this state, which the pointer touches, and their entry in the legend."""
    chosen = [
        (key, index, statement)
        for key, source in sources.items()
        for index, statement in enumerate(source.statements)
        if statement.state == state
    ]
    look = STATES[state]
    numbers = {
        "type": "scatter",
        "mode": "markers+text",
        "x": [places[key, index][0] for key, index, _ in chosen],
        "y": [places[key, index][1] for key, index, _ in chosen],
        "text": [str(index + 1) for _, index, _ in chosen],
        "textfont": {"size": SMALL},
        "marker": {"symbol": "square", "size": TOUCH, "opacity": 0},
        "hovertemplate": "%{hovertext}<extra></extra>",
        "hoverlabel": {"align": "left"},
        "hovertext": [_told(each) for _, _, each in chosen],
        "showlegend": False,
    }
    symbol = {"symbol": "square", "size": 14, "color": look["fillcolor"], "line": look["line"] | {"dash": None}}
    entry = {"type": "scatter", "mode": "markers", "x": [None], "y": [None], "name": f"{state} ({len(chosen)})"}
    return [numbers, entry | {"marker": symbol}]


def _told(statement: Statement) -> str:
    """Where it stands, what it says and, after a dash, what is missing, in lines that a phone has room for."""
    missing = [f"– {statement.missing}"] * bool(statement.missing)
    return "<br>".join(
        literal(line) for text in (statement.where, statement.says, *missing) for line in wrap(text, WIDTH)
    )
