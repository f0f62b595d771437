"""The time axis: steps or epochs on a log scale that begins at "Init.", the untrained network.

The scale is logarithmic because the first batches decide how a run goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from igbviz.charts.colors import LIGHT_NEUTRAL, NEUTRAL
from igbviz.charts.style import SMALL, vertical_line
from igbviz.config import RecordedConfig, RunConfig
from igbviz.trajectory import Trajectory

Unit = Literal["epoch", "step"]
UNITS: tuple[Unit, ...] = get_args(Unit)
Mark = tuple[float, str]  # an epoch, and what happens there


def units(has_epochs: bool) -> tuple[Unit, ...]:
    """The units of time in which runs can be drawn."""
    return UNITS if has_epochs else ("step",)


def planned(config: RunConfig | RecordedConfig, steps_per_epoch: float | None) -> tuple[float | None, list[Mark]]:
    """The epochs of a run, and the moment at which its loss changes; nothing of that is known of a recorded run."""
    if isinstance(config, RecordedConfig):
        return None, []
    mark = config.schedule.mark(round(steps_per_epoch)) if steps_per_epoch else None
    return config.epochs, [mark] if mark and 0 < mark[0] < config.epochs else []


@dataclass(frozen=True)
class TimeAxis:
    """Positions on the log axis. Step 0 has none there, so Init. is drawn half a decade left of the first step."""

    steps_per_epoch: float
    epochs: float
    unit: Unit = "epoch"

    @classmethod
    def of(cls, trajectory: Trajectory, steps_per_epoch: float | None, epochs: float | None, unit: Unit) -> TimeAxis:
        """The axis of a planned run; a missing `steps_per_epoch` or `epochs` is read off the probes so far.

        Where the probes do not know their epochs, it is an axis of steps, each of which counts as an epoch.
        """
        if not trajectory.has_epochs:
            return cls(1.0, float(trajectory.step[-1]) or 1.0, "step")
        epoch = float(trajectory.epoch[-1]) if len(trajectory) else 0.0
        return cls(steps_per_epoch or trajectory.steps_per_epoch or 1.0, epochs or epoch or 1.0, unit)

    @property
    def per_step(self) -> float:
        return 1 / self.steps_per_epoch if self.unit == "epoch" else 1.0

    @property
    def init(self) -> float:
        return self.per_step * 10**-0.5

    @property
    def last(self) -> float:
        """The position of the planned end, but at least that of step 10, so that the shortest run has an axis too."""
        return self.per_step * max(self.epochs * self.steps_per_epoch, 10.0)

    @property
    def span(self) -> float:
        """Decades from Init. to the end."""
        return float(np.log10(self.last / self.init))

    @property
    def left(self) -> float:
        """The left edge of the plot, as a power of ten."""
        return float(np.log10(self.init)) - 0.025 * self.span

    def position(self, step: np.ndarray | float) -> np.ndarray:
        """Positions of steps on the axis; step 0 lies at Init."""
        step = np.asarray(step, dtype=np.float64)
        return np.where(step > 0, step * self.per_step, self.init).astype(np.float32)

    def ticks(self) -> tuple[list[float], list[str]]:
        """Positions and labels of the ticks: Init., the decades, and on a short axis also 2 and 5 times each decade."""
        low, high = self.per_step * 0.999, self.last * 1.001
        exponents = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
        digits = (1,) if np.log10(high / low) > 2.5 else (1, 2, 5)
        positions = [d * 10.0**e for e in exponents for d in digits if low <= d * 10.0**e <= high]
        return [self.init, *positions], [
            "Init.",
            *(f"{position:g}" if position < 1e5 else f"{position:.0e}".replace("e+0", "e") for position in positions),
        ]

    def minor_ticks(self) -> list[float]:
        exponents = range(int(np.floor(np.log10(self.per_step))), int(np.ceil(np.log10(self.last))) + 1)
        return [d * 10.0**e for e in exponents for d in range(2, 10) if self.per_step <= d * 10.0**e <= self.last]

    def anchor(self, x: float) -> str:
        """Where a label above a position is held, so that the edge of the figure does not cut it at the end."""
        return "right" if np.log10(x) > np.log10(self.last) - 0.1 * self.span else "center"

    def layout(self) -> dict[str, Any]:
        """The plotly axis. Its range is that of the planned run, so that it does not move while the run grows."""
        positions, labels = self.ticks()
        return {
            "type": "log",
            "range": [self.left, float(np.log10(self.last)) + 0.01 * self.span],
            "tickmode": "array",
            "tickangle": 0,
            "tickvals": positions,
            "ticktext": labels,
            "minor": {"tickvals": self.minor_ticks(), "ticks": "outside", "ticklen": 3, "tickcolor": NEUTRAL},
            "title": {
                "text": "epochs (log scale)" if self.unit == "epoch" else "optimizer steps (log scale)",
                "standoff": 6,
            },
        }

    def decorations(self, marks: Sequence[Mark] = ()) -> tuple[list[dict], list[dict]]:
        """Shapes and annotations for the break after Init., the end of the first epoch and marks at (epoch, label)."""
        gap = self.init * 10**0.25
        untrained = {
            "type": "rect",
            "x0": 10**self.left,
            "x1": gap,
            "y0": 0,
            "y1": 1,
            "yref": "paper",
            "line": {"width": 0},
        }
        shapes = [untrained | {"fillcolor": LIGHT_NEUTRAL, "opacity": 0.4, "layer": "below"}, vertical_line(gap, "dot")]
        annotations = []
        lines = [(1.0, "epoch 1", "dash", 0)] if self.epochs >= 1 and self.steps_per_epoch > 1 else []
        for epoch, label, dash, row in [*lines, *((epoch, label, "solid", 1) for epoch, label in marks)]:
            x = float(self.position(epoch * self.steps_per_epoch))
            shapes.append(vertical_line(x, dash))
            position = {"x": float(np.log10(x)), "y": 1, "yref": "paper", "yanchor": "bottom", "yshift": 18 * row}
            position["xanchor"] = self.anchor(x)
            annotations.append(position | {"text": label, "showarrow": False, "font": {"size": SMALL}})
        return shapes, annotations
