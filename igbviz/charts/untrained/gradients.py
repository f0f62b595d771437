"""The gradient of every layer of untrained networks, over what theory predicts: does it vanish, explode or arrive?"""

from __future__ import annotations

from typing import Any

import numpy as np

from igbviz.charts.colors import NEUTRAL, NEUTRAL_TEXT, class_style
from igbviz.charts.interface.figures import chart
from igbviz.charts.interface.inputs import OfEnsemble, ensemble_of
from igbviz.charts.style import annotation, titled_figure
from igbviz.ensembles import Ensemble
from igbviz.ensembles.gradients import (
    change,
    has_gradients,
    predicted_factors,
    predicted_squares,
    squared_gradients,
)
from igbviz.ensembles.verdict import with_error
from igbviz.runs.run import Run
from igbviz.spec import ConfigError

MEASURED, THEORY = class_style(0).color, class_style(1).color
SERIES = {  # column: title, symbol, color and offset in layers
    "backward": ("outputs, input by input", "circle", MEASURED, -0.08),
    "gradient": ("weights, mean over inputs", "diamond-open", NEUTRAL_TEXT, 0.08),
}
LOWEST, HIGHEST = 1e-30, 1e30  # beyond, gradients are not drawn
CAPTION = (
    "Mean squared gradient of the cross-entropy in every linear layer, over that of the last layer, which gives the "
    "logits; backpropagation goes from right to left. Points are measured in the layers' outputs y before the "
    "activation, with standard errors over networks. The line is theory for infinite width: each step to the left "
    "multiplies by χ₁ = σ²w E φ′(u)², u with the variance of the layer's outputs. Open diamonds: the gradient of the "
    "weights, averaged over the inputs as in training; it is smaller where gradients or signals of different inputs "
    "have little in common."
)


def factors_of(run: Run) -> np.ndarray | None:
    """What theory predicts for a run, from its first layer as it is measured; None where it predicts nothing."""
    ensemble = run.ensemble()
    layered = len(ensemble) and "layer_centre" in ensemble.records.dtype.names
    return predicted_factors(run.config, ensemble) if layered else None


def sentence(ensemble: Ensemble, factors: np.ndarray | None = None) -> str:
    """Whether the gradient vanishes, explodes or neither, with the factor per layer, measured and in theory."""
    found = change(ensemble, _main(ensemble))
    if found is None:
        return "No gradient arrives below the last layer."
    expected = ""
    if factors is not None:
        expected = (
            f", where theory has {_mean(factors):.3g} on average and χ₁ = {factors[0]:.3g} at the first layer, "
            f"{factors[-1]:.3g} at the last"
            if np.ptp(factors) > 0.005 * factors.mean()
            else f", where theory has χ₁ = {factors.mean():.3g}"
        )
    return (
        f"On its way back through {found.layers} layer{'s' * (found.layers > 1)} the gradient **{found.name}**: its "
        f"mean square changes by a factor of {with_error(found.factor, found.error)} per layer{expected}, and by "
        f"{_in_words(found.total)} in all (n = {len(ensemble):,} networks)."
    )


