"""Regimes of initial guessing bias beside each other: neutral, weakly prejudiced, deeply prejudiced.

A column for each ensemble. From top to bottom: the outputs of one network, what it guesses, and how the guesses are
distributed over all networks, with what theory gives at the measured gamma.
"""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import wrap
from typing import Any

import numpy as np

from igbviz.charts.colors import NEUTRAL, NEUTRAL_TEXT, class_style, shade
from igbviz.charts.interface.figures import chart
from igbviz.charts.interface.inputs import OfEnsemble, ensemble_of, place_of
from igbviz.charts.run import MAX_LINES
from igbviz.charts.style import AXIS, SMALL, annotation, literal, titled_figure
from igbviz.charts.untrained.densities import curves, drawn_classes
from igbviz.ensembles import Ensemble
from igbviz.ensembles.predictions import guess_distribution
from igbviz.ensembles.verdict import format_percent, has_guesses, judgement, with_error
from igbviz.spec import ConfigError, short

ROWS = ([0.62, 0.84], [0.33, 0.51], [0.0, 0.23])  # heights of the three pictures, as fractions of the plot
GAP = 0.035  # between two columns, as a fraction of the width
MAX_COLUMNS = 6
BINS = 20
LETTERS = 42  # that fit beside each other above all columns, on a phone
CAPTION = (
    "Top: the outputs of one network for each class over the inputs, in units of their standard deviation; lines mark "
    "the centres. It is the network whose largest guess fraction is the median of its ensemble. Middle: the fraction "
    "of the inputs that it guesses as each class; dashed, 1/K. Bottom: the guess fraction of the first of two classes "
    "(of the favoured class where there are more) in all networks; the line is theory at the γ that the mean cosine of "
    "two inputs' logits gives. With two classes this cosine counts equal guesses: the line is fitted, not predicted."
)


def sentence(ensembles: Mapping[str, OfEnsemble]) -> str:
    """Of every ensemble its regime, how much the favoured class gets, and gamma."""
    texts = []
    for name, ensemble in _checked(ensembles).items():
        gamma = with_error(*ensemble.gamma("guesses")) if has_guesses(ensemble) else "unknown"
        mean = format_percent(ensemble.largest_guess().mean())
        verdict = judgement(ensemble)
        texts.append(
            f"**{name}**: {verdict[0].lower()}{verdict[1:]}, the favoured class gets {mean} on average (γ = {gamma})"
        )
    return "; ".join(texts) + "."


