"""The charts of a run: its trajectory on the time axis that its configuration plans."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from igbviz import charts
from igbviz.config import RunConfig
from igbviz.datasets import DataError
from igbviz.trajectory import Trajectory

WRONG_LABELS_CHART = "wrong_labels"  # asks `run_curves` for the chart of the three shares instead of a quantity


def run_curves(
    trajectory: Trajectory, config: RunConfig, quantity: str, unit: charts.Unit = "epoch", **look: Any
) -> go.Figure | dict[str, Any]:
    """`charts.curves` with the planned length of the run, and a line where its loss changes; `look` is passed on to it."""
    steps_per_epoch = _steps_per_epoch(trajectory, config)
    mark = config.schedule.mark(steps_per_epoch) if steps_per_epoch else None
    marks = [mark] if mark and 0 < mark[0] < config.epochs else []
    plan = {"steps_per_epoch": steps_per_epoch, "epochs": config.epochs, "unit": unit, "marks": marks} | look
    return charts.wrong_labels(trajectory, **plan) if quantity == WRONG_LABELS_CHART else charts.curves(trajectory, quantity, **plan)


def pages(trajectory: Trajectory, config: RunConfig, title: str) -> str:
    """The paper's two charts of a run and its first guess as one HTML page that needs nothing else."""
    names = ["true_class_probability", "accuracy", *([WRONG_LABELS_CHART] if trajectory.has_noise else [])]
    figures = [run_curves(trajectory, config, name) for name in names] + [charts.bars(trajectory, 0)]
    parts = [
        charts.themed(figure, dark=False).to_html(config=charts.CONFIG, include_plotlyjs=not place, full_html=False)
        for place, figure in enumerate(figures)
    ]
    return f'<!DOCTYPE html><html><head><meta charset="utf-8"><title>{title}</title></head><body>{"".join(parts)}</body></html>'


def _steps_per_epoch(trajectory: Trajectory, config: RunConfig) -> int | None:
    """As the run tells, or before its second probe as it is planned: an axis that changed then would take the viewer's zoom away."""
    last = trajectory.records[-1] if len(trajectory) else None
    if last is not None and last["epoch"] > 0:
        return round(float(last["step"] / last["epoch"]))
    try:
        facts = config.dataset.facts()
    except DataError:
        return None
    return config.steps_per_epoch(config.imbalance.train_size(facts.train_size, len(facts.class_names)))