@chart
def gradients(ensemble: OfEnsemble, factors: np.ndarray | None = None, height: int = 460) -> dict[str, Any]:
    """Mean squared gradient of every linear layer over that of the last: measured as points, theory as a line.

    `factors` (L - 1,) are theory's factors from each layer to the next, by default those of a Run where theory has any.
    The ensemble may be what `every_network` takes, drawn with `gradients=True`; ConfigError for one without.

    >>> run = igbviz.Run.open("gaussian-noise-mlp-he-normal-n100-s0-1caf9c8272")
    >>> figure = igbviz.charts.gradients(run)
    """
    if factors is None and isinstance(ensemble, Run):
        factors = factors_of(ensemble)
    ensemble = ensemble_of(ensemble)
    if not has_gradients(ensemble):
        raise ConfigError((("ensemble",), "has no gradients, allowed: an ensemble drawn with gradients=True"))
    names = [name for name in SERIES if name in ensemble.records.dtype.names]
    measured = {name: squared_gradients(ensemble, name) for name in names}
    layers = np.arange(1, len(measured[names[0]]) + 1)
    predicted = None if factors is None else predicted_squares(factors)
    values = np.concatenate([rows[:, 0] for rows in measured.values()] + ([] if predicted is None else [predicted]))
    within = values[(values > LOWEST) & (values < HIGHEST)]
    low, high = within.min(initial=0.5) / 2, within.max(initial=2.0) * 2
    traces: list[dict[str, Any]] = []
    if predicted is not None:
        hover = [f"layer {layer}<br>theory: {value:.3g}" for layer, value in zip(layers, predicted, strict=True)]
        traces.append({
            "type": "scatter", "mode": "lines", "x": layers, "y": np.where(predicted > 0, predicted, np.nan),
            "name": "theory, product of χ₁", "line": {"color": THEORY, "width": 3}, "hovertext": hover,
            "hoverinfo": "text",
        })  # fmt: skip
    traces += [_points(name, layers, measured[name], low) for name in names]
    figure = titled_figure(
        traces,
        f"Gradient by layer · n = {len(ensemble):,}",
        sentence(ensemble, factors).replace("**", ""),
        height,
    )
    layout, room = figure["layout"], 0.02 * len(layers) + 0.3
    found = change(ensemble, _main(ensemble))
    if found is not None:
        text = f"<b>{found.name}</b><br>× {with_error(found.factor, found.error)} per layer"
        if factors is not None:
            text += f'<br><span style="color:{THEORY}">theory × {_mean(factors):.4g}</span>'
        note = annotation(text, 0, 1, yanchor="bottom", yshift=6, align="left")
        layout["annotations"].append(note)
    layout["xaxis"] |= {
        "title": {"text": "linear layer; the last gives the logits", "standoff": 6}, "tick0": 1,
        "range": [1 - room, len(layers) + room], "dtick": max(1, round(len(layers) / 6)),
    }  # fmt: skip
    layout["yaxis"] |= {
        "title": {"text": "mean squared gradient / last layer's"}, "type": "log",
        "range": [float(np.log10(low)), float(np.log10(high))],
    }  # fmt: skip
    set_ticks(layout)
    line = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 1, "y1": 1, "layer": "below"}
    layout["shapes"].append(line | {"line": {"color": NEUTRAL, "width": 1.5, "dash": "dot"}})
    layout["margin"] |= {"l": 76, "t": 102}
    return figure


def set_ticks(layout: dict[str, Any]) -> None:
    """Mark the powers of ten on the range of the axis; where they are few, also 2 and 5."""
    low, high = layout["yaxis"]["range"]
    powers = np.arange(np.floor(low), high + 1)
    every, steps = (1, (1, 2, 5)) if len(powers) <= 4 else (max(1, round(len(powers) / 6)), (1,))
    values = [float(f"{step * 10.0**power:.3g}") for power in powers[::every] for step in steps]
    layout["yaxis"] |= {"tickvals": values, "tickformat": "~g" if abs(low) < 5 and abs(high) < 5 else ".0e"}


def _main(ensemble: Ensemble) -> str:
    """The series that theory is about; only the weights of networks that are not measured layer by layer."""
    return "backward" if "backward" in ensemble.records.dtype.names else "gradient"


def _mean(factors: np.ndarray) -> float:
    """The geometric mean."""
    with np.errstate(divide="ignore"):
        return float(np.exp(np.log(factors).mean()))


def _in_words(total: float) -> str:
    return f"{total:.3g}" if total >= 1 or not total else f"1 / {1 / total:.3g}"


def _points(name: str, layers: np.ndarray, rows: np.ndarray, low: float) -> dict[str, Any]:
    title, symbol, color, shift = SERIES[name]
    value, error = np.where((rows[:, :1] > LOWEST) & (rows[:, :1] < HIGHEST), rows, np.nan).T
    error = np.where(np.isfinite(error), error, np.nan)
    # A log axis cannot show a bar that reaches 0.
    bars = {"type": "data", "symmetric": False, "array": error, "arrayminus": np.minimum(error, value - low / 2)}
    return {
        "type": "scatter", "mode": "markers", "x": layers + shift, "y": value, "name": title,
        "error_y": bars | {"thickness": 1.5, "width": 3}, "hoverinfo": "text",
        "hovertext": [
            f"layer {layer}<br>{title}: {with_error(*row)}" for layer, row in zip(layers, rows, strict=True)
        ],
        "marker": {"color": color, "symbol": symbol, "size": 9 if len(layers) <= 40 else 6}
        | {"line": {"width": 1.5, "color": color}},
    }  # fmt: skip
