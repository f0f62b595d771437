"""What gamma compares: how far the outputs of one network spread over inputs, and their centres over networks.

Two densities over one axis. Above, the outputs of a network for each class and the normal density N(mu_c, Var) that
theory gives them; below, the centres mu_c of all networks and N(0, Var(mu)). gamma is the squared ratio of the widths.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from igbviz.charts.colors import NEUTRAL, NEUTRAL_TEXT, class_style, shade
from igbviz.charts.interface.figures import chart
from igbviz.charts.interface.inputs import OfEnsemble, ensemble_of, place_of
from igbviz.charts.style import AXIS, annotation, literal, titled_figure
from igbviz.charts.untrained.densities import curves, drawn_classes
from igbviz.ensembles import Ensemble
from igbviz.ensembles.predictions import prediction_for
from igbviz.ensembles.verdict import with_error
from igbviz.runs.run import Run
from igbviz.theory import gamma_variance_ratio
from igbviz.theory.estimators import jackknife_of_means

UPPER, LOWER = [0.56, 0.94], [0.0, 0.36]  # heights of the two densities, as fractions of the plot
MAX_BINS = 80
HALF_HEIGHT = np.exp(-0.5)  # of a normal density, one standard deviation from its middle
CAPTION = (
    "One axis for both, in units of an output's standard deviation over inputs (root mean square over classes and "
    "networks). Above: each class's outputs in one network as an area, its centre as a line, and as a curve the normal "
    "density of wide networks, N(μ, Var), equally wide for all classes. Below: the centres of all classes in all "
    "networks as bars, with those of the network above as marks; the curve is theory's N(0, Var(μ)) with Var(μ) = "
    "γ Var, and 1/D more, since a mean over D inputs fluctuates. In deep networks of finite width outputs differ in "
    "size from input to input, so that this ratio stays below theory's. Tables of γ subtract the mean over the classes "
    "first, which no guess depends on."
)


class Widths(NamedTuple):
    """The two widths of an ensemble whose ratio is gamma, and gamma with its standard error over networks."""

    within: float  # root mean square over classes and networks of an output's standard deviation over inputs
    between: float  # root mean square of the centres
    gamma: float
    error: float


def widths(ensemble: Ensemble) -> Widths:
    """From the outputs as they are: no mean over the classes is subtracted, so that the pictures show this ratio."""
    centres, spreads = ((ensemble.records[name] ** 2).mean(-1) for name in ("centre", "spread"))
    gamma, error = jackknife_of_means(lambda c, s: gamma_variance_ratio(c, s, ensemble.inputs), centres, spreads)
    return Widths(float(spreads.mean() ** 0.5), float(centres.mean() ** 0.5), float(gamma), float(error))


def sentence(ensemble: Ensemble, gamma: float | None = None) -> str:
    """What gamma is here, in words; `gamma` is what theory predicts for it."""
    width = widths(ensemble)
    if not width.within:
        return "Every input gets the same outputs: nothing but the centres differs, and γ is infinite."
    between = width.between / width.within
    measured = with_error(width.gamma, width.error)
    expected = f"; theory predicts {gamma:.3g}" if gamma is not None and np.isfinite(gamma) else ""
    far = abs(width.gamma - 1) > 2 * width.error
    more = ("more" if width.gamma > 1 else "less") if far else "about as much"
    lead = f"an output differs {more} from network to network {'than' if far else 'as'} from input to input"
    return (
        f"Over the inputs, an output of a network spreads by ± 1 around its centre (on average, the unit here); over "
        f"{len(ensemble):,} networks, the centres spread by ± {between:.2g}. γ is the squared ratio of these widths, "
        f"{between:.2g}² / 1², less 1/D for the {ensemble.inputs:,} inputs: **γ = {measured}**{expected}. So {lead}."
    )


@chart
def centres(ensemble: OfEnsemble, network: int = 0, gamma: float | None = None, height: int = 600) -> dict[str, Any]:
    """The outputs of the network at index `network` over those of all centres: the two densities that gamma compares.

    Dashed are the normal densities of wide networks, the lower one at `gamma`, the prediction for the logits. Of a Run
    it is known; for other ensembles without it only measurements are drawn below. The ensemble may be what
    `every_network` takes; ConfigError for an index beyond the last network.

    >>> run = igbviz.Run.open("gaussian-noise-mlp-he-normal-n100-s0-c13a798568")
    >>> figure = igbviz.charts.centres(run, network=3)
    """
    if gamma is None and isinstance(ensemble, Run) and len(ensemble.ensemble()):
        prediction = prediction_for(ensemble.config, ensemble.ensemble())
        gamma = None if prediction is None else float(prediction.gamma[-1])
    ensemble = ensemble_of(ensemble)
    network = place_of("network", network, len(ensemble), "networks")
    record, width = ensemble.records[network], widths(ensemble)
    unit = width.within or width.between or 1.0
    predicted = None if gamma is None or not np.isfinite(gamma) else (max(gamma, 0.0) + 1 / ensemble.inputs) ** 0.5
    upper, top = _outputs(ensemble, record, unit)
    lower, bottom = _centres(ensemble, record, unit, predicted)
    words = sentence(ensemble, gamma).replace("**", "")
    title = "The two widths that γ compares"
    figure = titled_figure([*upper, *lower], title, words, height)
    layout = figure["layout"]
    reach = 1.06 * _reach(ensemble, record, unit, predicted)
    name = f"network {record['network']}"
    layout["xaxis"] |= {"range": [-reach, reach], "anchor": "y", "showticklabels": False}
    layout["xaxis2"] = AXIS | {"range": [-reach, reach], "anchor": "y2", "matches": "x"}
    layout["xaxis2"] |= {"title": {"text": "output / its standard deviation over inputs", "standoff": 6}}
    layout["yaxis"] |= {"domain": UPPER, "range": [0, 1.2 * top], "showticklabels": False, "ticks": ""}
    layout["yaxis2"] = AXIS | {"domain": LOWER, "range": [0, 1.25 * bottom], "showticklabels": False, "ticks": ""}
    layout["yaxis2"] |= {"anchor": "x2", "showline": False}
    own = float(np.sqrt((record["spread"] ** 2).mean())) / unit
    layout["annotations"] += [
        annotation(f"<b>Outputs of {name}</b>, {ensemble.inputs:,} inputs: ± {own:.2g}", 0, UPPER[1])
        | {"yanchor": "bottom", "yshift": 4},
        annotation(
            f"<b>Centres over {len(ensemble):,} networks</b>: ± {width.between / unit:.2g}", 0, LOWER[1]
        ) | {"yanchor": "bottom", "yshift": 4},
    ]  # fmt: skip
    if not width.within:
        layout["annotations"].append(annotation("every input has the same outputs", 0.52, sum(UPPER) / 2))
    layout["margin"] |= {"l": 24, "r": 16, "t": 46}
    return figure


def _outputs(ensemble: Ensemble, record: np.void, unit: float) -> tuple[list[dict[str, Any]], float]:
    """The densities of one network's outputs, and how high they are."""
    names = [literal(name) for name in ensemble.class_names]
    x, y = curves(record, unit)
    drawn, favoured = drawn_classes(record), int(record["guesses"].argmax())
    fraction, centre = record["guesses"] / record["guesses"].sum(), record["centre"] / unit
    spread = float(np.sqrt((record["spread"] ** 2).mean())) / unit
    top = max(float(y[drawn].max()), normal(0.0, spread)[1].max(initial=0.0)) or 1.0
    traces: list[dict[str, Any]] = []
    for k in sorted(drawn, key=lambda k: k == favoured):  # on top of the others
        style, first = class_style(k), k == favoured
        text = f"{names[k]}: {fraction[k]:.0%}"
        hover = f"<b>{names[k]}</b> {fraction[k]:.1%} of the guesses<br>centre {centre[k]:.3g}<extra></extra>"
        common = {"type": "scatter", "mode": "lines", "legendgroup": names[k], "hovertemplate": hover}
        width = 3 if first else 2
        traces.append(common | {
            "x": x[k].astype(np.float32), "y": y[k].astype(np.float32), "fill": "tozeroy", "showlegend": False,
            "fillcolor": shade(style.color, 0.35 if first else 0.15), "line": {"width": 0},
        })  # fmt: skip
        places, heights = normal(float(centre[k]), spread)
        traces.append(common | {
            "x": places.astype(np.float32), "y": heights.astype(np.float32), "legendrank": drawn.index(k),
            "name": f"<b>{text} ★</b>" if first else text,
            "line": {"color": style.color, "dash": style.dashed(width), "width": width},
        })  # fmt: skip
        traces.append(common | {
            "x": np.float32([centre[k]] * 2), "y": np.float32([0, 1.08 * top]), "showlegend": False,
            "line": {"color": style.color, "width": 3 if first else 1},
        })  # fmt: skip
    own = float(centre[favoured])
    traces.append(_bar(own, spread, top, class_style(favoured).color, "width over inputs"))
    return traces, top


