"""Plotly figures, made from arrays."""

from igbviz.charts.run import CHARTS, CONFIG, bars, curves, themed, to_html, wrong_labels

__all__ = ["CHARTS", "CONFIG", "bars", "curves", "themed", "to_html", "wrong_labels"]
