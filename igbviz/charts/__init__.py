"""Plotly figures, made from arrays; and `gif`, the stage of a run as an animation."""

from typing import Any

from igbviz.charts.run import CHARTS, CONFIG, bars, curves, themed, to_html, wrong_labels

__all__ = ["CHARTS", "CONFIG", "bars", "curves", "gif", "themed", "to_html", "wrong_labels"]


def __getattr__(name: str) -> Any:
    if name == "gif":  # imported when it is needed: no page needs Pillow and scipy to be drawn
        from igbviz.charts.animation import gif

        return gif
    raise AttributeError(f"module 'igbviz.charts' has no attribute {name!r}")
