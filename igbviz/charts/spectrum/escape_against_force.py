"""The escape step of every loss and its force at the start, which decides whether a first guess is left."""

from __future__ import annotations

from typing import Any

import numpy as np

from igbviz.charts.colors import LIGHT, LIGHT_NEUTRAL, NEUTRAL_TEXT
from igbviz.charts.interface.figures import chart
from igbviz.charts.interface.inputs import one_of
from igbviz.charts.losses import short
from igbviz.charts.spectrum.labels import LINE, Label, grouped, stacked, wrapped
from igbviz.charts.style import AXIS, SMALL, frame
from igbviz.studies.escape import DATA, RATES, Row, _escaped, read
from igbviz.studies.seed_summary import format_spread, format_step
from igbviz.studies.spectrum import START_P, Family, Point, points

HEIGHT, TOP, BOTTOM = 630, 78, 60  # pixels of the figure and of its margins
LINE_OF_NAMES, RIGHT = 15, 116  # characters that fit into the margin, in pixels, and into the plot on a phone
BOTTOM_FORCE, TOP_FORCE = 1e-4, 200.0
NO_FORCE, END = 10**-5.7, 10**-7.4  # where a weaker or negative force is drawn, and the end of the axis
FAMILIES: dict[Family, tuple[str, str, str]] = {  # title, color and symbol
    "mixture": ("λ cross-entropy + (1 − λ) piecewise-zero", LIGHT[1], "diamond"),
    "soft": ("piecewise-zero with a soft cutoff, steepness s", LIGHT[2], "square"),
    "other": ("the other losses", LIGHT[0], "circle"),
}
SYMBOLS: dict[Family, str] = {"mixture": "λ", "soft": "s"}  # of the hyperparameters
WHERE: dict[Family, dict[str, Any]] = {  # the name of a point in the plot, beside its marker
    "mixture": {"xanchor": "right", "yanchor": "top", "xshift": -3, "yshift": -2},
    "soft": {"xanchor": "left", "yanchor": "bottom", "xshift": 3, "yshift": 2},
}
ABOVE = {"xanchor": "center", "yanchor": "bottom", "yshift": 4}
LEFT = {"xanchor": "right", "yanchor": "middle", "xshift": -4}
ENDS = ("cross-entropy", "piecewise-zero")  # of the line through the mixtures


@chart
def escape_against_force(rows: list[Row] | None = None, rate: str = "preset") -> dict[str, Any]:
    """One point per loss: its force at the start over the step of escape, with a column for never.

    Markers are medians over seeds, bars reach from min to max; the mixtures of cross-entropy with piecewise-zero are
    joined by a line. `rows` come from `igbviz.studies.escape.read`, by default those that the program ships; `rate` is
    "preset" or "matched". Raises ConfigError for another rate.

    >>> figure = igbviz.charts.escape_against_force()
    >>> figure.layout.xaxis.type
    'log'
    """
    one_of("rate", rate, RATES)
    rows = read(DATA) if rows is None else rows
    drawn = points(rows, rate)
    last = max((row.probes[-1] for row in rows if row.probes), default=10)
    init, wall, never, edge = 10**-0.5, last * 10**0.15, last * 10**0.4, last * 10**0.65

    def place(step: float) -> float:
        return never if np.isinf(step) else max(step, init)

    traces = [_line([point for point in drawn if point.family == "mixture" or point.label in ENDS], place)]
    traces += [_dots(kind, [point for point in drawn if point.family == kind], place) for kind in reversed(FAMILIES)]
    left = np.log10(init) if any(row.escape == 0 for row in rows) else -0.05
    ticks = [10**power for power in range(int(np.log10(last / 2)) + 1)]  # none that would touch the column's title
    forces = [10**power for power in range(-4, 2)]
    band = {"type": "rect", "line": {"width": 0}, "fillcolor": LIGHT_NEUTRAL, "layer": "below"}
    full = {"y0": 0, "y1": 1, "yref": "paper"}
    return {
        "data": traces,
        "layout": frame(HEIGHT)
        | {
            "xaxis": AXIS
            | {
                "type": "log",
                "range": [left, np.log10(edge)],
                "tickvals": [*ticks, never],
                "ticktext": [*(f"{tick:,}" for tick in ticks), "<b>never</b>"],
                "tickangle": 0,
                "title": {
                    "text": f"steps until the guesses stay even<br>(optimizer steps, of {last:,}; log scale)",
                    "standoff": 6,
                    "font": {"size": SMALL},
                },
            },
            "yaxis": AXIS
            | {
                "type": "log",
                "range": _range(),
                "tickvals": [NO_FORCE, *forces],
                "ticktext": ["none or<br>wrong way", *(short(force) for force in forces)],
                "title": {"text": f"force at the start, p = {short(START_P)}", "standoff": 4, "font": {"size": SMALL}},
            },
            "shapes": [
                band | full | {"x0": wall, "x1": edge},
                band | {"x0": 0, "x1": 1, "xref": "paper", "y0": 10 ** _range()[0], "y1": BOTTOM_FORCE},
            ],
            "annotations": [*_names_of_never(drawn, wall), *_names_of_escaped(drawn)],
            "hovermode": "closest",
            "margin": {"l": 76, "r": RIGHT, "t": TOP, "b": BOTTOM},
            "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "traceorder": "reversed"}
            | {"font": {"size": SMALL}},
            "meta": {"words": f"Force of {len(drawn)} losses at the start, over the step of escape"},
        },
    }


