"""Several architectures beside each other: how much of its guesses an untrained network gives to one class, and gamma.

One row per architecture. On the left every network is a dot, with their mean, what chance alone would give, and what
theory gives for the gamma of the logits: a prediction, since it uses no guess. On the right gamma of the guesses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from igbviz.charts.colors import NEUTRAL, NEUTRAL_TEXT, class_style, shade
from igbviz.charts.interface.figures import chart
from igbviz.charts.interface.inputs import OfEnsemble, ensemble_of
from igbviz.charts.style import AXIS, SMALL, annotation, literal, titled_figure
from igbviz.ensembles import Ensemble
from igbviz.ensembles.predictions import guess_distribution
from igbviz.ensembles.verdict import chance_largest_guess, format_percent, has_guesses, judgement, with_error
from igbviz.spec import ConfigError, short

MEASURED, THEORY = class_style(0).color, class_style(1).color
ROW, HEAD, FOOT = 72, 74, 84  # pixels: of an architecture, above all of them and below
MAX_DOTS = 200  # per architecture: of more networks, every second, third ...
SMALLEST, LARGEST = 1e-4, 1e4  # gammas beyond are drawn as triangles at the edge
CAPTION = (
    "Every dot is one untrained network: the fraction of the inputs that it guesses as the class it favours. Chance "
    "alone gives the dashed mark, above 1/K since the favoured class is chosen after counting. Theory's mark is what "
    "the γ of the logits predicts for the guesses. Error bars are standard errors over networks."
)


@chart
def architectures(ensembles: Mapping[str, OfEnsemble], title: str = "Guesses before training") -> dict[str, Any]:
    """Compare untrained ensembles by name: largest guess fraction of every network, and gamma with its standard error.

    >>> run = igbviz.Run.open("gaussian-noise-mlp-he-normal-n100-s0-c13a798568")
    >>> figure = igbviz.charts.architectures({"MLP of depth 10": run})

    The first name is at the top. Ensembles may differ in classes, inputs and networks; each may be what `every_network`
    takes. Of networks whose logits are all equal nothing is drawn. Raises ConfigError for anything else.
    """
    rows = _checked(ensembles)
    traces = [*_dots(rows), *_gammas(rows)]
    words = "; ".join(f"{name}: {ensemble.verdict()}" for name, ensemble in rows.items())
    figure = titled_figure(traces, title, words, HEAD + FOOT + ROW * len(rows))
    layout, y = figure["layout"], list(range(len(rows)))
    names = [
        f"<b>{literal(name)}</b><br>{judgement(ensemble).replace(', but', ',<br>but').lower()}"
        for name, ensemble in rows.items()
    ]
    low, high = _gamma_range(rows)
    layout["yaxis"] |= {"tickvals": y, "ticktext": names, "range": [len(rows) - 0.4, -0.6], "automargin": True}
    layout["yaxis"] |= {"ticks": "", "showgrid": False, "showline": False}
    layout["xaxis"] |= {"domain": [0, 0.56], "range": [-0.02, 1.04], "tickvals": [0, 0.25, 0.5, 0.75, 1]}
    layout["xaxis"] |= {"ticktext": ["0", "25 %", "50 %", "75 %", "100 %"]}
    decades = np.arange(np.log10(low), np.log10(high) + 0.01)
    decades = decades[:: 1 if len(decades) < 5 else 2]
    layout["xaxis2"] = AXIS | {"domain": [0.64, 1], "type": "log", "range": [np.log10(low), np.log10(high)]}
    layout["xaxis2"] |= {"tickvals": [10.0**d for d in decades], "ticktext": [f"{10.0**d:g}" for d in decades]}
    layout["xaxis2"] |= {"tickangle": 0}
    layout["annotations"] += [
        annotation("guesses for the favoured class", 0, 1, yanchor="bottom", yshift=4),
        annotation("bias γ of the guesses", 0.64, 1, yanchor="bottom", yshift=4),
    ]
    layout["shapes"] += [_row_line(i) for i in y[1:]]
    layout["margin"] |= {"t": HEAD, "b": FOOT, "r": 24}
    return figure


def _checked(ensembles: Any) -> dict[str, Ensemble]:
    if not isinstance(ensembles, Mapping) or not ensembles:
        allowed = "a dict of names and ensembles, as in {'ResNet-18': igbviz.untrained(...)}"
        raise ConfigError((("ensembles",), f"is {short(ensembles)}, allowed: {allowed}"))
    return {str(name): ensemble_of(ensemble, f"ensembles[{name!r}]") for name, ensemble in ensembles.items()}


def _dots(rows: dict[str, Ensemble]) -> list[dict[str, Any]]:
    """The networks of every row, their mean, chance and theory, on the left."""
    x, y, hover = [], [], []
    means, errors, chances, predicted = [], [], [], []
    for i, (name, ensemble) in enumerate(rows.items()):
        largest = ensemble.largest_guess() if has_guesses(ensemble) else np.array([np.nan])
        shown = np.sort(largest)[:: -(-len(largest) // MAX_DOTS)]
        x.append(shown)
        y.append(i + 0.26 * (2 * (0.618034 * np.arange(len(shown)) % 1) - 1))  # spread evenly over the height
        hover += [f"{literal(name)}: {format_percent(value)}" for value in shown]
        means.append(float(largest.mean()))
        errors.append(float(largest.std(ddof=1) / len(largest) ** 0.5) if len(largest) > 1 else np.nan)
        chances.append(chance_largest_guess(ensemble.classes, ensemble.inputs))
        predicted.append(_predicted(ensemble))
    row = np.arange(len(rows), dtype=float)
    texts = ["" if np.isnan(mean) else f"<b>{format_percent(mean)}</b>" for mean in means]
    return [
        {
            "type": "scatter", "mode": "markers", "name": "one network", "x": np.concatenate(x).astype(np.float32),
            "y": np.concatenate(y).astype(np.float32), "hovertext": hover, "hoverinfo": "text",
            "marker": {"color": shade(MEASURED, 0.5), "size": 7, "line": {"width": 0}},
        },
        _marks("chance alone", chances, row, NEUTRAL, "line-ns-open", 34, width=2.5),
        _marks("theory, from the logits", predicted, row, THEORY, "diamond-open", 15, width=2.5),
        _marks("mean", means, row, MEASURED, "line-ns-open", 30, width=4)
        | {"error_x": _bars(errors, MEASURED), "mode": "markers+text", "text": texts, "textposition": "top center"}
        | {"textfont": {"color": MEASURED, "size": SMALL}, "cliponaxis": False},
    ]  # fmt: skip


def _gammas(rows: dict[str, Ensemble]) -> list[dict[str, Any]]:
    """gamma of every row, on the right; open triangles at the edge stand for values beyond it."""
    low, high = _gamma_range(rows)
    edges = low * (high / low) ** 0.03, high / (high / low) ** 0.03
    pairs = [_gamma(ensemble) for ensemble in rows.values()]
    value, error = (np.array(column) for column in zip(*pairs, strict=True))
    inside = (value > edges[0]) & (value < edges[1])
    symbols = np.where(inside, "circle", np.where(value >= edges[1], "triangle-right-open", "triangle-left-open"))
    bars = _bars(np.where(inside & np.isfinite(error), error, np.nan), MEASURED)
    # A log axis cannot show a bar that reaches 0.
    minus = np.minimum(np.asarray(bars["array"]), value - low / 2).astype(np.float32)
    texts = ["" if np.isnan(pair[0]) else with_error(*pair) for pair in pairs]
    place = np.log(np.clip(value, *edges) / low) / np.log(high / low)
    sides = np.where(place < 0.3, "top right", np.where(place > 0.7, "top left", "top center")).tolist()
    return [
        _marks("γ", np.clip(value, *edges), np.arange(len(rows)), MEASURED, symbols.tolist(), 10, width=2)
        | {"xaxis": "x2", "showlegend": False, "mode": "markers+text", "text": texts, "textposition": sides}
        | {"textfont": {"color": MEASURED, "size": SMALL}, "cliponaxis": False}
        | {"error_x": bars | {"symmetric": False, "arrayminus": minus}}
        | {"hovertext": [f"{literal(name)}: γ of the guesses = {text}" for name, text in zip(rows, texts, strict=True)]}
    ]


def _marks(
    name: str, x: Any, y: np.ndarray, color: str, symbol: str | list[str], size: int, width: float
) -> dict[str, Any]:
    return {
        "type": "scatter", "mode": "markers", "name": name, "x": np.asarray(x, np.float32), "y": y,
        "hovertext": [f"{name}: {format_percent(value)}" for value in x], "hoverinfo": "text",
        "marker": {"color": color, "symbol": symbol, "size": size, "line": {"width": width, "color": color}},
    }  # fmt: skip


def _bars(errors: Any, color: str) -> dict[str, Any]:
    return {"type": "data", "array": np.asarray(errors, np.float32), "color": color, "thickness": 2, "width": 5}


def _predicted(ensemble: Ensemble) -> float:
    """The mean largest guess fraction that theory expects at the gamma of the logits, counted on as many inputs."""
    if not has_guesses(ensemble):
        return np.nan
    gamma, _ = ensemble.gamma("cosine")
    return guess_distribution(max(gamma, 0.0), ensemble.classes, ensemble.inputs).mean


def _gamma(ensemble: Ensemble) -> tuple[float, float]:
    return ensemble.gamma("guesses") if has_guesses(ensemble) else (np.nan, np.nan)


def _gamma_range(rows: dict[str, Ensemble]) -> tuple[float, float]:
    """The ends of the axis: whole decades around all values, at least from 0.01 to 10."""
    values = np.array([_gamma(ensemble)[0] for ensemble in rows.values()])
    within = values[(values > SMALLEST) & (values < LARGEST)]
    low, high = within.min(initial=0.03) / 2, within.max(initial=5.0) * 2
    return float(10 ** np.floor(np.log10(low))), float(10 ** np.ceil(np.log10(high)))


def _row_line(i: int) -> dict[str, Any]:
    """A faint line between two rows, over both panels."""
    line = {"color": shade(NEUTRAL_TEXT, 0.22), "width": 1}
    return {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": i - 0.5, "y1": i - 0.5, "line": line}