@chart
def regimes(
    ensembles: Mapping[str, OfEnsemble],
    network: int | None = None,
    title: str = "Untrained networks side by side",
    height: int = 640,
) -> dict[str, Any]:
    """Ensembles by name beside each other: outputs and guesses of one network, and the guesses of all.

    >>> run = igbviz.Run.open("gaussian-noise-mlp-he-normal-n100-s0-c13a798568")
    >>> figure = igbviz.charts.regimes({"ReLU, ten layers": run})

    `network` is an index in every ensemble, by default that of the network with the median largest guess fraction. Each
    ensemble may be what `every_network` takes; up to six. Raises ConfigError for anything else.
    """
    columns = _checked(ensembles)
    width = (1 - GAP * (len(columns) - 1)) / len(columns)
    letters = LETTERS // len(columns)
    traces: list[dict[str, Any]] = []
    figure = titled_figure(traces, title, sentence(columns).replace("**", ""), height)
    layout = figure["layout"]
    del layout["xaxis"], layout["yaxis"]
    reach, tallest = 0.0, 0.0
    for column, (name, ensemble) in enumerate(columns.items()):
        chosen = _median(ensemble) if network is None else place_of("network", network, len(ensemble), "networks")
        record = ensemble.records[chosen]
        domain = [column * (width + GAP), column * (width + GAP) + width]
        outputs, far, high = _outputs(ensemble, record)
        distribution, top = _distribution(ensemble)
        panels = outputs, _guesses(ensemble, record), distribution
        for row, panel in enumerate(panels):
            anchor = _number(column, row)
            traces += [trace | {"xaxis": f"x{anchor}", "yaxis": f"y{anchor}"} for trace in panel]
            layout[f"xaxis{anchor}"] = AXIS | {
                "domain": domain,
                "anchor": f"y{anchor}",
                "showgrid": False,
                "tickangle": 0,
            }
            up = layout[f"yaxis{anchor}"] = AXIS | {
                "domain": ROWS[row],
                "anchor": f"x{anchor}",
                "showticklabels": False,
                "ticks": "",
            }
            up["showline"] = False
            if row == 0:
                up["range"] = [0, 1.12 * high]
            else:
                up |= {"tickvals": [0, 0.5, 1], "ticktext": ["0", "50 %", "100 %"], "showticklabels": column == 0}
        reach, tallest = max(reach, far), max(tallest, top)
        head = "<br>".join(f"<b>{line}</b>" for part in name.split(", ") for line in wrap(literal(part), letters))
        head += "<br>" + "<br>".join(wrap(judgement(ensemble).lower(), letters))
        layout["annotations"].append(annotation(head, domain[0], 1, yanchor="top", align="left"))
    for column, ensemble in enumerate(columns.values()):
        outputs, guesses, distribution = (_number(column, row) for row in range(3))
        layout[f"xaxis{outputs}"]["range"] = [-reach, reach]
        layout[f"xaxis{guesses}"] |= _class_ticks(ensemble)
        layout[f"yaxis{guesses}"]["range"] = [0, 1.25]
        low = 0.0 if ensemble.classes == 2 else 1 / ensemble.classes
        layout[f"xaxis{distribution}"] |= {"range": [low - 0.02, 1.02], "tickvals": [low, 1]}
        layout[f"xaxis{distribution}"]["ticktext"] = ["1/K" if low else "0", "1"]
        layout[f"yaxis{distribution}"]["range"] = [0, 1.08 * tallest]
    layout["annotations"] += [
        _row_title("Outputs of one network", 0),
        _row_title("What it guesses", 1),
        _row_title("Guess fractions of all networks", 2),
    ]
    layout["margin"] |= {"l": 52, "r": 12, "t": 46}
    layout["barmode"] = "overlay"
    return figure


def _checked(ensembles: Any) -> dict[str, Ensemble]:
    if not isinstance(ensembles, Mapping) or not 1 <= len(ensembles) <= MAX_COLUMNS:
        allowed = f"a dict of 1 to {MAX_COLUMNS} names and ensembles, as in {{'ReLU': igbviz.untrained(...)}}"
        raise ConfigError((("ensembles",), f"is {short(ensembles)}, allowed: {allowed}"))
    return {str(name): ensemble_of(ensemble, f"ensembles[{name!r}]") for name, ensemble in ensembles.items()}


def _number(column: int, row: int) -> str:
    """The number of a panel in the names of its axes; plotly has none for the first."""
    return str(3 * column + row + 1) if column or row else ""


