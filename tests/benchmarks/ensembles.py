"""Ensembles against the arithmetic they cannot avoid, and against a plain loop.

    python -m tests.benchmarks.ensembles [--repeats 5] [--json times.json]

bare    the random numbers of all weights and the matrix products of all layers, and nothing else
loop    one `nn.Sequential` after the other: built, drawn, evaluated, and measured layer by layer in plain torch
ours    `initialize` without loading the data

The three alternate, so that other load on the machine affects all of them; medians of processor time and their ratios
are printed.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from itertools import pairwise
from statistics import median

import torch
from torch import Tensor, nn

from igbviz.ensembles import EnsembleConfig
from igbviz.ensembles.networks import StackedNetworks

SETTINGS = {
    "small: width 64, depth 10, 200 inputs": (64, 10, 200, 500),
    "wide: width 256, depth 20, 2000 inputs": (256, 20, 2000, 200),
}


def bare(measured: StackedNetworks) -> None:
    config, images = measured.config, measured.images.flatten(1)
    sides = [images.shape[1], *[config.model.width] * config.model.depth, measured.classes]
    weights = [torch.empty(outputs, inputs) for inputs, outputs in pairwise(sides)]
    results = [torch.empty(len(images), outputs) for outputs in sides[1:]]
    for _ in range(config.networks):
        values = images
        for weight, result in zip(weights, results, strict=True):
            values = torch.mm(values, weight.normal_(0, (2 / weight.shape[1]) ** 0.5).T, out=result)


@torch.no_grad()
def loop(measured: StackedNetworks) -> None:
    config = measured.config
    layers: list[tuple[float, float, float]] = []
    for seed in measured.seeds(range(config.networks)):
        torch.manual_seed(seed)
        network = config.model.build(measured.shape, measured.classes)
        config.initialization.apply(network, measured.classes)
        network.to(measured.device)
        for layer in network.modules():
            if isinstance(layer, nn.Linear):
                layer.register_forward_hook(lambda _layer, _inputs, outputs: layers.append(plain_layer(outputs)))
        logits = network(measured.images)
        logits.argmax(1).bincount(minlength=measured.classes), logits.mean(0), logits.std(0), logits.softmax(1).mean(0)
        layers.append(plain_layer(logits - logits.mean(1, keepdim=True)))


def plain_layer(outputs: Tensor) -> tuple[float, float, float]:
    inputs = len(outputs)
    directions = outputs / outputs.norm(dim=1, keepdim=True)
    cosine = (directions.sum(0).square().sum() - inputs) / (inputs * (inputs - 1))
    return outputs.mean(0).square().mean().item(), outputs.var(0).mean().item(), cosine.item()


def ours(measured: StackedNetworks) -> None:
    for _ in measured.record_batches():
        pass


def seconds(function: Callable[[StackedNetworks], None], measured: StackedNetworks) -> float:
    """Seconds of processor time; on a shared machine wall-clock time includes other programs."""
    started = time.process_time()
    function(measured)
    return time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--networks", type=int, help="maximum number of networks per setting")
    parser.add_argument("--json", help="also write all times, in seconds, to this file")
    choices = parser.parse_args()
    report = {
        "machine": platform.processor() or platform.machine(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }
    for name, (width, depth, inputs, networks) in SETTINGS.items():
        config = EnsembleConfig(
            model={"name": "mlp", "width": width, "depth": depth},
            inputs=inputs,
            networks=min(choices.networks or networks, networks),
        )
        measured = StackedNetworks(config, torch.device("cpu"))
        methods = {"bare": bare, "loop": loop, "ours": ours}
        seconds(ours, measured)  # warm
        times: dict[str, list[float]] = {method: [] for method in methods}
        for _ in range(choices.repeats):
            for method, function in methods.items():
                times[method].append(seconds(function, measured))
        medians = {method: median(values) for method, values in times.items()}
        spread = ", ".join(
            f"{method} {medians[method]:.2f} s ({min(v):.2f} to {max(v):.2f})" for method, v in times.items()
        )
        print(
            f"{name}\n  {spread}\n  ours / bare {medians['ours'] / medians['bare']:.2f}   loop / ours "
            f"{medians['loop'] / medians['ours']:.2f}"
        )
        report[name] = {"networks": config.networks, "seconds": times}
    if choices.json:
        with open(choices.json, "w") as file:
            json.dump(report, file, indent=2)


if __name__ == "__main__":
    main()
