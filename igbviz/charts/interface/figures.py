"""From the dictionary that a chart is drawn as to the plotly Figure that a notebook shows.

A page sends the dictionary as it is: plotly takes 0.7 milliseconds per line to check a figure, a growing grid of twelve
runs has 240, and the page has colours of its own. So a chart is written once, as a function that returns a dictionary,
and `chart` makes the public function of it: the same call returns a Figure, and its `spec` the dictionary.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, Protocol, cast

import plotly.graph_objects as go
from plotly.io import from_json

from igbviz.charts.colors import DARK_PAGE, LIGHT_PAGE, on_any_ground, on_page
from igbviz.charts.interface.arguments import require_allowed
from igbviz.charts.style import TEXT, halo

CONFIG = {"displaylogo": False, "showSendToCloud": False, "responsive": True}

P = ParamSpec("P")
STANDOFF = 8  # pixels between the title of an axis and its tick labels
# Labels under the pointer have a ground of their own: a transparent one would leave them on top of the lines.
HOVER_LABEL = {"bgcolor": "#2b2b2b", "bordercolor": "#808490", "font": {"color": "#f2f2f2"}}


class Chart(Protocol[P]):
    """A function that draws a Figure."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> go.Figure: ...

    def spec(self, *args: P.args, **kwargs: P.kwargs) -> dict[str, Any]:
        """The same chart as a plain dictionary in the colours of a light page, not checked by plotly."""
        ...


def chart(draw: Callable[P, dict[str, Any]]) -> Chart[P]:
    """The public chart that `draw` draws as a dictionary."""

    parameters = signature(draw)

    @wraps(draw)
    def figure(*args: P.args, **kwargs: P.kwargs) -> go.Figure:
        with suppress(TypeError):  # an argument is missing, or there is one too many: `draw` says so
            require_allowed(parameters.bind(*args, **kwargs).arguments)
        return in_a_notebook(draw(*args, **kwargs))

    figure.__signature__ = parameters.replace(return_annotation="go.Figure")  # type: ignore[attr-defined]
    figure.__annotations__ = draw.__annotations__ | {"return": "go.Figure"}
    figure.spec = draw  # type: ignore[attr-defined]
    return cast(Chart[P], figure)


def in_a_notebook(spec: dict[str, Any]) -> go.Figure:
    """The Figure of a dictionary, in colours that can be read on any ground and with room for the texts of any font."""
    figure = go.Figure(on_any_ground(spec))
    figure.for_each_xaxis(_with_room)
    figure.for_each_yaxis(_with_room)
    return figure.update_layout(hoverlabel=HOVER_LABEL)


def _with_room(axis: Any) -> None:
    """Keep the title of an axis off its tick labels, however wide they are, and inside the figure.

    Without a `standoff` plotly puts the title at a distance that is right for short numbers only.
    """
    if axis.title.text:
        axis.title.standoff = axis.title.standoff or STANDOFF
        axis.title.font.size = axis.title.font.size or TEXT
        axis.automargin = True


def themed(figure: go.Figure, dark: bool) -> go.Figure:
    """A copy with the colours of a light or dark page, for files; a live page applies its own colours.

    >>> dark = igbviz.charts.themed(igbviz.charts.by_depth("relu", 2.0, 0.0, depth=50), dark=True)
    >>> dark.layout.paper_bgcolor
    '#171614'
    """
    page = DARK_PAGE if dark else LIGHT_PAGE
    return from_json(on_page(figure.to_json(), dark)).update_layout(
        font={"color": page.text, "shadow": halo(page.background)},
        paper_bgcolor=page.background,
        plot_bgcolor=page.background,
        hoverlabel={"bgcolor": page.background, "font": {"color": page.text, "shadow": "none"}},
    )


def to_html(figure: go.Figure, dark: bool) -> str:
    """One self-contained HTML page: plotly.js is inside (4.8 MB), so that it opens without a network.

    >>> page = igbviz.charts.to_html(igbviz.charts.by_depth("relu", 2.0, 0.0, depth=50), dark=False)
    >>> "plotly" in page
    True
    """
    page = themed(figure, dark).to_html(config=CONFIG, include_plotlyjs=True, default_width="100%")
    background = (DARK_PAGE if dark else LIGHT_PAGE).background
    return page.replace("<body>", f'<body style="margin:0;background:{background}">', 1)
