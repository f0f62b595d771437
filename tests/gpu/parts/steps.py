"""Steps in other ways than the engine's: as graphs, channels last, in TF32, in bfloat16, and by a plain script."""

from __future__ import annotations

import torch

from igbviz.config import PRESETS, RunConfig
from igbviz.training.loop import Training
from tests.benchmarks.against import Case, plain_parts
from tests.gpu.bench import Bench
from tests.gpu.timing import EAGER, PLAIN, Way, compare, graphs, with_tf32

SAME_STEPS = 40  # through a check for non-finite losses, and far beyond the capture


def run(bench: Bench) -> None:
    times, repeats = (2, 1) if bench.is_small else (20, 5)
    for name, config in cases(bench).items():
        if bench.is_cuda:
            same_bits(bench, name, config)
        compare(bench, name, ways(bench, config), times, repeats)
    if not bench.is_cuda:
        bench.note("CUDA graphs, TF32", "needs cuda")


def cases(bench: Bench) -> dict[str, RunConfig]:
    cases = {"the paper's network": bench.paper()}
    if not bench.is_small:
        cases = {"first look": PRESETS["first-look"].config} | cases
    few = {"size": 100, "count": 2}
    return {name: config.with_(epochs=1e4, probes=few) for name, config in cases.items()}


def ways(bench: Bench, config: RunConfig) -> dict[str, Way]:
    """A step of each. That of a graph comes last, since a failed capture may leave torch in a bad state."""
    device, data = bench.device, config.dataset.load(bench.device)

    def training(**other: str) -> Training:
        return Training(config.with_(**other) if other else config, device, data=data)

    found: dict[str, Way] = {EAGER: training().advance, PLAIN: plain_parts(Case(config, 1), device)[0]}
    last = training()
    last.network.to(memory_format=torch.channels_last)
    found["channels last"] = last.advance
    found["bfloat16"] = training(precision="bfloat16").advance
    if bench.is_cuda:
        in_tf32 = training()

        def advance() -> None:
            with with_tf32():
                in_tf32.advance()

        found["TF32"] = advance
        with graphs():
            found["CUDA graphs"] = training().advance
    return found


def same_bits(bench: Bench, name: str, config: RunConfig) -> None:
    """Steps are captured, and give the same weights to the bit."""
    both = []
    for is_on in (False, True):
        with graphs(is_on):
            both.append(Training(config, bench.device))
        for _ in range(SAME_STEPS):
            both[-1].advance()
    eager, captured = both
    launched = [function.graph is not None for _, function in captured.descend.graphs.values()]
    bench.check(f"{name}: steps are captured as a graph", all(launched) and bool(launched))
    is_same = all(map(torch.equal, eager.tensors(), captured.tensors()))
    bench.check(f"{name}: {SAME_STEPS} steps by graph give the same bits", is_same)
