"""Pictures of a sweep of losses: what each does over time, and what it wins at the end against how late it leaves its
first guess.

Each is a plotly figure as a plain dictionary, ready for `live_chart.payload`.
"""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import Any

import numpy as np

from igbviz.charts.colors import LIGHT_NEUTRAL, class_style
from igbviz.charts.comparison import band_traces
from igbviz.charts.shared_axis import positions, shared_axis, loss_change_marks
from igbviz.charts.style import AXIS, FRACTION_TICKS, frame, chance_line
from igbviz.charts.time_axis import Unit
from igbviz.studies.comparison import Setting
from igbviz.studies.robustness import LossSummary, Question
from igbviz.studies.seed_summary import format_share, format_spread, format_step

HEIGHT, TRADE_OFF_HEIGHT = 490, 520  # pixels
MARGIN = {"l": 64, "r": 24, "t": 56, "b": 64}
PANEL_GAP, TITLE = (
    0.1,
    20,
)  # of the width, between panels; letters in a line of a panel's title: both for a narrow window
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross")
TIMES = {"epoch": "epochs", "step": "optimizer steps"}
WIDTHS = (
    620,
    1300,
)  # pixels that the picture may have: labels are free of each other at the narrowest and at the widest
LETTER_WIDTH, LINE = 7.6, 17  # pixels of a label's letter and of its line
MARKER_MARGIN = (7, 6)  # pixels around a marker that stay free
DIRECTIONS = [
    (1, 0),
    (-1, 0),
    (0, -1),
    (0, 1),
    (1, -1),
    (-1, -1),
    (1, 1),
    (-1, 1),
]  # right, left, above, below, then between


