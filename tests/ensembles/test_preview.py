"""The preview of an untrained network is the probe at Init. of its run, number by number, and changes nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from igbviz.config import RunConfig
from igbviz.ensembles.preview import Preview, look
from igbviz.training.loop import Training

CPU, MLP = torch.device("cpu"), {"name": "mlp", "width": 20}


def seen(config: RunConfig) -> Preview:
    looking = look(config, CPU, config.dataset.load(CPU))
    while True:
        try:
            next(looking)
        except StopIteration as end:
            return end.value


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"seed": 7, "rounding_noise": 2},
        {"dataset": {"name": "fashion-mini"}, "model": MLP | {"depth": 4, "width": 256}, "probes": {"size": "all"}},
        {"model": MLP | {"depth": 3, "normalization": "batch"}, "probes": {"size": 60, "batch_norm": "batch"}},
        {"model": {"name": "resnet18"}},
        {"initialization": {"name": "gaussian", "last_layer": "neutral-bias"}},
        {"imbalance": {"ratio": 4, "majority": "favoured"}, "label_noise": {"name": "symmetric", "rate": 0.4}},
        {"probes": {"size": 30, "precision": "bfloat16"}},
    ],
)  # fmt: skip
def test_it_is_the_first_snapshot_of_the_run(tiny: RunConfig, changes: dict[str, Any]) -> None:
    config = RunConfig(**tiny.model_dump() | changes)
    first = next(snapshot for snapshot in Training(config, CPU).look() if snapshot is not None)
    preview = seen(config)
    for name, values in preview.snapshot.items():
        assert np.array_equal(first[name], values.astype(first[name].dtype)), name
    assert np.array_equal(first["confusion"].sum(0), preview.logits["guesses"])


def test_it_leaves_the_random_state_and_the_threads(tiny: RunConfig) -> None:
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    looking = look(tiny, CPU, tiny.dataset.load(CPU))
    for _ in looking:
        assert torch.get_num_threads() == threads
        assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(torch.get_rng_state(), before)
