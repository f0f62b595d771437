"""Figures of many short trainings: means of groups over time, result against start, and a map of the plane.

Runs come as a list or a group, and are grouped by their bias at Init.; or as a mapping of names to runs, see
`settings_of`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from igbviz import theory
from igbviz.charts.colors import NEUTRAL, ClassStyle, class_style, shade
from igbviz.charts.interface.figures import chart
from igbviz.charts.interface.inputs import OfRuns, members_of, one_of, settings_of, wrong
from igbviz.charts.run import line_trace
from igbviz.charts.shared_axis import loss_change_marks, positions
from igbviz.charts.style import (
    AXIS,
    FRACTION_TICKS,
    LEGEND_AT_BOTTOM,
    SMALL,
    chance_line,
    frame,
    heading,
    literal,
    vertical_line,
)
from igbviz.charts.theory import LINES, phase_line
from igbviz.charts.time_axis import TimeAxis
from igbviz.runs.sweeps import Group
from igbviz.studies.comparison import Setting
from igbviz.studies.dynamics import ACROSS, UP, Plane, at_step, cut, kind, mean, planned_steps, starts
from igbviz.studies.dynamics import plane as plane_of
from igbviz.trajectory.quantities import MEASURES

ALL = ClassStyle(NEUTRAL, (7, 3), "")  # for all members together
SYMBOLS = ("circle", "diamond", "square")
HEIGHT = 430  # pixels


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
        "layout": _frame(title, f"time {measure}", description) | {
            "xaxis": AXIS | axis.layout() | {"hoverformat": ",.0f"},
            "yaxis": AXIS | _values(measure) | {"showline": False},
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
        "layout": _frame(
            title, f"dots {measure}", f"{title} against the largest guess fraction at Init., one dot per seed"
        )
        | {
            "xaxis": AXIS | FRACTION_TICKS | across,
            "yaxis": AXIS | _values(measure),
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


@chart
def trainability(
    plane: Plane | Group, activation: str = "", measure: str = "balanced_accuracy", steps: int | None = None
) -> dict[str, Any]:
    """Heat map of a measure after short trainings over the plane; crosses mark those that diverged.

    >>> from igbviz.studies import dynamics, dynamics_examples
    >>> example = dynamics_examples.read()["plane"]
    >>> plane = dynamics.plane(example.sweep, example.members, "balanced_accuracy")
    >>> figure = igbviz.charts.trainability(plane, "tanh", steps=100)

    The plane is the Group of a sweep over it, or what `igbviz.studies.dynamics.plane` makes of one; then `activation`
    and `steps` say what was trained, and how long. Raises ConfigError, one sentence, for another group.
    """
    one_of("measure", measure, MEASURES)
    if isinstance(plane, Group):
        sweep = plane.sweep
        if kind(sweep) != "plane":
            raise wrong("plane", plane.id, f"a sweep over {ACROSS} and {UP}")
        activation, steps = sweep.base.model.activation, planned_steps(sweep.base)
        plane = plane_of(sweep, members_of(settings_of(plane)), measure)
    if not isinstance(plane, Plane):
        raise wrong("plane", plane, "a Group, or a Plane with its activation and steps")
    one_of("activation", activation, theory.ACTIVATIONS)
    definition, across, up = MEASURES[measure], plane.sigma_w2, plane.sigma_b2
    step_w, step_b = (float(np.diff(values).min()) if len(values) > 1 else 1.0 for values in (across, up))
    right, top = float(across[-1]) + step_w / 2, float(up[-1]) + step_b / 2
    finite = plane.values[np.isfinite(plane.values)]
    # A single training that nearly diverged has a loss of thousands and would hide the differences of all others.
    high = (1.0 if definition.share else float(min(finite.max(), 2 * np.median(finite)))) if len(finite) else None
    low = (0.0 if definition.share else float(finite.min())) if len(finite) else None
    heights = np.linspace(0, top, LINES) ** 2 / top
    edge = theory.edge_of_chaos(activation, heights)
    b, w = np.nonzero(plane.diverged)
    label = definition.title.lower()
    traces = [
        {
            "type": "heatmap",
            "x": across.astype(np.float32),
            "y": up.astype(np.float32),
            "z": plane.values.astype(np.float32),
            "zmin": low,
            "zmax": high,
            "colorscale": "Viridis",
            "reversescale": not definition.share,
            "xgap": 1,
            "ygap": 1,
            "hoverongaps": False,
            "colorbar": {
                "title": {"text": label, "side": "right", "font": {"size": SMALL}},
                "thickness": 14,
                "outlinewidth": 0,
            },
            "hovertemplate": f"σ²w %{{x:.3g}}<br>σ²b %{{y:.3g}}<br>{label} %{{z:.4g}}<extra></extra>",
        },
        {
            "type": "scatter",
            "mode": "markers",
            "x": across[w].astype(np.float32),
            "y": up[b].astype(np.float32),
            "name": "diverged",
            "marker": {"symbol": "x-thin", "size": 13, "line": {"color": NEUTRAL, "width": 3}},
            "showlegend": bool(len(b)),
            "hovertemplate": "σ²w %{x:.3g}<br>σ²b %{y:.3g}<br>diverged<extra></extra>",
        },
        # White with a dark outline: the line crosses coloured and empty cells, on light and on dark pages.
        phase_line(edge, heights, right, "edge of chaos", "#333333", 6.5, "solid") | {"showlegend": False},
        phase_line(edge, heights, right, "edge of chaos", "#ffffff", 3, "solid") | {"showlegend": False},
    ]
    visible = np.flatnonzero(np.isfinite(edge) & (edge <= right))
    names = []
    if len(visible):  # at the upper end of the line
        at = visible[-1]
        name = {"x": float(edge[at]), "y": float(heights[at]), "text": "edge of chaos", "showarrow": False}
        name |= {"xanchor": "right", "yanchor": "top", "xshift": -12, "yshift": -6, "bgcolor": "rgba(30,30,30,0.75)"}
        names.append(name | {"font": {"color": "#ffffff", "size": 14, "shadow": "none"}})
    axis = {"zeroline": False, "showgrid": False, "ticks": "outside", "tickcolor": NEUTRAL, "automargin": "height"}
    title = definition.title + (f" after {steps:,} steps" if steps else "")
    done = f"{len(finite)} of {plane.values.size} points trained, {int(plane.diverged.sum())} diverged"
    description = f"{title} over the phase diagram of {activation}: {done}"
    return {
        "data": traces,
        "layout": _frame(f"{title} · {activation}", f"plane {measure} {activation}", description, 460)
        | {
            "xaxis": axis
            | {
                "title": {"text": "weight variance σ²w (times fan-in)"},
                "range": [float(across[0]) - step_w / 2, right],
            },
            "yaxis": axis | {"title": {"text": "bias variance σ²b"}, "range": [float(up[0]) - step_b / 2, top]},
            "legend": dict(LEGEND_AT_BOTTOM),
            "annotations": names,
            "hovermode": "closest",
        },
    }


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


def _values(measure: str) -> dict[str, Any]:
    definition = MEASURES[measure]
    return {"title": {"text": definition.axis}} | (
        FRACTION_TICKS | {"range": [-0.02, 1.02]} if definition.share else {"rangemode": "tozero"}
    )


def _frame(title: str, revision: str, description: str, height: int = HEIGHT) -> dict[str, Any]:
    return frame(height) | {
        "title": heading(title),
        "margin": {"l": 64, "r": 40, "t": 60, "b": 8},
        "uirevision": revision,
        "meta": {"words": description},
        "showlegend": True,
        "legend": LEGEND_AT_BOTTOM | {"font": {"size": 14}},
    }