def over_time(settings: Sequence[Setting], question: Question, unit: Unit = "epoch") -> dict[str, Any]:
    """A panel a measure: a line a loss, the median of its seeds, with a band from the least to the most of them."""
    shown = [setting for setting in settings if setting.members]
    members = [member for setting in shown for member in setting.members]
    axis, classes = shared_axis(members, unit), len(members[0].class_names)
    traces, shapes, annotations, layout, said = [], [], [], {}, ""
    change = loss_change_marks(members, axis, row=1)
    width = (1 + PANEL_GAP) / len(question.measures) - PANEL_GAP
    for place, (name, definition) in enumerate(question.measures.items()):
        number, left = str(place + 1) if place else "", place * (width + PANEL_GAP)
        on = {"xaxis": f"x{number}", "yaxis": f"y{number}"}
        for setting in shown:
            *edges, line = band_traces(setting, name, axis)
            line["hovertemplate"] = (
                "<b>%{fullData.name}</b>  " + line["hovertemplate"] + "<br>step %{customdata[0]:,.0f}<extra></extra>"
            )
            traces += [*(edge | on for edge in edges), line | on | {"showlegend": not place}]
        layout[f"xaxis{number}"] = AXIS | axis.layout() | {
            "domain": [left, left + width], "anchor": f"y{number}", "matches": "x" if place else None,
        }  # fmt: skip
        layout[f"yaxis{number}"] = AXIS | FRACTION_TICKS | {
            "anchor": f"x{number}", "range": [-0.02, 1.02], "matches": "y" if place else None, "showline": False,
            "title": {"text": definition.axis if definition.axis != said else "", "standoff": 4},
        }  # fmt: skip
        said = definition.axis
        lines, labels = axis.decorations()
        own = {"xref": f"x{number}", "yref": f"y{number} domain"}
        shapes += [line | own for line in [*lines, *change[0]]]
        annotations += [annotation | own for annotation in [*labels, *change[1]]]
        if definition.chance:
            shapes.append(chance_line(1 / classes, f"x{number} domain", yref=f"y{number}"))
        title = {"x": left, "y": 1, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom"}
        title["yshift"] = 34 if change[1] else 22  # above the names of the upright lines
        annotations.append(
            title
            | {
                "text": f"<b>{'<br>'.join(wrap(definition.title, TITLE))}</b>",
                "align": "left",
                "showarrow": False,
                "font": {"size": 15},
            }
        )
    counts = ", ".join(f"{setting.label} (n = {len(setting.members)})" for setting in shown)
    titles = ", ".join(definition.title.lower() for definition in question.measures.values())
    return {
        "data": traces,
        "layout": _frame(HEIGHT, f"{titles} over log time: {counts}", linked=True) | layout | {
            "shapes": shapes, "annotations": annotations, "hovermode": "closest", "hoverdistance": 30, "showlegend": True,
            "margin": MARGIN | {"t": 76},
            "legend": {"orientation": "h", "x": 0, "y": -64 / (HEIGHT - 140), "yanchor": "top", "font": {"size": 14}},
        },
    }  # fmt: skip


def trade_off(
    settings: Sequence[Setting], found: Sequence[LossSummary], question: Question, unit: Unit = "epoch"
) -> dict[str, Any]:
    """A point a loss: when it leaves its first guess (those that never do stand in the column at the right) and its
    goal at the end. Points are medians, bars go from the least to the most of the finished seeds; `settings` are the
    settings of the whole sweep."""
    members = [member for setting in settings for member in setting.members]
    axis = shared_axis(members, unit)
    wall, edge = axis.last * 10**0.14, axis.last * 10**0.72  # places without a number
    lost = [one for one in found if np.isinf(one.escape[0])]
    columns = dict(zip((one.index for one in lost), np.geomspace(wall, edge, len(lost) + 2)[1:-1], strict=True))
    never = float(np.sqrt(wall * edge))

    def at(one: LossSummary, step: float) -> float:
        return (
            float(columns.get(one.index, never))
            if np.isinf(step)
            else float(positions(np.array(step), _per_epoch(settings, one), axis))
        )

    low, high = axis.left, float(np.log10(edge))
    traces, boxes = [], []
    for one in found:
        style = class_style(one.index)
        x, (y, least, most) = [at(one, step) for step in one.escape], one.final
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": [x[0]],
                "y": [y],
                "name": one.label,
                "showlegend": False,
                "cliponaxis": False,
                "marker": {
                    "size": 13,
                    "symbol": SYMBOLS[one.index % len(SYMBOLS)],
                    "color": style.color,
                    "line": {"width": 0},
                },
                "error_x": _bars(x, style.color),
                "error_y": _bars([y, least, most], style.color),
                "hovertext": f"<b>{one.label}</b> (n = {one.n})<br>{question.subject} "
                f"{format_spread(one.final, format_share)}<br>escape step {format_spread(one.escape, format_step)}, "
                f"{one.escaped} of {one.n} seeds",
                "hovertemplate": "%{hovertext}<extra></extra>",
            }
        )
        across = [(np.log10(place) - low) / (high - low) for place in x]
        boxes.append((across, [_up(value) for value in one.final]))
    words = [f"{one.label} (n = {one.n})" if len({other.n for other in found}) > 1 else one.label for one in found]
    annotations = [
        {
            "x": float(np.log10(trace["x"][0])),
            "y": trace["y"][0],
            "ax": ax,
            "ay": ay,
            "text": f"<b>{word}</b>",
            "showarrow": True,
            "arrowhead": 0,
            "arrowwidth": 1,
            "arrowcolor": trace["marker"]["color"],
            "standoff": 8,
            "font": {"size": 14, "color": trace["marker"]["color"]},
            "captureevents": False,
        }
        for trace, word, (ax, ay) in zip(traces, words, label_offsets(boxes, words), strict=True)
    ]
    ticks, names = axis.ticks()
    column = {
        "type": "rect",
        "x0": wall,
        "x1": edge,
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "fillcolor": LIGHT_NEUTRAL,
        "line": {"width": 0},
    }
    classes = len(members[0].class_names)
    lines, named = loss_change_marks(members, axis)
    annotations += named
    shapes = [*axis.decorations()[0][:2], *lines, column | {"layer": "below"}, chance_line(1 / classes, yref="y")]
    annotations.append(
        {"x": 0, "xref": "paper", "xanchor": "right", "xshift": -4, "y": 1 / classes, "text": "1/K", "showarrow": False}
    )
    if not found:
        middle = {"x": 0.45, "y": 0.6, "xref": "paper", "yref": "paper", "showarrow": False, "font": {"size": 15}}
        annotations.append(middle | {"text": "A loss stands here as soon as one of its runs is finished."})
    definition = question.measures[question.goal]
    counts = sorted({one.n for one in found})
    title = "Won at the end, and how late" + (f" · n = {counts[0]} seeds" if len(counts) == 1 else "")
    told = "; ".join(
        f"{one.label}: {format_spread(one.final, format_share)}, {format_spread(one.escape, format_step)}"
        for one in found
    )
    return {
        "data": traces,
        "layout": _frame(TRADE_OFF_HEIGHT, f"{title}, {definition.title.lower()} against time: {told}")
        | {
            "title": {
                "text": title,
                "font": {"size": 17},
                "x": 0,
                "xref": "paper",
                "y": 1,
                "yanchor": "top",
                "pad": {"t": 8},
            },
            "xaxis": AXIS
            | axis.layout()
            | {
                "range": [low, high],
                "tickvals": [*ticks, never],
                "ticktext": [*names, "<b>never</b>"],
                "title": {"text": f"{TIMES[unit]} until the guesses stay even (log scale)", "standoff": 6},
            },
            "yaxis": AXIS
            | FRACTION_TICKS
            | {"range": [-0.02, 1.02], "title": {"text": f"{definition.title}, last probe"}, "showline": False},
            "shapes": shapes,
            "annotations": annotations,
            "hovermode": "closest",
            "showlegend": False,
        },
    }