def _centres(
    ensemble: Ensemble, record: np.void, unit: float, predicted: float | None
) -> tuple[list[dict[str, Any]], float]:
    """The density of all centres, and how high it is."""
    values = (ensemble.records["centre"] / unit).ravel()
    width = float(np.sqrt((values**2).mean()))
    reach = float(np.abs(values).max()) or 1.0
    # Scott's rule, symmetric about 0, where theory has the middle
    bins = min(MAX_BINS, 2 * max(3, int(np.ceil(reach * len(values) ** (1 / 3) / (3.49 * width or 1.0)))))
    counts, edges = np.histogram(values, np.linspace(-reach, reach, bins + 1))
    step = float(edges[1] - edges[0])
    heights = counts / (len(values) * step)
    lower = {"xaxis": "x2", "yaxis": "y2"}
    traces: list[dict[str, Any]] = [lower | {
        "type": "bar", "x": ((edges[1:] + edges[:-1]) / 2).astype(np.float32), "y": heights.astype(np.float32),
        "width": step * 0.94, "name": f"centres of {len(ensemble):,} networks", "customdata": counts.astype(np.int32),
        "marker": {"color": shade(NEUTRAL, 0.6), "line": {"width": 0}},
        "hovertemplate": f"centre near %{{x:.3g}}<br>%{{customdata}} of {len(values):,}<extra></extra>",
    }]  # fmt: skip
    top = float(heights.max())
    if predicted:
        places, expected = normal(0.0, predicted)
        traces.append(lower | {
            "type": "scatter", "mode": "lines", "x": places.astype(np.float32), "y": expected.astype(np.float32),
            "name": "theory, N(0, γ Var)", "hoverinfo": "skip", "line": {"color": NEUTRAL_TEXT, "width": 3},
        })  # fmt: skip
        top = max(top, float(expected.max()))
    drawn = drawn_classes(record)
    own = (record["centre"][drawn] / unit).astype(np.float32)
    traces.append(lower | {
        "type": "scatter", "mode": "markers", "x": own, "y": np.zeros(len(drawn), np.float32), "showlegend": False,
        "cliponaxis": False, "hovertext": [literal(ensemble.class_names[k]) for k in drawn],
        "hovertemplate": "centre of %{hovertext}: %{x:.3g}<extra></extra>",
        "marker": {"symbol": "diamond", "size": 11, "color": [class_style(k).color for k in drawn]},
    })  # fmt: skip
    traces.append(lower | _bar(0.0, width, top, NEUTRAL_TEXT, "width over networks"))
    return traces, top


