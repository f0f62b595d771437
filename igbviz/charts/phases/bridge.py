"""The two languages of one theory in one picture: gamma of the initial guessing bias, and c of mean-field theory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from igbviz.charts.colors import NEUTRAL, NEUTRAL_TEXT
from igbviz.charts.interface.figures import chart
from igbviz.charts.phases.style import PHASES, gamma_axis, words
from igbviz.charts.style import AXIS, FRACTION_TICKS, SMALL, frame, vertical_line
from igbviz.studies.phases.bridge import LABELS, Row, read
from igbviz.theory.phases import phase_name

SYMBOLS = {"tanh": "circle", "relu": "square", "gelu": "diamond"}
LOW, HIGH = 0.008, 3000.0
TWO = "for two classes"  # of more, networks are prejudiced at a smaller gamma


@chart
def correlation_against_gamma(rows: Sequence[Row] | None = None, height: int = 520) -> dict[str, Any]:
    """The curve c = gamma / (1 + gamma), and measured layers with both quantities and their errors.

    gamma and c are measured on different networks. `rows` come from `igbviz.studies.phases.bridge`, by default those
    that the program ships.

    >>> figure = igbviz.charts.correlation_against_gamma()
    >>> figure.layout.xaxis.type
    'log'
    """
    rows = read()[0] if rows is None else rows
    gammas = [row.gamma for row in rows]
    low, high = min(LOW, 0.6 * min(gammas)), max(HIGH, 3 * max(gammas))
    gamma = np.logspace(*np.log10([low, high]), 200)
    curve = {
        "type": "scatter",
        "mode": "lines",
        "x": gamma,
        "y": gamma / (1 + gamma),
        "line": {"color": NEUTRAL, "width": 3, "simplify": False},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    settings = dict.fromkeys((row.activation, row.sigma_w2, row.sigma_b2) for row in rows)
    return {
        "data": [
            curve,
            *(_layers([row for row in rows if (row.activation, row.sigma_w2, row.sigma_b2) == at]) for at in settings),
        ],
        "layout": frame(height)
        | {
            "xaxis": gamma_axis(low, high, "γ: initial guessing bias (log scale)"),
            "yaxis": AXIS | FRACTION_TICKS | {
                "range": [-0.03, 1.06],
                "title": {"text": "c: cosine of two inputs (mean field)", "font": {"size": SMALL}, "standoff": 4},
            },
            "shapes": [vertical_line(1.0, "dot"), _level()],
            "annotations": [
                words("<b>c = γ / (1 + γ)</b>", -0.55, 0.26, xanchor="right"),
                *(_drifted(row) for row in rows if row.norms_drifted),
                words(f"γ < 1: neutral<br>{TWO}", 0, 1.03, xanchor="right", yanchor="top", align="right", xshift=-6),
                words(f"γ > 1: prejudiced<br>{TWO}", 0, 0, xanchor="left", yanchor="bottom", align="left", xshift=6),
                words("c = 1/2", 1, 0.5, xref="paper", xanchor="right", yanchor="bottom"),
            ],
            "hovermode": "closest",
            "margin": {"l": 64, "r": 16, "t": 16, "b": 8},
            "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font": {"size": SMALL}},
            "meta": {"words": f"c of {len(rows)} layers over their gamma, beside the curve gamma / (1 + gamma)"},
        },
    }  # fmt: skip


def _level() -> dict[str, Any]:
    return {
        "type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 0.5, "y1": 0.5, "layer": "below",
        "line": {"color": NEUTRAL, "dash": "dot", "width": 1.5},
    }  # fmt: skip


def _drifted(row: Row) -> dict[str, Any]:
    text = f"{LABELS[row.activation]}, layer {row.layer}:<br>norms differ"
    return words(
        text, np.log10(row.gamma), row.c, xanchor="right", align="right", xshift=10, yanchor="bottom", yshift=8
    )


def _layers(rows: Sequence[Row]) -> dict[str, Any]:
    """The layers of the networks at one point of the plane."""
    first = rows[0]
    name = phase_name(first.chi_1)
    at = f"{LABELS[first.activation]}, σ²w = {first.sigma_w2:g}, σ²b = {first.sigma_b2:g}"
    bar = {"type": "data", "thickness": 1.5, "width": 3, "color": PHASES[name]}
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [row.gamma for row in rows],
        "y": [row.c for row in rows],
        "error_x": bar | {"array": [row.gamma_error for row in rows]},
        "error_y": bar | {"array": [row.c_error for row in rows]},
        "marker": {
            "color": PHASES[name], "symbol": SYMBOLS.get(first.activation, "cross"), "size": 11,
            "line": {"color": NEUTRAL_TEXT, "width": 0.5},
        },
        "name": f"{LABELS[first.activation]} ({first.sigma_w2:g}, {first.sigma_b2:g}), {name}",
        "hovertext": [
            f"<b>{at}</b>, {name}<br>layer {row.layer}: γ = {row.gamma:.3g} ± {row.gamma_error:.2g}, "
            f"c = {row.c:.3f} ± {row.c_error:.2g}<br>γ / (1 + γ) = {row.expected:.3f}"
            for row in rows
        ],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }  # fmt: skip
