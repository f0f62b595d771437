"""The map of imbalance and depth: what changes where the class in the majority is the one that the network favours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from igbviz.charts.colors import NEUTRAL
from igbviz.charts.dynamics.layout import framed
from igbviz.charts.interface.figures import chart
from igbviz.charts.interface.inputs import one_of, wrong
from igbviz.charts.style import SMALL, annotation
from igbviz.spec import ConfigError
from igbviz.studies.dynamics import STEPS
from igbviz.studies.imbalance_map import QUANTITIES, Cell, Measured, Quantity, cells, read, signed, values

HEIGHT = 500  # pixels
# From worse to better with the favoured class in the majority. All colors, and that of noise, are so light that the
# numbers on them are dark on light and on dark pages.
SCALE = ((0.0, "#f2903f"), (0.25, "#f8c79b"), (0.5, "#ffffff"), (0.75, "#a9cdf0"), (1.0, "#5ea2e0"))
NOISE, INK, FAINT_INK = "#d9d9dc", "#1d1d1f", "#515156"


@chart
def imbalance_map(quantity: str = "accuracy", measured: Measured | None = None) -> dict[str, Any]:
    """Heat map over depth and class ratio: favoured minus least favoured class in the majority, with standard errors.

    Each cell trains the same networks with either majority; gray cells are within noise. `quantity` is "accuracy",
    "minority", "majority" or "alive"; `measured` comes from `igbviz.studies.imbalance_map.read`, by default what the
    program ships. Raises ConfigError, one sentence, for an argument that is not allowed.

    >>> figure = igbviz.charts.imbalance_map("minority")
    >>> figure.layout.yaxis.ticktext[0]
    '2 to 1'
    """
    one_of("quantity", quantity, QUANTITIES)
    measured = read() if measured is None else measured
    if not isinstance(measured, Measured):
        raise wrong("measured", measured, "what igbviz.studies.imbalance_map.read returns")
    if not measured.rows or len(values(measured.rows, quantity)) < 2:
        missing = "has fewer than two networks that are trained in every cell, allowed: two or more"
        raise ConfigError((("measured",), missing))
    shown, found = QUANTITIES[quantity], cells(measured.rows, quantity)
    depths, ratios = (sorted({getattr(cell, name) for cell in found}) for name in ("depth", "ratio"))
    z, noise = (np.full((len(ratios), len(depths)), np.nan) for _ in range(2))
    for cell in found:
        (noise if cell.within_noise else z)[ratios.index(cell.ratio), depths.index(cell.depth)] = cell.difference
    largest = max(abs(cell.difference) for cell in found) or 1.0
    grid: dict[str, Any] = {"type": "heatmap", "xgap": 2, "ygap": 2, "hoverongaps": False}
    grid |= {"hovertext": _hover(found, len(depths), quantity), "hovertemplate": "%{hovertext}<extra></extra>"}
    title = f"{shown.title} after {STEPS} steps" if quantity != "alive" else shown.title
    clear = int(np.isfinite(z).sum())
    words = f"{title}, favoured minus least favoured class in the majority, over depth and class ratio: {clear} of "
    return {
        "data": [
            grid | {"z": noise, "colorscale": [[0, NOISE], [1, NOISE]], "showscale": False},
            grid | {
                "z": z, "zmin": -largest, "zmax": largest, "colorscale": [list(stop) for stop in SCALE],
                "reversescale": not shown.more_is_better, "showscale": False,
            },
        ],
        "layout": framed(title, f"imbalance {quantity}", f"{words}{len(found)} cells differ by more than noise", HEIGHT)
        | {
            "margin": {"l": 84, "r": 8, "t": 92, "b": 8},
            "xaxis": _axis("depth (hidden layers), with γ at Init.", [
                f"{depth}<br>γ {measured.gamma[depth].value:.2g}" for depth in depths
            ]),
            "yaxis": _axis("class ratio", [f"{ratio} to 1" for ratio in ratios]),
            "annotations": [
                _key(shown),
                *(_number(cell, depths.index(cell.depth), ratios.index(cell.ratio), shown.digits) for cell in found),
            ],
            "showlegend": False,
            "hovermode": "closest",
        },
    }  # fmt: skip


def _hover(found: Sequence[Cell], depths: int, quantity: str) -> list[list[str]]:
    """Both means of every cell, in rows of `depths` cells."""
    digits = QUANTITIES[quantity].digits + 1
    texts = [
        f"depth {cell.depth}, {cell.ratio} to 1, {cell.n} networks<br>favoured in the majority: "
        f"{cell.favoured:.{digits}f}<br>least favoured: {cell.unfavoured:.{digits}f}<br>"
        f"difference {signed(cell.difference, digits)} ± {cell.error:.{digits}f}" + ", within noise" * cell.within_noise
        for cell in found
    ]
    return [texts[start : start + depths] for start in range(0, len(texts), depths)]


def _number(cell: Cell, x: int, y: int, digits: int) -> dict[str, Any]:
    """The difference and its standard error, within noise without emphasis."""
    text, error = signed(cell.difference, digits), f"± {cell.error:.{digits}f}"
    text = f"{text}<br>{error}" if cell.within_noise else f"<b>{text}</b><br>{error}"
    font = {"size": SMALL, "color": FAINT_INK if cell.within_noise else INK, "shadow": "none"}
    on_its_cell = {"bgcolor": "rgba(0,0,0,0)"}  # not on the ground of the page, whose color others depend on
    return {"x": x, "y": y, "text": text, "showarrow": False, "font": font, "captureevents": False} | on_its_cell


def _axis(title: str, labels: list[str]) -> dict[str, Any]:
    axis = {"zeroline": False, "showgrid": False, "ticks": "outside", "tickcolor": NEUTRAL, "automargin": "height"}
    places = {"tickvals": list(range(len(labels))), "ticktext": labels, "tickangle": 0}
    return axis | places | {"title": {"text": title, "standoff": 12}, "range": [-0.5, len(labels) - 0.5]}


def _key(shown: Quantity) -> dict[str, Any]:
    """What the colors mean, above the cells; how much is in their numbers."""
    worse, better = ("lower", "higher") if shown.more_is_better else ("later", "earlier")
    text = f"favoured minus least favoured in the majority<br>orange: {worse} · blue: {better} · gray: within noise"
    return annotation(text, 0, 1, yanchor="bottom", yshift=6, align="left")
