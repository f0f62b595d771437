"""Figures of one run over time. No Streamlit, no files.

Time is on a log axis that begins at "Init.", the untrained network, because the first batches decide how a run goes. A
figure does not grow with its run: `thin` picks the probes to draw from a fixed grid in log time, so drawn points stay
in place. Backgrounds are transparent, so that a page can apply its own; `themed` does so for files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from igbviz.charts.colors import (
    LIGHT_NEUTRAL,
    NEUTRAL,
    NEUTRAL_TEXT,
    ClassStyle,
    class_style,
)
from igbviz.charts.interface.figures import chart
from igbviz.charts.interface.inputs import OfRun, Plan, one_of, place_of, plan_of, trajectory_of
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
from igbviz.charts.time_axis import UNITS, TimeAxis, Unit, planned
from igbviz.config import RecordedConfig, RunConfig
from igbviz.trajectory import Trajectory
from igbviz.trajectory.quantities import WRONG_LABELS, Quantity, quantity_named

SMALL_SHARE = 0.25  # of all: where no value is above, the axis ends before 1
MAX_LINES = 20  # with more classes, a band and its extremes are clearer than a hundred lines


WRONG_LABEL_STYLES = {
    "memorised": ClassStyle(class_style(1).color, (), ""),
    "resisted": ClassStyle(class_style(0).color, (7, 3), ""),
    "otherwise": ClassStyle(NEUTRAL_TEXT, (2, 3), ""),
}


@chart
def curves(
    trajectory: OfRun,
    quantity: str = "true_class_probability",
    *,
    steps_per_epoch: float | None = None,
    epochs: float | None = None,
    unit: Unit = "epoch",
    marks: Sequence[tuple[float, str]] = (),
    title: str | None = None,
    height: int = 480,
    legend: bool = True,
) -> dict[str, Any]:
    """A quantity over log time: one line per class, the class that the untrained network favours drawn thick.

    >>> run = igbviz.submit("first-look")
    >>> figure = igbviz.charts.curves(run, "accuracy")

    `trajectory` is a Run, a Trajectory or a list of snapshots; `quantity` a name of
    `igbviz.trajectory.quantities.QUANTITIES`. The axis reaches to the planned end, `epochs` of `steps_per_epoch` steps,
    which a Run knows, else to the last probe. `marks` are vertical lines at (epoch, label), by default where the loss
    of a Run changes. With more than MAX_LINES classes: the favoured one, the median, the band that holds 80 % of the
    classes, and the extremes. An empty `title` leaves its place free; `height` is in pixels. Raises ConfigError, one
    sentence, for an argument that is not allowed, RunError for a run that cannot be read.
    """
    definition = quantity_named(quantity)
    trajectory, axis, marks = _timed(trajectory, steps_per_epoch, epochs, unit, marks)
    favoured = trajectory[:1].favoured()
    drawn = trajectory.thinned()
    x, hover = axis.position(drawn.step), _hover(drawn)
    values = np.asarray(definition.values(drawn), dtype=np.float32)
    names = [literal(name) for name in trajectory.class_names]
    if not definition.per_class:
        traces = [line_trace(x, values, hover, definition.title, class_style(0), 3)]
    elif trajectory.classes > MAX_LINES:
        traces = summary_traces(x, values, hover, names, favoured)
    else:
        top = 1.0 if definition.share else float(np.nanmax(values, initial=1e-6))
        gap = 15 * top / max(height - 190, 60)  # 15 pixels of the height that margins and legend leave
        ends = spread_apart(values[-1], gap, 0.0, top) if len(drawn) else np.zeros(trajectory.classes)
        traces = []
        for k, name in enumerate(names):
            style, first = class_style(k), k == favoured
            label = f"{name} ★ favoured at Init." if first else name
            traces.append(line_trace(x, values[:, k], hover, label, style, 4.5 if first else 2, group=name))
            traces.append(_ends(x, values[:, k], ends[k], f"{name} ★" if first else name, style.color, name))
    return _in_time(traces, definition, trajectory, axis, marks, title, height, legend and definition.per_class)


@chart
def wrong_labels(
    trajectory: OfRun,
    *,
    steps_per_epoch: float | None = None,
    epochs: float | None = None,
    unit: Unit = "epoch",
    marks: Sequence[tuple[float, str]] = (),
    title: str | None = None,
    height: int = 480,
    legend: bool = True,
) -> dict[str, Any]:
    """Training images with a wrong label over log time: fractions memorised, resisted and otherwise, which sum to 1.

    Without wrong labels the lines have no points. The parameters are those of `curves`. Raises ConfigError and RunError
    like it.

    >>> run = igbviz.Run.open("fashion-mini-symmetric-noise-40-mlp-gce-s0-d7ffe96024")
    >>> figure = igbviz.charts.wrong_labels(run)
    """
    trajectory, axis, marks = _timed(trajectory, steps_per_epoch, epochs, unit, marks)
    drawn = trajectory.thinned() if trajectory.has_noise else trajectory[:0]
    x, hover = axis.position(drawn.step), _hover(drawn)
    values = np.asarray(WRONG_LABELS.values(drawn), dtype=np.float32)
    ends = spread_apart(values[-1], 15 / max(height - 190, 60), 0.0, 1.0) if len(drawn) else np.zeros(3)
    traces = []
    for k, (name, style) in enumerate(WRONG_LABEL_STYLES.items()):
        traces.append(line_trace(x, values[:, k], hover, name, style, 3, group=name))
        traces.append(_ends(x, values[:, k], ends[k], name, style.color, name))
    return _in_time(traces, WRONG_LABELS, trajectory, axis, marks, title, height, legend)


@chart
def bars(
    trajectory: OfRun,
    index: int = -1,
    quantity: str = "predicted_probability",
    *,
    title: str | None = None,
    height: int = 480,
) -> dict[str, Any]:
    """A quantity of every class at probe `index` as bars, on the same scale as `curves`, with the same parameters.

    >>> run = igbviz.submit("first-look")
    >>> figure = igbviz.charts.bars(run, index=0)  # at Init.

    Raises ConfigError and RunError like `curves`.
    """
    definition, trajectory = quantity_named(quantity), trajectory_of(trajectory)
    index = place_of("index", index, len(trajectory), "probes") if len(trajectory) else index
    favoured, names = trajectory[:1].favoured(), [literal(name) for name in trajectory.class_names]
    styles = [class_style(k) for k in range(trajectory.classes)]
    traces, when = [], ""
    if len(trajectory):
        probe = trajectory[[index]]
        values = np.asarray(definition.values(probe), dtype=np.float32).reshape(-1)
        step = int(probe.step[0])
        epoch = f" · epoch {probe.epoch[0]:.3g}" if probe.has_epochs else ""
        when = f"step {step:,}{epoch}" if step else "Init."
        texts = [f"{value:.2f}" for value in values] if trajectory.classes <= MAX_LINES else None
        marker: dict[str, Any] = {"color": NEUTRAL}
        if definition.per_class:
            pattern = {"shape": [style.pattern for style in styles], "fillmode": "replace", "size": 7, "solidity": 0.55}
            marker = {"color": [style.color for style in styles], "line": {"width": 0}, "pattern": pattern}
        traces = [
            {
                "type": "bar",
                "x": list(range(len(values))),
                "y": values,
                "marker": marker,
                "text": texts,
                "textposition": "outside",
                "cliponaxis": False,
                "hovertext": names if definition.per_class else [definition.title],
                "hovertemplate": f"<b>%{{hovertext}}</b><br>%{{y:.4f}}<br>{when}<extra></extra>",
            }
        ]
    figure = _figure(traces, definition, title, height, trajectory)
    labels = (
        [f"<b>{name} ★</b>" if k == favoured else name for k, name in enumerate(names)]
        if definition.per_class
        else [definition.title]
    )
    shown = [k for k in range(len(labels)) if len(labels) <= MAX_LINES or k == favoured]
    ticks = {"tickvals": shown, "ticktext": [labels[k] for k in shown], "range": [-0.6, len(labels) - 0.4]}
    # In a narrow window a browser sets the names in several rows: `standoff` keeps the axis title below them.
    figure["layout"]["xaxis"] |= ticks | {"showgrid": False, "title": {"text": when, "standoff": 6}}
    figure["layout"]["yaxis"] |= FRACTION_TICKS | {"range": [0, 1.02]} if definition.share else {"rangemode": "tozero"}
    figure["layout"] |= {"showlegend": False, "bargap": 0.25}
    figure["layout"]["margin"] |= {"r": 40}
    return figure


def _timed(
    value: OfRun, steps_per_epoch: float | None, epochs: float | None, unit: Unit, marks: Sequence[tuple[float, str]]
) -> tuple[Trajectory, TimeAxis, Sequence[tuple[float, str]]]:
    """The probes, their axis and their marks; what is not given is as in the plan of a Run."""
    one_of("unit", unit, UNITS)
    trajectory, plan = trajectory_of(value), plan_of(value, Plan(steps_per_epoch, epochs, marks))
    return trajectory, TimeAxis.of(trajectory, plan.steps_per_epoch, plan.epochs, unit), plan.marks


def _figure(
    traces, definition: Quantity, title: str | None, height: int, trajectory: Trajectory, shapes=(), annotations=()
) -> dict[str, Any]:
    named = any("text" in trace.get("mode", "") for trace in traces)  # lines that have their names at their ends
    title = definition.title if title is None else title
    chance = _chance(trajectory.classes) if definition.chance else ([], [])
    last = int(trajectory.step[-1]) if len(trajectory) else 0
    favoured = trajectory[:1].favoured()
    description = f"{title or definition.title}: {len(trajectory)} probes up to step {last}"
    if favoured is not None:
        description += f"; favoured at Init.: {trajectory.class_names[favoured]}"
    layout = {
        "title": heading(title),
        "margin": {"l": 64, "r": 96, "t": 62, "b": 8},
        "xaxis": dict(AXIS),
        "yaxis": AXIS | {"title": {"text": definition.axis}, "showline": False},
        "legend": dict(LEGEND_AT_BOTTOM),
        "hovermode": "closest",
        "hoverdistance": 30,
        "dragmode": "zoom",
        "shapes": [*shapes, *chance[0]],
        "annotations": [*annotations, *chance[1]],
        "uirevision": "kept",  # zoom and hidden classes belong to the viewer, whatever data comes
        "meta": {"step": last, "words": description, "named": named},
    }
    return {"data": traces, "layout": frame(height) | layout}


def _fractions(traces: list[dict[str, Any]], classes: int) -> dict[str, Any]:
    """An axis from 0 to 1; where many classes share what there is, up to a bit above the largest value, or twice 1/K.

    Otherwise 200 classes at 0.005 each are a flat line at the foot of the figure.
    """
    largest = max((float(np.nanmax(trace["y"], initial=2 / classes)) for trace in traces), default=1.0)
    if classes <= MAX_LINES or largest > SMALL_SHARE:
        return FRACTION_TICKS | {"range": [-0.02, 1.02]}
    return {"range": [-0.02 * largest, 1.1 * largest]}


def _in_time(
    traces,
    definition: Quantity,
    trajectory: Trajectory,
    axis: TimeAxis,
    marks,
    title: str | None,
    height: int,
    legend: bool,
) -> dict[str, Any]:
    figure = _figure(traces, definition, title, height, trajectory, *axis.decorations(marks))
    figure["layout"]["xaxis"] |= axis.layout()
    figure["layout"]["yaxis"] |= _fractions(traces, trajectory.classes) if definition.share else {"rangemode": "tozero"}
    figure["layout"]["showlegend"] = legend
    if definition.per_class and len(trajectory):
        figure["layout"]["meta"]["words"] += _extremes(definition, trajectory)
    figure["layout"]["margin"] |= {"t": 80 if marks else 62}
    return figure


def _extremes(definition: Quantity, trajectory: Trajectory) -> str:
    """The highest and the lowest class at the last probe, for those who cannot see the lines."""
    values = np.asarray(definition.values(trajectory[-1:]), dtype=np.float32)[0]
    if not np.isfinite(values).any():
        return ""
    high, low = int(np.nanargmax(values)), int(np.nanargmin(values))
    names = trajectory.class_names
    return f"; last: {names[high]} highest with {values[high]:.2g}, {names[low]} lowest with {values[low]:.2g}"


def _hover(drawn: Trajectory) -> np.ndarray:
    return np.stack([drawn.step, drawn.epoch, drawn.seconds], -1).astype(np.float32)


def line_trace(x, y, hover, label: str, style: ClassStyle, width: float, group: str = "") -> dict[str, Any]:
    value = "<b>%{fullData.name}</b>  %{y:.4f}<br>"
    epoch = "" if np.isnan(hover[-1:, 1]).any() else "epoch %{customdata[1]:.3g} · "
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "customdata": hover,
        "name": label,
        "legendgroup": group or label,
        "line": {"color": style.color, "dash": style.dashed(width), "width": width},
        "hovertemplate": f"{value}step %{{customdata[0]:,.0f}} · {epoch}%{{customdata[2]:.1f}} s<extra></extra>",
    }


def _ends(x, y, label_y: float, label: str, color: str, group: str) -> dict[str, Any]:
    """Dots at the first and the last value of a class, and its name beside the last; hidden together with its line."""
    at = [0, -1, -1] if len(x) else []
    return {
        "type": "scatter",
        "mode": "markers+text",
        "x": x[at],
        "y": np.append(y[at[:2]], np.float32([label_y] * bool(at))),
        "text": ["", "", f"\u00a0\u00a0{label}"],
        "textposition": "middle right",
        "textfont": {"color": color, "size": SMALL},
        "marker": {"color": color, "size": [7, 7, 0], "opacity": 1, "line": {"width": 0}},
        "legendgroup": group,
        "showlegend": False,
        "hoverinfo": "skip",
        "cliponaxis": False,
    }


def summary_traces(x, values: np.ndarray, hover, names: Sequence[str], favoured: int | None) -> list[dict[str, Any]]:
    """Many classes as six traces, a number that does not change while the run grows."""
    if len(values):
        low, tenth, median, ninetieth, high = np.nanquantile(values, [0, 0.1, 0.5, 0.9, 1], axis=1).astype(np.float32)
    else:
        low = tenth = median = ninetieth = high = np.empty(0, np.float32)
    plain, dotted = ClassStyle(NEUTRAL, (), ""), ClassStyle(NEUTRAL, (2, 3), "")
    edge = {"line": {"width": 0}, "hoverinfo": "skip", "hovertemplate": None}
    upper = line_trace(x, ninetieth, hover, "80 % of the classes", plain, 0) | edge | {"showlegend": False}
    lower = (
        line_trace(x, tenth, hover, "80 % of the classes", plain, 0)
        | edge
        | {"fill": "tonexty", "fillcolor": LIGHT_NEUTRAL}
    )
    extremes = [
        line_trace(x, y, hover, name, dotted, 1.5) for y, name in ((high, "highest class"), (low, "lowest class"))
    ]
    favoured_values = values[:, favoured] if favoured is not None else low
    name = "favoured at Init." if favoured is None else f"{names[favoured]} ★ favoured at Init."
    median = line_trace(x, median, hover, "median class", plain, 3)
    return [
        upper,
        lower,
        *extremes,
        median,
        line_trace(x, favoured_values, hover, name, class_style(favoured or 0), 4.5),
    ]


def spread_apart(targets: np.ndarray, gap: float, low: float, high: float) -> np.ndarray:
    """Positions of labels at least `gap` apart: midway between pushing up only and pushing down only from `targets`."""
    order = np.argsort(targets, kind="stable")
    offset = gap * np.arange(len(targets))
    free = np.nan_to_num(targets)[order] - offset
    up, down = np.maximum.accumulate(free), np.minimum.accumulate(free[::-1])[::-1]
    positions = np.empty(len(targets))
    positions[order] = offset + np.clip((up + down) / 2, low, max(low, high - offset[-1]))
    return positions


def _chance(classes: int) -> tuple[list[dict], list[dict]]:
    """Shape and annotation of the line at 1/K."""
    # On the left among the ticks; with many classes it would cover the 0 there, and the right is free of line labels.
    side = (
        {"x": 1, "xanchor": "left", "xshift": 4} if classes > MAX_LINES else {"x": 0, "xanchor": "right", "xshift": -4}
    )
    annotation = side | {"xref": "paper", "y": 1 / classes, "text": "1/K", "showarrow": False}
    return [chance_line(1 / classes)], [annotation | {"font": {"size": SMALL}}]


WRONG_LABELS_CHART = "wrong_labels"  # selects the chart of the three fractions in `run_curves`, instead of a quantity


def run_curves(
    trajectory: Trajectory,
    config: RunConfig | RecordedConfig,
    quantity: str,
    unit: Unit = "epoch",
    *,
    steps_per_epoch: int | None,
    **options: Any,
) -> dict[str, Any]:
    """`curves.spec` with the planned length of the run and a line where its loss changes; `options` are passed on.

    `steps_per_epoch` is that of the run (`Run.steps_per_epoch`): an axis that changed with the second probe would reset
    the viewer's zoom.
    """
    epochs, marks = planned(config, steps_per_epoch)
    plan = {"steps_per_epoch": steps_per_epoch, "epochs": epochs, "unit": unit, "marks": marks} | options
    if quantity == WRONG_LABELS_CHART:
        return wrong_labels.spec(trajectory, **plan)
    return curves.spec(trajectory, quantity, **plan)
