"""The stage: one large chart of a run, the bars of its classes, and a player that goes through time."""

from __future__ import annotations

from collections.abc import Mapping

from igbviz.charts.run import run_curves
from igbviz.runs.run import Run
from igbviz.ui.live_chart import live_chart
from igbviz.ui.runs import shown_trajectory


def stage(runs: Mapping[str, Run], *, key: str, play: bool = False) -> None:
    """Draw the runs, or update them while they train; the keys are the titles of their tabs.

    The browser gets what was recorded since the last call, so it is cheap to call this every second. With `play`, the
    stage begins at Init. and plays until somebody takes the player. Raises RunError where a run cannot be read.
    """
    run = next(iter(runs.values()))
    trajectory = shown_trajectory(str(run.path), run.record_bytes)
    options = {"steps_per_epoch": run.steps_per_epoch, "height": 400, "legend": False, "checked": False}
    live_chart(run_curves(trajectory, run.config, "true_class_probability", **options), key=key, height=400)
