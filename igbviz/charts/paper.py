"""The paper's two figures over several seeds: classes by role, since each network favours a different one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from igbviz.charts import comparison as comparison_charts
from igbviz.charts.colors import LIGHT_NEUTRAL, NEUTRAL, ClassStyle, class_style
from igbviz.charts.interface.figures import chart
from igbviz.charts.interface.inputs import OfRun, OfRuns, one_of, settings_of, trajectory_of, wrong
from igbviz.charts.run import line_trace
from igbviz.charts.shared_axis import loss_change_marks, positions, shared_axis
from igbviz.charts.style import AXIS, FRACTION_TICKS, chance_line, frame, heading, literal, vertical_line
from igbviz.charts.time_axis import UNITS, TimeAxis, Unit
from igbviz.runs.run import Run
from igbviz.studies import comparison
from igbviz.studies.comparison import PANELS, Member
from igbviz.trajectory import Trajectory
from igbviz.trajectory.quantities import QUANTITIES

# Roles of classes: style, width of the line, and the values of the role from those of all classes (T, K).
ROLES: dict[str, tuple[ClassStyle, float, Callable[[np.ndarray, int], np.ndarray]]] = {
    "favoured at Init.": (class_style(1), 4, lambda values, favoured: values[:, favoured]),
    "highest of the others": (
        ClassStyle(class_style(0).color, (7, 3), ""),
        2.5,
        lambda values, favoured: np.delete(values, favoured, -1).max(-1),
    ),
    "median of the others": (
        ClassStyle(NEUTRAL, (2, 3), ""),
        2.5,
        lambda values, favoured: np.median(np.delete(values, favoured, -1), -1),
    ),
}


@chart
def untrained_by_rank(networks: Mapping[int, OfRun] | Sequence[Run], title: str = "") -> dict[str, Any]:
    """Figure 1 over seeds: the predicted probability at Init. by rank.

    >>> figure = igbviz.charts.untrained_by_rank([igbviz.submit("first-look")])

    Bars are means over networks with a range from min to max; dots are single networks, in the colour of the class that
    has this rank. `networks` are Runs, or a mapping of seeds to runs or trajectories with equally many classes. Raises
    ConfigError, one sentence, for an argument that is not allowed.
    """
    networks = _by_seed(networks)
    p = np.stack([trajectory.predicted_probability()[0] for trajectory in networks.values()]).astype(np.float32)
    names = [literal(name) for name in next(iter(networks.values())).class_names]
    order = np.argsort(-p, axis=1, kind="stable")
    ranked = np.take_along_axis(p, order, 1)
    mean, rank = ranked.mean(0), np.arange(1, p.shape[1] + 1)
    value_range = {
        "array": ranked.max(0) - mean,
        "arrayminus": mean - ranked.min(0),
        "symmetric": False,
        "thickness": 1.5,
        "color": NEUTRAL,
    }
    traces = [
        {
            "type": "bar",
            "x": rank,
            "y": mean,
            "marker": {"color": LIGHT_NEUTRAL, "line": {"color": NEUTRAL, "width": 1}},
            "error_y": value_range,
            "hovertemplate": f"rank %{{x}}: mean %{{y:.3f}} (n = {len(p)})<extra></extra>",
        }
    ]
    shifts = np.linspace(-0.2, 0.2, len(p)) if len(p) > 1 else [0.0]
    for shift, seed, values, classes in zip(shifts, networks, ranked, order, strict=True):
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": rank + shift,
                "y": values,
                "cliponaxis": False,
                "marker": {"color": [class_style(k).color for k in classes], "size": 9, "line": {"width": 0}},
                "hovertext": [f"seed {seed}: {names[k]}" for k in classes],
                "hovertemplate": "%{hovertext}  %{y:.4f}<extra></extra>",
            }
        )
    return {
        "data": traces,
        "layout": frame(340)
        | {
            "title": heading(title),
            "margin": {"l": 64, "r": 40, "t": 40, "b": 56},
            "showlegend": False,
            "bargap": 0.25,
            "xaxis": AXIS
            | {
                "tickvals": rank,
                "showgrid": False,
                "title": {"text": f"classes by rank at Init. (n = {len(p)} seeds)"},
            },
            "yaxis": AXIS
            | FRACTION_TICKS
            | {"range": [0, 1.02], "title": {"text": QUANTITIES["predicted_probability"].axis}},
            "shapes": [chance_line(1 / p.shape[1])],
            "hovermode": "closest",
            "uirevision": "kept",
            "meta": {
                "step": 0,
                "words": f"Untrained networks of {len(p)} seeds: predicted probability of their classes by rank",
            },
        },
    }


def _by_seed(networks: Mapping[int, OfRun] | Sequence[Run]) -> dict[int, Trajectory]:
    """The probes of each network by its seed, as far as it has any."""
    if not isinstance(networks, Mapping):
        runs = networks if isinstance(networks, list | tuple) else [networks]
        if not all(isinstance(run, Run) for run in runs):
            raise wrong("networks", networks, "a list of Runs, or a mapping of seeds to a Run or a Trajectory each")
        networks = {getattr(run.config, "seed", place): run for place, run in enumerate(runs)}
    found = {seed: trajectory_of(network, f"networks[{seed!r}]") for seed, network in networks.items()}
    found = {seed: trajectory for seed, trajectory in found.items() if len(trajectory)}
    if len({trajectory.classes for trajectory in found.values()}) != 1:
        raise wrong("networks", networks, "at least one probed network, all with equally many classes")
    return found


@chart
def bands(rows: OfRuns | Sequence[tuple[str, Sequence[Member]]], unit: Unit = "epoch") -> dict[str, Any]:
    """Figure 2 over seeds: one row per setting or (title, members), probability left, accuracy right.

    >>> runs = {loss: igbviz.submit(f"first-look-{loss}") for loss in ("cross-entropy", "blurry")}
    >>> figure = igbviz.charts.roles(runs)

    For each role of a class the median over seeds, and a band from min to max. The runs may be what `grid` takes.
    Raises ConfigError, one sentence, for an argument that is not allowed.
    """
    one_of("unit", unit, UNITS)
    if not (isinstance(rows, list | tuple) and rows and all(isinstance(row, tuple) for row in rows)):
        rows = [(literal(setting.label), setting.members) for setting in settings_of(rows, "rows")]
    all_members = [member for _, members in rows for member in members]
    axis, height = shared_axis(all_members, unit), comparison_charts.row_height(len(rows))
    inner = height * len(rows)
    traces, shapes, annotations, layout = [], [], [], {}
    for row, (title, members) in enumerate(rows):
        top = 1 - (row * height + comparison_charts.ROW_GAP) / inner
        for column, panel in enumerate(PANELS):
            number = str(2 * row + column + 1) if row or column else ""
            axes = {"xaxis": f"x{number}", "yaxis": f"y{number}"}
            for role in ROLES:
                traces += [trace | axes for trace in _role(members, panel, role, axis, named=not number)]
            left = column * (1 + comparison_charts.PANEL_GAP) / 2
            layout[f"xaxis{number}"] = (
                AXIS
                | axis.layout()
                | {
                    "domain": [left, left + (1 - comparison_charts.PANEL_GAP) / 2],
                    "anchor": f"y{number}",
                    "matches": "x" if number else None,
                }
            )
            if row < len(rows) - 1:
                layout[f"xaxis{number}"]["title"] = None
            layout[f"yaxis{number}"] = AXIS | FRACTION_TICKS | {
                "domain": [1 - (row + 1) * height / inner, top], "anchor": f"x{number}", "range": [-0.02, 1.02],
                "matches": "y" if number else None, "showline": False, "showticklabels": column == 0,
            }  # fmt: skip
            upright = axis.decorations()[0][:2]
            if axis.epochs >= 1:
                upright.append(vertical_line(1.0 if unit == "epoch" else axis.steps_per_epoch, "dash"))
            lines, labels = loss_change_marks(members, axis)
            upright += lines
            annotations += [annotation | {"xref": f"x{number}", "yref": f"y{number} domain"} for annotation in labels]
            shapes += [shape | {"xref": f"x{number}", "yref": f"y{number} domain"} for shape in upright]
            shapes.append(chance_line(1 / len(members[0].class_names), f"x{number} domain", yref=f"y{number}"))
        position = {
            "x": 0,
            "y": top,
            "xref": "paper",
            "yref": "paper",
            "xanchor": "left",
            "yanchor": "bottom",
            "showarrow": False,
        }
        annotations.append(
            position | {"text": f"<b>{title}</b>  n = {len(members)}", "font": {"size": 15}, "yshift": 2}
        )
    for column, panel in enumerate(PANELS):
        position = {
            "x": column * (1 + comparison_charts.PANEL_GAP) / 2,
            "y": 1,
            "xref": "paper",
            "yref": "paper",
            "xanchor": "left",
            "yanchor": "top",
        }
        annotations.append(
            position
            | {
                "text": f"<b>{QUANTITIES[panel].title}</b>",
                "showarrow": False,
                "font": comparison_charts.HEADING,
                "yshift": 3,
            }
        )
    last = max(int(member.step[-1]) for member in all_members)
    return {
        "data": traces,
        "layout": frame(inner + comparison_charts.TOP_MARGIN + comparison_charts.BOTTOM_MARGIN)
        | layout
        | {
            "dragmode": "zoom",
            "uirevision": "kept",
            "margin": {
                "l": comparison_charts.LEFT_MARGIN,
                "r": comparison_charts.RIGHT_MARGIN,
                "t": comparison_charts.TOP_MARGIN,
                "b": comparison_charts.BOTTOM_MARGIN,
            },
            "hovermode": "closest",
            "legend": {"orientation": "h", "x": 0, "y": 1 + 8 / inner, "yanchor": "bottom", "font": {"size": 13}},
            "shapes": shapes,
            "annotations": annotations,
            "meta": {
                "step": last,
                "words": f"{len(all_members)} runs in {len(rows)} rows: medians and ranges over seeds",
            },
        },
    }


def _role(members: Sequence[Member], panel: str, role: str, axis: TimeAxis, named: bool) -> list[dict[str, Any]]:
    """Lower edge, upper edge filled down to it, and median of a role."""
    style, width, values = ROLES[role]
    measured = [
        replace(member, measures={role: values(member.per_class[panel], member.favoured)}) for member in members
    ]
    summary = comparison.band(measured, role)
    x = positions(summary.step, members[0].steps_per_epoch, axis)
    line = line_trace(
        x,
        summary.median.astype(np.float32),
        np.stack([summary.step, summary.n, summary.low, summary.high], -1).astype(np.float32),
        role,
        style,
        width,
    )
    line["hovertemplate"] = (
        f"<b>{role}</b>  %{{y:.3f}} (%{{customdata[2]:.3f}} to %{{customdata[3]:.3f}}, n = %{{customdata[1]}})<br>"
        "step %{customdata[0]:,.0f}<extra></extra>"
    )
    line["showlegend"] = named
    return [*comparison_charts.band_edges(x, summary, style.color, role), line]
