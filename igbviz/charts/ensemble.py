"""Figures of an ensemble of untrained networks: the distribution of their guess fractions, and gamma layer by layer.

An ensemble, complete or still growing, and a prediction in; plotly figures out. Measured values are blue and theory is
orange, the colours of classes 0 and 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from igbviz import theory
from igbviz.charts.colors import NEUTRAL, class_style, shade
from igbviz.charts.interface.figures import chart
from igbviz.charts.interface.inputs import OfEnsemble, ensemble_of
from igbviz.charts.style import SMALL, annotation, literal, titled_figure
from igbviz.ensembles import Ensemble
from igbviz.ensembles.predictions import GuessDistribution, Prediction, guess_distribution
from igbviz.ensembles.verdict import with_error

MEASURED, THEORY = class_style(0).color, class_style(1).color
BINS = 20  # of the histogram of guess fractions; more where theory expects a narrow one
# Gammas beyond are drawn at the edge of the plot: below is noise of finite data, above is beyond float32.
MIN_GAMMA, MAX_GAMMA = 1e-4, 1e9

ESTIMATORS: dict[Literal["variance", "cosine", "guesses"], tuple[str, str]] = {
    "variance": ("ratio of variances", "the definition of γ; lower where the inputs differ in norm"),
    "cosine": ("cosines", "the angle between the outputs of two inputs, whatever their norms"),
    "guesses": ("guesses", "only how often two inputs get the same guess"),
}

# The cuts are made for two classes; for other numbers of classes figures give the expected largest guess fraction.
LOW, HIGH = theory.regime_cuts(2)
REGIME_RANGES = dict(
    zip(theory.REGIMES, (f"γ < {LOW:.3g}", f"{LOW:.3g} ≤ γ < {HIGH:.3g}", f"γ ≥ {HIGH:.3g}"), strict=True)
)
REFERENCE_GAMMAS = (1.0, 10.0)  # reference lines for numbers of classes other than two

CAPTIONS = {
    "every_network": "Each column is one untrained network, its height divided into the guess fractions of the classes "
    "in their colors, the favoured class at the bottom. Networks that favour the same class stand together, with its "
    "name below. Dashed: what every class would get without bias. Which class is favoured differs from network to "
    "network: it comes from the random weights, not from the inputs.",
    "outputs": "One untrained network: the distribution of each class's logit over the inputs, with its mean, the "
    "centre, as a vertical line. The further the centres lie apart compared with the widths of the curves, the more of "
    "the guesses go to the class with the highest centre, whatever the input shows (initial guessing bias, IGB).",
    "guesses": "The guess fraction of a class is the fraction of the inputs that a network guesses as this class. "
    "The histogram shows its distribution over untrained networks: of the first of two classes, or of the "
    "favoured class where there are more. Without bias it lies close to 1/K; the larger γ, the more of the "
    "guesses the favoured class gets. Theory counts guesses on equally many inputs.",
    "gamma_by_depth": "The bias γ of each layer: the variance, over nodes, of the centres of its outputs, divided by "
    "the variance of an output over inputs. Above 1, outputs differ more from node to node than from input to "
    "input. Error bars are standard errors over networks.",
    "class_probabilities": "Probability of each class, averaged over all inputs, in one untrained network. Without "
    "bias every class would have 1/K.",
}


def summary(ensemble: Ensemble, networks: int) -> str:
    """One sentence on what the networks drawn so far, of `networks`, guess."""
    largest, drawn = ensemble.largest_guess(), len(ensemble)
    count = f"the first {drawn} of {networks:,}" if drawn < networks else f"{drawn:,}"
    mean, low, high = (f"{100 * value:.0f}\u00a0%" for value in (largest.mean(), largest.min(), largest.max()))
    return (
        f"In {count} untrained networks the favoured class gets **{mean}** of the guesses on average ({low} to "
        f"{high}); {100 / ensemble.classes:.2g}\u00a0% would be even."
    )


@chart
def guesses(
    ensemble: OfEnsemble,
    gamma: float | Literal["measured"] | None = "measured",
    height: int = 420,
    relative: bool = False,
) -> dict[str, Any]:
    """Histogram over networks of a guess fraction: that of class 0 if there are two, of the favoured class otherwise.

    With `gamma`, the value that theory predicts for the logits, the figure has the expected density and the expected
    mean of the largest guess fraction. 'measured' is the gamma of the measured logits, by their cosines, so that the
    law of the guesses is a prediction still; None leaves it out. `relative` bars are fractions of the networks in place
    of densities: a narrow distribution then fits on one scale with a wide one. The ensemble may be what `every_network`
    takes.

    >>> run = igbviz.Run.open("gaussian-noise-mlp-he-normal-n100-s0-c13a798568")
    >>> figure = igbviz.charts.guesses(run, gamma=8.6)

    Raises ConfigError, one sentence, for anything else.
    """
    ensemble = ensemble_of(ensemble)
    if gamma == "measured":
        gamma = max(ensemble.gamma("cosine")[0], 0.0) if len(ensemble) > 1 else None
    two = ensemble.classes == 2
    fractions = ensemble.guess_fraction()[:, 0] if two else ensemble.largest_guess()
    low, networks = (0.0 if two else 1 / ensemble.classes), len(ensemble)
    law = (
        None
        if gamma is None or np.isnan(gamma)
        else guess_distribution(float(gamma), ensemble.classes, ensemble.inputs)
    )
    edges = np.linspace(low, 1, _bins(law, low, ensemble.inputs) + 1)
    counts, _ = np.histogram(np.clip(fractions, low, 1), edges)
    unit = float(edges[1] - edges[0]) if relative else 1.0  # of density
    measured = unit * counts / (networks * (edges[1] - edges[0]))
    subject = f"Guess fraction of class {literal(ensemble.class_names[0])}" if two else "Largest guess fraction"
    traces: list[dict[str, Any]] = [{
        "type": "bar", "x": ((edges[1:] + edges[:-1]) / 2).astype(np.float32), "y": measured.astype(np.float32),
        "width": float(edges[1] - edges[0]) * 0.94, "name": _count(networks),
        "marker": {"color": shade(MEASURED, 0.6), "line": {"width": 0}}, "customdata": counts.astype(np.int32),
        "hovertemplate": f"guess fraction near %{{x:.3f}}<br>%{{customdata}} of {networks:,}<extra></extra>",
    }]  # fmt: skip
    top = 1.15 * float(measured.max())
    largest = ensemble.largest_guess()
    error = float(largest.std(ddof=1)) / networks**0.5 if networks > 1 else np.inf
    mean = f"mean {'larger' if two else 'largest'} guess fraction {with_error(largest.mean(), error)}"
    lines = [(float(largest.mean()), f"┃ {mean}", MEASURED, "solid")]
    if law is not None:
        if len(law.place):
            traces.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "x": law.place.astype(np.float32),
                    "y": np.minimum(unit * law.density, 1e6).astype(np.float32),
                    "name": f"theory at γ = {_format_number(gamma)}",
                    "line": {"color": THEORY, "width": 3},
                    "hovertemplate": "guess fraction %{x:.3f}<br>theory %{y:.3f}<extra></extra>",
                }
            )
        top = max(top, 1.15 * unit * law.height(edges))
        lines.append((law.mean, f"┋ theory {law.mean:.3f}", THEORY, "dash"))
    regime = _regime(ensemble)
    title = f"{subject} · n = {networks:,}"
    figure = titled_figure(traces, title, regime, height)
    figure["layout"]["shapes"] += [_upright(x, color, dash) for x, _, color, dash in lines]
    means = "<br>".join(f'<span style="color:{color}">{text}</span>' for _, text, color, _ in lines)
    header = annotation(f"{regime.replace('; ', '<br>')}<br>{means}", 0, 1, yanchor="bottom", yshift=6, align="left")
    figure["layout"]["annotations"].append(header)
    margin = 0.01 * (1 - low)
    figure["layout"]["xaxis"] |= {
        "title": {"text": f"guess fraction over {ensemble.inputs:,} inputs", "standoff": 6},
        "range": [low - margin, 1 + margin],
    }
    label = "fraction of the networks" if relative else "density over networks"
    figure["layout"]["yaxis"] |= {"title": {"text": label}, "range": [0, top]}
    figure["layout"]["margin"] |= {"t": 71 + 17 * len(lines) + 18 * (not two)}
    _place_legend(figure["layout"], rows=2)
    return figure


@chart
def gamma_by_depth(ensemble: OfEnsemble, prediction: Prediction | None = None, height: int = 420) -> dict[str, Any]:
    """gamma of every linear layer: theory as a line, measurements as points.

    >>> run = igbviz.Run.open("gaussian-noise-mlp-he-normal-n100-s0-c13a798568")
    >>> figure = igbviz.charts.gamma_by_depth(run)

    The ensemble may be what `every_network` takes, the prediction comes from `igbviz.ensembles.predictions`. Values
    outside the log axis are open triangles at its edges. Raises ValueError for an ensemble that was not measured layer
    by layer.
    """
    ensemble = ensemble_of(ensemble)
    measured = {name: ensemble.gamma_by_depth(name) for name in ("variance", "cosine")}
    layers = np.arange(1, len(measured["variance"]) + 1)
    gammas = np.concatenate([values[:, 0] for values in measured.values()] + ([prediction.gamma] if prediction else []))
    within = gammas[(gammas > MIN_GAMMA) & (gammas < MAX_GAMMA)]
    low, high = within.min(initial=0.1) / 2, within.max(initial=30) * 2
    edges = low * (high / low) ** 0.02, high / (high / low) ** 0.02
    traces: list[dict[str, Any]] = []
    if prediction:
        hover = [
            f"layer {layer}<br>theory: γ = {_format_number(value)}"
            for layer, value in zip(layers, prediction.gamma, strict=True)
        ]
        line = {"name": "theory", "line": {"color": THEORY, "width": 3}, "hovertext": hover, "hoverinfo": "text"}
        y = np.clip(prediction.gamma, *edges)
        traces.append(
            {"type": "scatter", "mode": "lines", "x": layers, "y": y.astype(np.float32), "legendgroup": "theory"} | line
        )
        traces += _beyond(layers, prediction.gamma, edges, hover, "theory", THEORY)
    size = 9 if len(layers) <= 40 else 6
    markers = {"variance": ("circle", -0.1), "cosine": ("diamond-open", 0.1)}
    for name, values in measured.items():
        title, (symbol, shift) = ESTIMATORS[name][0], markers[name]
        hover = [
            f"layer {layer}<br>{title}: γ = {with_error(*pair)}" for layer, pair in zip(layers, values, strict=True)
        ]
        inside = (values[:, 0] > edges[0]) & (values[:, 0] < edges[1])
        y, error = np.where(inside[:, None], values, np.nan).T
        error = np.where(np.isfinite(error), error, np.nan)
        bars = {"type": "data", "symmetric": False, "array": error.astype(np.float32), "thickness": 1.5, "width": 3}
        # A log axis cannot show a bar that reaches 0.
        bars["arrayminus"] = np.minimum(error, y - low / 2).astype(np.float32)
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": (layers + shift).astype(np.float32),
                "y": y.astype(np.float32),
                "error_y": bars,
                "name": f"measured, {title}",
                "legendgroup": name,
                "hovertext": hover,
                "hoverinfo": "text",
                "marker": {
                    "color": MEASURED,
                    "symbol": symbol,
                    "size": size,
                    "line": {"width": 1.5, "color": MEASURED},
                },
            }
        )
        traces += _beyond(layers + shift, values[:, 0], edges, hover, name, MEASURED)
    logits = f"γ of the logits {with_error(*measured['variance'][-1])}"
    title = f"Bias γ layer by layer · n = {len(ensemble):,}"
    figure = titled_figure(traces, title, logits, height)
    lines, labels = _reference_lines(ensemble.classes)
    figure["layout"]["shapes"] += lines
    figure["layout"]["annotations"] += labels
    annotations = ["theory: exactly 0 in every layer"] if prediction and (prediction.gamma == 0).all() else []
    annotations += ["▽ 0 or less, or below the axis"] if (gammas <= edges[0]).any() else []
    figure["layout"]["annotations"].append(
        annotation("<br>".join(annotations), 0, 1, yanchor="bottom", yshift=6, align="left")
    )
    room = 0.02 * len(layers) + 0.3
    figure["layout"]["xaxis"] |= {
        "title": {"text": "linear layer; the last gives the logits", "standoff": 6},
        "tick0": 1,
    }
    figure["layout"]["xaxis"] |= {"range": [1 - room, len(layers) + room], "dtick": max(1, round(len(layers) / 6))}
    figure["layout"]["yaxis"] |= {
        "title": {"text": "bias γ"},
        "type": "log",
        "range": [np.log10(low), np.log10(high)],
        "dtick": 1,
    }
    figure["layout"]["yaxis"] |= {"exponentformat": "power"}
    figure["layout"]["margin"] |= {
        "l": 72,
        "r": 128,
        "t": 50 + 16 * max(1, len(annotations)),
    }
    _place_legend(figure["layout"], rows=3)
    return figure


def estimators(ensemble: Ensemble) -> list[dict[str, Any]]:
    """Rows of a table: gamma of the logits by each estimator with its standard error, None for a single network."""
    rows = []
    for name, (title, basis) in ESTIMATORS.items():
        value, error = ensemble.gamma(name)
        row = {"estimator": title, "gamma": value, "standard error": error if np.isfinite(error) else None}
        rows.append(row | {"networks": len(ensemble), "what it measures": basis})
    return rows


def same_scales(figures: Sequence[dict[str, Any]], *axes: Literal["xaxis", "yaxis"]) -> None:
    """Give these axes of all figures one range, so that figures side by side can be compared by eye."""
    for axis in axes:
        ends = np.array([figure["layout"][axis]["range"] for figure in figures], float)
        for figure in figures:
            figure["layout"][axis]["range"] = [float(ends[:, 0].min()), float(ends[:, 1].max())]


def _place_legend(layout: dict[str, Any], rows: int) -> None:
    """Put the legend below the title of the x axis, with room for its rows in a narrow window."""
    layout["margin"]["b"] = 56 + 21 * rows
    plot = layout["height"] - layout["margin"]["t"] - layout["margin"]["b"]
    layout["legend"]["y"] = -52 / plot


def _reference_lines(classes: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Horizontal lines with labels on the right: the regimes of two classes, or expected largest guess fractions."""
    two = classes == 2
    gammas = (LOW, HIGH) if two else REFERENCE_GAMMAS
    lines = [
        {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": gamma, "y1": gamma, "layer": "below"}
        | {"line": {"color": NEUTRAL, "width": 1.5, "dash": dash}}
        for gamma, dash in zip(gammas, ("dash", "dot"), strict=True)
    ]
    first, last = np.log10(gammas)
    if two:
        neutral, weak, deep = REGIME_RANGES
        texts = f"{neutral}<br>{REGIME_RANGES[neutral]}", weak, f"{deep}<br>{REGIME_RANGES[deep]}"
        labels = list(zip((first, (first + last) / 2, last), ("top", "middle", "bottom"), texts, strict=True))
    else:
        expected = theory.expected_max_guess(np.array(gammas), classes)
        texts = [
            f"γ = {gamma:g}: largest<br>guess fraction<br>{value:.2f}"
            for gamma, value in zip(gammas, expected, strict=True)
        ]
        labels = list(zip((first, last), ("middle", "middle"), texts, strict=True))
    place = {"xshift": 4, "align": "left", "yref": "y"}
    return lines, [
        annotation(text, 1, float(y), yanchor=side, **place) | {"font": {"size": SMALL}} for y, side, text in labels
    ]


def _bins(law: GuessDistribution | None, low: float, inputs: int) -> int:
    """Number of bins: enough for a narrow law, but with room for a few counts of `inputs` in each."""
    bins = BINS
    if law is not None:
        # with nearly all fractions at 1, one bar is as good as many
        width = float(law.quantiles.std()) if law.mean < 0.9 else 1.0
        bins = max(BINS, min(10 * BINS, round(2.5 * (1 - low) / max(width, 1e-6))))
    return max(5, min(bins, int(inputs * (1 - low)) // 4))


def _beyond(
    x: np.ndarray, gamma: np.ndarray, edges: tuple[float, float], hovertext: list[str], group: str, color: str
) -> list[dict[str, Any]]:
    """Values beyond the edges of the plot, as open triangles at the edges."""
    low, high = edges
    beyond = np.flatnonzero((gamma <= low) | (gamma >= high))
    if not len(beyond):
        return []
    symbols = ["triangle-down-open" if value <= low else "triangle-up-open" for value in gamma[beyond]]
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "x": x[beyond].astype(np.float32),
            "y": np.clip(gamma[beyond], low, high).astype(np.float32),
            "legendgroup": group,
            "showlegend": False,
            "hoverinfo": "text",
            "cliponaxis": False,
            "hovertext": [hovertext[index] for index in beyond],
            "marker": {"color": color, "symbol": symbols, "size": 11, "line": {"width": 1.5, "color": color}},
        }
    ]


def _regime(ensemble: Ensemble) -> str:
    """gamma of the guesses with its standard error, the regimes within that error, and the expected largest guess.

    The cuts between the regimes are given for two classes only; for others the expected largest guess fraction is.
    """
    if len(ensemble) < 2:
        return "γ of the guesses needs more than one network"
    classes = ensemble.classes
    gamma, error = ensemble.gamma("guesses")
    if gamma == np.inf:
        return f"every network gives all its guesses to one class: {theory.regime(gamma, classes)}"
    first, last = (theory.regime(max(end, 0.0), classes) for end in (gamma - error, gamma + error))
    name = first if first == last else f"{first} or {last}"
    if (first, last) == (theory.REGIMES[0], theory.REGIMES[-1]):
        name = "too few networks to name the regime"
    elif classes == 2 and first == last:
        name += f" ({REGIME_RANGES[first]})"
    text = f"γ of the guesses = {with_error(gamma, error)}: {name}"
    if classes != 2:
        expected = theory.expected_max_guess(max(gamma, 0.0), classes)
        text += f"; expected largest guess fraction {expected:.2f} (1/K = {1 / classes:.2g})"
    return text


def _format_number(value: float) -> str:
    return "∞" if value == np.inf else f"{value:.3g}"


def _count(networks: int) -> str:
    return "1 network" if networks == 1 else f"{networks:,} networks"


def _upright(x: float, color: str, dash: str) -> dict[str, Any]:
    return {
        "type": "line",
        "x0": x,
        "x1": x,
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "line": {"color": color, "dash": dash, "width": 2},
    }
