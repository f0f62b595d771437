"""The shipped measurement of many architectures: largest guess fraction and gamma, on noise and on CIFAR-10.

One row per architecture. Colour is the data; filled circles are networks as they are built, with BatchNorm, if any, in
eval mode, and open diamonds the same networks with batch statistics.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from igbviz.charts.colors import LIGHT_NEUTRAL, NEUTRAL, NEUTRAL_TEXT, class_style, shade
from igbviz.charts.interface.figures import chart
from igbviz.charts.style import AXIS, SMALL, annotation, literal, titled_figure, vertical_line
from igbviz.ensembles.verdict import chance_largest_guess, with_error
from igbviz.spec import ConfigError, short
from igbviz.studies.architectures import DATASETS, STATISTICS, Row, read, summary, with_percent
from igbviz.theory import REGIMES, regime_cuts

ROW, HEAD, FOOT = 38, 84, 104  # pixels: of an architecture, above all of them and below
LEFT, RIGHT = 0.45, 0.56  # end of the left panel and start of the right one; a phone has no room for more labels
LOW, HIGH = 0.01, 1000.0  # ends of the axis of gamma; values beyond are triangles there
COLORS = {data: class_style(place).color for place, data in enumerate(DATASETS)}
SYMBOLS = {"eval": "circle", "batch": "diamond-open"}
CAPTION = (
    "Dots are means over untrained networks on the same images, bars are standard errors over networks. Left: the "
    "fraction of the images that a network guesses as the class it favours; the dashed line is chance, what networks "
    "without bias would have. Right: γ of the logits, the variance of their centres over networks in units of their "
    "variance over images, on a log scale; left of the shaded range networks are neutral, right of it deeply "
    "prejudiced, and triangles are beyond the scale."
)


@chart
def by_architecture(rows: Sequence[Row] | None = None, pretrained: bool = False) -> dict[str, Any]:
    """Compare architectures before training, on noise and on CIFAR-10, with both kinds of BatchNorm statistics.

    >>> figure = igbviz.charts.by_architecture()
    >>> figure.layout.xaxis2.type
    'log'

    `rows` come from `igbviz.studies.architectures.read`, by default those that the program ships; with `pretrained`,
    the networks with trained weights below a new last layer. Raises ConfigError if there are none.
    """
    shown = [row for row in (read() if rows is None else rows) if row.pretrained == pretrained]
    if not shown:
        raise ConfigError((("rows",), f"is {short(rows)}, allowed: rows of architectures, at least one"))
    names = list(dict.fromkeys(row.architecture for row in shown))
    traces = []
    for statistics in STATISTICS:
        for data in DATASETS:
            of_kind = [row for row in shown if (row.data, row.statistics) == (data, statistics)]
            if of_kind:
                traces += _marks(of_kind, names, data, statistics)
    traces.append(_words(shown, names))
    figure = titled_figure(traces, "Architectures before training", summary(shown), HEAD + FOOT + ROW * len(names))
    layout, last = figure["layout"], len(names) - 0.4
    layout["yaxis"] |= {"tickvals": list(range(len(names))), "ticktext": [_in_lines(name) for name in names]}
    layout["yaxis"] |= {"range": [last, -0.6], "automargin": True, "ticks": "", "showgrid": False}
    layout["yaxis"] |= {"tickfont": {"size": SMALL}}
    layout["xaxis"] |= {"domain": [0, LEFT], "range": [-0.02, 1.04], "tickvals": [0, 0.25, 0.5, 0.75, 1]}
    layout["xaxis"] |= {"ticktext": ["0", "", "50 %", "", "100 %"], "tickangle": 0}
    ends = np.log10([LOW, HIGH])
    decades = np.arange(ends[0], ends[1] + 0.01)
    layout["xaxis2"] = AXIS | {"domain": [RIGHT, 1], "type": "log", "range": ends.tolist(), "tickangle": 0}
    layout["xaxis2"] |= {"tickvals": (10.0**decades).tolist()}
    # A label at the left end would touch that of 100 % on a phone.
    layout["xaxis2"] |= {"ticktext": [f"{10.0**d:g}" if i % 2 else "" for i, d in enumerate(decades)]}
    chance = chance_largest_guess(shown[0].classes, shown[0].inputs)
    layout["annotations"] += [
        annotation("<b>largest guess</b>", 0, 1, yanchor="bottom", yshift=24),
        annotation("<b>γ of the logits</b>", RIGHT, 1, yanchor="bottom", yshift=24),
        _above("chance", chance, "x"),
        _above(REGIMES[1], float(np.log10(regime_cuts(shown[0].classes)).mean()), "x2"),
    ]
    layout["shapes"] += [vertical_line(chance, "dash"), _band(shown[0].classes)]
    layout["shapes"] += [_row_line(place) for place in range(1, len(names))]
    layout["margin"] |= {"t": HEAD, "b": FOOT, "r": 24}
    return figure


def _marks(rows: list[Row], names: list[str], data: str, statistics: str) -> list[dict[str, Any]]:
    """The dots of one kind in both panels."""
    place = list(STATISTICS).index(statistics) * len(DATASETS) + list(DATASETS).index(data)
    offset = {0: -0.27, 1: -0.09, 2: 0.09, 3: 0.27}[place]
    y = [names.index(row.architecture) + offset for row in rows]
    guesses = [row.largest_guess if row.gamma else (np.nan, np.nan) for row in rows]
    gammas = [row.gamma or (np.nan, np.nan) for row in rows]
    symbol, color = SYMBOLS[statistics], COLORS[data]
    title = f"{data}, {STATISTICS[statistics]}"
    value, error = (np.array(column) for column in zip(*gammas, strict=True))
    edges = LOW * 1.12, HIGH / 1.12
    symbols = np.where(value < edges[0], "triangle-left", np.where(value > edges[1], "triangle-right", symbol))
    inside = (value >= edges[0]) & (value <= edges[1])
    error = np.where(inside, error, 0)
    hover = [
        f"<b>{literal(row.architecture)}</b>, {title}<br>largest guess {with_percent(row)}, "
        f"γ of the logits {with_error(*row.gamma)}<br>{row.networks} networks, {row.inputs} images"
        if row.gamma
        else f"<b>{literal(row.architecture)}</b>, {title}<br>all logits equal: no guess"
        for row in rows
    ]
    common = {"type": "scatter", "mode": "markers", "y": y, "hovertext": hover, "hoverinfo": "text", "name": title}
    common |= {"legendgroup": title, "cliponaxis": False}
    bars = {"type": "data", "thickness": 1.5, "width": 0, "color": color}
    marker = {"color": color, "size": 10, "line": {"width": 2, "color": color}}
    mean, deviation = (np.array(column) for column in zip(*guesses, strict=True))
    left = common | {"x": mean, "error_x": bars | {"array": deviation}, "marker": marker | {"symbol": symbol}}
    right = common | {"x": np.clip(value, *edges), "xaxis": "x2", "showlegend": False}
    right |= {"error_x": bars | {"symmetric": False, "array": error, "arrayminus": np.clip(value - LOW, 0, error)}}
    right |= {"marker": marker | {"symbol": symbols.tolist()}}
    return [left, right]


def _words(rows: list[Row], names: list[str]) -> dict[str, Any]:
    """What is written in the rows of networks that have no guess at all."""
    empty = [name for name in names if all(row.gamma is None for row in rows if row.architecture == name)]
    beside = chance_largest_guess(rows[0].classes, rows[0].inputs) + 0.02
    text = {"type": "scatter", "mode": "text", "x": [beside] * len(empty), "y": [names.index(name) for name in empty]}
    text |= {"text": ["equal logits"] * len(empty), "textposition": "middle right", "name": "no guess"}
    return text | {"textfont": {"color": NEUTRAL_TEXT, "size": SMALL}, "hoverinfo": "skip", "showlegend": False}


def _band(classes: int) -> dict[str, Any]:
    """The regime of prejudice shaded."""
    first, last = regime_cuts(classes)
    shape = {"type": "rect", "xref": "x2", "yref": "paper", "y0": 0, "y1": 1, "layer": "below", "line": {"width": 0}}
    return shape | {"x0": first, "x1": last, "fillcolor": LIGHT_NEUTRAL}


def _above(text: str, x: float, axis: str) -> dict[str, Any]:
    """A word on top of a panel, over the line or the range that it names."""
    place = {"x": x, "xref": axis, "y": 1, "yref": "paper", "yanchor": "bottom", "yshift": 4}
    return {"text": text, "showarrow": False, "font": {"size": SMALL, "color": NEUTRAL_TEXT}} | place


def _in_lines(name: str) -> str:
    """The name of an architecture, and below it in what it differs, so that a phone has room for the panels."""
    first, space, rest = name.partition(" (" if "(" in name else " with ")
    lines = [literal(first), literal(rest.rstrip(")"))] if space else [literal(first)]
    return "<br>".join([f"<b>{lines[0]}</b>", *lines[1:]])


def _row_line(place: int) -> dict[str, Any]:
    """A faint line between two rows, over both panels."""
    line = {"color": shade(NEUTRAL, 0.3), "width": 1}
    return {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": place - 0.5, "y1": place - 0.5, "line": line}
