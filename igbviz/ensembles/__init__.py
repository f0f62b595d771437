"""Many untrained networks at once: what is measured on how many of them, and the stream of what they were found to
guess.

    config = EnsembleConfig(model={"name": "mlp", "depth": 10}, networks=200)
    ensemble = Ensemble.of(initialize(config))
    ensemble.gamma("guesses")

An ensemble shares the data and differs in the weights: over networks, the guesses of an untrained network have a law
(initial guessing bias; Francazi, Lucchi and Baity-Jesi 2024, arXiv 2306.00809). Describing one imports no torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from igbviz.ensembles.config import EnsembleConfig, require_room
from igbviz.ensembles.records import Ensemble, ensemble_dtype

if TYPE_CHECKING:
    import torch

__all__ = ["Ensemble", "EnsembleConfig", "ensemble_dtype", "initialize", "require_room"]


def initialize(config: EnsembleConfig | dict[str, Any], device: str | torch.device | None = None) -> Iterator[np.void]:
    """Draw the networks as described and yield a record of `ensemble_dtype` for each, in order.

    The first one is there as soon as it is computed; those after it come in growing blocks, of which the numbers of a
    network do not depend. `device` is 'cpu', 'cuda', 'mps' or None for the best one at hand. Raises ConfigError when it
    cannot be done here, DataError when the data cannot be had, Overflow when a network's outputs are too large to be
    numbers.
    """
    from igbviz.ensembles.networks import blocks

    return (record for block in blocks(EnsembleConfig.model_validate(config), device) for record in block)
