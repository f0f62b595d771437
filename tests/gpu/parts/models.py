"""One step and one probe of every architecture."""

from __future__ import annotations

import gc

import numpy as np
import torch

from igbviz.config import RunConfig
from igbviz.models import MODELS
from igbviz.models.torchvision_networks import TORCHVISION
from igbviz.training.failures import explain
from igbviz.training.loop import Training
from tests.gpu.bench import Bench

SMALL = ("mlp", "cnn", "mnasnet0_5")
DATA = {"name": "gaussian-noise", "size": 32, "train_examples": 32, "test_examples": 100}
KEEP = 8.0  # seconds at the end in which no further network is begun: the largest take long to draw


def run(bench: Bench) -> None:
    names = SMALL if bench.is_small else sorted(MODELS, key=lambda name: TORCHVISION.get(name, 0.0))
    passed, not_reached = [], []
    for name in names:
        if bench.left() < KEEP and passed:
            not_reached.append(name)
            continue
        try:
            two_probes(name, bench.device)
        except Exception as error:
            bench.check(name, False, explain(error))
        else:
            passed.append(name)
        gc.collect()
        if bench.is_cuda:
            torch.cuda.empty_cache()
    words = f"{len(passed)} of {len(names)} architectures take a step to finite values"
    if not_reached:
        words += f"; not reached in the time: {', '.join(not_reached)}"
    bench.note("one step", words, None if not_reached else len(passed) == len(names), passed=passed)


def two_probes(name: str, device: torch.device) -> None:
    """Probe, step, and probe again. The learning rate is so low that no network diverges, whatever its defaults."""
    config = RunConfig(
        dataset=DATA,
        model={"name": name},
        optimizer={"name": "sgd", "learning_rate": 1e-6},
        batch_size=8,
        epochs=0.25,
        probes={"size": 100, "schedule": "batch"},
    )
    records = np.array([record for record in Training(config, device).ticks() if record is not None])
    assert records["step"].tolist() == [0, 1], f"{name} was probed at {records['step'].tolist()}"
    assert np.isfinite(records["train_loss"][1]) and np.isfinite(records["mean_prob"]).all(), f"{name} is not finite"
