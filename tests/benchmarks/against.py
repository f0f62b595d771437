"""The engine against a plain PyTorch loop and the floor.

    python -m tests.benchmarks.against [--json FILE] [--only CASE] [--device cuda]

plain   `plain.py` with torch's defaults (on a GPU, TF32 inside convolutions) and DataLoader workers beside a GPU
ours    `Training`, which also measures what `plain.py` leaves out: signal, zero-gradient fraction, the histogram of p
floor   bare forward, backward and step on prepared batches, and a bare forward pass over the probe images, in our
        precision
limit   the operations of the network's layers over the rate of a large matrix product in our precision

In the case with "bfloat16" in its name our probes are in that precision, and everything else, steps included, in
float32. The effect on the curves is printed with it.

The unit of a case is a number of optimizer steps and one probe; nothing is extrapolated. The methods alternate, so that
a busy moment of the machine affects all of them, and a ratio is the median of the ratios within a round. All have
torch's default number of threads and waiting policy; ours may use fewer threads. The number of probes that a log
schedule saves is computed, and printed separately.
"""
# ruff: noqa: E402

from __future__ import annotations

import argparse
import copy
import json
import os

os.environ["GOMP_SPINCOUNT"] = "300000"  # the library's own; importing igbviz before torch would set it lower

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import count, cycle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Sampler, Subset, TensorDataset
from torch.utils.flop_counter import FlopCounterMode

from igbviz.config import PRESETS, RunConfig
from igbviz.datasets import Cifar10, Data, Images, first_of_each_class, probe_indices
from igbviz.studies.provenance import processor
from igbviz.training.cuda_graphs import WARMUP_CALLS, is_enabled
from igbviz.training.loop import Training
from igbviz.training.network import build_network, evaluation_mode
from igbviz.training.seeds import ORDER, derived_seed
from tests.benchmarks import plain

REPEATS = 5
TEST_BATCH = 128  # of the plain loop
ENDLESS = 1e4  # epochs: more than any case trains

Part = Callable[[], Any]


@dataclass(frozen=True)
class Case:
    """A run, and its number of optimizer steps per probe."""

    config: RunConfig
    steps: int
    repeats: int = REPEATS


@dataclass(frozen=True)
class Plain:
    """What `plain.train` takes, set up for a run: the same weights, batches and probe images as ours."""

    network: nn.Module
    train_loader: DataLoader
    test_loader: DataLoader
    optimizer: torch.optim.Optimizer
    classes: int


class SameOrder(Sampler[int]):
    """The order of the training images in a run of this seed, a new one each epoch."""

    def __init__(self, seed: int, size: int) -> None:
        self.seed, self.size, self.epochs = seed, size, count()

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(derived_seed(self.seed, ORDER, next(self.epochs)))
        yield from torch.randperm(self.size, generator=generator).tolist()


def plain_way(config: RunConfig, device: torch.device) -> Plain:
    """For cross-entropy and plain SGD, on images of their own size; other fields of the configuration are ignored."""
    data = config.dataset.load()
    network = build_network(config, data).to(device)
    optimizer = torch.optim.SGD(network.parameters(), lr=config.optimizer.learning_rate)
    train_set, test_set = plain_sets(config, data)
    probed = Subset(test_set, probe_indices(data.test_labels, config.probes.size, config.seed).tolist())
    beside_gpu = {"num_workers": min(8, os.cpu_count() or 1), "persistent_workers": True, "pin_memory": True}
    options: dict[str, Any] = (
        beside_gpu if device.type == "cuda" else {}
    )  # on a CPU workers would take cores from the network
    train_loader = DataLoader(train_set, config.batch_size, sampler=SameOrder(config.seed, len(train_set)), **options)
    return Plain(network, train_loader, DataLoader(probed, TEST_BATCH, **options), optimizer, data.classes)


def plain_sets(config: RunConfig, data: Data) -> tuple[Dataset, Dataset]:
    """Training and test set: stored images with transforms, or tensors for generated data."""
    dataset = config.dataset
    if not isinstance(dataset, Images):
        return TensorDataset(data.train_images, data.train_labels), TensorDataset(data.test_images, data.test_labels)
    stored = dataset._read()
    mean, std = (np.ravel(value) / 255 for value in dataset._mean_and_std(dataset._resized(stored.train_images)))
    transform = plain.transform(getattr(dataset, "grayscale", False), dataset.scaling, mean.tolist(), std.tolist())
    chosen = first_of_each_class(stored.train_labels, dataset.examples_per_class or len(stored.train_labels))
    train_set = plain.Pictures(stored.train_images[chosen], stored.train_labels[chosen], transform)
    return train_set, plain.Pictures(stored.test_images, stored.test_labels, transform)


def plain_parts(case: Case, device: torch.device) -> tuple[Part, Part]:
    way = plain_way(case.config, device)
    going = plain.steps(way.network, way.train_loader, way.optimizer, device)
    return lambda: next(going), lambda: plain.probe(way.network, way.test_loader, way.classes, device)


