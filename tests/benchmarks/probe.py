"""What a probe costs in somebody's loop: `python -m tests.benchmarks.probe`.

A call that is not due, in nanoseconds, and a look, as a ratio to the bare forward pass on the same inputs. On a CPU it
is the processor time of one thread, which other work on the machine changes least.
"""

from __future__ import annotations

import argparse
import statistics
import time
import timeit

import torch
from torch import nn

from igbviz._torchvision import torchvision
from igbviz.losses import LOSSES
from igbviz.recording.probe import Probe
from igbviz.training.devices import best_device, device_name
from tests.benchmarks.timing import alternating

CALLS = 20_000


def between_looks(repeats: int) -> dict[str, list[float]]:
    """Nanoseconds of a call that is not due."""
    probe = Probe(nn.Linear(4, 3), torch.randn(30, 4), torch.arange(30) % 3, schedule=[10**9])
    probe()
    loss = torch.ones((), requires_grad=True) * 2
    ways = {
        "probe()": probe,
        "probe(0.5)": lambda: probe(0.5),
        "probe(loss), a tensor with its graph": lambda: probe(loss),
        "probe(step=n)": lambda: probe(step=probe.step),
    }
    return {
        name: [
            1e9 * taken / CALLS for taken in timeit.repeat(way, number=CALLS, repeat=repeats, timer=time.process_time)
        ]
        for name, way in ways.items()
    }


def looks(device: torch.device, repeats: int) -> dict[str, list[float]]:
    """Milliseconds of a look and of the forward pass that is in it: an MLP, a ResNet-18 and 1,000 classes."""
    models = {
        "MLP, 2,000 inputs": (_mlp(10), torch.randn(2000, 784), 10),
        "MLP, 1,000 classes": (_mlp(1000), torch.randn(2000, 784), 1000),
        "ResNet-18, 200 inputs": (torchvision.models.resnet18(num_classes=10), torch.randn(200, 3, 32, 32), 10),
    }
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    times = {}
    for name, (model, inputs, classes) in models.items():
        model, inputs = model.to(device), inputs.to(device)
        labels = torch.arange(len(inputs)) % classes
        losses = {"no loss": None, "torch": nn.CrossEntropyLoss(), "igbviz": LOSSES["cross-entropy"]()}
        probes = {loss: Probe(model, inputs, labels, loss=value, schedule="batch") for loss, value in losses.items()}
        ways = {"forward": lambda model=model, inputs=inputs: _forward(model, inputs), **probes}
        taken = alternating(ways, repeats=repeats, clock=clock)
        times |= {f"{name}, {way}": milliseconds for way, milliseconds in taken.items()}
    return times


def _mlp(classes: int) -> nn.Module:
    return nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, classes))


def _forward(model: nn.Module, inputs: torch.Tensor) -> None:
    with torch.no_grad():
        model.eval()
        torch.cat([model(chunk) for chunk in inputs.split(500)]).cpu()


def main() -> None:
    parser = argparse.ArgumentParser("python -m tests.benchmarks.probe")
    parser.add_argument("--repeats", type=int, default=15)
    asked = parser.parse_args()
    device = best_device()
    if device.type == "cpu":
        torch.set_num_threads(1)
    print(f"torch {torch.__version__} on {device_name(device)}, {torch.get_num_threads()} threads")
    for name, taken in between_looks(asked.repeats).items():
        print(f"{name:38} {spread(taken, 'ns')}")
    forward = 0.0
    for name, taken in looks(device, asked.repeats).items():
        forward = statistics.median(taken) if name.endswith("forward") else forward
        print(
            f"{name:38} {spread(taken, 'ms'):44} {statistics.median(taken) / forward:.2f} x the forward pass",
            flush=True,
        )


def spread(taken: list[float], unit: str) -> str:
    return f"median {statistics.median(taken):.4g} {unit} ({min(taken):.4g}-{max(taken):.4g}, n = {len(taken)})"


if __name__ == "__main__":
    main()
