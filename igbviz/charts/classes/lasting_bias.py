"""What is left of the bias in the end: the part of all guesses and errors of the class that was favoured at Init."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import Any

import numpy as np

from igbviz.charts.colors import LIGHT, NEUTRAL, NEUTRAL_TEXT, shade
from igbviz.charts.interface.figures import chart
from igbviz.charts.interface.inputs import OfRuns, settings_of
from igbviz.charts.style import AXIS, SMALL, frame, literal
from igbviz.studies.comparison import Setting
from igbviz.studies.lasting_bias import PARTS, Part, Share, sentence, shares

ROW, TOP, BOTTOM = 62, 52, 56  # pixels of a setting, and of the margins
NAME_WIDTH = 18  # characters of a line of a setting's name
STYLES: dict[Part, tuple[str, str, str, float]] = {  # title, color, symbol, and where it stands in its row
    "guesses": ("of all guesses", LIGHT[0], "circle", -0.17),
    "errors": ("of all errors", LIGHT[1], "diamond", 0.17),
}


@chart
def lasting_bias(runs: OfRuns) -> dict[str, Any]:
    """One row per setting: the favoured class's part of all guesses and of all errors at the end, against chance.

    >>> noisy = [line.run for line in igbviz.list_runs() if "symmetric-noise" in line.run.id]
    >>> figure = igbviz.charts.lasting_bias(noisy)

    Favoured is the class that the untrained network gives the highest mean probability. Small dots are single runs,
    large ones their mean with its standard error; a ring is the mean part of the guesses at Init. Raises ConfigError,
    one sentence, for an argument that is not allowed.
    """
    settings = settings_of(runs)
    places = {setting.label: row for row, setting in enumerate(settings)}
    found = {part: shares(settings, part) for part in PARTS}
    traces = [_start(settings)]
    for part, of_settings in found.items():
        traces += _dots(part, of_settings, places)
    chances = list(dict.fromkeys(1 / len(setting.members[0].class_names) for setting in settings))
    names = ["<br>".join(map(literal, wrap(setting.label, NAME_WIDTH))) for setting in settings]
    upright = {"type": "line", "y0": 0, "y1": 1, "yref": "paper", "layer": "below"}
    dotted = {"color": NEUTRAL, "dash": "dot", "width": 1.5}
    note = {"y": 0, "yref": "paper", "yanchor": "bottom", "xanchor": "left", "xshift": 4, "showarrow": False}
    return {
        "data": traces,
        "layout": frame(TOP + BOTTOM + ROW * len(settings))
        | {
            "xaxis": AXIS
            | {
                "range": [-0.02, 1.04],
                "tickformat": ".0%",
                "nticks": 6,
                "title": {
                    "text": "part of the class favoured at Init., in the end",
                    "standoff": 6,
                    "font": {"size": SMALL},
                },
            },
            "yaxis": AXIS
            | {
                "tickvals": list(range(len(settings))),
                "ticktext": names,
                "range": [len(settings) - 0.3, -0.5],  # room below the last row for the label of the line
                "ticklen": 6,
                "tickcolor": "rgba(0,0,0,0)",
                "showline": False,
                "automargin": True,
                "fixedrange": True,
            },
            "shapes": [upright | {"x0": chance, "x1": chance, "line": dotted} for chance in chances],
            "annotations": [
                note | {"x": chance, "text": "chance, 1/K", "font": {"size": SMALL, "color": NEUTRAL_TEXT}}
                for chance in chances[:1]
            ],
            "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "font": {"size": SMALL}},
            "margin": {"l": 48, "r": 24, "t": TOP, "b": BOTTOM},
            "hovermode": "closest",
            "uirevision": "kept",
            "meta": {"words": sentence(settings)},
        },
    }


def _start(settings: Sequence[Setting]) -> dict[str, Any]:
    """A ring at the mean part of the guesses at Init. of each setting."""
    rows, means = [], []
    for row, setting in enumerate(settings):
        parts = [member.outcome.favoured_guesses_init for member in setting.members]
        known = [part for part in parts if part is not None]
        rows += [row + STYLES["guesses"][3]] * bool(known)
        means += [float(np.mean(known))] * bool(known)
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "of all guesses, at Init.",
        "x": means,
        "y": rows,
        "marker": {"symbol": "circle-open", "size": 11, "color": NEUTRAL, "line": {"width": 2, "color": NEUTRAL}},
        "cliponaxis": False,
        "hovertemplate": "at Init.: %{x:.1%} of all guesses<extra></extra>",
    }


def _dots(part: Part, of_settings: Sequence[Share], places: dict[str, int]) -> list[dict[str, Any]]:
    title, color, symbol, below = STYLES[part]
    rows = [places[share.label] + below for share in of_settings]
    single = {
        "type": "scatter",
        "mode": "markers",
        "x": [value for share in of_settings for value in share.values if share.n > 1],
        "y": [row for row, share in zip(rows, of_settings, strict=True) for _ in share.values if share.n > 1],
        "marker": {"symbol": symbol, "size": 7, "color": shade(color, 0.45), "line": {"width": 0}},
        "cliponaxis": False,
        "showlegend": False,
        "legendgroup": part,
        "hovertemplate": f"one run: %{{x:.1%}} {title}<extra></extra>",
    }
    errors = {
        "array": np.nan_to_num([share.error for share in of_settings]),
        "thickness": 2,
        "width": 5,
        "color": color,
    }
    means = {
        "type": "scatter",
        "mode": "markers",
        "name": title,
        "legendgroup": part,
        "x": [share.mean for share in of_settings],
        "y": rows,
        "error_x": errors,
        "marker": {"symbol": symbol, "size": 13, "color": color, "line": {"width": 0}},
        "cliponaxis": False,
        "hovertext": [
            f"<b>{literal(share.label)}</b>, n = {share.n}<br>{share.in_words} {title}; chance {share.chance:.1%}"
            for share in of_settings
        ],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }
    return [single, means]