def _bar(middle: float, width: float, top: float, color: str, name: str) -> dict[str, Any]:
    """A bar between two marks, one standard deviation wide on each side."""
    return {
        "type": "scatter", "mode": "lines+markers", "x": np.float32([middle - width, middle + width]),
        "y": np.float32([HALF_HEIGHT * top] * 2), "showlegend": False, "cliponaxis": False,
        "hovertemplate": f"{name}: ± {width:.3g}<extra></extra>",
        "line": {"color": color, "width": 3},
        "marker": {"symbol": "line-ns-open", "size": 16, "line": {"width": 3, "color": color}},
    }  # fmt: skip


def normal(middle: float, width: float) -> tuple[np.ndarray, np.ndarray]:
    """A normal density out to four standard deviations; nothing where it has no width."""
    if not width:
        return np.empty(0), np.empty(0)
    z = np.linspace(-4, 4, 81)
    return middle + width * z, np.exp(-(z**2) / 2) / (width * np.sqrt(2 * np.pi))


def _reach(ensemble: Ensemble, record: np.void, unit: float, predicted: float | None) -> float:
    """The end of the axis: four widths of the outputs shown, and all centres."""
    drawn = drawn_classes(record)
    outputs = np.abs(record["centre"][drawn]) + 4 * record["spread"][drawn]
    return max(
        float(outputs.max()) / unit, float(np.abs(ensemble.records["centre"]).max()) / unit, 3 * (predicted or 0)
    )
