"""Ways to do the same thing that take turns, each as a ratio against the engine without graphs and a plain script."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator
from unittest import mock

import torch

from igbviz.training import devices
from igbviz.training.cuda_graphs import WARMUP_CALLS
from tests.benchmarks.choices import allowing_tf32
from tests.gpu.bench import Bench, rounds

Way = Callable[[], object]

EAGER, PLAIN = "eager", "plain script"


def finish(device: torch.device) -> None:
    """Wait until the device has done all that it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def compare(
    bench: Bench, case: str, ways: dict[str, Way], times: int, repeats: int, unit: str = "a step", per: int = 1
) -> None:
    """Time the ways in turn, `times` calls each, and note each with its ratios: above 1 it is the faster one.

    `per`: how many units one call is. A way that raises is noted as failed, and the others go on.
    """
    working = {}
    for name, way in ways.items():
        try:
            for _ in range(1 if name == PLAIN else WARMUP_CALLS + 2):
                way()
            finish(bench.device)
        except RuntimeError as error:
            bench.check(f"{case}: {name}", False, (str(error).splitlines() or [type(error).__name__])[0])
        else:
            working[name] = way
    taken: dict[str, list[float]] = {name: [] for name in working}
    for _ in rounds(bench, repeats):
        for name, way in working.items():
            started = time.perf_counter()
            for _ in range(times):
                way()
            finish(bench.device)
            taken[name].append((time.perf_counter() - started) / (times * per) * 1e3)
    for name, values in taken.items():
        ratios = {
            base: statistics.median(one / other for one, other in zip(taken[base], values, strict=True))
            for base in (EAGER, PLAIN)
            if base in taken and base != name
        }
        said = "".join(f"; {ratio:.2f} times as fast as {base}" for base, ratio in ratios.items())
        spread = (
            f"{statistics.median(values):.4g} ms {unit} ({min(values):.4g} to {max(values):.4g}, n = {len(values)})"
        )
        bench.note(f"{case}: {name}", spread + said, ms=values, ratios=ratios)


@contextlib.contextmanager
def graphs(is_on: bool = True) -> Iterator[None]:
    """What is built inside launches its work as CUDA graphs, or does not."""
    with mock.patch.dict("os.environ", {"IGBVIZ_CUDA_GRAPHS": "1" if is_on else "0"}):
        yield


@contextlib.contextmanager
def with_tf32() -> Iterator[None]:
    """The engine computes inside with TF32, which it never does by itself."""
    deterministic = devices.deterministic_kernels

    @contextlib.contextmanager
    def kernels() -> Iterator[None]:
        with deterministic(), allowing_tf32(torch.device("cuda"), True):
            yield

    with mock.patch.object(devices, "deterministic_kernels", kernels):
        yield