def _median(ensemble: Ensemble) -> int:
    """The index of the network whose largest guess fraction is the median."""
    return int(np.argsort(ensemble.largest_guess(), kind="stable")[(len(ensemble) - 1) // 2])


def _outputs(ensemble: Ensemble, record: np.void) -> tuple[list[dict[str, Any]], float, float]:
    """The densities of a network's outputs, how far they reach and how high they are."""
    unit = float(np.sqrt((record["spread"] ** 2).mean())) or float(np.abs(record["centre"]).max()) or 1.0
    x, y = curves(record, unit)
    drawn, favoured = drawn_classes(record), int(record["guesses"].argmax())
    top = float(y[drawn].max()) or 1.0
    traces = []
    for k in sorted(drawn, key=lambda k: k == favoured):  # on top of the others
        style, centre = class_style(k), float(record["centre"][k]) / unit
        name = literal(ensemble.class_names[k])
        width = 3 if k == favoured else 2
        common = {"type": "scatter", "mode": "lines", "showlegend": False}
        common |= {"hovertemplate": f"<b>{name}</b> centre {centre:.3g}<extra></extra>"}
        traces.append(common | {
            "x": x[k].astype(np.float32), "y": y[k].astype(np.float32), "fill": "tozeroy",
            "fillcolor": shade(style.color, 0.25 if k == favoured else 0.1),
            "line": {"color": style.color, "dash": style.dashed(width), "width": width},
        })  # fmt: skip
        traces.append(common | {
            "x": np.float32([centre, centre]), "y": np.float32([0, 1.08 * top]),
            "line": {"color": style.color, "width": width},
        })  # fmt: skip
    return traces, 1.03 * float(np.abs(x[drawn]).max()), top


def _guesses(ensemble: Ensemble, record: np.void) -> list[dict[str, Any]]:
    """A bar for each class with the fraction of the inputs that the network guesses as this class, and 1/K."""
    fraction, classes = record["guesses"] / record["guesses"].sum(), ensemble.classes
    styles = [class_style(k) for k in range(classes)]
    bars = {
        "type": "bar", "x": np.arange(classes), "y": fraction.astype(np.float32), "showlegend": False,
        "marker": {
            "color": [style.color for style in styles], "line": {"width": 0},
            "pattern": {"shape": [style.pattern for style in styles], "fillmode": "replace", "size": 7}
            | {"solidity": 0.55},
        },
        "hovertext": [literal(name) for name in ensemble.class_names],
        "hovertemplate": "<b>%{hovertext}</b> %{y:.1%}<extra></extra>",
    }  # fmt: skip
    chance = {
        "type": "scatter", "mode": "lines", "x": np.float32([-0.6, classes - 0.4]),
        "y": np.float32([1 / classes] * 2), "showlegend": False, "hoverinfo": "skip",
        "line": {"color": NEUTRAL, "dash": "dash", "width": 1.5},
    }  # fmt: skip
    numbers = {
        "type": "scatter", "mode": "text", "x": np.arange(classes), "y": fraction.astype(np.float32),
        "text": [f"{100 * value:.0f}\u00a0%" for value in fraction], "textposition": "top center",
        "showlegend": False, "hoverinfo": "skip", "cliponaxis": False, "textfont": {"size": SMALL},
    }  # fmt: skip
    return [bars, chance, *([numbers] if classes <= 4 else [])]


def _class_ticks(ensemble: Ensemble) -> dict[str, Any]:
    classes = ensemble.classes
    shown = range(classes) if classes <= MAX_LINES // 2 else []
    ticks = {"tickvals": list(shown), "ticktext": [literal(ensemble.class_names[k]) for k in shown], "ticks": ""}
    return ticks | {"range": [-0.6, classes - 0.4]}


def _distribution(ensemble: Ensemble) -> tuple[list[dict[str, Any]], float]:
    """How many networks have which guess fraction, and how many theory expects; the highest of these fractions."""
    two = ensemble.classes == 2
    values = ensemble.guess_fraction()[:, 0] if two else ensemble.largest_guess()
    edges = np.linspace(0.0 if two else 1 / ensemble.classes, 1, BINS + 1)
    counts, _ = np.histogram(np.clip(values, edges[0], 1), edges)
    middles, share = (edges[1:] + edges[:-1]) / 2, counts / len(ensemble)
    traces: list[dict[str, Any]] = [{
        "type": "bar", "x": middles.astype(np.float32), "y": share.astype(np.float32), "showlegend": False,
        "width": float(edges[1] - edges[0]) * 0.92, "customdata": counts.astype(np.int32),
        "marker": {"color": shade(NEUTRAL, 0.65), "line": {"width": 0}},
        "hovertemplate": f"guess fraction near %{{x:.2f}}<br>%{{customdata}} of {len(ensemble):,}<extra></extra>",
    }]  # fmt: skip
    top = float(share.max())
    gamma = ensemble.gamma("cosine")[0] if len(ensemble) > 1 and has_guesses(ensemble) else np.nan
    if not np.isnan(gamma):
        law = guess_distribution(max(float(gamma), 0.0), ensemble.classes, ensemble.inputs)
        expected = np.histogram(np.clip(law.quantiles, edges[0], 1), edges)[0] / len(law.quantiles)
        traces.append({
            "type": "scatter", "mode": "lines", "x": edges.astype(np.float32), "showlegend": False,
            "y": np.append(expected, expected[-1]).astype(np.float32),
            "line": {"shape": "hv", "color": NEUTRAL_TEXT, "width": 2},
            "hovertemplate": "theory: %{y:.1%}<extra></extra>",
        })  # fmt: skip
        top = max(top, float(expected.max()))
    return traces, top


def _row_title(text: str, row: int) -> dict[str, Any]:
    return annotation(f"<b>{text}</b>", 0, ROWS[row][1], yanchor="bottom", yshift=4)
