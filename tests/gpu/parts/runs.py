"""The paper's three runs, in a cache, as the program itself trains and stores them; a later call goes on with them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from unittest import mock

from igbviz.runs import queue
from igbviz.runs.locks import folder_lock
from igbviz.runs.run import Run
from igbviz.runs.session import work_on
from igbviz.runs.submit import identified, submit_all
from tests.gpu.bench import LOSSES, Bench

KEEP = 5.0  # seconds to save and end in
MIN_SHARE = 10.0  # seconds for which it is worth while to load a run


def run(bench: Bench) -> None:
    """Each run gets a share of the time; what a finished one leaves goes to the others."""
    if bench.is_cuda and bench.graphs_hold():
        os.environ["IGBVIZ_CUDA_GRAPHS"] = "1"
    runs = dict(zip(LOSSES, three_runs(bench), strict=True))
    for loss, share in shares(bench, runs):
        train(runs[loss], bench, share)
    for loss, run in runs.items():
        status = run.stored_status()
        minutes = status.seconds / 60
        bench.note(
            loss,
            f"{status.state}, epoch {status.epoch:.2f}, {status.snapshots:,} probes, {minutes:.1f} minutes in all; "
            f"{run.id}",
            None if status.state in ("done", "stopped") else False,
            run=run.id,
            state=status.state,
        )


def three_runs(bench: Bench) -> list[Run]:
    """The runs in the cache, waiting; no worker is started, since this process trains them itself."""
    configs = [identified(bench.paper(loss), bench.options.cache) for loss in LOSSES]
    with mock.patch.object(queue, "ensure_worker", lambda *_, **__: None):
        runs = submit_all(configs, bench.options.cache)
    for run in runs:
        queue.dequeue(bench.options.cache, run.id)
    return runs


def shares(bench: Bench, runs: dict[str, Run]) -> Iterator[tuple[str, float]]:
    """Runs that are not finished with the seconds for each, the one that is least far first."""
    unfinished = sorted(
        (loss for loss, run in runs.items() if not run.stored_status().ended), key=lambda loss: runs[loss].record_bytes
    )
    for number, loss in enumerate(unfinished):
        share = (bench.left() - KEEP) / (len(unfinished) - number)
        if share < (0.5 if bench.is_small else MIN_SHARE):
            bench.note(f"{loss}, not trained", "no time left")
            continue
        yield loss, share


def train(run: Run, bench: Bench, seconds: float) -> None:
    """Train a run for so long; then it stops as on request, with a checkpoint."""
    end = time.monotonic() + seconds

    def watch_the_clock() -> None:
        if time.monotonic() > end:
            (run.path / "stop").touch()

    with folder_lock(run.path):
        for _ in work_on(run, bench.device, meanwhile=watch_the_clock):
            pass
