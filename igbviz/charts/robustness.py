"""Figures of a sweep of losses: measures over time, and accuracy at the end against the step of escape.

Escape is the step from which on the guesses stay even: the end of the initial guessing bias. Each figure is a plain
plotly dictionary, ready for `live_chart.payload`.
"""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import Any

import numpy as np

from igbviz.charts.colors import LIGHT_NEUTRAL, class_style
from igbviz.charts.comparison import band_traces
from igbviz.charts.interface.figures import chart
from igbviz.charts.interface.inputs import OfRuns, members_of, one_of, settings_of
from igbviz.charts.shared_axis import loss_change_marks, positions, shared_axis
from igbviz.charts.style import AXIS, FRACTION_TICKS, chance_line, frame, heading, literal
from igbviz.charts.time_axis import UNITS, Unit
from igbviz.spec import ConfigError
from igbviz.studies.comparison import Setting
from igbviz.studies.robustness import QUESTIONS, LossSummary, Question, read
from igbviz.studies.robustness import summaries as summarized
from igbviz.studies.seed_summary import format_fraction, format_spread, format_step

TRADE_OFF_HEIGHT = 520  # pixels
MARGIN = {"l": 64, "r": 24, "t": 64, "b": 76}
# The panels over time are below each other, each as wide as the page: three in a row do not fit on a phone.
PANEL_HEIGHT, PANEL_GAP = 190, 64  # pixels; the gap holds the title of a panel and the names of upright lines
TIME_MARGIN = {"l": 76, "r": 24, "t": 64, "b": 56}
TITLE_LENGTH = 38  # letters per line of a title
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross")
TIMES = {"epoch": "epochs", "step": "optimizer steps"}
# Pixels of the plot on a phone, where the title of its axis has two lines, in a narrow and in a wide window. Labels
# keep clear of each other in all of them where possible, but a phone has no room for many: overlaps there count less.
SIZES, WEIGHTS = ((270, 348), (532, 380), (1212, 380)), (1, 20, 20)
LETTER_WIDTH, LINE_HEIGHT, LABEL_LENGTH = 7.6, 17, 14  # pixels of a label, and letters per line
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


