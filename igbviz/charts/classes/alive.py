"""When each class comes alive: from which step on at least chance, 1/K, of its images are guessed right."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import Any

import numpy as np

from igbviz.charts.colors import LIGHT_NEUTRAL, class_style, shade
from igbviz.charts.interface.figures import chart
from igbviz.charts.interface.inputs import OfRun, OfRuns, members_of, one_of, settings_of, trajectory_of
from igbviz.charts.run import MAX_LINES
from igbviz.charts.shared_axis import loss_change_marks, positions, shared_axis
from igbviz.charts.style import AXIS, SMALL, frame, literal
from igbviz.charts.time_axis import UNITS, TimeAxis, Unit
from igbviz.spec import ConfigError
from igbviz.studies.alive import alive_steps, sentence
from igbviz.studies.comparison import Member, Setting
from igbviz.trajectory import Trajectory

ROW, MAX_ROWS_HEIGHT = 24, 20 * 24  # pixels of a class, and of all where there are many
LINE, GAP, BOTTOM = 18, 14, 58  # pixels of a line above a panel, above these lines, and below the last panel
WIDTH = 46  # characters that fit into the plot on a phone
NEVER, NOT_YET = "never", "not yet"  # the name of the column, the second one while a run goes on
MAX_SEEDS_APART = 0.3  # of a row, above and below its middle


@chart
def alive(runs: OfRuns | OfRun, unit: Unit = "epoch") -> dict[str, Any]:
    """One row per class: a dot at the step from which its accuracy stays at 1/K or above, a bar up to it.

    >>> figure = igbviz.charts.alive(igbviz.submit("first-look"))

    The classes are sorted by this step; those that never come alive have a bar up to a column for never. Several seeds
    of a setting are a dot each, the bar then ends at their median; several settings are panels below each other. `runs`
    may also be one run, trajectory or list of snapshots. Raises ConfigError, one sentence, for an argument that is not
    allowed, RunError for a run that cannot be read.
    """
    one_of("unit", unit, UNITS)
    settings = settings_of({"": trajectory_of(runs, "runs")} if _is_one(runs) else runs)
    members = members_of(settings)
    if not all(member.outcome.alive_steps for member in members):
        raise ConfigError((("runs",), "hold one that does not say when its classes came alive, allowed: runs that do"))
    axis = shared_axis(members, unit)
    wall, never, edge = axis.last * 10**0.12, axis.last * 10**0.3, axis.last * 10**0.48  # positions beyond the scale
    headings = [_heading(setting, len(settings) > 1) for setting in settings]
    rows = [_row(len(setting.members[0].class_names)) for setting in settings]
    above = [GAP + LINE * len(lines) for lines in headings]
    heights = [
        free + row * len(setting.members[0].class_names)
        for free, row, setting in zip(above, rows, settings, strict=True)
    ]
    inner, used = sum(heights), 0.0
    traces: list[dict[str, Any]] = []
    column_name = NEVER if all(member.ended for member in members) else NOT_YET
    column = {"type": "rect", "x0": wall, "x1": edge, "y0": 0, "y1": 1, "yref": "paper", "line": {"width": 0}}
    upright = [
        *axis.decorations()[0][:2],
        *loss_change_marks(members, axis)[0],
        column | {"fillcolor": LIGHT_NEUTRAL, "layer": "below"},
    ]
    layout: dict[str, Any] = {"shapes": [], "annotations": []}
    for place, (setting, row, height) in enumerate(zip(settings, rows, heights, strict=True)):
        number = str(place + 1) if place else ""
        names, order = setting.members[0].class_names, sorted_classes(setting.members)
        traces += [trace | {"yaxis": f"y{number}"} for trace in _panel(setting.members, order, axis, never, row >= ROW)]
        top, used = 1 - (used + above[place]) / inner, used + height
        favoured = {member.favoured for member in setting.members}
        labels = [f"{literal(names[k])}{' ★' if favoured == {k} else ''}" for k in order]
        shown = [at for at in range(len(order)) if row >= ROW or at in (0, len(order) - 1) or favoured == {order[at]}]
        layout[f"yaxis{number}"] = AXIS | {
            "domain": [max(0.0, 1 - used / inner), top],
            "range": [len(order) - 0.4, -0.6],
            "tickvals": shown,
            "ticktext": [labels[at] for at in shown],
            "ticklen": 6,
            "tickcolor": "rgba(0,0,0,0)",
            "showline": False,
            "showgrid": row >= ROW,
            "automargin": True,
            "fixedrange": True,
        }
        layout["shapes"] += [shape | {"yref": f"y{number} domain"} for shape in upright]
        note = {"x": 0, "xref": "paper", "xanchor": "left", "align": "left", "showarrow": False, "yshift": 4}
        note |= {"y": top, "yref": "paper", "yanchor": "bottom", "font": {"size": SMALL}}
        layout["annotations"].append(note | {"text": "<br>".join(headings[place])})
        if place < len(settings) - 1:  # the axis that names the column may be out of sight
            above_column = {
                "x": float(np.log10(never)),
                "xref": "x",
                "xanchor": "center",
                "text": f"<b>{column_name}</b>",
            }
            layout["annotations"].append(note | above_column)
    ticks, tick_labels = axis.ticks()
    title = "steps" if axis.unit == "step" else "epochs"  # short: on a phone there is room for little more
    words = " ".join(f"{setting.label}: {sentence(setting.members)}".removeprefix(": ") for setting in settings)
    return {
        "data": traces,
        "layout": frame(round(inner + BOTTOM))
        | layout
        | {
            "xaxis": AXIS
            | axis.layout()
            | {
                "range": [axis.left, float(np.log10(edge))],
                "tickvals": [*ticks, never],
                "ticktext": [*tick_labels, f"<b>{column_name}</b>"],
                "title": {"text": f"{title} until a class stays alive (log scale)", "standoff": 6},
                "anchor": f"y{len(settings)}" if len(settings) > 1 else "y",
            },
            "margin": {"l": 48, "r": 16, "t": 0, "b": BOTTOM},
            "showlegend": False,
            "hovermode": "closest",
            "uirevision": "kept",
            "meta": {"words": f"When each class comes alive. {words}"},
        },
    }


def _is_one(runs: Any) -> bool:
    """Whether this is what one run has recorded, rather than several runs."""
    return isinstance(runs, Trajectory | np.ndarray) or (
        isinstance(runs, list | tuple) and len(runs) > 0 and all(isinstance(record, np.void) for record in runs)
    )


def _row(classes: int) -> float:
    return ROW if classes <= MAX_LINES else MAX_ROWS_HEIGHT / classes


def sorted_classes(members: Sequence[Member]) -> np.ndarray:
    """(K,) the classes by their median step over the seeds, then by the last one: the first to come alive on top."""
    steps = alive_steps(members)
    return np.lexsort((steps.max(0), np.median(steps, 0)))


def _panel(
    members: Sequence[Member], order: np.ndarray, axis: TimeAxis, never: float, is_named: bool
) -> list[dict[str, Any]]:
    """A bar per class from Init. to the median step, in one trace per color, and the dots of all seeds above them."""
    steps = alive_steps(members)
    per_epoch = members[0].steps_per_epoch

    def place(step: np.ndarray) -> np.ndarray:
        finite = positions(np.where(np.isinf(step), 1, step), per_epoch, axis)
        return np.where(np.isinf(step), never, finite)

    ends = place(np.median(steps, 0))
    colors = [class_style(k).color for k in range(steps.shape[1])]
    bars: dict[str, tuple[list[float | None], list[int | None]]] = {}
    for row, k in enumerate(order):
        x, y = bars.setdefault(colors[k], ([], []))
        x += [axis.init, float(ends[k]), None]
        y += [row, row, None]
    width = 8 if is_named else 2
    traces = [
        {
            "type": "scatter",
            "mode": "lines",
            "x": x,
            "y": y,
            "line": {"color": shade(color, 0.3), "width": width},
            "hoverinfo": "skip",
        }
        for color, (x, y) in bars.items()
    ]
    n = len(members)
    shifts = np.linspace(-MAX_SEEDS_APART, MAX_SEEDS_APART, n) if n > 1 and is_named else np.zeros(n)
    for member, shift, own in zip(members, shifts, steps, strict=True):
        missing = "never stays alive" if member.ended else "is not alive yet"
        when = [missing if np.isinf(step) else f"alive from {f'step {step:,.0f}' if step else 'Init.'}" for step in own]
        seed = f"<br>{member.seed_in_words}" if n > 1 else ""
        traces.append({
            "type": "scatter",
            "mode": "markers",
            "x": place(own[order]),
            "y": np.arange(len(order)) + shift,
            "marker": {
                "color": [colors[k] for k in order],
                "size": (12 if n == 1 else 9) if is_named else 4,
                "symbol": ["x" if np.isinf(own[k]) else "circle" for k in order],
                "line": {"width": 0},
            },
            "cliponaxis": False,
            "hovertext": [f"<b>{literal(member.class_names[k])}</b>  {when[k]}{seed}" for k in order],
            "hovertemplate": "%{hovertext}<extra></extra>",
        })  # fmt: skip
    return traces


def _heading(setting: Setting, has_label: bool) -> list[str]:
    """The name of a panel, and what came of it, in lines that a phone has room for."""
    name = [f"<b>{literal(setting.label)}</b>"] * bool(has_label and setting.label)
    return [*name, *map(literal, wrap(sentence(setting.members), WIDTH))]
