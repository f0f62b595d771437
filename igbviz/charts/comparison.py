"""Figures of several runs: the paper's Figure 2 as a grid, and one quantity of all runs.

Runs come as a list, a group, or a mapping of names to runs or trajectories, see `settings_of`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

import numpy as np

from igbviz.charts.colors import class_style, shade
from igbviz.charts.interface.figures import chart
from igbviz.charts.interface.inputs import OfRuns, members_of, one_of, settings_of, wrong
from igbviz.charts.run import MAX_LINES, line_trace, summary_traces
from igbviz.charts.shared_axis import loss_change_marks, moment_shapes, moments, positions, shared_axis
from igbviz.charts.style import (
    AXIS,
    FRACTION_TICKS,
    LEGEND_AT_BOTTOM,
    SMALL,
    chance_line,
    frame,
    heading,
    literal,
)
from igbviz.charts.time_axis import UNITS, TimeAxis, Unit
from igbviz.studies.comparison import PANELS, Band, Member, Setting, band, titles
from igbviz.trajectory.quantities import MEASURES, QUANTITIES

MAX_ROWS = 12  # of a readable grid; more are paged
PANEL_GAP = 0.06  # of the width, between the two columns of the grid
TOP_MARGIN, BOTTOM_MARGIN = 62, 58  # pixels, for headings and legend, and for the axis title
LEFT_MARGIN, RIGHT_MARGIN = 44, 24  # pixels, for the ticks, and for half of the name of a moment at the end
HEADING = {"size": 14}  # of a column: narrow enough for a phone
ROW_GAP = 72  # pixels between rows, for the ticks of one (turned, on a phone) and the title of the next
VERDICT_LINE, MARK_LINE = 17, 14  # pixels of a line of a verdict, and of the name of a moment below it
VERDICT_WIDTH = 58  # characters in a line of a verdict: as many as a phone is wide
MAX_UNIFIED = 12  # lines whose values at one moment fit into one hover box


def _titles(settings: Sequence[Setting], named: bool) -> dict[str, str]:
    """By run id; a run that somebody has named is alone under its name, which needs no seed."""
    alone = [setting for setting in settings if named and len(setting.members) == 1]
    return titles(settings) | {setting.members[0].run: setting.label for setting in alone}


def row_height(rows: int) -> int:
    """Height of a row of the grid in pixels: a few runs fill a screen, many remain readable."""
    return int(np.clip(880 / max(rows, 1), 180, 340))


@chart
def grid(runs: OfRuns, shown: Sequence[str] | None = None, unit: Unit = "epoch") -> dict[str, Any]:
    """One row per run: probability of the true class left, accuracy right, axes shared.

    >>> runs = {loss: igbviz.submit(f"first-look-{loss}") for loss in ("cross-entropy", "blurry")}
    >>> figure = igbviz.charts.compare(runs)

    `runs` are a list of Runs, a Group, or a mapping of names to Runs, Trajectories, or lists of Runs; `shown` are the
    ids of those to draw, all with equally many classes, by default the first MAX_ROWS. A class has the same style in
    all rows; the bold line is the class that the row's network favours at Init. Above the panels of a row stands what
    came of its run. Raises ConfigError, one sentence, for an argument that is not allowed.
    """
    settings = settings_of(runs)
    one_of("unit", unit, UNITS)
    by_run = {member.run: member for member in members_of(settings)}
    shown = list(by_run)[:MAX_ROWS] if shown is None else shown
    for run in shown:
        one_of("shown", run, by_run)
    if len({len(by_run[run].class_names) for run in shown}) > 1:
        raise wrong("runs", list(shown), "runs with equally many classes")
    members, labels = [by_run[run] for run in shown], _titles(settings, named=isinstance(runs, Mapping))
    verdicts = [wrap(member.verdict, VERDICT_WIDTH) for member in members]
    above = VERDICT_LINE * max(map(len, verdicts)) + MARK_LINE  # pixels between the panels and the title of a row
    gap = ROW_GAP + above
    axis, height = shared_axis(members, unit), row_height(len(members)) + above
    inner = height * len(members)
    traces, shapes, annotations = _legend(members[0]), [], []
    layout: dict[str, Any] = {}
    for row, member in enumerate(members):
        x = positions(member.step, member.steps_per_epoch, axis)
        hover = np.stack([member.step, member.epoch, member.seconds], -1).astype(np.float32)
        top = 1 - (row * height + gap) / inner
        for column, quantity in enumerate(PANELS):
            number = _axis_number(row, column)
            axes = {"xaxis": f"x{number}", "yaxis": f"y{number}", "showlegend": False}
            traces += [trace | axes for trace in _class_lines(x, member.per_class[quantity], hover, member)]
            left = column * (1 + PANEL_GAP) / 2
            layout[f"xaxis{number}"] = AXIS | axis.layout() | {
                "domain": [left, left + (1 - PANEL_GAP) / 2], "anchor": f"y{number}",
                "matches": "x" if number else None, "tickfont": {"size": SMALL},
            }  # fmt: skip
            if row < len(members) - 1:
                layout[f"xaxis{number}"]["title"] = None
            layout[f"yaxis{number}"] = AXIS | FRACTION_TICKS | {
                "domain": [1 - (row + 1) * height / inner, top], "anchor": f"x{number}", "range": [-0.02, 1.02],
                "matches": "y" if number else None, "showline": False, "tickfont": {"size": SMALL},
                "showticklabels": column == 0,
            }  # fmt: skip
            for shape in moment_shapes(member, axis):
                shapes.append(shape | {"xref": f"x{number}", "yref": f"y{number} domain"})
            shapes.append(chance_line(1 / len(member.class_names), f"x{number} domain", yref=f"y{number}"))
        style = class_style(member.favoured)
        star = f'<span style="color:{style.color}">★ {literal(member.class_names[member.favoured])}</span>'
        position = {
            "x": 0,
            "y": top,
            "xref": "paper",
            "yref": "paper",
            "xanchor": "left",
            "yanchor": "bottom",
            "align": "left",
            "showarrow": False,
            "xshift": -LEFT_MARGIN,
        }
        annotations.append(
            position
            | {"text": f"<b>{literal(labels[member.run])}</b>  {star}", "font": {"size": 15}, "yshift": above + 2}
        )
        if verdicts[row]:
            lowest = above - VERDICT_LINE * len(verdicts[row])
            annotations.append(position | {"text": "<br>".join(verdicts[row]), "font": {"size": 13}, "yshift": lowest})
        # One above the other: both may be at the end of the first epoch.
        for line, (x_mark, label) in enumerate(moments(member, axis)):
            at_mark = {
                "x": float(np.log10(x_mark)),
                "y": 1,
                "yanchor": "bottom",
                "yshift": 14 * line,
                "xanchor": axis.anchor(x_mark),
            }
            panel = {"xref": f"x{_axis_number(row, 1)}", "yref": f"y{_axis_number(row, 1)} domain"}
            annotations.append(at_mark | panel | {"showarrow": False, "text": label, "font": {"size": SMALL}})
    for column, quantity in enumerate(PANELS):
        title = {
            "x": column * (1 + PANEL_GAP) / 2,
            "y": 1,
            "xref": "paper",
            "yref": "paper",
            "xanchor": "left",
            "yanchor": "top",
            "yshift": 3,
            "xshift": -LEFT_MARGIN * (column == 0),
        }
        annotations.append(
            title | {"text": f"<b>{QUANTITIES[quantity].title}</b>", "showarrow": False, "font": HEADING}
        )
    favoured = ", ".join(f"{labels[run]}: favoured {by_run[run].class_names[by_run[run].favoured]}" for run in shown)
    description = f"{len(shown)} runs side by side, one row per run: {favoured}"
    return {
        "data": traces,
        "layout": frame_of_runs(inner + TOP_MARGIN + BOTTOM_MARGIN, description, members, linked=True)
        | layout
        | {
            "shapes": shapes,
            "annotations": annotations,
            "margin": {"l": LEFT_MARGIN, "r": RIGHT_MARGIN, "t": TOP_MARGIN, "b": BOTTOM_MARGIN},
            "hovermode": "closest",
            "legend": {"orientation": "h", "x": 0, "y": 1 + 8 / inner, "yanchor": "bottom", "font": {"size": 13}},
        },
    }


@chart
def overlay(
    runs: OfRuns,
    measure: str = "balanced_accuracy",
    unit: Unit = "epoch",
    collapse: bool = True,
    height: int = 460,
) -> dict[str, Any]:
    """One measure over log time, coloured by setting; `measure` is a name of `trajectory.quantities.MEASURES`.

    >>> runs = {loss: igbviz.submit(f"first-look-{loss}") for loss in ("cross-entropy", "blurry")}
    >>> figure = igbviz.charts.overlay(runs, "largest_guess")

    Collapsed, the seeds of a setting are drawn as their median and a band from min to max; otherwise every run is a
    line. `height` is in pixels, without the legend. Raises ConfigError, one sentence, for an argument that is not
    allowed.
    """
    settings = settings_of(runs)
    one_of("measure", measure, MEASURES)
    one_of("unit", unit, UNITS)
    definition, members = MEASURES[measure], members_of(settings)
    axis = shared_axis(members, unit)
    counts = {len(setting.members) for setting in settings}
    unified = (len(settings) if collapse else len(members)) <= MAX_UNIFIED
    traces = [trace for setting in settings for trace in (band_traces if collapse else _single)(setting, measure, axis)]
    if collapse and len(counts) > 1:
        for trace, count in zip((t for t in traces if "name" in t), (len(s.members) for s in settings), strict=True):
            trace["name"] += f" (n = {count})"
    if not unified:
        for trace in (t for t in traces if "name" in t):
            trace["hovertemplate"] = (
                "<b>%{fullData.name}</b>  " + trace["hovertemplate"] + "<br>step %{customdata[0]:,.0f}<extra></extra>"
            )
    shapes, annotations = axis.decorations()
    if axis.unit == "step" and len({member.steps_per_epoch for member in members}) > 1:
        shapes, annotations = shapes[:2], []  # the runs' first epochs end at different steps
    shapes, annotations = (
        base + extra for base, extra in zip((shapes, annotations), loss_change_marks(members, axis, row=1), strict=True)
    )
    classes = {len(member.class_names) for member in members}
    if definition.chance and len(classes) == 1:
        level = 1 / classes.pop()
        shapes.append(chance_line(level))
        annotations.append(
            {"x": 1, "xref": "paper", "xanchor": "left", "xshift": 4, "y": level, "text": "1/K", "showarrow": False}
        )
    height += 14 * len(settings)  # room for the legend below
    description = f"{definition.title} of {len(members)} runs in {len(settings)} settings" + (
        ": median, min and max over seeds" if collapse else ""
    )
    return {
        "data": traces,
        "layout": frame_of_runs(height, description, members)
        | {
            "title": heading(
                definition.title
                + (f" · n = {max(counts)} seeds" if collapse and len(counts) == 1 and counts != {1} else "")
            ),
            "xaxis": AXIS | axis.layout() | {"hoverformat": ",.0f" if axis.unit == "step" else ".3g"},
            "yaxis": AXIS
            | {"title": {"text": definition.axis}, "showline": False}
            | (FRACTION_TICKS | {"range": [-0.02, 1.02]} if definition.share else {"rangemode": "tozero"}),
            "shapes": shapes,
            "annotations": annotations,
            "margin": {"l": 64, "r": 40, "t": 62, "b": 8},
            "hovermode": "x unified" if unified else "closest",
            "hoverdistance": 30,
            "legend": LEGEND_AT_BOTTOM | {"font": {"size": 15}},
            "showlegend": True,
        },
    }


def band_traces(setting: Setting, measure: str, axis: TimeAxis) -> list[dict[str, Any]]:
    """Lower edge, upper edge filled down to it, and median of a setting. A single run has no band."""
    summary = band(setting.members, measure)
    style, per_epoch = class_style(setting.index), setting.members[0].steps_per_epoch
    x = positions(summary.step, per_epoch, axis)
    hover = np.stack([summary.step, summary.n, summary.low, summary.high], -1).astype(np.float32)
    count = len(setting.members)
    line = line_trace(
        x, summary.median.astype(np.float32), hover, literal(setting.label), style, 3, group=str(setting.index)
    )
    if count == 1:
        line["hovertemplate"] = "%{y:.3f}"
        return [line]
    line["hovertemplate"] = "%{y:.3f} (%{customdata[2]:.3f} to %{customdata[3]:.3f}, n = %{customdata[1]})"
    return [*band_edges(x, summary, style.color, str(setting.index)), line]


def band_edges(x: np.ndarray, summary: Band, color: str, group: str) -> list[dict[str, Any]]:
    """The lower edge of a band, and the upper edge filled down to it."""
    edge = {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "line": {"width": 0},
        "hoverinfo": "skip",
        "showlegend": False,
        "legendgroup": group,
    }
    fill = {"fill": "tonexty", "fillcolor": shade(color, 0.15)}
    return [edge | {"y": summary.low.astype(np.float32)}, edge | fill | {"y": summary.high.astype(np.float32)}]


def _single(setting: Setting, measure: str, axis: TimeAxis) -> list[dict[str, Any]]:
    style, lines = class_style(setting.index), []
    for number, member in enumerate(setting.members):
        x = positions(member.step, member.steps_per_epoch, axis)
        hover = np.stack([member.step, member.epoch, member.seconds], -1).astype(np.float32)
        line = line_trace(
            x, member.measures[measure], hover, literal(setting.label), style, 2, group=str(setting.index)
        )
        line["hovertemplate"] = f"%{{y:.3f}} ({member.seed_in_words})"
        lines.append(line | {"showlegend": number == 0})
    return lines


def _class_lines(x: np.ndarray, values: np.ndarray, hover: np.ndarray, member: Member) -> list[dict[str, Any]]:
    """The lines of one panel, the favoured class last and bold.

    Legend and pointer act on the groups of the lines.
    """
    names, favoured = [literal(name) for name in member.class_names], member.favoured
    if len(names) > MAX_LINES:
        lines = summary_traces(x, values, hover, names, favoured)
        return [*lines[:-1], lines[-1] | {"legendgroup": "favoured"}]
    order = sorted(range(len(names)), key=lambda k: k == favoured)
    return [
        line_trace(x, values[:, k], hover, names[k], class_style(k), 4 if k == favoured else 1.8, group=f"class {k}")
        for k in order
    ]


def _legend(member: Member) -> list[dict[str, Any]]:
    """Lines without points, only for the legend: which line is bold differs from row to row."""
    empty = np.full(1, np.nan, np.float32)
    hover = np.zeros((1, 3), np.float32)
    if len(member.class_names) > MAX_LINES:
        lines = _class_lines(empty, np.zeros((1, len(member.class_names)), np.float32), hover, member)
        return [*lines[1:-1], lines[-1] | {"name": "★ favoured at Init."}]
    lines = [
        line_trace(empty, empty, hover, literal(name), class_style(k), 3, group=f"class {k}")
        for k, name in enumerate(member.class_names)
    ]
    return [line | {"showlegend": True} for line in lines]


def _axis_number(row: int, column: int) -> str:
    """The suffix of a panel's axes in plotly: x, x2, x3 ..."""
    return "" if row == column == 0 else str(2 * row + column + 1)


def frame_of_runs(height: int, description: str, members: Sequence[Member], linked: bool = False) -> dict[str, Any]:
    """The layout that all figures share. `linked`: the pointer in one panel marks the same moment in all others."""
    return frame(height) | {
        "dragmode": "zoom",
        "uirevision": "kept",
        "meta": {
            "step": max(int(member.step[-1]) for member in members),
            "words": description,
            "linked": linked,
            "name": "runs side by side",
        },
    }
