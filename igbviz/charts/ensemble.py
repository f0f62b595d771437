"""Pictures of many untrained networks: how their guesses are spread, and how the bias comes about layer by layer.

An ensemble, complete or still growing, and a prediction in; plotly figures out. Measured is blue, theory is orange, as
class 0 and 1.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go

from igbviz import theory
from igbviz.charts.colors import NEUTRAL, class_style, shade
from igbviz.charts.style import note, titled_figure
from igbviz.ensembles import Ensemble
from igbviz.ensembles.predictions import GuessLaw, Prediction, guess_law

MEASURED, THEORY = class_style(0).color, class_style(1).color
BINS = 20  # of the histogram of guesses; more where theory expects a narrow one
# Gammas beyond stand at the edge of the picture: less is noise of finite data, more is not told by float32.
MIN_GAMMA, MAX_GAMMA = 1e-4, 1e9

ESTIMATORS: dict[Literal["variance", "cosine", "guesses"], tuple[str, str]] = {
    "variance": ("ratio of variances", "the definition; lower where the inputs differ in norm"),
    "cosine": ("cosines", "the angle between the outputs of two inputs, whatever their norms"),
    "guesses": ("guesses", "how often two inputs get the same guess, and nothing else"),
}

CAPTIONS = {
    "outputs": "One untrained network: how the logits of each class are spread over the inputs, and their centre "
    "(upright line). Where the centres lie further apart than the curves are wide, the class on the right gets "
    "the guesses, whatever the input shows.",
    "guesses": "Every network gives each class a fraction of its guesses; this is the distribution of these fractions "
    "over networks. With two classes it has one hump below γ = 1, is flat at γ = 1, and has a hump at each end above. "
    "The regime is named by the fraction that γ gives the favoured class on average: neutral below 1.5/K, deeply "
    "prejudiced from 90 % on (our cuts). Theory counts its guesses on as many inputs.",
    "gamma_by_depth": "How biased each layer is: γ compares how far the centres of its outputs differ between nodes "
    "with how far outputs differ between inputs. Above 1 the centre decides more than the input. Error bars are "
    "standard errors over networks.",
    "class_probabilities": "The probability that one untrained network gives each class, averaged over all inputs. "
    "Without prejudice every class would have 1/K.",
}


def guesses(ensemble: Ensemble, gamma: float | None = None, height: int = 420) -> go.Figure:
    """How the shares of the guesses are spread over networks: of class 0 where there are two, of the favoured class
    where there are more.

    With the `gamma` that theory predicts for the logits: the density it expects, and the mean of the favoured class's
    share.
    """
    two = ensemble.classes == 2
    shares = ensemble.guess_fraction()[:, 0] if two else ensemble.largest_guess()
    low, networks = (0.0 if two else 1 / ensemble.classes), len(ensemble)
    law = None if gamma is None or np.isnan(gamma) else guess_law(float(gamma), ensemble.classes, ensemble.inputs)
    edges = np.linspace(low, 1, _bins(law, low, ensemble.inputs) + 1)
    counts, _ = np.histogram(np.clip(shares, low, 1), edges)
    measured = counts / (networks * (edges[1] - edges[0]))
    whose = f"for class {ensemble.class_names[0]}" if two else "for the favoured class"
    traces: list[dict[str, Any]] = [{
        "type": "bar", "x": ((edges[1:] + edges[:-1]) / 2).astype(np.float32), "y": measured.astype(np.float32),
        "width": float(edges[1] - edges[0]) * 0.94, "name": _count(networks),
        "marker": {"color": shade(MEASURED, 0.6), "line": {"width": 0}}, "customdata": counts.astype(np.int32),
        "hovertemplate": f"share near %{{x:.3f}}<br>%{{customdata}} of {networks:,}<extra></extra>",
    }]  # fmt: skip
    top = 1.15 * float(measured.max())
    largest = ensemble.largest_guess()
    error = float(largest.std(ddof=1)) / networks**0.5 if networks > 1 else np.inf
    mean = f"mean {'larger' if two else 'largest'} share {_with_error(largest.mean(), error)}"
    lines = [(float(largest.mean()), f"┃ {mean}", MEASURED, "solid")]
    if law is not None:
        if len(law.place):
            traces.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "x": law.place.astype(np.float32),
                    "y": np.minimum(law.density, 1e6).astype(np.float32),
                    "name": f"theory at γ = {_number(gamma)}",
                    "line": {"color": THEORY, "width": 3},
                    "hovertemplate": "share %{x:.3f}<br>theory %{y:.3f}<extra></extra>",
                }
            )
        top = max(top, 1.15 * law.height(edges))
        lines.append((law.mean, f"┋ theory {law.mean:.3f}", THEORY, "dash"))
    regime = _regime(ensemble)
    figure = titled_figure(traces, f"Guesses {whose}", f"{_count(networks)}: {regime}", height)
    figure["layout"]["shapes"] += [_upright(x, color, dash) for x, _, color, dash in lines]
    means = " &nbsp;".join(f'<span style="color:{color}">{text}</span>' for _, text, color, _ in lines)
    header = note(f"{regime}<br>{means}", 0, 1, yanchor="bottom", yshift=6, align="left")
    figure["layout"]["annotations"].append(header)
    margin = 0.01 * (1 - low)
    figure["layout"]["xaxis"] |= {
        "title": {"text": "share of the guesses", "standoff": 6},
        "range": [low - margin, 1 + margin],
    }
    figure["layout"]["yaxis"] |= {"title": {"text": "density of networks"}, "range": [0, top]}
    figure["layout"]["margin"] |= {"t": 88}
    return go.Figure(figure)


def gamma_by_depth(ensemble: Ensemble, prediction: Prediction | None = None, height: int = 420) -> go.Figure:
    """gamma of every linear layer, theory as a line and what was measured as points. For ensembles that were measured
    layer by layer.

    What has no place on the log axis, or next to none, stands as an open triangle at its edge.
    """
    measured = {name: ensemble.gamma_by_depth(name) for name in ("variance", "cosine")}
    layers = np.arange(1, len(measured["variance"]) + 1)
    everything = np.concatenate(
        [values[:, 0] for values in measured.values()] + ([prediction.gamma] if prediction else [])
    )
    within = everything[(everything > MIN_GAMMA) & (everything < MAX_GAMMA)]
    cuts = theory.regime_cuts(ensemble.classes)
    low, high = within.min(initial=min(0.1, cuts[0])) / 2, within.max(initial=max(30, cuts[1])) * 2
    edges = low * (high / low) ** 0.02, high / (high / low) ** 0.02
    traces: list[dict[str, Any]] = []
    if prediction:
        words = [
            f"layer {layer}<br>theory: γ = {_number(value)}"
            for layer, value in zip(layers, prediction.gamma, strict=True)
        ]
        line = {"name": "theory", "line": {"color": THEORY, "width": 3}, "hovertext": words, "hoverinfo": "text"}
        place = np.clip(prediction.gamma, *edges)
        traces.append(
            {"type": "scatter", "mode": "lines", "x": layers, "y": place.astype(np.float32), "legendgroup": "theory"}
            | line
        )
        traces += _beyond(layers, prediction.gamma, edges, words, "theory", THEORY)
    size = 9 if len(layers) <= 40 else 6
    looks = {"variance": ("circle", -0.1), "cosine": ("diamond-open", 0.1)}
    for name, values in measured.items():
        title, (symbol, shift) = ESTIMATORS[name][0], looks[name]
        words = [
            f"layer {layer}<br>{title}: γ = {_with_error(*pair)}" for layer, pair in zip(layers, values, strict=True)
        ]
        inside = (values[:, 0] > edges[0]) & (values[:, 0] < edges[1])
        y, error = np.where(inside[:, None], values, np.nan).T
        error = np.where(np.isfinite(error), error, np.nan)
        bars = {"type": "data", "symmetric": False, "array": error.astype(np.float32), "thickness": 1.5, "width": 3}
        bars["arrayminus"] = np.minimum(error, y - low / 2).astype(np.float32)  # a log axis has no place for the rest
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": (layers + shift).astype(np.float32),
                "y": y.astype(np.float32),
                "error_y": bars,
                "name": f"measured, {title}",
                "legendgroup": name,
                "hovertext": words,
                "hoverinfo": "text",
                "marker": {
                    "color": MEASURED,
                    "symbol": symbol,
                    "size": size,
                    "line": {"width": 1.5, "color": MEASURED},
                },
            }
        )
        traces += _beyond(layers + shift, values[:, 0], edges, words, name, MEASURED)
    words = f"{_count(len(ensemble))}: γ of the logits {_with_error(*measured['variance'][-1])}"
    figure = titled_figure(traces, "Bias layer by layer", words, height)
    for cut, dash in zip(cuts, ("dash", "dot"), strict=True):
        line = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": cut, "y1": cut, "layer": "below"}
        figure["layout"]["shapes"].append(line | {"line": {"color": NEUTRAL, "width": 1.5, "dash": dash}})
    first, last = np.log10(cuts)
    for y, side, text in zip(
        (first, (first + last) / 2, last), ("top", "middle", "bottom"), _regime_labels(ensemble.classes), strict=True
    ):
        label = note(text, 1, float(y), yanchor=side, xshift=4, align="left", yref="y")
        figure["layout"]["annotations"].append(label | {"font": {"size": 12}})
    notes = ["theory: exactly 0 in every layer"] if prediction and (prediction.gamma == 0).all() else []
    notes += ["▽ 0 or less, or too little for the axis"] if (everything <= edges[0]).any() else []
    figure["layout"]["annotations"].append(note(" · ".join(notes), 0, 1, yanchor="bottom", yshift=6))
    room = 0.02 * len(layers) + 0.3
    figure["layout"]["xaxis"] |= {
        "title": {"text": "linear layer; the last gives the logits", "standoff": 6},
        "tick0": 1,
    }
    figure["layout"]["xaxis"] |= {"range": [1 - room, len(layers) + room], "dtick": max(1, round(len(layers) / 10))}
    figure["layout"]["yaxis"] |= {
        "title": {"text": "bias γ"},
        "type": "log",
        "range": [np.log10(low), np.log10(high)],
        "dtick": 1,
    }
    figure["layout"]["yaxis"] |= {"exponentformat": "power"}
    figure["layout"]["margin"] |= {"l": 72, "r": 108, "t": 66}
    return go.Figure(figure)


def estimators(ensemble: Ensemble) -> list[dict[str, Any]]:
    """Rows of a table: gamma of the logits by each estimator, its standard error (None for one network), and what the
    estimator sees."""
    rows = []
    for name, (title, sees) in ESTIMATORS.items():
        value, error = ensemble.gamma(name)
        known = error if np.isfinite(error) else None
        rows.append(
            {"estimator": title, "gamma": value, "standard error": known, "networks": len(ensemble), "sees": sees}
        )
    return rows


def _bins(law: GuessLaw | None, low: float, inputs: int) -> int:
    """Enough for a narrow law, and not so many that shares, which are whole numbers of inputs, leave bins empty."""
    wanted = BINS
    if law is not None:
        # next to 1 one bar is as good as many
        width = float(law.quantiles.std()) if law.mean < 0.9 else 1.0
        wanted = max(BINS, min(10 * BINS, round(2.5 * (1 - low) / max(width, 1e-6))))
    return max(5, min(wanted, int(inputs * (1 - low)) // 4))


def _beyond(
    x: np.ndarray, gamma: np.ndarray, edges: tuple[float, float], hovertext: list[str], group: str, color: str
) -> list[dict[str, Any]]:
    """What lies beyond the edges of the picture, as open triangles at them."""
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
            "hovertext": [hovertext[place] for place in beyond],
            "marker": {"color": color, "symbol": symbols, "size": 11, "line": {"width": 1.5, "color": color}},
        }
    ]


def _regime(ensemble: Ensemble) -> str:
    """In words: gamma of the guesses with its error, and the regime it lies in, or the two that it may lie in."""
    if len(ensemble) < 2:
        return "the law of the guesses takes more than one network"
    gamma, error = ensemble.gamma("guesses")
    if gamma == np.inf:
        return f"every network gives all its guesses to one class: {theory.regime(gamma, ensemble.classes)}"
    first, last = (theory.regime(max(end, 0.0), ensemble.classes) for end in (gamma - error, gamma + error))
    name = f"{first} ({_regime_ranges(ensemble.classes)[first]})" if first == last else f"{first} or {last}"
    if (first, last) == (theory.REGIMES[0], theory.REGIMES[-1]):
        name = "too few networks to name it"
    return f"γ = {_with_error(gamma, error)}: {name}"


def _regime_ranges(classes: int) -> dict[str, str]:
    """The range of gamma of each regime, in words, for that many classes."""
    low, high = (f"{cut:.3g}" for cut in theory.regime_cuts(classes))
    return dict(zip(theory.REGIMES, (f"γ < {low}", f"{low} ≤ γ < {high}", f"γ ≥ {high}"), strict=True))


def _regime_labels(classes: int) -> list[str]:
    """What stands beside the lines of the regimes; between them there is room for the name alone."""
    neutral, prejudiced, deep = theory.REGIMES
    ranges = _regime_ranges(classes)
    return [f"{neutral}<br>{ranges[neutral]}", prejudiced, f"{deep}<br>{ranges[deep]}"]


def _with_error(value: float, error: float) -> str:
    """As many decimals as the error has with two digits; without an error three digits."""
    if not (np.isfinite(error) and np.isfinite(value)):
        return _number(value)
    if error < 1e-6:
        return f"{value:.3g} ± {error:.1g}"
    decimals = max(0, int(1 - np.floor(np.log10(error))))
    return f"{value:,.{decimals}f} ± {error:,.{decimals}f}"


def _number(value: float) -> str:
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
