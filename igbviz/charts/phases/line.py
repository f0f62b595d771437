"""Accuracy after some steps over gamma at Init., along a line of the phase diagram through the edge of chaos."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from igbviz import theory
from igbviz.charts.colors import LIGHT_NEUTRAL, NEUTRAL, NEUTRAL_TEXT, shade
from igbviz.charts.interface.figures import chart
from igbviz.charts.interface.inputs import one_of, wrong
from igbviz.charts.phases.style import PHASES, gamma_axis, words
from igbviz.charts.style import AXIS, SMALL, chance_line, frame, vertical_line
from igbviz.studies.phases.line import CLASSES, STEPS, Line, read
from igbviz.studies.phases.peak import Place, best, places
from igbviz.theory.phases import phase_name

HEIGHT = 520
STRIP = -0.09  # the height of the measured gamma, below the accuracies
WIDTHS, SIZES = (2.0, 3.5), (6, 8)  # of the lines and dots, after each of STEPS
DASHES = ("6px,4px", "solid")


@chart
def accuracy_against_gamma(
    activation: str = "tanh", rate: float = 0.003, line: Line | None = None, height: int = HEIGHT
) -> dict[str, Any]:
    """Accuracy after 100 and 300 steps over gamma at Init.: each seed a dot, the mean a line, ordered side and chaotic
    side in their colors.

    `line` comes from `igbviz.studies.phases.line`, by default the one that the program ships; `activation` and learning
    `rate` are among those it has. Raises ConfigError for others.

    >>> figure = igbviz.charts.accuracy_against_gamma("relu", rate=0.03)
    >>> figure.layout.xaxis.type
    'log'
    """
    line = read() if line is None else line
    one_of("activation", activation, dict.fromkeys(row.activation for row in line.rows))
    if rate not in (rates := list(dict.fromkeys(row.learning_rate for row in line.rows))):
        raise wrong("rate", rate, f"one of {', '.join(f'{allowed:g}' for allowed in rates)}")
    found = places(line, activation, rate)
    gammas = [place.start.gamma for place in found]
    low, high = 0.55 * min(gammas), 1.8 * max(gammas)
    edge = min(found, key=lambda place: abs(place.start.chi_1 - 1)).start.gamma
    deep = theory.regime_cuts(CLASSES)[1]
    notes = [
        words("edge of chaos, χ₁ = 1", np.log10(edge), 0, yref="paper", textangle=-90, xanchor="left",
              yanchor="bottom", yshift=34),
        words(f"chance, {1 / CLASSES:g}", 0, 1 / CLASSES, xref="paper", xanchor="left", xshift=4, yanchor="bottom"),
        words("● γ as measured", 1, STRIP, xref="paper", xanchor="right", yanchor="bottom", yshift=6),
    ]  # fmt: skip
    shapes = [vertical_line(edge, "dash"), chance_line(1 / CLASSES)]
    if deep < high:
        notes.append(words("<b>deeply prejudiced</b>", np.log10(deep), 0.97, xanchor="left", xshift=5))
        shapes.append(
            {
                "type": "rect", "x0": deep, "x1": high, "y0": 0, "y1": 1, "yref": "paper", "layer": "below",
                "fillcolor": LIGHT_NEUTRAL, "line": {"width": 0},
            }
        )  # fmt: skip
    traces = [_measured(found)]
    for number in range(len(STEPS)):
        traces += [*_means(found, number), _seeds(found, number)]
        if (peak := best(found, number)) is not None:
            notes.append(_steps(peak, number))
    traces += _legend() + _diverged(found)
    return {
        "data": traces,
        "layout": frame(height)
        | {
            "xaxis": gamma_axis(low, high, "γ at Init. (theory at this depth; log scale)"),
            "yaxis": AXIS | {
                "range": [-0.14, 1.0],
                "tickvals": [0, 0.2, 0.4, 0.6, 0.8, 1],
                "title": {"text": "accuracy (mean over classes)", "font": {"size": SMALL}, "standoff": 4},
            },
            "shapes": shapes,
            "annotations": notes,
            "hovermode": "closest",
            "margin": {"l": 64, "r": 16, "t": 16, "b": 8},
            "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font": {"size": SMALL}},
            "meta": {"words": f"Accuracy of {activation} networks over gamma at Init., learning rate {rate:g}"},
        },
    }  # fmt: skip


def _steps(peak: Place, number: int) -> dict[str, Any]:
    """The name of a line at its highest point: the last above its dots, the others below theirs."""
    values, x, text = peak.values(number), np.log10(peak.start.gamma), f"<b>{STEPS[number]} steps</b>"
    if number == len(STEPS) - 1:
        return words(text, x, values.max(), yanchor="bottom", yshift=4)
    return words(text, x, values.min(), yanchor="top", yshift=-4)


def _means(found: list[Place], number: int) -> Iterator[dict[str, Any]]:
    """The mean over the seeds, on each side of the edge; the point on the edge belongs to both."""
    for name in ("ordered", "chaotic"):
        side = [place for place in found if phase_name(place.start.chi_1) in (name, "on the edge of chaos")]
        yield {
            "type": "scatter",
            "mode": "lines",
            "x": [place.start.gamma for place in side],
            "y": np.array([place.mean(number) for place in side]),
            "line": {"color": PHASES[name], "width": WIDTHS[number], "dash": DASHES[number]},
            "hoverinfo": "skip",
            "showlegend": False,
        }


def _seeds(found: list[Place], number: int) -> dict[str, Any]:
    """Every finished run as a dot."""
    dots = [(place, row) for place in found for row in place.rows if row.accuracy[number] is not None]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [place.start.gamma for place, _ in dots],
        "y": [row.accuracy[number] for _, row in dots],
        "marker": {
            "color": [shade(PHASES[phase_name(place.start.chi_1)], 0.55) for place, _ in dots],
            "size": SIZES[number],
            "symbol": ["circle-open", "circle"][number],
        },
        "name": f"{STEPS[number]} steps",
        "hovertext": [
            f"{_place(place)}<br>seed {row.seed}, {STEPS[number]} steps: accuracy {row.accuracy[number]:.3f}<br>"
            f"mean of {len(place.rows)} seeds: {place.mean(number):.3f}; largest guess at Init. {row.largest_guess:.2f}"
            for place, row in dots
        ],
        "hovertemplate": "%{hovertext}<extra></extra>",
        "showlegend": False,
    }


def _measured(found: list[Place]) -> dict[str, Any]:
    """gamma as measured on untrained networks, in a strip below the accuracies."""
    colors = [PHASES[phase_name(place.start.chi_1)] for place in found]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [place.start.measured for place in found],
        "y": [STRIP] * len(found),
        "error_x": {"type": "data", "array": [place.start.error for place in found], "thickness": 1.5, "width": 0,
                    "color": NEUTRAL},
        "marker": {"color": colors, "size": 8},
        "hovertext": [
            f"{_place(place)}<br>γ measured: {place.start.measured:.3g} ± {place.start.error:.2g}" for place in found
        ],
        "hovertemplate": "%{hovertext}<extra></extra>",
        "showlegend": False,
    }  # fmt: skip


def _diverged(found: list[Place]) -> list[dict[str, Any]]:
    """A cross where seeds diverged, at the height of chance or below, where no dot can be."""
    lost = [place for place in found if place.diverged]
    if not lost:
        return []
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "x": [place.start.gamma for place in lost],
            "y": [0.02] * len(lost),
            "marker": {"symbol": "x", "size": 11, "color": NEUTRAL_TEXT},
            "name": "seeds diverged",
            "hovertext": [f"{_place(place)}<br>{place.diverged} of {len(place.rows)} seeds diverged" for place in lost],
            "hovertemplate": "%{hovertext}<extra></extra>",
        }
    ]


def _legend() -> list[dict[str, Any]]:
    """The two sides and the two numbers of steps."""
    sides = [
        {"mode": "markers", "marker": {"color": PHASES[name], "size": 11, "symbol": "square"}, "name": f"{name} side"}
        for name in ("chaotic", "ordered")
    ]
    lines = [
        {
            "mode": "lines+markers",
            "line": {"color": NEUTRAL, "width": WIDTHS[number], "dash": DASHES[number]},
            "marker": {"color": NEUTRAL, "size": SIZES[number], "symbol": ["circle-open", "circle"][number]},
            "name": f"after {steps} steps",
        }
        for number, steps in enumerate(STEPS)
    ]
    return [{"type": "scatter", "x": [None], "y": [None], "hoverinfo": "skip"} | part for part in (*sides, *lines)]


def _place(place: Place) -> str:
    start = place.start
    return (
        f"<b>{start.activation}, σ²w = {start.sigma_w2:g}</b>, {phase_name(start.chi_1)} (χ₁ = {start.chi_1:.3g}), "
        f"γ = {start.gamma:.3g}"
    )
