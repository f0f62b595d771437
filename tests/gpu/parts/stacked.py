"""Many runs at once: one by one, stacked, with and without graphs, and as many plain scripts one after the other."""

from __future__ import annotations

import numpy as np

from igbviz.training.loop import CHECK_STEPS, Training
from igbviz.training.stacked import Stack, max_runs
from tests.benchmarks.against import Case, plain_parts
from tests.benchmarks.stacked import KINDS, advance
from tests.gpu.bench import Bench
from tests.gpu.timing import EAGER, PLAIN, Way, compare, graphs

RUNS = (8, 32)
FAR = np.array([10**9])  # no probe comes between the steps


def run(bench: Bench) -> None:
    kinds = ["mlp of width 16"] if bench.is_small else list(KINDS)
    steps = 4 if bench.is_small else CHECK_STEPS
    for kind in kinds:
        for count in (2,) if bench.is_small else RUNS:
            if bench.left() < 5:
                bench.note(f"{kind}, {count} runs", "not reached in the time")
                continue
            case = f"{kind}, {count} runs"
            compare(bench, case, ways(bench, kind, count, steps), 1, 3, "a step of all", per=steps)


def ways(bench: Bench, kind: str, count: int, steps: int) -> dict[str, Way]:
    """So many steps of all runs. What is captured comes last, since a failed capture may leave torch in a bad state."""
    config = KINDS[kind].with_(epochs=1e4)
    data = config.dataset.load(bench.device)

    def trainings() -> list[Training]:
        found = [Training(config.with_(seed=seed), bench.device, data=data) for seed in range(count)]
        for training in found:
            training.probe_steps = FAR
        assert max_runs(found[0]) >= count
        return found

    def in_turn() -> Way:
        alone = trainings()

        def work() -> None:
            for training in alone:
                for _ in range(steps):
                    training.advance()

        return work

    def together() -> Way:
        stack = Stack(trainings())
        return lambda: advance(stack, steps)

    step = plain_parts(Case(config, 1), bench.device)[0]
    found = {EAGER: in_turn(), PLAIN: lambda: [step() for _ in range(count * steps)], "stacked": together()}
    if bench.is_cuda:
        with graphs():
            found |= {"CUDA graphs": in_turn(), "stacked, CUDA graphs": together()}
    return found
