"""Figures of the mean-field theory: maps of the (sigma_w2, sigma_b2) plane, and curves over depth at one point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from igbviz import theory
from igbviz.charts.colors import LIGHT_NEUTRAL, NEUTRAL, class_style
from igbviz.charts.interface.arguments import is_number
from igbviz.charts.interface.figures import chart
from igbviz.charts.interface.inputs import one_of, wrong
from igbviz.charts.style import SMALL, annotation, frame, heading

GRID = 100  # points per side of a map
LINES = 60  # points per line across it
EDGE = "edge of chaos"
# Lines of equal bias: the cuts between the regimes of two classes.
LEVELS = {"γ* = 1": (theory.PREJUDICE_CUT, "dash"), "γ* = 11.9": (theory.DEEP_PREJUDICE_CUT, "dot")}


# White on a dark ground can be read on every color of a map, on light and on dark pages; without the rim in the color
# of the page that other texts get.
LINE_LABEL = {
    "font": {"size": 13, "color": "#ffffff", "shadow": "none"},
    "bgcolor": "rgba(20,20,20,0.72)",
    "borderpad": 2,
}
# The heights at which the lines are named, as fractions of the map: apart from each other where the lines are close.
LABEL_HEIGHTS = (0.88, 0.6, 0.3)


@dataclass(frozen=True)
class MapQuantity:
    """A quantity that colours the plane; `short` is its title on a button.

    `log` maps show log10; `centre` is the middle of a diverging colour scale.
    """

    title: str
    short: str
    bar: str
    caption: str
    log: bool = False
    low: float | None = None
    high: float | None = None
    centre: float | None = None


MAPS = {
    "gamma_star": MapQuantity(
        "Bias of infinitely deep networks, γ*",
        "Bias γ*",
        "log₁₀ γ*",
        "How strongly a very deep untrained network favours one class (initial guessing bias, IGB). Where γ* is "
        "infinite, every input gets the same guess: with biases in the whole ordered phase, and for ReLU, leaky ReLU "
        "and |x| everywhere. For tanh and erf it is finite in the chaotic phase and, with biases, grows without bound "
        "towards the edge of chaos; without biases (σ²b = 0) it is 0.",
        log=True,
        low=-2,
        high=3,
    ),
    "c_star": MapQuantity(
        "Correlation of two inputs, c*",
        "Correlation c*",
        "c*",
        "Correlation that two uncorrelated inputs reach after many layers; c* = γ*/(1 + γ*), so it carries the same "
        "information as γ*. With biases it is 1 in the whole ordered phase; in the chaotic phase it is below 1 for "
        "tanh and erf, but still 1 for ReLU, leaky ReLU and |x|. For tanh and erf without biases (σ²b = 0) it is 0 in "
        "both phases.",
        low=0,
        high=1,
    ),
    "chi_1": MapQuantity(
        "Slope of the correlation map, χ₁",
        "Slope χ₁",
        "χ₁",
        "Factor per layer of the squared difference between two nearly equal inputs (the difference itself grows by "
        "√χ₁), and of the mean squared gradient on its way back. Below 1 both vanish (ordered phase), above 1 both "
        "grow (chaotic phase); on the edge of chaos, where χ₁ = 1, they reach every layer.",
        low=0,
        high=2,
        centre=1,
    ),
    "depth_scale": MapQuantity(
        "Depth scale of the correlation, ξ",
        "Depth scale ξ",
        "log₁₀ ξ (layers)",
        "Number of layers over which the distance of the correlation to its limit c* shrinks by a factor e: after ξ "
        "layers 37 % of the distance is left, after 5 ξ under 1 %. ξ diverges at the edge of chaos, which is why deep "
        "networks train best near it.",
        log=True,
        low=0,
        high=3,
    ),
}


@chart
def phase_map(
    activation: str,
    quantity: str = "gamma_star",
    max_w: float = 4.0,
    max_b: float = 0.5,
    point: tuple[float, float] | None = None,
    height: int = 520,
) -> dict[str, Any]:
    """Heat map of a quantity over the (sigma_w2, sigma_b2) plane, `quantity` a name of MAPS.

    >>> figure = igbviz.charts.phase_map("tanh", "chi_1", point=(1.76, 0.05))

    On it the edge of chaos, two lines of equal bias, each with its name, and the chosen point (sigma_w2, sigma_b2).
    Raises ConfigError, one sentence, for an unknown `activation` or `quantity`, or ends of the axes that are not
    positive.
    """
    one_of("activation", activation, theory.ACTIVATIONS)
    one_of("quantity", quantity, MAPS)
    for name, end in {"max_w": max_w, "max_b": max_b}.items():
        if not (is_number(end) and end > 0):
            raise wrong(name, end, "a number above 0")
    definition = MAPS[quantity]
    across, up = np.linspace(max_w / GRID, max_w, GRID), np.linspace(0, max_b, GRID)
    values = theory.phase_map(activation, across, up, quantity)
    shown = np.log10(np.clip(values, 1e-12, 1e12)) if definition.log else values
    scale = "RdBu_r" if definition.centre is not None else "Viridis"
    traces = [
        {
            "type": "heatmap",
            "x": across.astype(np.float32),
            "y": up.astype(np.float32),
            "z": shown.astype(np.float32),
            "zmin": definition.low,
            "zmax": definition.high,
            "zmid": definition.centre,
            "colorscale": scale,
            "customdata": values.astype(np.float32),
            "colorbar": {
                "title": {"text": definition.bar, "font": {"size": SMALL}, "side": "right"},
                "thickness": 14,
                "outlinewidth": 0,
            },
            "hovertemplate": "σ²w %{x:.3f}<br>σ²b %{y:.3f}<br>%{customdata:.4g}<extra></extra>",
        }
    ]
    heights = np.linspace(0, max_b, LINES) ** 2 / max_b  # denser near 0, where tanh's edge of chaos is vertical
    color = "#ffffff" if definition.centre is None else "#202020"  # a diverging scale is white where its edge is
    lines = {EDGE: (theory.edge_of_chaos(activation, heights), 3.5, "solid")}
    lines |= {label: (theory.iso_gamma(activation, level, heights), 2, dash) for label, (level, dash) in LEVELS.items()}
    traces += [phase_line(x, heights, max_w, label, color, width, dash) for label, (x, width, dash) in lines.items()]
    labels = [
        _line_label(x, heights, (max_w, max_b), label, height)
        for (label, (x, *_)), height in zip(lines.items(), LABEL_HEIGHTS, strict=True)
    ]
    if point is not None:
        traces.append(
            {
                "type": "scatter",
                "x": [point[0]],
                "y": [point[1]],
                "mode": "markers",
                "name": "chosen point",
                "hoverinfo": "skip",
                "marker": {
                    "symbol": "star",
                    "size": 16,
                    "color": "#ffcc00",
                    "line": {"color": "#000000", "width": 1.5},
                },
            }
        )
    axis = {"zeroline": False, "showgrid": False, "ticks": "outside", "tickcolor": NEUTRAL, "automargin": "height"}
    return {
        "data": traces,
        "layout": _frame(definition.title, activation, height)
        | {
            "xaxis": axis | {"title": {"text": "weight variance σ²w (times fan-in)"}, "range": [0, max_w]},
            "yaxis": axis | {"title": {"text": "bias variance σ²b"}, "range": [0, max_b]},
            "annotations": [label for label in labels if label],
            "showlegend": False,
            "uirevision": f"{activation} {quantity}",
        },
    }


@dataclass(frozen=True)
class DepthCurve:
    """A curve over the layers of a wide network at one point of the plane."""

    title: str
    axis: str
    values: Callable[[str, float, float, int], np.ndarray]  # (depth,) of activation, sigma_w2, sigma_b2, depth
    log: bool = True


DEPTH_CURVES = {
    "variance": DepthCurve("Variance q of a node", "q", theory.variance_by_depth),
    "correlation": DepthCurve("Correlation c of two inputs", "c", theory.correlation_by_depth, log=False),
    "gamma": DepthCurve("Bias γ of the guesses", "γ", theory.gamma_by_depth),
    "gradient": DepthCurve(
        "Squared gradient, layer 1 over l",
        "E|∂L/∂y¹|² / E|∂L/∂yˡ|²",
        partial(theory.gradient_gain, cumulative=True),
    ),
}


@chart
def by_depth(
    activation: str,
    sigma_w2: float,
    sigma_b2: float,
    depth: int,
    quantity: str = "gamma",
    height: int = 300,
) -> dict[str, Any]:
    """A quantity over the layers 1 to `depth` at one point of the plane, `quantity` a name of DEPTH_CURVES.

    >>> figure = igbviz.charts.by_depth("relu", 2.0, 0.0, depth=50)

    Variance, correlation and gamma of each layer, or the squared gradient of the first layer over that of each layer.
    Raises ConfigError, one sentence, for an unknown name, a negative variance or a depth that is no whole number of at
    least 1.
    """
    one_of("activation", activation, theory.ACTIVATIONS)
    one_of("quantity", quantity, DEPTH_CURVES)
    for name, variance in {"sigma_w2": sigma_w2, "sigma_b2": sigma_b2}.items():
        if not (is_number(variance) and variance >= 0):
            raise wrong(name, variance, "a number of at least 0")
    if not (isinstance(depth, int | np.integer) and is_number(depth) and depth >= 1):
        raise wrong("depth", depth, "a whole number of at least 1")
    definition, layers = DEPTH_CURVES[quantity], np.arange(1, depth + 1)
    values, log = definition.values(activation, sigma_w2, sigma_b2, depth), definition.log
    drawn = np.where((values > 0) & np.isfinite(values), values, np.nan) if log else values
    empty = bool(np.isnan(drawn).all())
    all_zero = annotation("exactly 0 at every depth", 0.5, 0.5, xanchor="center")
    color = class_style(list(DEPTH_CURVES).index(quantity)).color
    point = f"{activation}, σ²w = {sigma_w2:g}, σ²b = {sigma_b2:g}"
    return {
        "data": [
            {
                "type": "scatter",
                "x": layers,
                "y": drawn,
                "mode": "lines+markers",
                "name": definition.axis,
                "line": {"color": color, "width": 2.5},
                "marker": {"size": 5},
                "hovertemplate": "layer %{x}: %{y:.4g}<extra></extra>",
            }
        ],
        "layout": _frame(definition.title, point, height)
        | {
            "xaxis": {"title": {"text": "layer"}, "gridcolor": LIGHT_NEUTRAL, "automargin": "height"},
            "yaxis": {
                "title": {"text": definition.axis},
                "gridcolor": LIGHT_NEUTRAL,
                "type": "log" if log and not empty else "linear",
                "tickformat": "~g",  # without it plotly writes 2 and 5 between the powers, in small digits
            },
            "annotations": [all_zero] * empty,
            "showlegend": False,
        },
    }


def phase_line(x: np.ndarray, y: np.ndarray, max_x: float, name: str, color: str, width: float, dash: str) -> dict:
    """The trace of a line (x, y) across the plane, where x is finite and at most `max_x`."""
    inside = np.isfinite(x) & (x <= max_x)
    return {
        "type": "scatter",
        "x": np.where(inside, x, np.nan).astype(np.float32),
        "y": y.astype(np.float32),
        "mode": "lines",
        "name": name,
        "line": {"color": color, "width": width, "dash": dash},
        "legendgroup": name,
        "showlegend": False,
        "hoverinfo": "skip",
        "connectgaps": False,
    }


def _line_label(
    x: np.ndarray, y: np.ndarray, corner: tuple[float, float], name: str, height: float
) -> dict[str, Any] | None:
    """The name of a line at the point of it that is nearest to this fraction of the height; None where no point is.

    It is on the left of the edge of chaos and on the right of the others, unless there is no room.
    """
    inside = np.flatnonzero(np.isfinite(x) & (x > 0) & (x <= corner[0]))
    if not len(inside):
        return None
    k = inside[np.abs(y[inside] - height * corner[1]).argmin()]
    on_left = x[k] > (0.3 if name == EDGE else 0.7) * corner[0]
    position = {"x": float(x[k]), "y": float(y[k]), "xanchor": "right" if on_left else "left"}
    return LINE_LABEL | position | {"text": name, "showarrow": False, "xshift": -5 if on_left else 5}


def _frame(title: str, conditions: str, height: int) -> dict:
    text = f'{title}<br><span style="font-size:{SMALL}px">{conditions}</span>'
    return frame(height) | {
        "title": heading(text),
        "margin": {"l": 64, "r": 16, "t": 64, "b": 8},
        "uirevision": title,
    }
