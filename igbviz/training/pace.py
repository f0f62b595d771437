"""How long the steps and probes of a run take: its clock, and what is left of it."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import TypeVar

Result = TypeVar("Result")


class Pace:
    """Seconds spent by a run. `seconds` counts over interruptions; everything else since this process began."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.steps = self.images = 0
        self.step_seconds = self.probe_seconds = 0.0

    @property
    def per_step(self) -> float:
        """Mean seconds of an optimizer step; 0 before the first."""
        return self.step_seconds / max(self.steps, 1)

    @property
    def per_image(self) -> float:
        """Mean seconds that a probe takes for each of its images; 0 before the first."""
        return self.probe_seconds / max(self.images, 1)

    def add_step(self, seconds: float, steps: int = 1) -> None:
        """Count a step; with `steps=0` only time that belongs to steps counted before."""
        self.steps += steps
        self.step_seconds += seconds
        self.seconds += seconds

    def timed_probe(self, ticks: Generator[None, None, Result], images: int) -> Generator[None, None, Result]:
        """Drive a probe of so many images, on the clock only while it computes and not while its caller is at work."""
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
