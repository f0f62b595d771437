"""Alternatives for steps and probes on one device: `python -m tests.benchmarks.choices [--device cuda] [--json FILE]`.

A step of the engine against one captured as a graph, in another memory format, in bfloat16; a probe against chunks of
other sizes, packed as on a CPU, in TF32, in bfloat16, captured. Each row is the time of an alternative over that of the
engine, and the difference of its logits. The time of one of the paper's runs is computed from the medians.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from igbviz.config import PRESETS, RunConfig
from igbviz.training.cuda_graphs import CAPTURES, WARMUP_CALLS, CapturedFunction, CapturedStep
from igbviz.training.devices import best_device, compute_context, device_name
from igbviz.training.loop import Training
from igbviz.training.network import evaluation_mode
from igbviz.training.packed_inference import pack_network
from tests.benchmarks.against import cases
from tests.benchmarks.timing import alternating, row

CHUNKS = (500, 1000, 2500, 5000, 10_000)
PAPER_EPOCHS = 20

Way = Callable[[], Tensor]


def networks() -> dict[str, RunConfig]:
    """A first look, and the ResNets of `against` with probes of 10,000 images."""
    known = cases()
    return {"first look": PRESETS["first-look"].config} | {
        name: known[f"{name}-10000"].config for name in ("resnet18", "resnet50")
    }


def steps(config: RunConfig, device: torch.device) -> dict[str, Way]:
    """A step of the engine, and alternatives that differ in one thing."""
    config = config.with_(epochs=1e4)
    ways = {name: Training(config, device) for name in ("engine", "channels first", "channels last")}
    ways["channels first"].network.to(memory_format=torch.contiguous_format)
    ways["channels last"].network.to(memory_format=torch.channels_last)
    ways["bfloat16"] = Training(config.with_(precision="bfloat16"), device)
    if device.type in CAPTURES and not ways["engine"].is_stochastic:
        ways["captured"] = captured = Training(config, device)
        captured.descend = CapturedStep(captured)
    return {name: lambda one=one: (one.advance(), one.loss_sum.clone())[1] for name, one in ways.items()}


def probes(config: RunConfig, device: torch.device) -> dict[str, Way]:
    """The logits of a probe of the engine, and alternatives."""
    training = Training(config, device)
    images, network = training.evaluation.images, training.network

    def logits(
        forward: Callable[[Tensor], Tensor],
        chunk: int,
        precision: str = "float32",
        tf32: bool = False,
        capture: bool = False,
    ) -> Way:
        @torch.inference_mode()
        def work() -> Tensor:
            with (
                compute_context(device, precision, training.evaluation.threads),
                evaluation_mode(network, "eval"),
                allowing_tf32(device, tf32),
            ):
                return torch.cat([forward(part) for part in images.split(chunk)])

        return CapturedFunction(work, device) if capture and device.type in CAPTURES else work

    packed = pack_network(network)
    for layer in packed.layers if device.type == "cuda" else ():
        layer.by_onednn = False  # oneDNN has no matrix product for a GPU
    largest = len(images)

    def packed_forward(images: Tensor) -> Tensor:
        packed.refresh()
        return packed.network(images)

    forward, other = (
        (packed_forward, network) if training.evaluation.forward is not network else (network, packed_forward)
    )
    sizes = sorted({min(chunk, largest) for chunk in CHUNKS} - {training.evaluation.chunk})
    return {
        "engine": logits(forward, training.evaluation.chunk),
        "captured": logits(forward, training.evaluation.chunk, capture=True),
        **{f"chunks of {chunk}": logits(forward, chunk) for chunk in sizes},
        "not packed" if training.evaluation.forward is not network else "packed": logits(
            other, training.evaluation.chunk
        ),
        "tf32": logits(forward, training.evaluation.chunk, tf32=True),
        "packed, tf32": logits(packed_forward, training.evaluation.chunk, tf32=True),
        "bfloat16": logits(network, training.evaluation.chunk, "bfloat16"),
    }


@contextlib.contextmanager
def allowing_tf32(device: torch.device, allowed: bool) -> Iterator[None]:
    if device.type != "cuda" or not allowed:
        yield
        return
    with torch.backends.cudnn.flags(enabled=True, deterministic=True, benchmark=False, allow_tf32=True):
        torch.set_float32_matmul_precision("high")
        try:
            yield
        finally:
            torch.set_float32_matmul_precision("highest")


def compare(case: str, ways: dict[str, Way], device: torch.device, times: int, repeats: int) -> list[dict[str, Any]]:
    """One row per alternative against the engine. For one that fails its error is printed instead."""

    def until_done(way: Way) -> Callable[[], None]:
        def run() -> None:
            way()
            if device.type == "cuda":
                torch.cuda.synchronize()

        return run

    first, *others = ways
    found = []
    for name in others:
        try:
            for _ in range(WARMUP_CALLS + 2):
                answers = [ways[way]().float().clone() for way in (first, name)]
            taken = alternating({way: until_done(ways[way]) for way in (name, first)}, times, repeats)
        except RuntimeError as error:
            print(f"{case}, {name}: {str(error).splitlines()[0]}", flush=True)
            continue
        differ = (
            (answers[0] - answers[1]).abs().max().item() if answers[0].ndim else None
        )  # steps have no logits to compare
        words = "" if differ is None else f", logits differ by {differ:.2g}"
        found.append(row(f"{case}: {name} / {first}{words}", taken) | {"differ": differ})
    return found


def paper(seconds: dict[str, float]) -> float:
    """Minutes of one of the paper's runs, from seconds per step and probe: every batch of the first epoch is probed,
    then every epoch."""
    each = PRESETS["paper-cross-entropy"].config.steps_per_epoch(50_000)
    return (PAPER_EPOCHS * each * seconds["step"] + (each + PAPER_EPOCHS) * seconds["probe"]) / 60


def main() -> None:
    configs = networks()
    parser = argparse.ArgumentParser(
        "python -m tests.benchmarks.choices", description="Alternatives for steps and probes against the engine."
    )
    parser.add_argument("--device", type=torch.device, default=best_device())
    parser.add_argument("--only", choices=list(configs))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, help="also write all values there")
    options = parser.parse_args()
    print(f"{device_name(options.device)}, torch {torch.__version__}, {time.strftime('%Y-%m-%d %H:%M')}", flush=True)
    rows = []
    for name in [options.only] if options.only else configs:
        part = {}
        for kind, make, times in (("step", steps, 10), ("probe", probes, 1)):
            found = compare(
                f"{name}, {kind}", make(configs[name], options.device), options.device, times, options.repeats
            )
            part[kind] = sorted(found[0]["ms"]["engine"])[options.repeats // 2] / 1e3
            rows += found
        if name == "resnet50":
            print(f"the paper's run: {paper(part):.1f} minutes, by arithmetic")
    if options.json:
        options.json.write_text(json.dumps({"device": device_name(options.device), "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