def label_offsets(
    boxes: Sequence[tuple[Sequence[float], Sequence[float]]], words: Sequence[str]
) -> list[tuple[float, float]]:
    """For each point the place of its label's middle, in pixels right of and below it: near it, and on no point, bar or
    other label.

    `boxes` hold a point's (middle, least, most) across and up, as fractions of the picture from its lower left corner.
    """
    height = TRADE_OFF_HEIGHT - MARGIN["t"] - MARGIN["b"]
    rooms = [width - MARGIN["l"] - MARGIN["r"] for width in WIDTHS]
    taken = {room: [box for across, up in boxes for box in _taken(across, up, room, height)] for room in rooms}
    found = []
    for (across, up), word in zip(boxes, words, strict=True):
        wide, high = LETTER_WIDTH * len(word) / 2 + 2, LINE / 2
        best, least = (0.0, 0.0), np.inf
        for far in range(0, 200, 10):
            for right, down in DIRECTIONS:
                offset = (right * (wide + MARKER_MARGIN[0] + 6 + far), down * (high + MARKER_MARGIN[1] + 4 + far))
                covered = 0.0
                for room in rooms:
                    middle = across[0] * room + offset[0], (1 - up[0]) * height + offset[1]
                    box = (middle[0] - wide, middle[1] - high, middle[0] + wide, middle[1] + high)
                    covered += sum(_overlap(box, other) for other in taken[room]) + 10 * _outside(box, room, height)
                if covered < least:
                    best, least = offset, covered
            if least == 0:
                break
        found.append(best)
        for room in rooms:
            x, y = across[0] * room + best[0], (1 - up[0]) * height + best[1]
            taken[room].append((x - wide, y - high, x + wide, y + high))
    return found


def _taken(
    across: Sequence[float], up: Sequence[float], width: float, height: float
) -> list[tuple[float, float, float, float]]:
    """The boxes of a marker and of its two bars: left, top, right, bottom in pixels."""
    x, left, right = (place * width for place in across)
    y, bottom, top = ((1 - place) * height for place in up)
    return [
        (x - MARKER_MARGIN[0], y - MARKER_MARGIN[1], x + MARKER_MARGIN[0], y + MARKER_MARGIN[1]),
        (left, y - 2, right, y + 2),
        (x - 2, top, x + 2, bottom),
    ]


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    across, down = (min(one[k + 2], other[k + 2]) - max(one[k], other[k]) for k in (0, 1))
    return across * down if across > 0 and down > 0 else 0.0


def _outside(box: tuple[float, ...], width: float, height: float) -> float:
    return max(0.0, -box[0]) + max(0.0, -box[1]) + max(0.0, box[2] - width) + max(0.0, box[3] - height)


def _up(share: float) -> float:
    return (share + 0.02) / 1.04


def _per_epoch(settings: Sequence[Setting], one: LossSummary) -> float:
    return next(setting.members[0].steps_per_epoch for setting in settings if setting.index == one.index)


def _bars(spread: Sequence[float], color: str) -> dict[str, Any]:
    middle, least, most = spread
    return {
        "type": "data",
        "symmetric": False,
        "array": [most - middle],
        "arrayminus": [middle - least],
        "color": color,
        "thickness": 2,
        "width": 5,
    }


def _frame(height: int, description: str, linked: bool = False) -> dict[str, Any]:
    """What both share. `linked`: the pointer in one panel marks the same loss and moment in all others."""
    return frame(height) | {
        "margin": MARGIN, "dragmode": "zoom", "uirevision": "kept",
        "meta": {"words": description, "linked": linked, "name": "robustness"},
    }  # fmt: skip
