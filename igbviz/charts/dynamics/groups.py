"""Figures of groups of short trainings: means over time, and result against start.

Runs come as a list or a group, and are grouped by their bias at Init.; or as a mapping of names to runs, see
`settings_of`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from igbviz.charts.colors import NEUTRAL, ClassStyle, class_style, shade
from igbviz.charts.dynamics.layout import framed, values
from igbviz.charts.interface.figures import chart
from igbviz.charts.interface.inputs import OfRuns, members_of, one_of, settings_of
from igbviz.charts.run import line_trace
from igbviz.charts.shared_axis import loss_change_marks, positions
from igbviz.charts.style import AXIS, FRACTION_TICKS, SMALL, chance_line, literal, vertical_line
from igbviz.charts.time_axis import TimeAxis
from igbviz.studies.comparison import Setting
from igbviz.studies.dynamics import at_step, cut, mean, starts
from igbviz.trajectory.quantities import MEASURES

ALL = ClassStyle(NEUTRAL, (7, 3), "")  # for all members together
SYMBOLS = ("circle", "diamond", "square")


@chart
def over_time(runs: OfRuns, measure: str = "balanced_accuracy", step: int = 0) -> dict[str, Any]:
    """Mean of each group over log time with a band of ± one standard error; a vertical line at the chosen step.

    >>> runs = {loss: igbviz.submit(f"first-look-{loss}") for loss in ("cross-entropy", "blurry")}
    >>> figure = igbviz.charts.group_means(runs, "balanced_accuracy", step=100)

    Raises ConfigError, one sentence, for an argument that is not allowed.
    """
    one_of("measure", measure, MEASURES)
    definition, settings = MEASURES[measure], _groups(runs)
    members = members_of(settings)
    per_epoch = min(member.steps_per_epoch for member in members)
    # Up to the earliest planned end, where all groups can still be compared.
    end = min(member.epochs * member.steps_per_epoch for member in members)
    axis = TimeAxis(per_epoch, end / per_epoch, "step")
    traces = [trace for setting in settings for trace in band_traces(setting, measure, axis)]
    lines, annotations = loss_change_marks(members, axis)
    shapes = [*axis.decorations()[0][:2], *lines]
    shapes.append(vertical_line(float(axis.position(step)), "dash"))
    if definition.chance:
        level = 1 / len(members[0].class_names)
        shapes.append(chance_line(level))
        annotations.append(
            {"x": 1, "xref": "paper", "xanchor": "left", "xshift": 4, "y": level, "text": "1/K", "showarrow": False}
        )
    title = definition.title
    counts = ", ".join(f"{setting.label} (n = {len(setting.members)})" for setting in settings)
    description = f"{definition.title}, mean of each group over log time: {counts}"
    return {
        "data": traces,
        "layout": framed(title, f"time {measure}", description) | {
            "xaxis": AXIS | axis.layout() | {"hoverformat": ",.0f"},
            "yaxis": AXIS | values(measure) | {"showline": False},
            "shapes": shapes, "annotations": annotations, "hovermode": "x unified", "hoverdistance": 30,
        },
    }  # fmt: skip


@chart
def result_against_start(runs: OfRuns, measure: str, step: int) -> dict[str, Any]:
    """One dot per network: a measure after `step` steps against the largest guess fraction at Init.

    >>> runs = {loss: igbviz.submit(f"first-look-{loss}") for loss in ("cross-entropy", "blurry")}
    >>> figure = igbviz.charts.result_against_start(runs, "balanced_accuracy", step=100)

    A vertical line marks the cut between the groups. Raises ConfigError, one sentence, for an argument that is not
    allowed.
    """
    one_of("measure", measure, MEASURES)
    definition, groups = MEASURES[measure], [setting for setting in _groups(runs) if setting.index >= 0]
    border = cut(len(groups[0].members[0].class_names))
    traces = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": f"{literal(setting.label)} (n = {len(setting.members)})",
            "x": np.array([member.outcome.largest_guess_init for member in setting.members], np.float32),
            "y": at_step(setting.members, measure, step).astype(np.float32),
            "marker": {
                "size": 11,
                "symbol": SYMBOLS[setting.index % len(SYMBOLS)],
                "color": class_style(setting.index).color,
                "opacity": 0.8,
            },
            "customdata": [member.config.seed for member in setting.members],
            "hovertemplate": "seed %{customdata}: %{x:.3f} at Init., then %{y:.3f}<extra></extra>",
            "cliponaxis": False,
        }
        for setting in groups
    ]
    annotation = {
        "x": border,
        "y": 1,
        "yref": "paper",
        "yanchor": "bottom",
        "text": f"expected at γ = 1: {border:.2f}",
        "showarrow": False,
    }
    title = f"{definition.title} after {step:,} steps"
    across = {"title": {"text": "largest guess fraction at Init.", "standoff": 6}, "range": [0, 1.02]}
    return {
        "data": traces,
        "layout": framed(
            title, f"dots {measure}", f"{title} against the largest guess fraction at Init., one dot per seed"
        )
        | {
            "xaxis": AXIS | FRACTION_TICKS | across,
            "yaxis": AXIS | values(measure),
            "shapes": [vertical_line(border, "dash")],
            "annotations": [annotation | {"font": {"size": SMALL}}],
            "hovermode": "closest",
        },
    }


def _groups(runs: OfRuns) -> list[Setting]:
    """The groups of a mapping or of settings as they are, runs by their bias at Init.; none without members."""
    settings = settings_of(runs)
    has_groups = isinstance(runs, Mapping) or isinstance(runs, list | tuple) and isinstance(runs[0], Setting)
    return settings if has_groups else [group for group in starts(members_of(settings)) if group.members]


def band_traces(setting: Setting, measure: str, axis: TimeAxis) -> list[dict[str, Any]]:
    """Lower edge, upper edge filled down to it, and mean of a group.

    Where a single member has come this far, the band is as thin as the line.
    """
    summary, style = mean(setting.members, measure), ALL if setting.index < 0 else class_style(setting.index)
    x = positions(summary.step, axis.steps_per_epoch, axis)
    error = np.nan_to_num(summary.error)
    hover = np.stack([summary.step, summary.error, summary.n], -1).astype(np.float32)
    line = line_trace(
        x,
        summary.mean.astype(np.float32),
        hover,
        f"{literal(setting.label)} (n = {len(setting.members)})",
        style,
        3,
        group=setting.label,
    )
    line["hovertemplate"] = "%{y:.3f} ± %{customdata[1]:.3f} (n = %{customdata[2]})"
    edge = {
        "type": "scatter", "mode": "lines", "x": x, "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False,
        "legendgroup": setting.label,
    }  # fmt: skip
    fill = {"fill": "tonexty", "fillcolor": shade(style.color, 0.2)}
    low, high = ((summary.mean + sign * error).astype(np.float32) for sign in (-1, 1))
    return [edge | {"y": low}, edge | fill | {"y": high}, line]
