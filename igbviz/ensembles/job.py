"""An ensemble of untrained networks as a job for the worker: it can be watched, stopped and resumed like a training."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from igbviz.config.missing import require_installed
from igbviz.ensembles.config import EnsembleConfig
from igbviz.ensembles.networks import Overflow, network_sampler
from igbviz.training.devices import device_of

__all__ = ["EnsembleJob", "Overflow"]


class EnsembleJob:
    """Draws and measures networks. A network's record depends on its index alone, so resuming needs only the index."""

    doing = "Drawing networks ..."
    watched = None  # no image is watched: every record is another network

    def __init__(
        self, config: EnsembleConfig, device: str | torch.device | None = None, state: dict[str, Any] | None = None
    ) -> None:
        require_installed(config)
        self.config = config
        self.sampler = network_sampler(config, device_of(device))
        self.data, self.threads, self.dtype = self.sampler.data, self.sampler.threads, self.sampler.dtype
        self.snapshots: int = state["snapshots"] if state else 0  # networks measured
        self.seconds: float = state["seconds"] if state else 0.0
        self._began = (self.snapshots, self.seconds)

    def ticks(self) -> Iterator[np.void]:
        """Run to the end; yields the record of every network, in order."""
        started = time.perf_counter()
        for batch in self.sampler.record_batches(start=self.snapshots):
            self.seconds += time.perf_counter() - started
            for record in batch:
                self.snapshots += 1
                yield record
            started = time.perf_counter()

    def state(self) -> dict[str, Any]:
        """Everything the rest of the job depends on."""
        return {"snapshots": self.snapshots, "seconds": self.seconds}

    def progress(self) -> dict[str, Any]:
        """Progress so far, as the fields of `runs.status.Status`: one step is one network."""
        networks, seconds = self.snapshots - self._began[0], self.seconds - self._began[1]
        per_network = seconds / networks if networks else 0.0
        return {
            "step": self.snapshots,
            "steps": self.config.networks,
            "snapshots": self.snapshots,
            "seconds": self.seconds,
            "steps_per_second": 1 / per_network if per_network else 0.0,
            "eta": (self.config.networks - self.snapshots) * per_network,
        }

    def facts(self) -> dict[str, Any]:
        """Sizes that are known only once the data is loaded; stored beside the records."""
        weights = self.config.model.weights(self.data.shape, self.data.classes)
        return {"steps": self.config.networks, "inputs": len(self.sampler.labels), "parameters": int(weights)}