@chart
def over_time(runs: OfRuns, question: Question | str = "noise", unit: Unit = "epoch") -> dict[str, Any]:
    """One panel per measure, one below the other, and one line per loss: the median over its seeds, with a band from
    min to max.

    >>> noisy = [line.run for line in igbviz.list_runs() if "symmetric-noise" in line.run.id]
    >>> figure = igbviz.charts.losses_over_time(noisy, "noise")

    `question` is one of `igbviz.studies.robustness.QUESTIONS` or its name; the runs may be what `overlay` takes. Raises
    ConfigError, one sentence, for an argument that is not allowed.
    """
    question, shown = _asked(runs, question, unit)
    members = members_of(shown)
    axis, classes = shared_axis(members, unit), len(members[0].class_names)
    traces, shapes, annotations, layout, last_axis = [], [], [], {}, ""
    change = loss_change_marks(members, axis, row=1)
    panels = len(question.measures)
    inner = panels * (PANEL_HEIGHT + PANEL_GAP) - PANEL_GAP
    for panel, (name, definition) in enumerate(question.measures.items()):
        number, top = str(panel + 1) if panel else "", 1 - panel * (PANEL_HEIGHT + PANEL_GAP) / inner
        for setting in shown:
            label = f"{literal(setting.label)} (n = {len(setting.members)})"
            *edges, line = band_traces(setting, name, axis)
            line["hovertemplate"] = (
                "<b>%{fullData.name}</b>  " + line["hovertemplate"] + "<br>step %{customdata[0]:,.0f}<extra></extra>"
            )
            place = {"yaxis": f"y{number}"}
            traces += [*(edge | place for edge in edges), line | place | {"name": label, "showlegend": not panel}]
        axis_title = "<br>".join(wrap(definition.axis, 20)) if definition.axis != last_axis else ""
        layout[f"yaxis{number}"] = AXIS | FRACTION_TICKS | {
            "domain": [max(0.0, top - PANEL_HEIGHT / inner), top], "range": [-0.02, 1.02], "showline": False,
            "matches": "y" if panel else None,
            "title": {"text": axis_title, "standoff": 4, "font": {"size": 14}},
        }  # fmt: skip
        last_axis = definition.axis
        lines, labels = axis.decorations()
        refs = {"yref": f"y{number} domain"}
        shapes += [line | refs for line in [*lines, *change[0]]]
        annotations += [annotation | refs for annotation in [*labels, *change[1]]]
        if definition.chance:
            shapes.append(chance_line(1 / classes, yref=f"y{number}"))
        title = {"x": 0, "y": top, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom"}
        title["yshift"] = 34 if change[1] else 18  # above the names of the upright lines
        annotations.append(title | {"text": f"<b>{definition.title}</b>", "showarrow": False, "font": {"size": 15}})
    layout["xaxis"] = AXIS | axis.layout() | {"anchor": f"y{panels}" if panels > 1 else "y"}
    counts = ", ".join(f"{setting.label} (n = {len(setting.members)})" for setting in shown)
    titles = ", ".join(definition.title.lower() for definition in question.measures.values())
    # The rows of the legend shrink the panels in a narrow window.
    height = TIME_MARGIN["t"] + inner + TIME_MARGIN["b"] + 60
    return {
        "data": traces,
        "layout": _frame(height, f"{titles} over log time: {counts}", linked=True) | layout | {
            "shapes": shapes, "annotations": annotations, "hovermode": "closest", "hoverdistance": 30,
            "showlegend": True, "margin": TIME_MARGIN,
            "legend": {"orientation": "h", "x": 0, "y": -58 / inner, "yanchor": "top", "font": {"size": 14}},
        },
    }  # fmt: skip


def _asked(runs: OfRuns, question: Question | str, unit: Unit) -> tuple[Question, list[Setting]]:
    """The question, and the settings with what it measures."""
    one_of("unit", unit, UNITS)
    if isinstance(question, str):
        one_of("question", question, QUESTIONS)
        question = QUESTIONS[question]
    settings = settings_of(runs, read=read)
    for member in members_of(settings):
        for measure in question.measures:
            if measure not in member.measures:
                raise ConfigError((("runs",), f"has run {member.run} without {measure}, allowed: runs with it"))
    return question, settings


@chart
def trade_off(
    runs: OfRuns,
    question: Question | str = "noise",
    unit: Unit = "epoch",
    summaries: Sequence[LossSummary] | None = None,
) -> dict[str, Any]:
    """One point per loss: the goal at the last probe against the step of escape, with a column on the right for never.

    >>> noisy = [line.run for line in igbviz.list_runs() if "symmetric-noise" in line.run.id]
    >>> figure = igbviz.charts.trade_off(noisy, "noise")

    Points are medians and bars reach from min to max over finished seeds, by default those of the runs; the arguments
    are those of `over_time`. Raises ConfigError, one sentence, for an argument that is not allowed.
    """
    question, settings = _asked(runs, question, unit)
    summaries = summarized(settings, question) if summaries is None else summaries
    members = members_of(settings)
    axis = shared_axis(members, unit)
    wall, edge = axis.last * 10**0.14, axis.last * 10**0.72  # positions beyond the scale
    stuck = [summary for summary in summaries if np.isinf(summary.escape[0])]
    columns = dict(
        zip((summary.index for summary in stuck), np.geomspace(wall, edge, len(stuck) + 2)[1:-1], strict=True)
    )
    never = float(np.sqrt(wall * edge))

    def position(summary: LossSummary, step: float) -> float:
        return (
            float(columns.get(summary.index, never))
            if np.isinf(step)
            else float(positions(np.array(step), _per_epoch(settings, summary), axis))
        )

    low, high = axis.left, float(np.log10(edge))
    traces, boxes = [], []
    for summary in summaries:
        style = class_style(summary.index)
        x, (y, low_y, high_y) = [position(summary, step) for step in summary.escape], summary.final
        final, escape = format_spread(summary.final, format_fraction), format_spread(summary.escape, format_step)
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": [x[0]],
                "y": [y],
                "name": literal(summary.label),
                "showlegend": False,
                "cliponaxis": False,
                "marker": {
                    "size": 13,
                    "symbol": SYMBOLS[summary.index % len(SYMBOLS)],
                    "color": style.color,
                    "line": {"width": 0},
                },
                "error_x": _bars(x, style.color),
                "error_y": _bars([y, low_y, high_y], style.color),
                "hovertext": f"<b>{literal(summary.label)}</b> (n = {summary.n})<br>{question.subject} {final}<br>"
                f"escape step {escape}, {summary.escaped} of {summary.n} seeds",
                "hovertemplate": "%{hovertext}<extra></extra>",
            }
        )
        across = [(np.log10(value) - low) / (high - low) for value in x]
        boxes.append((across, [_up(value) for value in summary.final]))
    labels = [
        f"{summary.label} (n = {summary.n})" if len({other.n for other in summaries}) > 1 else summary.label
        for summary in summaries
    ]
    classes = len(members[0].class_names)
    offsets = label_offsets(boxes, labels, avoid=[_up(1 / classes)])
    annotations = [
        {
            "x": float(np.log10(trace["x"][0])),
            "y": trace["y"][0],
            "ax": ax,
            "ay": ay,
            "text": f"<b>{'<br>'.join(map(literal, label_lines(label)))}</b>",
            "showarrow": True,
            "arrowhead": 0,
            "arrowwidth": 1,
            "arrowcolor": trace["marker"]["color"],
            "standoff": 8,
            "font": {"size": 14, "color": trace["marker"]["color"]},
            "captureevents": False,
        }
        for trace, label, (ax, ay) in zip(traces, labels, offsets, strict=True)
    ]
    ticks, tick_labels = axis.ticks()
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
    lines, moments = loss_change_marks(members, axis)
    annotations += moments
    shapes = [*axis.decorations()[0][:2], *lines, column | {"layer": "below"}, chance_line(1 / classes, yref="y")]
    annotations.append(
        {"x": 0, "xref": "paper", "xanchor": "right", "xshift": -4, "y": 1 / classes, "text": "1/K", "showarrow": False}
    )
    if not summaries:
        middle = {"x": 0.45, "y": 0.6, "xref": "paper", "yref": "paper", "showarrow": False, "font": {"size": 15}}
        annotations.append(middle | {"text": "A loss appears here as soon as one of its runs is finished."})
    definition = question.measures[question.goal]
    counts = sorted({summary.n for summary in summaries})
    title = f"{definition.title} at the end against escape" + (f" · n = {counts[0]} seeds" if len(counts) == 1 else "")
    values = "; ".join(
        f"{summary.label}: {format_spread(summary.final, format_fraction)}, "
        f"{format_spread(summary.escape, format_step)}"
        for summary in summaries
    )
    return {
        "data": traces,
        "layout": _frame(TRADE_OFF_HEIGHT, f"{title}, {definition.title.lower()} against escape: {values}")
        | {
            "title": heading("<br>".join(wrap(title, TITLE_LENGTH))) | {"font": {"size": 16}, "xref": "container"},
            "xaxis": AXIS
            | axis.layout()
            | {
                "range": [low, high],
                "tickvals": [*ticks, never],
                "ticktext": [*tick_labels, "<b>never</b>"],
                "title": {"text": f"{TIMES[unit]} until the guesses stay even<br>(log scale)", "standoff": 6},
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
    boxes: Sequence[tuple[Sequence[float], Sequence[float]]], labels: Sequence[str], avoid: Sequence[float] = ()
) -> list[tuple[float, float]]:
    """Offset of each point's label, in pixels right of and below the point: near it, and clear of all else.

    All else are points, bars, other labels, and horizontal lines at the heights `avoid`. `boxes` hold each point's
    (median, min, max) across and up; all are fractions of the plot from its lower left corner.
    """
    taken = {size: [box for across, up in boxes for box in _taken(across, up, *size)] for size in SIZES}
    for (width, height), boxes_there in taken.items():
        boxes_there += [(0.0, (1 - up) * height - 1, float(width), (1 - up) * height + 1) for up in avoid]
    offsets = []
    for (across, up), label in zip(boxes, labels, strict=True):
        lines = label_lines(label)
        wide, high = LETTER_WIDTH * max(map(len, lines)) / 2 + 2, LINE_HEIGHT * len(lines) / 2
        point, half = (across[0], 1 - up[0]), (wide, high)
        best, min_overlap = (0.0, 0.0), np.inf
        for far in range(0, 200, 10):
            for right, down in DIRECTIONS:
                offset = (right * (wide + MARKER_MARGIN[0] + 6 + far), down * (high + MARKER_MARGIN[1] + 4 + far))
                covered = 0.0
                for size, weight in zip(SIZES, WEIGHTS, strict=True):
                    box = _label_box(point, offset, half, size)
                    covered += weight * sum(_overlap(box, other) for other in taken[size])
                    covered += weight * 10 * _outside(box, *size)
                if covered < min_overlap:
                    best, min_overlap = offset, covered
            if min_overlap == 0:
                break
        offsets.append(best)
        for size in SIZES:
            taken[size].append(_label_box(point, best, half, size))
    return offsets


def _label_box(
    point: tuple[float, float], offset: tuple[float, float], half: tuple[float, float], size: tuple[int, int]
) -> tuple[float, float, float, float]:
    """The box of a label, `half` as large as that each way, in a plot of this size: left, top, right, bottom."""
    x, y = (at * length + moved for at, length, moved in zip(point, size, offset, strict=True))
    return x - half[0], y - half[1], x + half[0], y + half[1]


def label_lines(label: str) -> list[str]:
    """The lines of a label: as narrow as a phone needs it."""
    return wrap(label, LABEL_LENGTH, break_long_words=False, break_on_hyphens=False)


def _taken(
    across: Sequence[float], up: Sequence[float], width: float, height: float
) -> list[tuple[float, float, float, float]]:
    """The boxes of a marker and of its two bars: left, top, right, bottom in pixels."""
    x, left, right = (fraction * width for fraction in across)
    y, bottom, top = ((1 - fraction) * height for fraction in up)
    return [
        (x - MARKER_MARGIN[0], y - MARKER_MARGIN[1], x + MARKER_MARGIN[0], y + MARKER_MARGIN[1]),
        (left, y - 2, right, y + 2),
        (x - 2, top, x + 2, bottom),
    ]


def _overlap(first: tuple[float, ...], second: tuple[float, ...]) -> float:
    across, down = (min(first[k + 2], second[k + 2]) - max(first[k], second[k]) for k in (0, 1))
    return across * down if across > 0 and down > 0 else 0.0


def _outside(box: tuple[float, ...], width: float, height: float) -> float:
    return max(0.0, -box[0]) + max(0.0, -box[1]) + max(0.0, box[2] - width) + max(0.0, box[3] - height)


def _up(fraction: float) -> float:
    return (fraction + 0.02) / 1.04


def _per_epoch(settings: Sequence[Setting], summary: LossSummary) -> float:
    return next(setting.members[0].steps_per_epoch for setting in settings if setting.index == summary.index)


def _bars(spread: Sequence[float], color: str) -> dict[str, Any]:
    median, low, high = spread
    return {
        "type": "data",
        "symmetric": False,
        "array": [high - median],
        "arrayminus": [median - low],
        "color": color,
        "thickness": 2,
        "width": 5,
    }


def _frame(height: int, description: str, linked: bool = False) -> dict[str, Any]:
    """The shared layout. `linked`: the pointer in one panel marks the same loss and moment in all others."""
    return frame(height) | {
        "margin": MARGIN, "dragmode": "zoom", "uirevision": "kept",
        "meta": {"words": description, "linked": linked, "name": "robustness"},
    }  # fmt: skip
