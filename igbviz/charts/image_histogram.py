"""Histogram of a run's images over the probability of their true class, class by class, at one probe."""

from __future__ import annotations

from typing import Any

import numpy as np

from igbviz.charts.colors import NEUTRAL, ClassStyle, class_style
from igbviz.charts.run import MAX_LINES
from igbviz.charts.style import literal
from igbviz.trajectory import Trajectory
from igbviz.trajectory.trajectory import P_EDGES

MIN_P = 1e-6  # the smallest p on the log axis; all below is one bar at its left end
LEFT_EDGE = MIN_P * 10**-0.8  # of that bar


def image_histogram(trajectory: Trajectory, index: int, log: bool) -> tuple[np.ndarray, np.ndarray]:
    """Edges (B + 1,) and fractions of all images (K, B) in bins of about equal width on the axis."""
    low = P_EDGES[(P_EDGES >= MIN_P * 0.999) & (P_EDGES <= 0.0101)]
    edges = (
        np.concatenate([[0.0], low, [0.02, 0.04, 0.06, 0.1, 0.18, 0.32, 0.56, 1.0]]) if log else np.arange(51) * 0.02
    )
    first = np.abs(P_EDGES[:, None] - edges[:-1]).argmin(0)  # the drawn edges are a subset of the recorded ones
    counts = trajectory.p_hist[index]
    return edges, np.add.reduceat(counts, first, axis=-1) / counts.sum()


def image_bars(trajectory: Trajectory, index: int, single_class: int | None, log: bool) -> list[dict[str, Any]]:
    """The histogram as bars: `single_class`, or all stacked; with many classes the favoured one and the rest."""
    edges, fractions = image_histogram(trajectory, index, log)
    names, favoured = [literal(name) for name in trajectory.class_names], trajectory[:1].favoured()
    if single_class is not None:
        parts = [
            (names[single_class], fractions[single_class] / fractions[single_class].sum(), class_style(single_class))
        ]
    elif trajectory.classes > MAX_LINES:
        rest = fractions.sum(0) - fractions[favoured]
        parts = [
            (f"{names[favoured]} ★", fractions[favoured], class_style(favoured)),
            ("all others", rest, ClassStyle(NEUTRAL, (), "")),
        ]
    else:
        parts = [(f"{name} ★" if k == favoured else name, fractions[k], class_style(k)) for k, name in enumerate(names)]
    drawn = np.maximum(edges, LEFT_EDGE) if log else edges
    ranges = [
        f"p up to {high:.3g}" if low == 0 else f"p from {low:.3g} to {high:.3g}"
        for low, high in zip(edges, edges[1:], strict=False)
    ]
    return [
        {
            "type": "bar",
            "x": (drawn[1:] + drawn[:-1]) / 2,
            "width": np.diff(drawn),
            "y": fraction.astype(np.float32),
            "name": name,
            "yaxis": "y2",
            "legend": "legend2",
            "showlegend": len(parts) > 1,
            "hovertext": ranges,
            "marker": {
                "color": style.color,
                "line": {"width": 0},
                "pattern": {"shape": style.pattern, "fillmode": "replace", "size": 7, "solidity": 0.55},
            },
            "hovertemplate": "<b>%{fullData.name}</b><br>%{hovertext}: %{y:.1%} of images<extra></extra>",
        }
        for name, fraction, style in parts
    ]
