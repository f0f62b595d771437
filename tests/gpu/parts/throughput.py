"""The pace of the paper's runs: 20 epochs, and a probe of all test images after every batch of the first."""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch

from igbviz.training.loop import Training
from tests.benchmarks.against import Case, plain_parts
from tests.benchmarks.choices import paper
from tests.gpu.bench import LOSSES, Bench
from tests.gpu.timing import finish, graphs

PAIRS, STEPS = 100, 300  # at most: a step and a probe, and steps alone
WARM = 6  # snapshots until everything is warm and captured
RUNS = 3


def run(bench: Bench) -> None:
    pairs, steps = (3, 10) if bench.is_small else (PAIRS, STEPS)
    ways = [("eager", False), ("CUDA graphs", True)] if bench.is_cuda else [("eager", False)]
    share = bench.left() * 0.8 / (1 + len(LOSSES) * len(ways))
    minutes: dict[str, list[float]] = {}
    data = bench.paper().dataset.load(bench.device)
    for loss in LOSSES:
        for way, is_on in ways:
            with graphs(is_on):
                training = Training(bench.paper(loss), bench.device, data=data)
            found = pace(training, pairs, steps, share)
            minutes.setdefault(way, []).append(say(bench, f"{loss}, {way}", *found))
            del training
    plain(bench, share)
    for way, each in minutes.items():
        bench.note(
            f"{RUNS} runs in full, {way}",
            f"{sum(each):.1f} minutes, extrapolated from the measured steps and probes, not measured",
            minutes=each,
        )
    if bench.is_cuda:
        peak = torch.cuda.max_memory_allocated() / 2**30
        bench.note("memory", f"at most {peak:.1f} GiB of the GPU allocated at once", gibibytes=peak)


def pace(training: Training, pairs: int, steps: int, seconds: float) -> tuple[float, int, float, int]:
    """Seconds of a step with a probe, the number of such pairs, seconds of a step alone, the number of those."""
    ticks = training.ticks()
    for _ in probes(ticks, training, WARM):
        pass
    finish(training.device)
    started, count = time.perf_counter(), 0
    for _ in probes(ticks, training, pairs):
        count += 1
        if time.perf_counter() - started > seconds / 2:
            break
    finish(training.device)
    pair = (time.perf_counter() - started) / count
    for _ in range(WARM):
        training.advance()
    finish(training.device)
    started, alone = time.perf_counter(), 0
    while alone < steps and time.perf_counter() - started < seconds / 4:
        training.advance()
        alone += 1
    finish(training.device)
    return pair, count, (time.perf_counter() - started) / alone, alone


def probes(ticks: Iterator, training: Training, count: int) -> Iterator[int]:
    """Train on through so many probes."""
    for number in range(count):
        before = training.snapshots
        while training.snapshots == before:
            next(ticks)
        yield number


def say(bench: Bench, what: str, pair: float, pairs: int, step: float, steps: int) -> float:
    """Note a pace, and return the minutes of a run in full."""
    minutes = paper({"step": step, "probe": max(pair - step, 0.0)})
    bench.note(
        what,
        f"a step {1e3 * step:.3g} ms (n = {steps}), a step and a probe {1e3 * pair:.4g} ms (n = {pairs}); "
        f"extrapolated, a run of 20 epochs takes {minutes:.1f} minutes",
        pair_seconds=pair,
        step_seconds=step,
        minutes=minutes,
    )
    return minutes


def plain(bench: Bench, seconds: float) -> None:
    """The same by a plain script, with torch's defaults and workers beside a GPU."""
    step, probe = plain_parts(Case(bench.paper(), 1), bench.device)
    step(), probe()
    found = []
    for part, most, share in ((probe, 5, 0.5), (step, 50, 0.25)):
        finish(bench.device)
        started, count = time.perf_counter(), 0
        while count < most and (not count or time.perf_counter() - started < share * seconds):
            part()
            count += 1
        finish(bench.device)
        found.append(((time.perf_counter() - started) / count, count))
    (of_probe, probes), (of_step, steps) = found
    say(bench, "cross-entropy, plain script", of_step + of_probe, probes, of_step, steps)