def _range() -> list[float]:
    return [float(np.log10(END)), float(np.log10(TOP_FORCE))]


def _height(force: float) -> float:
    """Where a force is drawn: those that are none, or too small for the axis, stand together at its end."""
    return force if force >= BOTTOM_FORCE else NO_FORCE


def _pixels(force: float) -> float:
    low, high = _range()
    return (np.log10(_height(force)) - low) / (high - low) * (HEIGHT - TOP - BOTTOM)


def _line(mixtures: list[Point], place: Any) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [place(point.summary.escape[0]) for point in mixtures],
        "y": [_height(point.force) for point in mixtures],
        "line": {"color": FAMILIES["mixture"][1], "width": 2},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _dots(kind: Family, of_kind: list[Point], place: Any) -> dict[str, Any]:
    title, color, symbol = FAMILIES[kind]
    median, low, high = np.array(
        [[place(step) for step in point.summary.escape] for point in of_kind], dtype=float
    ).reshape(-1, 3).T  # fmt: skip
    return {
        "type": "scatter",
        "mode": "markers",
        "x": median,
        "y": [_height(point.force) for point in of_kind],
        "error_x": {
            "array": high - median, "arrayminus": median - low, "symmetric": False, "thickness": 1.5, "width": 0,
        },
        "marker": {"color": color, "symbol": symbol, "size": 9},
        "name": title,
        "cliponaxis": False,
        "hovertext": [
            f"<b>{point.label}</b><br>force {short(point.force)} at p = {short(START_P)}<br>"
            f"{_escaped(point.summary)} escaped<br>{format_spread(point.summary.escape, format_step)}"
            for point in of_kind
        ],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }  # fmt: skip


def _name(point: Point) -> str:
    """The name of a loss in the figure; one of a family by its hyperparameter alone."""
    first, _, last = point.label.partition(", ")
    return f"{SYMBOLS.get(point.family, first)} {last}".strip()


def _names_of_never(drawn: list[Point], wall: float) -> list[dict[str, Any]]:
    """The names of the losses whose median is never: right of the column, each at the height of its point.

    Those without a force are many and stand left of it, where the band is empty.
    """
    never = [point for point in drawn if np.isinf(point.summary.escape[0])]
    found = [point for point in never if point.force >= BOTTOM_FORCE]
    heights = [_pixels(point.force) for point in found]
    labels = []
    for group in grouped(heights, LINE * 0.5):
        lines = wrapped([_name(found[index]) for index in group], LINE_OF_NAMES)
        labels.append(Label(lines, float(np.mean([heights[index] for index in group]))))
    beside = {"xref": "paper", "xanchor": "left", "xshift": 5, "align": "left", "yref": "paper", "yanchor": "middle"}
    texts = [
        _text("<br>".join(label.lines), 1, label.height / (HEIGHT - TOP - BOTTOM), **beside)
        for label in stacked(labels, 0)
    ]
    without = sorted((point for point in never if point not in found), key=lambda point: point.family == "other")
    names = "<br>".join(wrapped([_name(point) for point in without], LINE_OF_NAMES))
    inside = {"xanchor": "right", "xshift": -5, "align": "right", "yanchor": "middle"}
    return [*texts, _text(names, np.log10(wall), np.log10(NO_FORCE), **inside)]


def _names_of_escaped(drawn: list[Point]) -> list[dict[str, Any]]:
    """Mixtures are named below their line, single losses above a long bar and left of a short one, several at one place
    above it, from the axis on."""
    escaped = [point for point in drawn if np.isfinite(point.summary.escape[0])]
    texts = [
        _text(_name(point), _log_step(point), np.log10(point.force), **WHERE[point.family])
        for point in escaped
        if point.family != "other"
    ]
    others = [point for point in escaped if point.family == "other"]
    for at_a_step in grouped([_log_step(point) for point in others], 0.2):
        column = [others[index] for index in at_a_step]
        for group in grouped([_pixels(point.force) for point in column], LINE * 0.8):
            members = [column[index] for index in group]
            y = np.log10(max(point.force for point in members))
            if len(members) > 1:
                names = "<br>".join(wrapped([_name(point) for point in members], LINE_OF_NAMES))
                at_axis = {"xref": "paper", "xanchor": "left", "xshift": 5, "align": "left"}
                texts.append(_text(names, 0, y, **at_axis, yanchor="bottom", yshift=4))
                continue
            start, end = (np.log10(max(step, 1)) for step in members[0].summary.escape[1:])
            is_long = end - start > 0.5
            x, where = (_log_step(members[0]), ABOVE) if is_long else (start, LEFT)
            texts.append(_text(_name(members[0]), x, y, **where))
    return texts


def _log_step(point: Point) -> float:
    return float(np.log10(max(point.summary.escape[0], 1)))


def _text(text: str, x: float, y: float, **where: Any) -> dict[str, Any]:
    font = {"size": SMALL, "color": NEUTRAL_TEXT}
    return {"text": text, "x": float(x), "y": float(y), "showarrow": False, "font": font} | where
