"""Many runs at once: `python -m tests.benchmarks.stacked [--json FILE]`.

steps    one step of several runs: one by one against stacked, alternating in one process, with the number of threads
         of a single run
sweeps   eight runs from submission to the last probe, with real workers: submitted one by one, as a sweep, and as a
         sweep of stacked runs
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from igbviz.config import PRESETS, RunConfig
from igbviz.runs.submit import submit
from igbviz.runs.sweep_config import Sweep
from igbviz.runs.sweeps import submit_sweep
from igbviz.studies.provenance import processor
from igbviz.training.devices import best_device
from igbviz.training.loop import CHECK_STEPS, Training
from igbviz.training.stacked import Stack, max_runs
from tests.benchmarks.timing import alternating, row

FIRST_LOOK = PRESETS["first-look"].config
KINDS = {
    "first look, mlp of width 256": FIRST_LOOK,
    "mlp of width 64": FIRST_LOOK.with_(model={"name": "mlp", "depth": 4, "width": 64}),
    "mlp of width 16": FIRST_LOOK.with_(model={"name": "mlp", "depth": 4, "width": 16}),
    "cnn": RunConfig(model={"name": "cnn"}),
    "cnn of width 4": RunConfig(model={"name": "cnn", "width": 4}),
}
SWEEPS = ("first look, mlp of width 256", "mlp of width 16")
SWEEP_REPEATS = 3


def advance(stack: Stack, steps: int) -> None:
    """So many steps of a stack, which takes several at once on a GPU, up to the next probe or check."""
    end = stack.trainings[0].step + steps
    while stack.trainings[0].step < end:
        stack.advance()


def steps(device: torch.device) -> list[dict[str, Any]]:
    """Milliseconds of a step of all runs, one by one and stacked."""
    rows = []
    for name, config in KINDS.items():
        training = Training(config, device)
        for runs in (4, 16) if device.type == "cpu" else (8, 32):
            runs = min(runs, max_runs(training))
            alone = [Training(config.with_(seed=seed), device, data=training.clean_data) for seed in range(runs)]
            others = [Training(config.with_(seed=seed), device, data=training.clean_data) for seed in range(runs)]
            for other in others:
                other.probe_steps = np.array([10**9])  # no probe comes between the steps
            stack = Stack(others)
            calls = 1 if device.type == "cpu" else CHECK_STEPS

            def in_turn(alone: list[Training] = alone, calls: int = calls) -> None:
                for training in alone * calls:
                    training.advance()
                if device.type == "cuda":
                    torch.cuda.synchronize()

            def together(stack: Stack = stack, calls: int = calls) -> None:
                advance(stack, calls)
                if device.type == "cuda":
                    torch.cuda.synchronize()

            ways = {"one by one": in_turn, "stacked": together}
            one = row(f"{name}, {calls} steps of {runs}: one by one / stacked", alternating(ways, 5))
            rows.append(one | {"lanes": runs})
    return rows


def sweeps() -> list[dict[str, Any]]:
    """Seconds for eight short runs, one by one and as sweeps, with a warm worker."""
    rows = []
    for name in SWEEPS:
        base = KINDS[name].with_(epochs=5, probes={"size": 1000, "count": 20})
        taken: dict[str, list[float]] = {"one by one": [], "sweep": [], "stacked sweep": []}
        with tempfile.TemporaryDirectory() as folder:
            submit(base.with_(epochs=0.1), folder).wait()  # starts and warms the worker
            for repeat in range(SWEEP_REPEATS):
                seeds = [100 * repeat + seed for seed in range(8)]
                started = time.perf_counter()
                for run in [submit(base.with_(seed=seed), folder) for seed in seeds]:
                    run.wait()
                taken["one by one"].append(time.perf_counter() - started)
                for way, stacked in (("sweep", False), ("stacked sweep", True)):
                    started = time.perf_counter()
                    axes = {"seed": [seed + 50 for seed in seeds]}
                    group = submit_sweep(Sweep(base=base.with_(stacked=stacked), axes=axes), folder)
                    group.wait()
                    taken[way].append(time.perf_counter() - started)
            lanes = sorted({run.schema["lanes"] for run in group.runs})
        words = ", ".join(
            f"{way} {statistics.median(each):.1f} s ({min(each):.1f}-{max(each):.1f})" for way, each in taken.items()
        )
        ratios = {
            way: statistics.median(one / other for one, other in zip(taken["one by one"], taken[way], strict=True))
            for way in ("sweep", "stacked sweep")
        }
        said = ", ".join(f"one by one / {way} {ratio:.2f}" for way, ratio in ratios.items())
        print(f"eight runs, {name}: {words}; {said}, n = {SWEEP_REPEATS}, lanes {lanes}", flush=True)
        rows.append({"case": name, "seconds": taken, "ratios": ratios, "lanes": lanes})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        "python -m tests.benchmarks.stacked", description="Many runs at once, against one by one."
    )
    parser.add_argument("--json", type=Path, help="also write all values there")
    parser.add_argument("--only", choices=["steps", "sweeps"])
    options = parser.parse_args()
    device = best_device()
    about = {"machine": f"{processor()}, {os.cpu_count()} cores", "device": str(device), "torch": torch.__version__,
             "date": time.strftime("%Y-%m-%d %H:%M"), "load": os.getloadavg()}  # fmt: skip
    print(", ".join(f"{key} {value}" for key, value in about.items()), flush=True)
    rows = (steps(device) if options.only != "sweeps" else []) + (sweeps() if options.only != "steps" else [])
    if options.json:
        options.json.write_text(json.dumps(about | {"rows": rows}, indent=1))


if __name__ == "__main__":
    main()
