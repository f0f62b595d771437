"""What every picture has around its data: the page's font, no background of its own, axes, a title, and straight lines."""

from __future__ import annotations

from typing import Any

from igbviz.charts.colors import LIGHT_NEUTRAL, NEUTRAL

FONT = "Source Sans, Source Sans Pro, Helvetica Neue, Arial, sans-serif"
AXIS = {
    "gridcolor": LIGHT_NEUTRAL,
    "zeroline": False,
    "linecolor": NEUTRAL,
    "ticks": "outside",
    "tickcolor": NEUTRAL,
    "showline": True,
}
SHARES = {"tickvals": [0, 0.25, 0.5, 0.75, 1]}


def frame(height: int) -> dict[str, Any]:
    """The layout that pictures of so many pixels begin with: transparent, so that a page can put in its own colours."""
    font = {"size": 14, "family": FONT}
    return {
        "template": {},
        "height": height,
        "font": font,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
    }


def heading(title: str) -> dict[str, Any]:
    """A title at the upper left."""
    return {"text": title, "font": {"size": 18}, "x": 0, "xref": "paper", "y": 1, "yanchor": "top", "pad": {"t": 8}}


def titled_figure(traces: list[dict[str, Any]], title: str, description: str, height: int) -> dict[str, Any]:
    """A picture with its title inside and room for more shapes and annotations; screen readers get title and
    description."""
    return {
        "data": traces,
        "layout": frame(height)
        | {
            "title": heading(title),
            "margin": {"l": 64, "r": 16, "t": 46, "b": 56},
            "hovermode": "closest",
            "hoverdistance": 30,
            "xaxis": dict(AXIS),
            "yaxis": AXIS | {"showline": False},
            "uirevision": title,
            "shapes": [],
            "annotations": [],
            "legend": {"orientation": "h", "x": 0, "y": -56 / (height - 150), "yanchor": "top", "font": {"size": 13}},
            "meta": {"words": f"{title}: {description}"},
        },
    }


def note(text: str, x: float, y: float, **place: Any) -> dict[str, Any]:
    """An annotation at a place of the picture (0 to 1), left-aligned unless said otherwise."""
    return {
        "text": text,
        "x": x,
        "y": y,
        "xref": "paper",
        "yref": "paper",
        "xanchor": "left",
        "showarrow": False,
        "font": {"size": 13},
    } | place


def upright_line(x: float, dash: str) -> dict[str, Any]:
    """From the bottom of the picture to its top."""
    return {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper", "line": _line(dash), "layer": "below"}


def level_line(y: float, xref: str = "paper", **where: Any) -> dict[str, Any]:
    """The dotted line at 1/K, from the left edge of the picture or panel to its right."""
    return {
        "type": "line",
        "x0": 0,
        "x1": 1,
        "xref": xref,
        "y0": y,
        "y1": y,
        "layer": "below",
        "line": _line("dot"),
    } | where


def _line(dash: str) -> dict[str, Any]:
    return {"color": NEUTRAL, "dash": dash, "width": 1.5}
