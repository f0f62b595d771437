"""The map of trainability: what short trainings reach at every point of the plane of initializations."""

from __future__ import annotations

from typing import Any

import numpy as np

from igbviz import theory
from igbviz.charts.colors import NEUTRAL
from igbviz.charts.dynamics.layout import framed
from igbviz.charts.interface.figures import chart
from igbviz.charts.interface.inputs import members_of, one_of, settings_of, wrong
from igbviz.charts.style import LEGEND_AT_BOTTOM, SMALL
from igbviz.charts.theory import LINES, phase_line
from igbviz.runs.sweeps import Group
from igbviz.studies.dynamics import ACROSS, UP, Plane, kind, planned_steps
from igbviz.studies.dynamics import plane as plane_of
from igbviz.trajectory.quantities import MEASURES


@chart
def trainability(
    plane: Plane | Group, activation: str = "", measure: str = "balanced_accuracy", steps: int | None = None
) -> dict[str, Any]:
    """Heat map of a measure after short trainings over the plane; crosses mark those that diverged.

    >>> from igbviz.studies import dynamics, dynamics_examples
    >>> example = dynamics_examples.read()["plane"]
    >>> plane = dynamics.plane(example.sweep, example.members, "balanced_accuracy")
    >>> figure = igbviz.charts.trainability(plane, "tanh", steps=100)

    The plane is the Group of a sweep over it, or what `igbviz.studies.dynamics.plane` makes of one; then `activation`
    and `steps` say what was trained, and how long. Raises ConfigError, one sentence, for another group.
    """
    one_of("measure", measure, MEASURES)
    if isinstance(plane, Group):
        sweep = plane.sweep
        if kind(sweep) != "plane":
            raise wrong("plane", plane.id, f"a sweep over {ACROSS} and {UP}")
        activation, steps = sweep.base.model.activation, planned_steps(sweep.base)
        plane = plane_of(sweep, members_of(settings_of(plane)), measure)
    if not isinstance(plane, Plane):
        raise wrong("plane", plane, "a Group, or a Plane with its activation and steps")
    one_of("activation", activation, theory.ACTIVATIONS)
    definition, across, up = MEASURES[measure], plane.sigma_w2, plane.sigma_b2
    step_w, step_b = (float(np.diff(values).min()) if len(values) > 1 else 1.0 for values in (across, up))
    right, top = float(across[-1]) + step_w / 2, float(up[-1]) + step_b / 2
    finite = plane.values[np.isfinite(plane.values)]
    # A single training that nearly diverged has a loss of thousands and would hide the differences of all others.
    high = (1.0 if definition.share else float(min(finite.max(), 2 * np.median(finite)))) if len(finite) else None
    low = (0.0 if definition.share else float(finite.min())) if len(finite) else None
    heights = np.linspace(0, top, LINES) ** 2 / top
    edge = theory.edge_of_chaos(activation, heights)
    b, w = np.nonzero(plane.diverged)
    label = definition.title.lower()
    traces = [
        {
            "type": "heatmap",
            "x": across.astype(np.float32),
            "y": up.astype(np.float32),
            "z": plane.values.astype(np.float32),
            "zmin": low,
            "zmax": high,
            "colorscale": "Viridis",
            "reversescale": not definition.share,
            "xgap": 1,
            "ygap": 1,
            "hoverongaps": False,
            "colorbar": {
                "title": {"text": label, "side": "right", "font": {"size": SMALL}},
                "thickness": 14,
                "outlinewidth": 0,
            },
            "hovertemplate": f"σ²w %{{x:.3g}}<br>σ²b %{{y:.3g}}<br>{label} %{{z:.4g}}<extra></extra>",
        },
        {
            "type": "scatter",
            "mode": "markers",
            "x": across[w].astype(np.float32),
            "y": up[b].astype(np.float32),
            "name": "diverged",
            "marker": {"symbol": "x-thin", "size": 13, "line": {"color": NEUTRAL, "width": 3}},
            "showlegend": bool(len(b)),
            "hovertemplate": "σ²w %{x:.3g}<br>σ²b %{y:.3g}<br>diverged<extra></extra>",
        },
        # White with a dark outline: the line crosses coloured and empty cells, on light and on dark pages.
        phase_line(edge, heights, right, "edge of chaos", "#333333", 6.5, "solid") | {"showlegend": False},
        phase_line(edge, heights, right, "edge of chaos", "#ffffff", 3, "solid") | {"showlegend": False},
    ]
    visible = np.flatnonzero(np.isfinite(edge) & (edge <= right))
    names = []
    if len(visible):  # at the upper end of the line
        at = visible[-1]
        name = {"x": float(edge[at]), "y": float(heights[at]), "text": "edge of chaos", "showarrow": False}
        name |= {"xanchor": "right", "yanchor": "top", "xshift": -12, "yshift": -6, "bgcolor": "rgba(30,30,30,0.75)"}
        names.append(name | {"font": {"color": "#ffffff", "size": 14, "shadow": "none"}})
    axis = {"zeroline": False, "showgrid": False, "ticks": "outside", "tickcolor": NEUTRAL, "automargin": "height"}
    title = definition.title + (f" after {steps:,} steps" if steps else "")
    done = f"{len(finite)} of {plane.values.size} points trained, {int(plane.diverged.sum())} diverged"
    description = f"{title} over the phase diagram of {activation}: {done}"
    return {
        "data": traces,
        "layout": framed(f"{title} · {activation}", f"plane {measure} {activation}", description, 460)
        | {
            "xaxis": axis
            | {
                "title": {"text": "weight variance σ²w (times fan-in)"},
                "range": [float(across[0]) - step_w / 2, right],
            },
            "yaxis": axis | {"title": {"text": "bias variance σ²b"}, "range": [float(up[0]) - step_b / 2, top]},
            "legend": dict(LEGEND_AT_BOTTOM),
            "annotations": names,
            "hovermode": "closest",
        },
    }
