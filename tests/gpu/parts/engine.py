"""The engine on this device against the same run on the CPU and against itself."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import torch

from igbviz.config import RunConfig
from igbviz.training import checkpoints
from igbviz.training.failures import explain, is_out_of_memory
from igbviz.training.loop import Training
from tests.gpu.bench import Bench
from tests.support.tiny import TINY
from tests.support.trajectories import same

# Two devices round differently, and training amplifies that: a class's mean probability may differ by so much after the
# 32 steps of a run, and by far less in its first probe, where nothing has been trained.
TOLERANCE, FIRST_TOLERANCE = 5e-3, 1e-4

CONFIGS = {
    "mlp": RunConfig(**TINY),
    "mlp, Adam": RunConfig(**TINY).with_(optimizer={"name": "adam", "learning_rate": 1e-3}),
    "cnn, BatchNorm": RunConfig(**TINY).with_(
        model={"name": "cnn", "depth": 2, "width": 8, "normalization": "batch"},
        optimizer={"name": "sgd", "learning_rate": 0.01, "momentum": 0.9},
    ),
    "mnasnet0_5, dropout": RunConfig(**TINY).with_(
        model={"name": "mnasnet0_5"}, optimizer={"name": "sgd", "learning_rate": 1e-3}
    ),
    "resnet18, wrong labels": RunConfig(**TINY).with_(
        model={"name": "resnet18"}, optimizer={"name": "sgd", "learning_rate": 1e-3}, label_noise={"name": "symmetric"}
    ),
    "vit_tiny, piecewise-zero": RunConfig(**TINY).with_(
        model={"name": "vit_tiny"}, optimizer={"name": "sgd", "learning_rate": 1e-3}, loss={"name": "piecewise-zero"}
    ),
}
RANDOM = ("mnasnet0_5, dropout",)  # a device has random numbers of its own


def run(bench: Bench) -> None:
    for name, config in CONFIGS.items():
        if bench.is_small and name not in ("mlp", "cnn, BatchNorm"):
            continue
        records = snapshots(Training(config, bench.device))
        against_cpu(bench, name, config, records)
        repeated = same(records, snapshots(Training(config, bench.device)))
        bench.check(f"{name}: two runs are equal to the bit", repeated)
        bench.check(f"{name}: a resumed run is equal to the bit", same(records, resumed(config, bench.device)))
    bfloat16(bench)
    if not bench.is_small:
        the_papers_network(bench)
    out_of_memory(bench)


def snapshots(training: Training) -> np.ndarray:
    return np.array([record for record in training.ticks() if record is not None])


def resumed(config: RunConfig, device: torch.device) -> np.ndarray:
    """The snapshots of a run that is interrupted half way, by way of the file of a checkpoint."""
    training, records = Training(config, device), []
    for record in training.ticks():
        if record is not None:
            records.append(record)
        if training.step == training.steps // 2:
            break
    file = io.BytesIO()
    checkpoints.write(training.state(), config.id, file)
    file.seek(0)
    again = Training(config, device, checkpoints.read(file, config.id))
    return np.array([*records[: again.snapshots], *(record for record in again.ticks() if record is not None)])


def against_cpu(bench: Bench, name: str, config: RunConfig, records: np.ndarray) -> None:
    """The snapshots are those of the CPU, up to rounding."""
    if name in RANDOM:
        return
    expected = snapshots(Training(config, "cpu"))
    apart = np.abs(records["mean_prob"] - expected["mean_prob"]).max((1, 2))
    bench.note(
        f"{name}: snapshots as on the CPU",
        f"mean p differs by at most {apart[0]:.1e} in the first probe, by {apart.max():.1e} in all {len(apart)}",
        bool(apart[0] < FIRST_TOLERANCE and apart.max() < TOLERANCE and (records["step"] == expected["step"]).all()),
        apart=apart.tolist(),
    )


def bfloat16(bench: Bench) -> None:
    """Runs in bfloat16 are finite, repeatable, and not far from float32."""
    config = CONFIGS["cnn, BatchNorm"]
    rough = config.with_(precision="bfloat16")
    one, other = (snapshots(Training(rough, bench.device)) for _ in range(2))
    apart = np.abs(one["mean_prob"] - snapshots(Training(config, bench.device))["mean_prob"]).max()
    bench.check("bfloat16: two runs are equal to the bit", same(one, other))
    bench.check("bfloat16: not far from float32", bool(apart < 0.2), f"mean p differs by at most {apart:.1e}")


def the_papers_network(bench: Bench) -> None:
    """A ResNet-50 with its own kernels: twice the same, and alike without and with the deterministic ones of a CPU."""
    config = bench.paper().with_(probes={"size": 1000, "schedule": "batch"})
    one, other = (first_snapshots(Training(config, bench.device), 12) for _ in range(2))
    bench.check("the paper's ResNet-50: 12 steps and probes, twice, are equal to the bit", same(one, other))
    first = first_snapshots(Training(config, "cpu"), 1)
    apart = np.abs(one["mean_prob"][0] - first["mean_prob"][0]).max()
    bench.check("the paper's ResNet-50: first probe as on the CPU", bool(apart < 2e-3), f"p differs by {apart:.1e}")


def first_snapshots(training: Training, count: int) -> np.ndarray:
    records: Sequence = []
    for record in training.ticks():
        if record is not None:
            records = [*records, record]
        if len(records) == count:
            break
    return np.array(records)


def out_of_memory(bench: Bench) -> None:
    """Too large a batch is one sentence, and the process trains on afterwards."""
    what = "out of memory: one sentence, and the next run trains"
    if not bench.is_cuda:
        bench.note(what, "needs cuda")
        return
    large = RunConfig(
        dataset={"name": "gaussian-noise", "size": 32, "train_examples": 8192, "test_examples": 100},
        model={"name": "resnet50"},
        batch_size=8192,
        probes={"size": 100},
    )
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(bench.device).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, 2e9 / total))
    words = "it fitted into 2 GB"
    try:
        snapshots(Training(large.with_(epochs=1), bench.device))
    except Exception as error:
        words = explain(error) if is_out_of_memory(error) else f"{type(error).__name__}: {error}"
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    torch.cuda.empty_cache()
    goes_on = same(*(snapshots(Training(CONFIGS["mlp"], bench.device)) for _ in range(2)))
    bench.check(what, words.startswith("Out of memory") and goes_on, words)
