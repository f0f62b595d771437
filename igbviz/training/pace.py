"""Wall-clock time of a run's steps and probes, and the mean rates that its remaining time is estimated from."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import TypeVar

Result = TypeVar("Result")


class Pace:
    """Seconds spent by a run: `seconds` in total, over interruptions; all other counts since this process started."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.steps = self.images = 0
        self.step_seconds = self.probe_seconds = 0.0
        self.first_step = 0.0  # seconds; torch imports its optimizers in it, which would spoil the mean of few steps

    @property
    def per_step(self) -> float:
        """Mean seconds per optimizer step, without the first one if there are others; 0 before the first."""
        if self.steps > 1:
            return (self.step_seconds - self.first_step) / (self.steps - 1)
        return self.step_seconds

    @property
    def per_image(self) -> float:
        """Mean seconds of a probe per image; 0 before the first probe."""
        return self.probe_seconds / max(self.images, 1)

    def add_step(self, seconds: float, steps: int = 1) -> None:
        """Add steps and their seconds; with `steps=0` only time that belongs to steps already counted."""
        if self.steps + steps <= 1:
            self.first_step += seconds
        self.steps += steps
        self.step_seconds += seconds
        self.seconds += seconds

    def timed_probe(self, ticks: Generator[None, None, Result], images: int) -> Generator[None, None, Result]:
        """Run a probe of `images` images, timing the probe but not its caller between ticks."""
        while True:
            started = time.perf_counter()
            try:
                next(ticks)
            except StopIteration as end:
                self._add_probe(time.perf_counter() - started)
                self.images += images
                return end.value
            self._add_probe(time.perf_counter() - started)
            yield

    def _add_probe(self, seconds: float) -> None:
        self.probe_seconds += seconds
        self.seconds += seconds
