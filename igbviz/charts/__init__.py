"""Plotly figures, made from arrays; and `gif`, the stage of a run as an animation."""

from typing import Any

from igbviz.charts.run import CHARTS, CONFIG, bars, curves, themed, to_html, wrong_labels

__all__ = [
    "CHARTS",
    "CONFIG",
    "architectures",
    "bars",
    "curves",
    "gif",
    "guesses",
    "themed",
    "to_html",
    "wrong_labels",
]


def __getattr__(name: str) -> Any:
    if name == "gif":  # imported when it is needed: no page needs Pillow and scipy to be drawn
        from igbviz.charts.animation import gif

        return gif
    if name == "architectures":
        from igbviz.charts.untrained.architectures import architectures

        return architectures
    if name == "guesses":
        from igbviz.charts.ensemble import guesses

        return guesses
    raise AttributeError(f"module 'igbviz.charts' has no attribute {name!r}")
