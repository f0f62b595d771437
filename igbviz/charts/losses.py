"""Figures of losses: force, value and slope over p, and the gradient on the logits. Arrays in, plotly figures out.

The force w(p) = -p f'(p) is the gradient on the true class's logit in units of cross-entropy's, whose force is 1
everywhere. Where it is negative the true class is pushed down; where its size is under 1 % the gradient counts as zero.
Figures over p can have the histogram of a run's images on the same axis. Everything is numpy; nothing is trained.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from igbviz.charts.colors import DASHES, LIGHT, LIGHT_NEUTRAL, NEUTRAL, ClassStyle, class_style, shade
from igbviz.charts.image_histogram import LEFT_EDGE, image_bars, image_histogram
from igbviz.charts.interface.figures import chart
from igbviz.charts.interface.inputs import OfLosses, OfRun, losses_of, one_of, place_of, trajectory_of, wrong
from igbviz.charts.style import SMALL, frame, literal
from igbviz.losses import LOSSES, Loss, LossOfP
from igbviz.losses.force import ZONES, Zone, one_favoured
from igbviz.trajectory import Trajectory

# Zones are labelled in the figure, so that colour is not the only cue.
ZONE_COLORS = {"right": shade(LIGHT[0], 0.1), "silent": shade(NEUTRAL, 0.3), "wrong": shade(LIGHT[1], 0.2)}
MAX_ZONES = 24  # the zones of a formula that oscillates more often are not shaded
# The labels of zones are in lines of 12 pixels above the plot, where no curve crosses them. A label is left out where
# it would not fit on a phone, whose plot is this wide; the letters are about this wide.
NARROW_PLOT, LETTER_WIDTH = 246, 5.6  # pixels
TITLE_GAP = 0.1  # of the plot's height, between histogram and curves: the place of the title of their common axis
OWN_STYLE = 38  # a solid line, and not in the blue of cross-entropy
LEAD_HEIGHT, PANEL_GAP = 500, 0.1  # pixels of the figure over leads; between its panels, as a fraction of the plot
LEADS = np.linspace(0, 40, 161)  # logits


@dataclass(frozen=True)
class LossCurve:
    """A function of p that every loss of p has, with its title and the range of its axis."""

    title: str
    axis: str
    caption: str
    values: Callable[[LossOfP, np.ndarray], np.ndarray]  # of log p, elementwise
    min_range: tuple[float, float]  # always within the vertical axis
    max_extent: float  # limit of the vertical axis, in units of the largest value above p = 0.05


LOSS_CURVES = {
    "weight": LossCurve(
        "Force w(p)",
        "force w(p) = −p f′(p)",
        "Force on the logit of an image's true class when this class has probability p, in units of cross-entropy's. "
        "At 1 the gradient is that of cross-entropy; below 0 the true class is pushed further down. Zero gradient "
        "(ignored) means under 1 % of cross-entropy's.",
        lambda loss, log_p: loss.weight(log_p, np),
        min_range=(-0.2, 1.1),
        max_extent=5,
    ),
    "value": LossCurve(
        "Loss f(p)",
        "loss f(p)",
        "Loss of an image when its true class has probability p. Training descends it: where the line is flat the "
        "gradient is zero, and where it rises to the right, a higher p costs more.",
        lambda loss, log_p: loss.f(log_p, np),
        min_range=(0, 1),
        max_extent=5,
    ),
    "slope": LossCurve(
        "Slope dL/dp",
        "slope dL/dp",
        "Derivative of the loss with respect to p. Below 0 the loss rewards a higher p, above 0 it penalizes it. The "
        "softmax multiplies the slope by p on the way to the logits, so compare forces, not slopes.",
        lambda loss, log_p: -loss.weight(log_p, np) * np.exp(-log_p),
        min_range=(-1, 0.2),
        max_extent=1,
    ),
}


def loss_style(name: str) -> ClassStyle:
    """The style of a loss, the same in every figure, by its index in the registry.

    As for classes, but after twenty the dashes shift by one, which gives forty styles. A formula of one's own has one
    that no other loss has in its color, since it is compared with all of them.
    """
    return _style(OWN_STYLE if name == "custom" else list(LOSSES).index(name))


def _style(k: int) -> ClassStyle:
    return class_style(k)._replace(dash=DASHES[(k // 5 + k // 20) % len(DASHES)])


def _styles(chosen: Mapping[str, Loss]) -> dict[str, ClassStyle]:
    """The styles of losses; those under names of their own have the ones that the registry leaves free."""
    own = [name for name in chosen if name not in LOSSES]
    return {name: _style(OWN_STYLE + 1 - own.index(name)) if name in own else loss_style(name) for name in chosen}


def _title_of(chosen: Mapping[str, Loss], name: str) -> str:
    """The title of a loss in the legend: its own under its own name, else the name that it was given."""
    return chosen[name].title if name == chosen[name].name else literal(name)


def short(number: float) -> str:
    """A number with at most three digits, or two and a power of ten: '0.056', '2.4e8', '3e-9'; nothing for NaN."""
    if number != number:
        return ""
    if number == 0 or 1e-4 <= abs(number) < 1e4:
        return f"{number:.3g}"
    digits, power = f"{number:.1e}".split("e")
    return f"{digits.removesuffix('.0')}e{int(power)}"


@chart
def over_p(
    chosen: OfLosses,
    quantity: str = "weight",
    *,
    log: bool = True,
    shaded: Sequence[Zone] = (),
    marks: Sequence[tuple[float, str]] = (),
    run: tuple[OfRun, int, int | None] | None = None,
    height: int = 440,
) -> dict[str, Any]:
    """A quantity of every chosen loss of p over p, `quantity` a name of LOSS_CURVES.

    >>> figure = igbviz.charts.loss_curves(["cross-entropy", {"name": "gce", "q": 0.5}], "weight")

    `chosen` are losses, their names or their fields, or a mapping of names to losses; those that are not a function of
    p alone are left out.

    `shaded` are the zones of one loss and `marks` vertical lines at (p, label). `run` adds a histogram of its images at
    one probe above, on the same axis: (run or trajectory, index of the probe, class or None for all). Raises
    ConfigError, one sentence, for an argument that is not allowed.
    """
    one_of("quantity", quantity, LOSS_CURVES)
    chosen, run = losses_of(chosen), _with_images(run)
    definition, styles = LOSS_CURVES[quantity], _styles(chosen)
    p = np.geomspace(LEFT_EDGE, 1, 781) if log else np.linspace(0, 1, 801)
    with np.errstate(all="ignore"):
        log_p = np.log(np.maximum(p, 1e-12))
        drawn = {name: definition.values(loss.of_p, log_p) for name, loss in chosen.items() if loss.of_p is not None}
    traces = [
        _line(
            p, values, name, _title_of(chosen, name), styles[name], f"p = %{{x:.3g}}<br>{definition.title} = %{{y:.4g}}"
        )
        for name, values in drawn.items()
    ]
    layout = _layout(height, f"{definition.title} of {len(drawn)} losses over the probability p of the true class")
    layout["uirevision"] = f"{quantity} {log}"
    log_axis = {
        "type": "log",
        "range": [np.log10(LEFT_EDGE), 0.02],
        "dtick": 1,
        "exponentformat": "power",
        "showexponent": "all",
    }
    layout["xaxis"] |= log_axis if log else {"range": [-0.01, 1.01], "dtick": 0.1}
    layout["xaxis"] |= {"anchor": "y"}
    top = 0.58 if run else 1.0 - TITLE_GAP
    layout["yaxis"] |= {
        "title": {"text": definition.axis},
        "domain": [0, top],
        "range": _range(definition, p, drawn),
        "zeroline": True,
    }
    layout["shapes"], layout["annotations"] = _decorations(shaded, marks, log, top)
    # Below the ticks, where its rows take as much of the height as they need in a narrow window.
    layout["legend"] |= {"orientation": "h", "x": 0, "y": -0.11, "yanchor": "top"}
    layout["margin"] |= {"t": 24 + 16 * len(marks), "b": 30}
    if run:
        traces += [bar | {"showlegend": False} for bar in image_bars(*run, log)]
        layout["yaxis2"] = layout["yaxis"] | {
            "domain": [top + TITLE_GAP, 1],
            "title": {"text": "images"},
            "tickformat": ".0%",
        }
        layout["yaxis2"] |= {"range": [0, 1.05 * _tallest_bar(*run, log)], "rangemode": "tozero", "nticks": 4}
    return {"data": traces, "layout": layout}


def _with_images(run: tuple[OfRun, int, int | None] | None) -> tuple[Trajectory, int, int | None] | None:
    if run is None:
        return None
    trajectory, index, single_class = trajectory_of(run[0], "run"), *run[1:]
    place_of("run[1]", index, len(trajectory), "probes")
    if single_class is not None:
        place_of("run[2]", single_class, trajectory.classes, "classes")
    return trajectory, index, single_class


def _tallest_bar(trajectory: Trajectory, _: int, single_class: int | None, log: bool) -> float:
    """The tallest bar of the histogram at any probe, so that its axis stays the same at all of them."""
    tallest = 0.0
    for index in range(len(trajectory)):
        fractions = image_histogram(trajectory, index, log)[1]
        bars = fractions.sum(0) if single_class is None else fractions[single_class] / fractions[single_class].sum()
        tallest = max(tallest, float(bars.max()))
    return tallest


@chart
def over_lead(chosen: OfLosses, classes: int = 10) -> dict[str, Any]:
    """Gradient on three kinds of logits against the lead of the favoured class, which is not the true one.

    >>> figure = igbviz.charts.over_lead(["cross-entropy", "mae"])

    The lead is that of its logit over all others, which are equal. A loss that is much stronger than the others leaves
    the plot; the legend says how far. The panels are below each other, since a phone has no room for three in a row.
    `chosen` may be what `over_p` takes, here of any kind. Raises ConfigError for anything else, and for fewer than two
    classes.
    """
    chosen = losses_of(chosen)
    if classes < 2:
        raise wrong("classes", classes, "a whole number of at least 2")
    slopes = {
        name: loss.gradient(one_favoured(LEADS, classes), np.zeros(len(LEADS), np.int64))
        for name, loss in chosen.items()
        if loss.runs_on_numpy
    }
    styles = _styles(chosen)
    panels = ("true class", "favoured class", "each other class")[: min(classes, 3)]
    words = f"Gradient of {len(slopes)} losses on {classes} logits over the lead of the favoured class"
    layout = _layout(LEAD_HEIGHT, words)
    traces: list[dict[str, Any]] = []
    layout["annotations"] = []
    largest = {name: float(np.abs(table[LEADS >= 1]).max()) for name, table in slopes.items()}
    limit = _limit(list(largest.values()))
    titles = {
        name: _title_of(chosen, name) + (f" (off the scale: up to ±{short(size)})" if size > limit else "")
        for name, size in largest.items()
    }
    step = (1 + PANEL_GAP) / len(panels)
    for row, panel in enumerate(panels):
        number, top = "" if row == 0 else str(row + 1), 1 - row * step
        for name, table in slopes.items():
            line = _line(
                LEADS, table[:, row], name, titles[name], styles[name], f"{panel}, lead %{{x:g}}<br>gradient %{{y:.4g}}"
            )
            traces.append(line | {"yaxis": f"y{number}", "showlegend": row == 0})
        layout[f"yaxis{number}"] = layout["yaxis"] | {
            "domain": [max(0.0, top - step + PANEL_GAP), top],
            "range": [-limit, limit],
            "zeroline": True,
            "nticks": 5,
            "matches": "y" if row else None,
            "title": {"text": "gradient on the logit" if row == len(panels) // 2 else ""},
        }
        title = {"x": 0, "y": top, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom"}
        layout["annotations"].append(title | {"text": f"<b>{panel}</b>", "showarrow": False})
    layout["xaxis"] |= {"range": [-0.5, 40.5], "anchor": f"y{len(panels)}" if len(panels) > 1 else "y"}
    layout["xaxis"]["title"] = {"text": "lead of the favoured logit over all others", "standoff": 6}
    # Below the title of the axis; in a narrow window its rows shrink the panels.
    layout["legend"] |= {"orientation": "h", "x": 0, "y": -60 / (LEAD_HEIGHT - 120), "yanchor": "top"}
    return {"data": traces, "layout": layout}


def _range(definition: LossCurve, p: np.ndarray, drawn: Mapping[str, np.ndarray]) -> list[float]:
    """Bottom and top of the vertical axis: all of every curve, unless it diverges towards p = 0."""
    values = np.array([np.where(np.isfinite(line), line, 0) for line in drawn.values()] or [[0.0] * len(p)])
    limit = definition.max_extent * np.abs(values[:, p >= 0.05]).max()
    low = min(definition.min_range[0], max(values.min(), -limit))
    high = max(definition.min_range[1], min(values.max(), limit))
    return [float(low - 0.04 * (high - low)), float(high + 0.04 * (high - low))]


def _limit(largest: Sequence[float]) -> float:
    """A limit of the axis within which the strongest loss fits, unless the others would look flat beside it."""
    return float(1.1 * min(max(largest, default=1.0), max(3.0, 3 * min(largest, default=1.0))))


def _line(x: np.ndarray, y: np.ndarray, name: str, title: str, style: ClassStyle, hover: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x.astype(np.float32),
        "y": np.where(np.isfinite(y), y, np.nan).astype(np.float32),
        "name": title,
        "legendgroup": name,
        "line": {"color": style.color, "dash": style.dashed(3), "width": 3},
        "hovertemplate": f"<b>%{{fullData.name}}</b><br>{hover}<extra></extra>",
    }


def _decorations(
    shaded: Sequence[Zone], marks: Sequence[tuple[float, str]], log: bool, top: float
) -> tuple[list, list]:
    """Shapes and annotations for labelled zones and vertical lines."""
    shapes: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    labels: list[_ZoneLabel] = []
    left, right = (np.log10(LEFT_EDGE), 0.0) if log else (0.0, 1.0)

    def position(p: float) -> float:
        """p in the coordinates of annotations, which on a log axis are decades."""
        return float(np.clip(np.log10(max(p, LEFT_EDGE)) if log else p, left, right))

    for zone in shaded if len(shaded) <= MAX_ZONES else ():
        label = ZONES[zone.kind]
        low, high = position(zone.low), position(zone.high)
        x0, x1 = (10**low, 10**high) if log else (low, high)
        band = {
            "type": "rect",
            "x0": x0,
            "x1": x1,
            "y0": 0,
            "y1": 1,
            "yref": "paper",
            "line": {"width": 0},
            "layer": "below",
        }
        shapes.append(band | {"fillcolor": ZONE_COLORS[zone.kind]})
        placed = _zone_label(label.removeprefix("pushes the "), *((end - left) / (right - left) for end in (low, high)))
        if placed and not any(placed.box[0] < other.box[1] and other.box[0] < placed.box[1] for other in labels):
            labels.append(placed)
    for label in labels:
        at = {"x": label.x, "xref": "paper", "xanchor": label.anchor, "y": 1, "yref": "paper", "yanchor": "bottom"}
        annotations.append(at | {"text": label.text, "showarrow": False, "font": {"size": SMALL}})
    title = {"text": "probability p of the true class", "showarrow": False, "font": {"size": 13}}
    title |= {"x": 0.5, "xref": "paper", "y": top + TITLE_GAP / 2, "yref": "paper", "yanchor": "middle"}
    annotations.append(title)
    if log:
        # At the very end of the axis, clear of the first tick.
        less = {"x": np.log10(LEFT_EDGE), "y": 0, "yref": "paper", "yanchor": "top", "yshift": -7, "text": "less"}
        annotations.append(less | {"xanchor": "center", "showarrow": False})
    for row, (p, label) in enumerate(marks):
        if log and p < LEFT_EDGE:  # off the axis: an arrow that points out of the plot instead of a line at its edge
            annotation = {
                "x": left,
                "y": 1,
                "yref": "paper",
                "yshift": 26 + 16 * row,
                "ax": 34,
                "ay": 0,
                "xanchor": "left",
                "text": label,
            }
            annotations.append(
                annotation
                | {"showarrow": True, "arrowhead": 2, "arrowwidth": 1.5, "arrowcolor": NEUTRAL, "font": {"size": SMALL}}
            )
            continue
        x = 10 ** position(p) if log else position(p)
        line = {"color": NEUTRAL, "dash": ("dot", "dash")[row % 2], "width": 1.5}
        panels = ((0, top), (top + TITLE_GAP, 1))  # not through the title between them
        shapes += [
            {"type": "line", "x0": x, "x1": x, "y0": low, "y1": high, "yref": "paper", "line": line}
            for low, high in panels
        ]
        side = "left" if position(p) < (left + right) / 2 else "right"
        annotations.append({
            "x": position(p), "y": 1, "yref": "paper", "yanchor": "bottom", "xanchor": side, "yshift": 18 + 16 * row,
            "text": label, "showarrow": False, "font": {"size": SMALL},
        })  # fmt: skip
    return shapes, annotations


class _ZoneLabel(NamedTuple):
    text: str
    x: float  # of the plot's width
    anchor: str
    box: tuple[float, float]  # left and right end on a phone, of the plot's width


def _zone_label(text: str, low: float, high: float) -> _ZoneLabel | None:
    """The label of a zone between two fractions of the plot's width; None if the zone is too narrow for it.

    At the sides of the plot it may reach beyond the zone, but not beyond the plot.
    """
    width = LETTER_WIDTH * len(text) / NARROW_PLOT
    if high >= 0.99 and low > 0.01:
        return _ZoneLabel(text, 1, "right", (1 - width, 1)) if high - low > 0.025 else None
    if low <= 0.01 and high < 0.99:
        return _ZoneLabel(text, 0, "left", (0, width)) if high - low > 0.025 else None
    middle = (low + high) / 2
    return _ZoneLabel(text, middle, "center", (middle - width / 2, middle + width / 2)) if high - low > width else None


def _layout(height: int, description: str) -> dict[str, Any]:
    axis = {
        "gridcolor": LIGHT_NEUTRAL,
        "zeroline": False,
        "zerolinecolor": NEUTRAL,
        "zerolinewidth": 1.5,
        "linecolor": NEUTRAL,
    }
    axis |= {"ticks": "outside", "tickcolor": NEUTRAL}
    return frame(height) | {
        "margin": {"l": 70, "r": 20, "t": 34, "b": 56},
        "xaxis": dict(axis),
        "yaxis": dict(axis),
        "legend": {"font": {"size": SMALL}, "groupclick": "togglegroup"},
        "hovermode": "closest",
        "hoverdistance": 30,
        "barmode": "stack",
        "uirevision": "kept",
        "meta": {"words": description},
    }
