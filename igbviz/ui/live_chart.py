"""A chart that is updated in place while a run goes on.

`st.plotly_chart` draws a new chart whenever its data changes, which resets the viewer's zoom. This component calls
`Plotly.react` on the same DOM node, so zoom and hidden classes survive every update. Every update sends all points,
since Streamlit may drop an update that a newer one overtakes; figures are thinned to keep that small, and `payload`
sends an array shared by several traces only once.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import plotly.graph_objects as go

from igbviz.charts.colors import DARK_FOR
from igbviz.ui.assets import asset, component

_mount = component("igbviz_live_chart")


def live_chart(
    figure: dict[str, Any] | str, *, key: str, height: int | None = None, on_click: bool = False
) -> dict[str, Any] | None:
    """Draw or update a figure or its `payload`, which many viewers can share (pass its height then).

    With `on_click`, a click on a point reruns the page and is returned once as {"x", "y", "name", "point"}.
    """
    if not isinstance(figure, str):
        height, figure = height or figure["layout"]["height"], payload(figure)
    data = {"figure": figure, "height": int(height or 420), "clicks": on_click, "palette": DARK_FOR}
    data |= {"name": "igbviz-live-chart", **_loaded()}
    # `height`: its room is kept free before the browser has the component; then the chart's own height counts
    result = _mount(key=key, data=data, height=data["height"], **({"on_clicked_change": _nothing} if on_click else {}))
    return result.clicked if on_click else None


def warm_up() -> None:
    """Make the browser load plotly.js now, so that the first chart of this tab does not have to wait for it."""
    _mount(key="warm-up", data=_loaded())


def _loaded() -> dict[str, str]:
    return {"module": asset("js/chart.js"), "plotly": asset("plotly.min.js")}


def payload(figure: go.Figure | dict[str, Any]) -> str:
    """The figure as JSON; arrays (base64) and long texts stand once in "shared" and are replaced by {"$shared": index}.

    A figure may also be a plain dictionary with arrays, which skips plotly's validation: about 3 ms per line.
    """
    shared: dict[Any, int] = {}

    def referring(value: Any) -> Any:
        if isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.size:
            shape = {"shape": ", ".join(map(str, value.shape))} if value.ndim > 1 else {}
            value = {"dtype": "f4", "bdata": base64.b64encode(np.ascontiguousarray(value, np.float32)).decode()} | shape
        if isinstance(value, dict) and "bdata" in value:
            return {"$shared": shared.setdefault(tuple(value.items()), len(shared))}
        if isinstance(value, dict):
            return {name: referring(inner) for name, inner in value.items() if inner is not None}
        if isinstance(value, str) and len(value) > 40:
            return {"$shared": shared.setdefault(value, len(shared))}
        return [referring(inner) for inner in value] if isinstance(value, (list, tuple)) else value

    spec = referring(figure if isinstance(figure, dict) else figure.to_plotly_json())
    spec["shared"] = [value if isinstance(value, str) else dict(value) for value in shared]
    return json.dumps(
        spec, separators=(",", ":"), allow_nan=False, default=np.ndarray.tolist
    )  # plotly leaves empty arrays as they are


def _nothing() -> None:
    """A callback that does nothing: Streamlit returns a trigger only if one is registered."""