def our_parts(case: Case, training: Training) -> tuple[Part, Part]:
    training.probe_steps = np.arange(0, training.steps + 1, case.steps)
    ticks = training.ticks()

    def probe() -> None:
        while next(ticks) is None:
            pass

    probe()  # of the untrained network
    return lambda: next(ticks), probe


def floor_parts(case: Case, training: Training) -> tuple[Part, Part]:
    config, device = case.config, training.device
    network = copy.deepcopy(training.network)
    optimizer = config.optimizer.build(network.parameters())
    batches = cycle([training.batches.of_step(number) for number in range(min(16, training.steps_per_epoch))])
    chunks = [chunk.contiguous() for chunk in training.evaluation.images.split(training.evaluation.chunk)]

    def step() -> None:
        images, labels = next(batches)
        optimizer.zero_grad()
        with precise(config, device):
            torch.nn.functional.cross_entropy(network(images), labels).backward()
        optimizer.step()

    def probe() -> None:
        with torch.inference_mode(), precise(config, device), evaluation_mode(network, "eval"):
            for images in chunks:
                network(images)

    return step, probe


def precise(config: RunConfig, device: torch.device) -> AbstractContextManager:
    """The precision of our own steps and probes."""
    if config.precision == "bfloat16":
        return torch.autocast(device.type, torch.bfloat16)
    return torch.backends.cudnn.flags(enabled=True, allow_tf32=False) if device.type == "cuda" else nullcontext()


def matrix_product(config: RunConfig, device: torch.device) -> tuple[float, Part]:
    """Operations of a large product of square matrices, and the product."""
    side = 8192 if device.type == "cuda" else 2048
    kind = torch.bfloat16 if config.precision == "bfloat16" else torch.float32
    left, right = (torch.randn(side, side, device=device).to(kind) for _ in range(2))
    out = torch.empty_like(left)
    return 2.0 * side**3, lambda: torch.mm(left, right, out=out)


def operations(training: Training) -> tuple[float, float]:
    """Floating-point operations of one step and one probe, counted in the products of the layers alone."""
    network = copy.deepcopy(training.network).to("meta")
    shape, images = training.data.shape, len(training.evaluation.labels)
    with FlopCounterMode(display=False) as step:
        network(torch.empty(training.config.batch_size, *shape, device="meta")).sum().backward()
    with FlopCounterMode(display=False) as probe, torch.no_grad(), evaluation_mode(network, "eval"):
        network(torch.empty(images, *shape, device="meta"))
    return float(step.get_total_flops()), float(probe.get_total_flops())


def timed(part: Part, times: int, device: torch.device) -> float:
    """Seconds until all of it has finished, on a GPU too."""
    started = time.perf_counter()
    for _ in range(times):
        part()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def measure(name: str, case: Case, device: torch.device) -> dict[str, Any]:
    """All seconds of a case by method, with medians and ratios, which are also printed."""
    training = Training(case.config.with_(epochs=ENDLESS), device)
    step_operations, probe_operations = operations(training)
    product_operations, product = matrix_product(case.config, device)
    ways = {"plain": plain_parts(case, device), "floor": floor_parts(case, training), "ours": our_parts(case, training)}
    for _ in range(1 + WARMUP_CALLS + 1 if is_enabled(device) else 1):  # until everything is warm and captured
        for step, _ in ways.values():
            timed(step, case.steps, device)
        ways["ours"][1]()  # is due after its steps
    timed(product, 2, device)

    seconds: dict[str, list[tuple[float, float]]] = {way: [] for way in ("plain", "ours", "floor", "limit")}
    for _ in range(case.repeats):
        for way, (step, probe) in ways.items():
            seconds[way].append((timed(step, case.steps, device), timed(probe, 1, device)))
        rate = product_operations / timed(product, 1, device)
        seconds["limit"].append((case.steps * step_operations / rate, probe_operations / rate))
    return report(name, case, training, seconds, (case.steps * step_operations + probe_operations) / 1e9)


