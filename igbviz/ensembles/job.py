"""An ensemble of untrained networks as a job for the worker: it can be watched, stopped and gone on with, like a
training."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from igbviz.ensembles.config import EnsembleConfig
from igbviz.ensembles.networks import Overflow, subject
from igbviz.training.devices import device_of

__all__ = ["Initializing", "Overflow"]


class Initializing:
    """Networks being drawn and measured. A network's record depends on nothing but its number, so going on needs only
    that."""

    doing = "Drawing networks ..."

    def __init__(
        self, config: EnsembleConfig, device: str | torch.device | None = None, state: dict[str, Any] | None = None
    ) -> None:
        self.config = config
        self.subject = subject(config, device_of(device))
        self.data, self.threads, self.dtype = self.subject.data, self.subject.threads, self.subject.dtype
        self.snapshots: int = state["snapshots"] if state else 0  # networks measured
        self.seconds: float = state["seconds"] if state else 0.0
        self._began = (self.snapshots, self.seconds)

    def ticks(self) -> Iterator[np.void]:
        """Go on to the end: the record of every network, in order."""
        started = time.perf_counter()
        for block in self.subject.blocks(done=self.snapshots):
            self.seconds += time.perf_counter() - started
            for record in block:
                self.snapshots += 1
                yield record
            started = time.perf_counter()

    def state(self) -> dict[str, Any]:
        """Everything that the rest depends on."""
        return {"snapshots": self.snapshots, "seconds": self.seconds}

    def progress(self) -> dict[str, Any]:
        """How far it is, in the words of `status.Status`: a step is a network."""
        networks, seconds = self.snapshots - self._began[0], self.seconds - self._began[1]
        pace = seconds / networks if networks else 0.0
        return {
            "step": self.snapshots,
            "steps": self.config.networks,
            "snapshots": self.snapshots,
            "seconds": self.seconds,
            "steps_per_second": 1 / pace if pace else 0.0,
            "eta": (self.config.networks - self.snapshots) * pace,
        }

    def facts(self) -> dict[str, Any]:
        """Sizes that are known only now, kept beside the records."""
        weights = self.config.model.weights(self.data.shape, self.data.classes)
        return {"steps": self.config.networks, "inputs": len(self.subject.labels), "parameters": int(weights)}
