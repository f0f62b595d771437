"""Hidden nodes of a neutral and a prejudiced network: the distribution over the inputs of a few nodes of the last
hidden layer, one above the other, each with its mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from igbviz import theory
from igbviz.charts.colors import NEUTRAL, class_style, shade
from igbviz.charts.interface.figures import chart
from igbviz.charts.interface.inputs import one_of, wrong
from igbviz.charts.style import AXIS, SMALL, annotation, titled_figure
from igbviz.studies.nodes import hidden
from igbviz.studies.nodes.hidden import EDGES, Layer

HEIGHT = 520
RIDGE, MEAN = class_style(0).color, class_style(1).color
REACH = 3.2  # of the axis, in units of the layer's root mean square
TALLEST = 1.9  # a ridge may reach into the row above it
LOWERED = hidden.NETWORKS["lowered"][1].model.offset
GAP = 0.06  # between two panels
CAPTION = (
    "Each row is one node of the last hidden layer: the distribution of its pre-activation over the inputs, and its "
    "mean as an upright bar; a line reaches one standard deviation to each side. The unit is the layer's root mean "
    "square. In a neutral network the nodes' means are small compared with their spread: a node is positive for some "
    "inputs and negative for others. In a prejudiced one the means lie far apart, so a node says nearly the same of "
    "all inputs, and so does the network. {lowered}The networks have the same random weights, up to one factor: "
    "{layers} hidden layers of {nodes} nodes, no biases, {inputs:,} noise inputs; the first {shown} nodes of the last "
    "one, nothing selected."
)
OF_LOWERED = f"A lowered ReLU is relu(x) − {LOWERED:.3g}, whose mean is 0. "


@chart
def hidden_nodes(
    networks: Sequence[str] = ("neutral", "prejudiced"), title: str = "Nodes of the last hidden layer",
    height: int = HEIGHT,
) -> dict[str, Any]:  # fmt: skip
    """Distributions over the inputs of the first nodes of the last hidden layer, a panel for each network.

    `networks` are up to three of "neutral", "prejudiced" and "lowered", whose nodes are ReLUs shifted to mean zero.

    >>> figure = igbviz.charts.hidden_nodes(["prejudiced", "lowered"])

    Raises ConfigError, one sentence, for anything else.
    """
    if isinstance(networks, str) or not isinstance(networks, list | tuple) or not 1 <= len(networks) <= 3:
        raise wrong("networks", networks, f"a list of one to three of {', '.join(hidden.NETWORKS)}")
    for name in networks:
        one_of("networks", name, hidden.NETWORKS)
    layers = [hidden.read()[name] for name in networks]
    tallest = max(float(np.max(layer.counts)) for layer in layers)
    traces = [trace for place, layer in enumerate(layers) for trace in _panel(layer, place, tallest)]
    figure = titled_figure(traces, title, " ".join(map(sentence, layers)), height)
    layout, width = figure["layout"], (1 - GAP * (len(layers) - 1)) / len(layers)
    shown = hidden.NODES
    for place, layer in enumerate(layers):
        number, left = str(place + 1) if place else "", place * (width + GAP)
        layout[f"xaxis{number}"] = AXIS | {"domain": [left, left + width], "range": [-REACH, REACH], "anchor": "y"}
        layout[f"xaxis{number}"] |= {"title": {"text": "pre-activation"}, "tickvals": [-2, 0, 2], "showgrid": False}
        layout["annotations"].append(
            annotation(_heading(layer), left, 1, yanchor="bottom", yshift=4, align="left") | {"font": {"size": SMALL}}
        )
        zero = {"type": "line", "xref": f"x{number}", "x0": 0, "x1": 0, "yref": "paper", "y0": 0, "y1": 1}
        layout["shapes"].append(zero | {"line": {"color": NEUTRAL, "width": 1.5, "dash": "dash"}, "layer": "below"})
    layout["yaxis"] |= {"range": [shown - 0.4, -TALLEST], "ticks": "", "showgrid": False, "title": {"text": "node"}}
    layout["yaxis"] |= {"tickvals": list(range(shown)), "ticktext": [str(node + 1) for node in range(shown)]}
    layout["showlegend"] = False
    layout["margin"] |= {"t": 112}
    return figure


def sentence(layer: Layer) -> str:
    """What the nodes of one network do, from its numbers."""
    return (
        f"{layer.title}: the spread of the nodes' means is {layer.between / layer.within:.2g} times the spread of "
        f"a node over the inputs; {_percent(layer.one_sided)} of the {layer.nodes} nodes have the same sign for "
        f"95\u00a0% of the inputs or more, and the favoured class gets {_percent(layer.favoured)} of the guesses."
    )


def caption(names: Sequence[str]) -> str:
    layer, config = hidden.read()[names[0]], hidden.NETWORKS[names[0]][1]
    sizes = {"layers": config.model.depth, "nodes": layer.nodes, "inputs": layer.inputs}
    return CAPTION.format(**sizes, shown=hidden.NODES, lowered=OF_LOWERED if "lowered" in names else "")


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.0f}\u00a0%"


def _heading(layer: Layer) -> str:
    return (
        f"<b>{layer.title}: {theory.regime(max(layer.gamma, 0.0))}</b><br>spread of the means ÷<br>spread over inputs: "
        f"{layer.between / layer.within:.2g}<br>favoured class: {_percent(layer.favoured)}"
    )


def _panel(layer: Layer, place: int, tallest: float) -> list[dict[str, Any]]:
    """The ridges of one network, the lowest row last so that it covers the ones above, and all means at once."""
    middles = (EDGES[1:] + EDGES[:-1]) / 2
    axes = {"xaxis": f"x{place + 1}" if place else "x", "yaxis": "y"}
    traces: list[dict[str, Any]] = []
    for node, counts in enumerate(layer.counts):
        padded = np.pad(np.array(counts, float), 1)
        smooth = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
        ridge = node - TALLEST * smooth / tallest
        outline = np.concatenate([[middles[0]], middles, [middles[-1]]]), np.concatenate([[node], ridge, [node]])
        traces.append(axes | {
            "type": "scatter", "mode": "lines", "x": outline[0], "y": outline[1], "fill": "toself",
            "fillcolor": shade(RIDGE, 0.28), "line": {"color": RIDGE, "width": 1.5}, "hoverinfo": "skip",
        })  # fmt: skip
    rows = np.arange(len(layer.counts), dtype=float)
    spreads = zip(layer.mean, layer.spread, strict=True)
    texts = [f"node {i + 1}: mean {m:.2f}, spread {s:.2f}" for i, (m, s) in enumerate(spreads)]
    bars = {"type": "data", "array": np.array(layer.spread), "color": MEAN, "thickness": 2, "width": 0}
    return [*traces, axes | {
        "type": "scatter", "mode": "markers", "x": np.array(layer.mean), "y": rows, "error_x": bars,
        "marker": {"symbol": "line-ns-open", "size": 15, "color": MEAN, "line": {"width": 4, "color": MEAN}},
        "hovertext": texts, "hoverinfo": "text",
    }]  # fmt: skip
