"""What the figures of short trainings share: the frame, and the axis of a measure."""

from __future__ import annotations

from typing import Any

from igbviz.charts.style import FRACTION_TICKS, LEGEND_AT_BOTTOM, frame, heading
from igbviz.trajectory.quantities import MEASURES

HEIGHT = 430  # pixels


def values(measure: str) -> dict[str, Any]:
    definition = MEASURES[measure]
    return {"title": {"text": definition.axis}} | (
        FRACTION_TICKS | {"range": [-0.02, 1.02]} if definition.share else {"rangemode": "tozero"}
    )


def framed(title: str, revision: str, description: str, height: int = HEIGHT) -> dict[str, Any]:
    return frame(height) | {
        "title": heading(title),
        "margin": {"l": 64, "r": 40, "t": 60, "b": 8},
        "uirevision": revision,
        "meta": {"words": description},
        "showlegend": True,
        "legend": LEGEND_AT_BOTTOM | {"font": {"size": 14}},
    }
