"""Figures of untrained networks: the guesses of each, and of one its logits and its mean class probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np

from igbviz.charts.colors import LIGHT_NEUTRAL, NEUTRAL, class_style, shade
from igbviz.charts.interface.figures import chart
from igbviz.charts.interface.inputs import OfEnsemble, ensemble_of, place_of
from igbviz.charts.run import MAX_LINES
from igbviz.charts.style import FRACTION_TICKS, annotation, literal, titled_figure
from igbviz.charts.untrained.densities import POSITIONS, densities, drawn_classes
from igbviz.charts.untrained.densities import curves as of_classes

MAX_COLUMNS = 200  # networks drawn beside each other; of more, evenly many of the sorted ones


@chart
def every_network(ensemble: OfEnsemble, height: int = 420) -> dict[str, Any]:
    """The guess fractions of each network as a column, the favoured class at the bottom, sorted by that class.

    >>> run = igbviz.Run.open("gaussian-noise-mlp-he-normal-n100-s0-c13a798568")
    >>> figure = igbviz.charts.every_network(run)

    `ensemble` is the Run of an ensemble, an Ensemble, or a list of the records of its networks; `height` is in pixels.
    With more than MAX_LINES classes only the favoured class of each network. Raises ConfigError, one sentence, for
    anything else.
    """
    ensemble = ensemble_of(ensemble)
    fraction, classes = ensemble.guess_fraction(), ensemble.classes
    names = [literal(name) for name in ensemble.class_names]
    largest = fraction.max(-1)
    order = np.argsort(-largest, kind="stable")
    if len(order) > MAX_COLUMNS:
        order = order[np.linspace(0, len(order) - 1, MAX_COLUMNS).round().astype(int)]
    order = order[np.argsort(fraction[order].argmax(-1), kind="stable")]
    fraction = fraction[order]
    ranking = np.argsort(-fraction, axis=-1, kind="stable")
    ranked = np.take_along_axis(fraction, ranking, -1)
    # A class lies on top of those with more guesses, so its bars have a base of their own in each column.
    base = np.empty_like(fraction)
    np.put_along_axis(base, ranking, np.cumsum(ranked, -1) - ranked, -1)
    many, favoured = classes > MAX_LINES, ranking[:, 0]
    drawn = np.unique(favoured)[:MAX_LINES] if many else range(classes)
    traces = []
    for k in drawn:
        here = np.flatnonzero((favoured == k) if many else fraction[:, k] > 0)
        traces.append({
            "type": "bar", "x": here.astype(np.float32), "y": fraction[here, k].astype(np.float32),
            "base": base[here, k].astype(np.float32), "name": names[k], "legendgroup": names[k],
            "marker": {"color": class_style(int(k)).color, "line": {"width": 0}},
            "customdata": ensemble.records["network"][order[here]].astype(np.int32),
            "hovertemplate": f"network %{{customdata}}: class {names[k]} gets %{{y:.1%}}<extra></extra>",
        })  # fmt: skip
    title = "Guesses of every network"
    figure = titled_figure(
        traces, title, f"the favoured class gets {largest.mean():.0%} of the guesses on average", height
    )
    layout = figure["layout"]
    shown = f"{len(order)} of {len(ensemble):,} networks" if len(order) < len(ensemble) else f"{len(order)} networks"
    layout["xaxis"] |= {"title": {"text": f"{shown}, by favoured class", "standoff": 6}}
    blocks = [np.flatnonzero(favoured == k) for k in np.unique(favoured)]
    layout["xaxis"] |= {
        "range": [-0.5, len(order) - 0.5],
        "tickvals": [float(block.mean()) for block in blocks],
        "ticktext": [names[favoured[block[0]]] for block in blocks],
        "ticks": "",
        "showgrid": False,
    }
    layout["yaxis"] |= {"title": {"text": f"fraction of {ensemble.inputs:,} inputs"}, "range": [0, 1]} | FRACTION_TICKS
    line = {"type": "line", "x0": 0, "x1": 1, "xref": "paper", "y0": 1 / classes, "y1": 1 / classes}
    # On light, dark and colored ground: a dark dashed line with a white edge.
    layout["shapes"].append(line | {"line": {"color": "#ffffff", "width": 3}})
    layout["shapes"].append(line | {"line": {"color": "#333333", "dash": "dash", "width": 1.5}})
    layout["annotations"].append(annotation("1/K", 1, 1 / classes, xshift=4) | {"yref": "y"})
    layout |= {"barmode": "overlay", "bargap": 0.0 if len(order) > 60 else 0.08}
    layout["margin"] |= {"r": 40}
    layout["showlegend"] = False
    return figure


@chart
def outputs(ensemble: OfEnsemble, network: int = 0, height: int = 420, relative: bool = False) -> dict[str, Any]:
    """Density of each class's logit over the inputs, with its centre, for the network at index `network`.

    `relative` logits are in units of their root mean square standard deviation over the inputs, so that networks whose
    logits differ in scale can be compared.

    With more than MAX_LINES classes: the favoured one, the runners-up, and the mean of all others. The ensemble may be
    what `every_network` takes; ConfigError for an index beyond the last network.

    >>> run = igbviz.Run.open("gaussian-noise-mlp-he-normal-n100-s0-c13a798568")
    >>> figure = igbviz.charts.outputs(run, network=3)
    """
    ensemble = ensemble_of(ensemble)
    network = place_of("network", network, len(ensemble), "networks")
    record, names = ensemble.records[network], [literal(name) for name in ensemble.class_names]
    favoured, drawn = int(record["guesses"].argmax()), drawn_classes(record)
    many = ensemble.classes > MAX_LINES
    fraction, inputs = record["guesses"] / record["guesses"].sum(), int(record["guesses"].sum())
    spread, centre = record["spread"], record["centre"]
    unit = float(np.sqrt((spread**2).mean())) if relative and spread.any() else 1.0
    spread, centre = spread / unit, centre / unit
    places, curves = of_classes(record, unit)
    top = float(curves[drawn].max()) or 1.0
    traces: list[dict[str, Any]] = []
    if many:
        rest = np.setdiff1d(np.arange(ensemble.classes), drawn)
        traces += _others(centre[rest], spread[rest], densities(record)[rest], POSITIONS)
    for k in sorted(drawn, key=lambda k: k == favoured):  # on top of the others
        style, first = class_style(k), k == favoured
        label = f"<b>{names[k]} ★ {fraction[k]:.0%}</b>" if first else f"{names[k]}: {fraction[k]:.0%}"
        hover = (
            f"<b>{names[k]}</b> {fraction[k]:.1%} of the guesses<br>"
            f"centre {centre[k]:.4g}, standard deviation {spread[k]:.3g}"
        )
        common = {"type": "scatter", "mode": "lines", "legendgroup": names[k], "legendrank": drawn.index(k)}
        common["hovertemplate"] = hover + "<extra></extra>"
        width = 4 if first else 2
        traces.append(
            common
            | {
                "x": places[k].astype(np.float32),
                "y": curves[k].astype(np.float32),
                "name": label,
                "line": {"color": style.color, "dash": style.dashed(width), "width": width},
                "fill": "tozeroy",
                "fillcolor": shade(style.color, 0.25 if first else 0.08),
            }
        )
        peak = 1.06 * top if first else float(curves[k].max()) or top
        traces.append(common | {
            "x": np.float32([centre[k]] * 2), "y": np.float32([0, peak]), "showlegend": False,
            "line": {"color": style.color, "width": 3 if first else 1.5},
        })  # fmt: skip
    description = f"{fraction[favoured]:.0%} of the guesses go to class {ensemble.class_names[favoured]}"
    figure = titled_figure(traces, f"Logits of network {record['network']} · {inputs:,} inputs", description, height)
    ends = np.concatenate([trace["x"] for trace in traces])
    margin = 0.02 * float(np.ptp(ends)) or 1.0
    label = "logit / its standard deviation over inputs" if relative else "logit"
    figure["layout"]["xaxis"] |= {"title": {"text": label, "standoff": 6}}
    figure["layout"]["xaxis"] |= {"range": [float(ends.min()) - margin, float(ends.max()) + margin]}
    figure["layout"]["yaxis"] |= {"title": {"text": "density over inputs"}, "range": [0, 1.16 * top]}
    mark = {
        "x": float(centre[favoured]),
        "y": 1.06 * top,
        "yanchor": "bottom",
        "text": f"<b>{names[favoured]} ★</b>",
    }
    figure["layout"]["annotations"].append(mark | {"showarrow": False, "font": {"color": class_style(favoured).color}})
    if not spread.any():
        figure["layout"]["annotations"].append(annotation("every input has the same logits", 0.52, 0.5))
    return figure


@chart
def class_probabilities(ensemble: OfEnsemble, network: int = 0, height: int = 420) -> dict[str, Any]:
    """Mean probability of each class over all inputs, for the network at index `network`, as in `outputs`.

    Raises ConfigError like it.

    >>> run = igbviz.Run.open("gaussian-noise-mlp-he-normal-n100-s0-c13a798568")
    >>> figure = igbviz.charts.class_probabilities(run, network=3)
    """
    ensemble = ensemble_of(ensemble)
    network = place_of("network", network, len(ensemble), "networks")
    record, names = ensemble.records[network], [literal(name) for name in ensemble.class_names]
    favoured, classes = int(record["guesses"].argmax()), ensemble.classes
    many = classes > MAX_LINES
    values, styles = record["probability"], [class_style(k) for k in range(classes)]
    marker = {"color": [style.color for style in styles], "line": {"width": 0}}
    marker["pattern"] = {
        "shape": [style.pattern for style in styles],
        "fillmode": "replace",
        "size": 7,
        "solidity": 0.55,
    }
    bars = {
        "type": "bar",
        "x": np.arange(classes),
        "y": values.astype(np.float32),
        "marker": marker,
        "textposition": "outside",
        "text": None if many else [f"{value:.2f}" for value in values],
        "cliponaxis": False,
        "hovertext": names,
        "hovertemplate": "<b>%{hovertext}</b><br>%{y:.4f}<extra></extra>",
    }
    title, inputs = f"Mean probabilities of network {record['network']}", int(record["guesses"].sum())
    description = f"{ensemble.class_names[favoured]} is favoured, with mean probability {values[favoured]:.2f}"
    figure = titled_figure([bars], title, description, height)
    shown = [favoured] if many else range(classes)
    labels = [f"<b>{names[k]} ★</b>" if k == favoured else names[k] for k in shown]
    figure["layout"]["xaxis"] |= {"tickvals": list(shown), "ticktext": labels, "showgrid": False}
    figure["layout"]["xaxis"] |= {"ticklabeloverflow": "allow", "automargin": True, "range": [-0.6, classes - 0.4]}
    top = min(1.02, max(1.15 * float(values.max()), 2.5 / classes)) if many else 1.02
    figure["layout"]["yaxis"] |= {"title": {"text": f"mean over {inputs:,} inputs"}, "range": [0, top]} | (
        {} if many else FRACTION_TICKS
    )
    line = {"type": "line", "x0": 0, "x1": 1, "xref": "paper", "y0": 1 / classes, "y1": 1 / classes, "layer": "below"}
    figure["layout"]["shapes"].append(line | {"line": {"color": NEUTRAL, "dash": "dash", "width": 1.5}})
    figure["layout"]["annotations"].append(annotation("1/K", 1, 1 / classes, xshift=4) | {"yref": "y"})
    figure["layout"] |= {"showlegend": False, "bargap": 0.25}
    figure["layout"]["margin"] |= {"r": 56, "b": 76}
    return figure


def _others(
    centres: np.ndarray, spreads: np.ndarray, density: np.ndarray, positions: np.ndarray
) -> list[dict[str, Any]]:
    """The mean curve of many classes, and their centres as a row of ticks."""
    x = np.linspace((centres + spreads * positions[0]).min(), (centres + spreads * positions[-1]).max(), 101)
    spread = spreads > 0
    pairs = zip(centres[spread], spreads[spread], density[spread], strict=True)
    curves = [np.interp((x - centre) / width, positions, values) / width for centre, width, values in pairs]
    mean = np.sum(curves, axis=0) / len(centres) if curves else np.zeros_like(x)
    common = {"type": "scatter", "hoverinfo": "skip", "legendgroup": "others", "x": x.astype(np.float32)}
    return [
        common
        | {
            "mode": "lines",
            "y": mean.astype(np.float32),
            "name": f"mean of the other {len(centres)}",
            "fill": "tozeroy",
            "line": {"color": NEUTRAL, "width": 2},
            "fillcolor": LIGHT_NEUTRAL,
        },
        common
        | {
            "mode": "markers",
            "x": centres.astype(np.float32),
            "y": np.zeros(len(centres), np.float32),
            "showlegend": False,
            "marker": {"symbol": "line-ns-open", "size": 10, "color": NEUTRAL},
            "cliponaxis": False,
        },
    ]
