"""Probes of 10,000 images in other ways than the engine's, measures and the copy to the host included."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from igbviz.config import PRESETS, RunConfig
from igbviz.training.loop import Training
from igbviz.training.packed_inference import pack_network
from tests.benchmarks.against import Case, plain_parts
from tests.gpu.bench import Bench
from tests.gpu.timing import EAGER, PLAIN, Way, compare, graphs, with_tf32

CHUNKS = (500, 1000, 5000, 10_000)
REPEATED = 6  # probes until they are captured


def run(bench: Bench) -> None:
    times, repeats = (1, 1) if bench.is_small else (2, 5)
    for name, config in cases(bench).items():
        ways = columns_of(bench, config)
        apart(bench, name, ways)
        plain = {PLAIN: plain_parts(Case(config, 1), bench.device)[1]}
        compare(bench, name, ways | plain, times, repeats, "a probe")
    if not bench.is_cuda:
        bench.note("CUDA graphs, TF32", "needs cuda")


def cases(bench: Bench) -> dict[str, RunConfig]:
    papers = {"the paper's network": bench.paper().with_(epochs=1)}
    return papers if bench.is_small else {"first look": PRESETS["first-look"].config} | papers


def columns_of(bench: Bench, config: RunConfig) -> dict[str, Callable[[], dict[str, Any]]]:
    """A probe of each, which returns the columns of a snapshot."""
    device, data = bench.device, config.dataset.load(bench.device)

    def probe(change: Callable[[Training], Any] = lambda training: None, **other: Any) -> Callable[[], dict[str, Any]]:
        training = Training(config.with_(**other) if other else config, device, data=data)
        change(training)
        loss = training.loss_at(0)

        def work() -> dict[str, Any]:
            ticks = training.evaluation.ticks(loss, training.loss_sum)
            try:
                while True:
                    next(ticks)
            except StopIteration as end:
                return end.value

        return work

    def in_chunks(size: int) -> Callable[[Training], None]:
        return lambda training: setattr(training.evaluation, "chunk", size)

    found = {EAGER: probe()}
    found["channels last"] = probe(lambda training: training.network.to(memory_format=torch.channels_last))
    found["bfloat16"] = probe(probes=config.probes.model_dump() | {"precision": "bfloat16"})
    if not bench.is_cuda:
        return found
    found["packed"] = packed = probe(_pack)
    found |= {f"chunks of {size}": probe(in_chunks(size)) for size in CHUNKS}
    plain_float = found[EAGER]

    def in_tf32(work: Callable[[], dict[str, Any]]) -> Callable[[], dict[str, Any]]:
        def other() -> dict[str, Any]:
            with with_tf32():
                return work()

        return other

    found |= {"TF32": in_tf32(plain_float), "packed, TF32": in_tf32(packed)}
    with graphs():
        found["CUDA graphs"] = probe()
    return found


def _pack(training: Training) -> None:
    """Probes by the packed network that a CPU uses, with torch's products: oneDNN has none for a GPU."""
    packed = pack_network(training.network)
    for layer in packed.layers:
        layer.by_onednn = False
    training.evaluation.forward, training.evaluation.release = packed, packed.refresh


def apart(bench: Bench, name: str, ways: dict[str, Way]) -> None:
    """By how much the ways differ in their mean p; a graph by nothing."""
    expected = ways[EAGER]()["mean_prob"]
    for way, work in ways.items():
        try:
            found = [work()["mean_prob"] for _ in range(REPEATED if "graph" in way else 1)][-1]
        except RuntimeError as error:
            bench.note(f"{name}: {way}", f"cannot be done: {(str(error).splitlines() or [''])[0]}")
            continue
        differ = float(np.abs(found - expected).max())
        if "graph" in way:
            bench.check(f"{name}: probes by graph give the same bits", bool((found == expected).all()))
        elif way != EAGER:
            bench.note(f"{name}: {way}, mean p", f"differs by at most {differ:.1e}", differ=differ)
