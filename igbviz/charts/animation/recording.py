"""A scene of the stage, read as a browser reads it: one view of it, its bars, and where its probes are in log time."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np

from igbviz.charts.time_axis import UNITS, Unit
from igbviz.spec import ConfigError, listing

INIT = -0.5  # where Init. lies, in powers of ten of the step


class Recording:
    """One view of the JSON of `charts.stage.scene`, with all its probes. Rows are probes, columns lines or bars."""

    def __init__(self, scene: str, view: str, unit: Unit) -> None:
        message = json.loads(scene)
        fixed: dict[str, Any] = message["fixed"]
        views = {each["name"]: each for each in fixed["views"] if each["name"] != "confusion"}
        if view not in views:
            raise ConfigError((("view",), f"is {view[:80]!r}, allowed: one of {listing(views)}"))
        if unit not in UNITS:
            raise ConfigError((("unit",), f"is {unit[:80]!r}, allowed: one of {listing(UNITS)}"))
        self.view = views[view]
        self.lines: list[dict[str, Any]] = self.view.get("lines", fixed["lines"])
        self.bars: list[dict[str, Any]] = fixed["bars"]
        self.axis: dict[str, Any] = fixed["axes"].get(unit) or fixed["axes"]["step"]  # its epochs may be unknown
        self.classes = len(fixed["classes"])
        self.marks: list[tuple[float, str]] = fixed["marks"]
        self.steps_per_epoch: float | None = fixed["steps_per_epoch"]
        self.ended: bool = message["ended"]
        self.verdict: str = message.get("verdict", "")
        self.steps: list[int] = message["steps"]
        self.places = np.array([np.log10(step) if step else INIT for step in self.steps])
        tables = message["tables"]
        self.rows = _fractions(tables[view], len(self.steps))
        self.bar_rows = _fractions(tables.get("bars", tables["guess_fraction"]), len(self.steps))

    @property
    def chance(self) -> float | None:
        """The height of the line at 1/K; None where the lines are no classes."""
        return None if self.view.get("chance") is False else 1 / self.classes

    def moments(self, count: int) -> np.ndarray:
        """Fractional indices of probes, evenly spread over log time as the player goes through it."""
        if len(self.places) < 2:
            return np.zeros(len(self.places))
        even = np.linspace(self.places[0], self.places[-1], count)
        return np.interp(even, self.places, np.arange(len(self.places)))

    def at(self, rows: np.ndarray, index: float) -> np.ndarray:
        """The values at a fractional index, on the line between two probes."""
        left = min(int(index), len(rows) - 1)
        right = min(left + 1, len(rows) - 1)
        return rows[left] + (index - left) * (rows[right] - rows[left])

    def words(self, index: float) -> str:
        step = self.steps[int(index + 1e-6)]
        return f"step {step:,}" if step else "Init."

    def said(self, index: float) -> str:
        """The verdict; what is said of the last probe is not true of an earlier one."""
        early = index < len(self.steps) - 1
        return (("In the end: " if self.ended else "So far: ") if early else "") + self.verdict


def _fractions(text: str, rows: int) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<u2").reshape(rows, -1) / 65535
