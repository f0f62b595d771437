"""Pictures of the theory: the plane of initialisations with its phases, and what happens layer by layer at one point of
it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from igbviz import theory
from igbviz.charts.colors import LIGHT_NEUTRAL, NEUTRAL, class_style
from igbviz.charts.style import frame

GRID = 100  # points a side of a map
LINES = 60  # points of a line across it
# Lines of equal bias: where prejudice begins, and where it becomes deep.
LEVELS = {"γ* = 1": (theory.PREJUDICE_CUT, "dash"), "γ* = 11.9": (theory.DEEP_PREJUDICE_CUT, "dot")}


@dataclass(frozen=True)
class MapQuantity:
    """One way to colour the plane. `log` maps show log10; `centre` is where a two-sided colour scale turns."""

    title: str
    bar: str
    caption: str
    log: bool = False
    low: float | None = None
    high: float | None = None
    centre: float | None = None


MAPS = {
    "gamma_star": MapQuantity(
        "Bias of infinitely deep networks, γ*",
        "log₁₀ γ*",
        "How strongly a very deep untrained network prefers one class. Towards the edge of chaos it grows without "
        "bound; in the ordered phase, with biases, it is infinite: every input gets the same answer.",
        log=True,
        low=-2,
        high=3,
    ),
    "c_star": MapQuantity(
        "Correlation of two inputs, c*",
        "c*",
        "How similar two unrelated inputs have become after many layers: 1 in the ordered phase, less in the chaotic "
        "one. c* = γ*/(1 + γ*): it is the same information as γ*.",
        low=0,
        high=1,
    ),
    "chi_1": MapQuantity(
        "Slope of the correlation map, χ₁",
        "χ₁",
        "By how much a small difference of two inputs grows in a layer, and the squared gradient on its way back: "
        "below 1 it dies out (order), above 1 it explodes (chaos), and on the line where it is 1 signals reach every "
        "layer.",
        low=0,
        high=2,
        centre=1,
    ),
    "depth_scale": MapQuantity(
        "Depth that information survives, ξ",
        "log₁₀ layers",
        "After so many layers the correlation of two inputs is as good as c*. It diverges at the edge of chaos, "
        "which is why deep networks train best there.",
        log=True,
        low=0,
        high=3,
    ),
}


def phase_map(
    activation: str,
    quantity: str,
    largest_w: float,
    largest_b: float,
    point: tuple[float, float] | None = None,
    height: int = 520,
) -> go.Figure:
    """The (sigma_w2, sigma_b2) plane coloured by a quantity, with the edge of chaos, two lines of equal bias and the
    chosen point."""
    what = MAPS[quantity]
    across, up = np.linspace(largest_w / GRID, largest_w, GRID), np.linspace(0, largest_b, GRID)
    values = theory.phase_map(activation, across, up, quantity)
    shown = np.log10(np.clip(values, 1e-12, 1e12)) if what.log else values
    scale = "RdBu_r" if what.centre is not None else "Viridis"
    traces = [
        {
            "type": "heatmap",
            "x": across.astype(np.float32),
            "y": up.astype(np.float32),
            "z": shown.astype(np.float32),
            "zmin": what.low,
            "zmax": what.high,
            "zmid": what.centre,
            "colorscale": scale,
            "customdata": values.astype(np.float32),
            "colorbar": {"title": {"text": what.bar}, "thickness": 14, "outlinewidth": 0},
            "hovertemplate": "σ²w %{x:.3f}<br>σ²b %{y:.3f}<br>%{customdata:.4g}<extra></extra>",
        }
    ]
    heights = np.linspace(0, largest_b, LINES) ** 2 / largest_b  # denser near 0, where the edge of tanh is vertical
    traces.append(
        phase_line(
            theory.edge_of_chaos(activation, heights), heights, largest_w, "edge of chaos", "#ffffff", 3.5, "solid"
        )
    )
    for label, (level, dash) in LEVELS.items():
        traces.append(
            phase_line(theory.iso_gamma(activation, level, heights), heights, largest_w, label, "#ffffff", 2, dash)
        )
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
    axis = {"zeroline": False, "showgrid": False, "ticks": "outside", "tickcolor": NEUTRAL}
    return go.Figure(
        {
            "data": traces,
            "layout": _frame(what.title, height)
            | {
                "xaxis": axis | {"title": {"text": "weight variance σ²w (times fan-in)"}, "range": [0, largest_w]},
                "yaxis": axis | {"title": {"text": "bias variance σ²b"}, "range": [0, largest_b]},
                "legend": {"orientation": "h", "y": -0.2, "bgcolor": "rgba(110,110,110,0.35)"},
                "uirevision": f"{activation} {quantity}",
            },
        }
    )


def by_depth(activation: str, sigma_w2: float, sigma_b2: float, depth: int, height: int = 300) -> dict[str, go.Figure]:
    """What happens layer by layer at one point: variance, correlation, bias, and what is left of the squared gradient."""
    layers = np.arange(1, depth + 1)
    curves = {
        "Variance q of a node": (theory.variance_by_depth(activation, sigma_w2, sigma_b2, depth), "q", True),
        "Correlation c of two inputs": (theory.correlation_by_depth(activation, sigma_w2, sigma_b2, depth), "c", False),
        "Bias γ of the guesses": (theory.gamma_by_depth(activation, sigma_w2, sigma_b2, depth), "γ", True),
        "Squared gradient, first layer to this": (
            theory.gradient_gain(activation, sigma_w2, sigma_b2, depth, cumulative=True),
            "E|∂L/∂y¹|² / E|∂L/∂yˡ|²",
            True,
        ),
    }
    nothing = {
        "text": "exactly 0 at every depth",
        "showarrow": False,
        "xref": "paper",
        "yref": "paper",
        "x": 0.5,
        "y": 0.5,
    }
    figures = {}
    for place, (title, (values, label, log)) in enumerate(curves.items()):
        drawn = np.where((values > 0) & np.isfinite(values), values, np.nan) if log else values
        empty = bool(np.isnan(drawn).all())
        figures[title] = go.Figure(
            {
                "data": [
                    {
                        "type": "scatter",
                        "x": layers,
                        "y": drawn,
                        "mode": "lines+markers",
                        "name": label,
                        "line": {"color": class_style(place).color, "width": 2.5},
                        "marker": {"size": 5},
                        "hovertemplate": "layer %{x}: %{y:.4g}<extra></extra>",
                    }
                ],
                "layout": _frame(title, height)
                | {
                    "xaxis": {"title": {"text": "layer"}, "gridcolor": LIGHT_NEUTRAL},
                    "yaxis": {
                        "title": {"text": label},
                        "gridcolor": LIGHT_NEUTRAL,
                        "type": "log" if log and not empty else "linear",
                    },
                    "annotations": [nothing] * empty,
                    "showlegend": False,
                },
            }
        )
    return figures


def phase_line(x: np.ndarray, y: np.ndarray, largest: float, name: str, color: str, width: float, dash: str) -> dict:
    inside = np.isfinite(x) & (x <= largest)
    return {
        "type": "scatter",
        "x": np.where(inside, x, np.nan).astype(np.float32),
        "y": y.astype(np.float32),
        "mode": "lines",
        "name": name,
        "line": {"color": color, "width": width, "dash": dash},
        "hoverinfo": "skip",
        "connectgaps": False,
    }


def _frame(title: str, height: int) -> dict:
    return frame(height) | {
        "title": {"text": title, "font": {"size": 17}, "x": 0, "xref": "paper"},
        "margin": {"l": 64, "r": 16, "t": 48, "b": 56},
        "uirevision": title,
    }
