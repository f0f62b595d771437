"""The two phases and the edge between them: the same color in every figure, and a logarithmic axis of gamma."""

from __future__ import annotations

from typing import Any

import numpy as np

from igbviz.charts.colors import LIGHT, NEUTRAL_TEXT
from igbviz.charts.style import AXIS, SMALL

PHASES = {"ordered": LIGHT[0], "on the edge of chaos": LIGHT[2], "chaotic": LIGHT[1]}  # by `phase_name`


def gamma_axis(low: float, high: float, title: str) -> dict[str, Any]:
    """A logarithmic axis from `low` to `high` with its powers of ten; on a wide range every second one."""
    ends = np.log10([low, high])
    powers = range(int(np.ceil(ends[0])), int(np.floor(ends[1])) + 1)
    ticks = [10.0**power for power in powers if len(powers) < 6 or power % 2 == 0]
    return AXIS | {
        "type": "log",
        "range": ends.tolist(),
        "tickvals": ticks,
        "ticktext": [f"{tick:,.0f}" if tick >= 1 else f"{tick:g}" for tick in ticks],
        "tickangle": 0,
        "title": {"text": title, "font": {"size": SMALL}, "standoff": 6},
    }


def words(text: str, x: float, y: float, **where: Any) -> dict[str, Any]:
    """Words at a point; on a logarithmic axis `x` is a power of ten."""
    font = {"size": SMALL, "color": NEUTRAL_TEXT}
    return {"text": text, "x": float(x), "y": float(y), "showarrow": False, "font": font} | where
