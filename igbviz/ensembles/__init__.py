"""Ensembles of untrained networks: draw many networks, and measure the initial guesses of each.

    config = EnsembleConfig(model={"name": "mlp", "depth": 10}, networks=200)
    ensemble = Ensemble.of(initialize(config))
    ensemble.gamma("guesses")

The networks of an ensemble share the data and differ in their weights. Initial guessing bias is the distribution of
their guesses (Francazi, Lucchi and Baity-Jesi 2024, arXiv 2306.00809). A configuration imports no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from igbviz.ensembles.config import EnsembleConfig, expected_seconds, require_room
from igbviz.ensembles.records import Ensemble, ensemble_dtype
from igbviz.trajectory.stream import Stream

if TYPE_CHECKING:
    import torch

    from igbviz.datasets import Data

__all__ = [
    "Ensemble",
    "EnsembleConfig",
    "EnsembleStream",
    "ensemble_dtype",
    "expected_seconds",
    "initialize",
    "require_room",
]


class EnsembleStream(Stream):
    """The records of the networks of an ensemble, `len(stream)` in all; `stream.ensemble` are those so far.

    >>> igbviz.initialize({"networks": 5})
    <EnsembleStream: 0 of 5 networks>
    """

    @property
    def ensemble(self) -> Ensemble:
        """The networks so far, under the names of the classes; later ones do not change it."""
        return Ensemble(self.recorded, self.class_names)

    def __repr__(self) -> str:
        return f"<EnsembleStream: {self._count:,} of {len(self):,} networks>"


def initialize(
    config: EnsembleConfig | dict[str, Any], device: str | torch.device | None = None, data: Data | None = None
) -> EnsembleStream:
    """Draw the networks of this configuration; yields one record of `ensemble_dtype` per network, in order.

    The first record is yielded at once, later ones in batches of growing size, which do not affect their values.
    `device` is 'cpu', 'cuda', 'mps' or None for the best one available. `data` spares loading the data set of the
    configuration once more, for many ensembles on the same one. Raises ConfigError if the ensemble cannot be drawn on
    this machine, DataError if the data cannot be loaded, Overflow if a network's outputs are non-finite.

    >>> stream = igbviz.initialize({"networks": 5, "inputs": 100}, device="cpu")
    >>> igbviz.Ensemble.of(stream).guess_fraction().shape
    (5, 10)
    """
    from igbviz.ensembles.networks import network_sampler
    from igbviz.training.devices import device_of

    sampler = network_sampler(config := EnsembleConfig.model_validate(config), device_of(device), data)
    records = (record for batch in sampler.record_batches() for record in batch)
    return EnsembleStream(records, sampler.dtype, config.networks, sampler.data.class_names)