def report(
    name: str, case: Case, training: Training, seconds: dict[str, list[tuple[float, float]]], gflop: float
) -> dict[str, Any]:
    totals = {way: [sum(pair) for pair in pairs] for way, pairs in seconds.items()}
    images, device = len(training.evaluation.labels), training.device
    unit = f"{case.steps} step{'s' if case.steps > 1 else ''} and a probe of {images:,} images"
    print(f"\n{name}, {device}: {unit}, {gflop:,.1f} GFLOP, {case.config.dataset.name}, {case.config.precision}")
    for way, pairs in seconds.items():
        step = statistics.median(pair[0] for pair in pairs) / case.steps
        probe = statistics.median(pair[1] for pair in pairs)
        total = totals[way]
        spread = f"({min(total):.4g}-{max(total):.4g}, n = {len(total)})"
        print(
            f"  {way:6}{statistics.median(total):9.4g} s {spread:32} a step {1e3 * step:.4g} ms, the probe "
            f"{1e3 * probe:.4g} ms"
        )
    ratios = {}
    for above, below in (("plain", "ours"), ("ours", "floor"), ("floor", "limit")):
        values = [a / b for a, b in zip(totals[above], totals[below], strict=True)]
        ratios[f"{above} / {below}"] = {"median": statistics.median(values), "min": min(values), "max": max(values)}
    words = (f"{key} {value['median']:.2f} ({value['min']:.2f}-{value['max']:.2f})" for key, value in ratios.items())
    print(f"  {',  '.join(words)}", flush=True)
    if case.config.probes.precision == "bfloat16":
        largest, mean = roughness(training)
        print(f"  bfloat16 moves p by at most {largest:.4f}, by {mean:.4f} on average")
    return {
        "case": name,
        "device": str(device),
        "unit": unit,
        "steps": case.steps,
        "probe_images": images,
        "gflop": gflop,
        "config": case.config.canonical(),
        "seconds": {
            way: [{"steps": steps, "probe": probe} for steps, probe in pairs] for way, pairs in seconds.items()
        },
        "ratios": ratios,
    }


def roughness(training: Training) -> tuple[float, float]:
    """By how much probes in bfloat16 move the probabilities of the network as it is now: maximum and mean."""
    float32 = Training(
        training.config.with_(probes={"size": training.config.probes.size}), training.device, training.state()
    )
    p, rough = (
        torch.cat(list(each.evaluation.logits(each.evaluation.images))).softmax(1) for each in (float32, training)
    )
    moved = (p - rough).abs()
    return moved.max().item(), moved.mean().item()


def fewer_probes() -> list[dict[str, Any]]:
    """Numbers of probes of the paper's schedule and of a log schedule over the same steps: arithmetic, not a
    measurement."""
    rows = []
    for key in ("first-look", "paper-cross-entropy"):
        config = PRESETS[key].config
        each = config.steps_per_epoch(config.dataset.facts().train_size)
        steps = config.total_steps(config.dataset.facts().train_size)
        batch, log = (
            len(config.with_(probes={"schedule": schedule}).probes.steps(steps, each)) for schedule in ("batch", "log")
        )
        print(
            f"{key}, {steps:,} steps: {batch:,} probes by batch, {log} by a log schedule, {batch / log:.0f} times fewer"
        )
        rows.append({"preset": key, "steps": steps, "batch": batch, "log": log})
    return rows


def cases() -> dict[str, Case]:
    """CIFAR-10 if its files are on this machine, else noise of the same size."""
    is_available = any((place / "cifar-10-batches-py").is_dir() for place in Cifar10()._folders())
    noise = {"name": "gaussian-noise", "size": 32, "train_examples": 50_000, "test_examples": 10_000}
    dataset = {"name": "cifar10", "grayscale": True, "scaling": "raw"} if is_available else noise
    first_look = PRESETS["first-look"].config

    def resnet(depth: int, images: int, steps: int, precision: str = "same") -> Case:
        return Case(
            RunConfig(
                dataset=dataset,
                model={"name": f"resnet{depth}"},
                initialization={"name": "torchvision"},
                optimizer={"name": "sgd", "learning_rate": 0.001},
                probes={"size": images, "precision": precision},
            ),
            steps,
        )

    return {
        "first-look": Case(first_look, 53, 15),  # 3,130 steps and 60 probes: its own log schedule
        "first-look-batch": Case(first_look, 1, 15),  # a probe after every step, as in the paper
        "resnet18-2000": resnet(18, 2_000, 8),
        "resnet18-10000": resnet(18, 10_000, 1),
        "resnet50-2000": resnet(50, 2_000, 8),
        "resnet50-10000": resnet(50, 10_000, 1),
        "resnet50-10000-bfloat16": resnet(50, 10_000, 1, "bfloat16"),  # only our probes are in bfloat16
    }


def main() -> None:
    chosen = cases()
    parser = argparse.ArgumentParser(
        "python -m tests.benchmarks.against", description="The engine against a plain PyTorch loop and the floor."
    )
    parser.add_argument("--json", type=Path, help="also write all values there")
    parser.add_argument("--only", choices=list(chosen), help="run this case alone")
    parser.add_argument("--device", choices=["cpu", "cuda"], help="use this device alone")
    options = parser.parse_args()
    devices = [options.device] if options.device else ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    about = {
        "machine": f"{processor()}, {os.cpu_count()} cores",
        "gpu": torch.cuda.get_device_name() if "cuda" in devices else None,
        "load": os.getloadavg(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "date": time.strftime("%Y-%m-%d %H:%M"),
    }
    print(", ".join(f"{key} {value}" for key, value in about.items() if value is not None), flush=True)
    names = [options.only] if options.only else list(chosen)
    rows = [measure(name, chosen[name], torch.device(device)) for device in devices for name in names]
    print()
    about |= {"rows": rows, "probes": fewer_probes()}
    if options.json:
        options.json.write_text(json.dumps(about, indent=1))


if __name__ == "__main__":
    main()
