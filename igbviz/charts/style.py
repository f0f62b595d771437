"""Layout shared by all figures: font, transparent background, axes, title, annotations and reference lines."""

from __future__ import annotations

from html import escape
from typing import Any

from igbviz.charts.colors import LIGHT_NEUTRAL, NEUTRAL, NEUTRAL_TEXT

TEXT, SMALL = 14, 13  # pixels; nothing in a figure is smaller
FONT = "Source Sans, Source Sans Pro, Helvetica Neue, Arial, sans-serif"
AXIS = {
    "gridcolor": LIGHT_NEUTRAL,
    "zeroline": False,
    "linecolor": NEUTRAL,
    "ticks": "outside",
    "tickcolor": NEUTRAL,
    "showline": True,
    "automargin": "height",  # below a horizontal axis there is room for its title, however the ticks turn out
}
FRACTION_TICKS = {"tickvals": [0, 0.25, 0.5, 0.75, 1]}
# At the foot of the figure: plotly makes room above it, however many rows it has, so it cannot lie over the axis title.
LEGEND_AT_BOTTOM = {
    "orientation": "h",
    "x": 0,
    "xanchor": "left",
    "y": 0,
    "yref": "container",
    "yanchor": "bottom",
    "font": {"size": SMALL},
}


def literal(text: str) -> str:
    """Somebody's text as plotly shows it unchanged: <b>, &amp; and %{x} are markup to plotly."""
    return escape(text, quote=False).replace("%{", "%&#123;")


def frame(height: int) -> dict[str, Any]:
    """The base layout of a figure `height` pixels high, transparent so that a page can apply its own colours."""
    font = {"size": TEXT, "family": FONT, "color": NEUTRAL_TEXT}
    return {
        "template": {},
        "height": height,
        "font": font,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
    }


def halo(background: str) -> str:
    """The shadow of all text, a rim in the colour of the page, so that no line strikes a text through."""
    return ", ".join(f"{x}px {y}px 2px {background}" for x in (1, -1) for y in (1, -1))


def heading(title: str) -> dict[str, Any]:
    """A title at the upper left, of one line or more."""
    pad = 8 + 16 * title.count("<br>")  # plotly puts the first line higher, the more lines there are, and cuts it off
    return {"text": title, "font": {"size": 18}, "x": 0, "xref": "paper", "y": 1, "yanchor": "top", "pad": {"t": pad}}


def titled_figure(traces: list[dict[str, Any]], title: str, description: str, height: int) -> dict[str, Any]:
    """A figure with its title inside and empty lists of shapes and annotations.

    Screen readers get title and description.
    """
    return {
        "data": traces,
        "layout": frame(height)
        | {
            "title": heading(title),
            "margin": {"l": 64, "r": 16, "t": 46, "b": 8},
            "hovermode": "closest",
            "hoverdistance": 30,
            "xaxis": dict(AXIS),
            "yaxis": AXIS | {"showline": False},
            "uirevision": title,
            "shapes": [],
            "annotations": [],
            "legend": dict(LEGEND_AT_BOTTOM),
            "meta": {"words": f"{title}: {description}"},
        },
    }


def annotation(text: str, x: float, y: float, **position: Any) -> dict[str, Any]:
    """An annotation at (x, y) in fractions of the plot area, left-aligned unless `position` says otherwise."""
    return {
        "text": text,
        "x": x,
        "y": y,
        "xref": "paper",
        "yref": "paper",
        "xanchor": "left",
        "showarrow": False,
        "font": {"size": SMALL},
    } | position


def vertical_line(x: float, dash: str) -> dict[str, Any]:
    """A vertical line over the whole height of the plot."""
    return {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper", "line": _line(dash), "layer": "below"}


def chance_line(y: float, xref: str = "paper", **where: Any) -> dict[str, Any]:
    """The dotted horizontal line at chance level, 1/K, over the whole width of the plot or panel."""
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
