"""How runs begin: `submit` makes sure that one exists and will be worked on in the background."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from igbviz.runs import queue
from igbviz.runs.files import write_text
from igbviz.runs.kinds import Config, as_config
from igbviz.runs.listing import is_whole
from igbviz.runs.run import DEFAULT_CACHE, Run
from igbviz.runs.status import FINISHED, Status


def submit(config: Config | dict[str, Any], cache: str | Path = DEFAULT_CACHE, *, own: bool = False) -> Run:
    """Make sure that this run exists and will be worked on, and return it at once.

    The same configuration is the same run, whoever submits it: a finished one comes back as it is, a running one is
    joined, a stopped, failed or lost one goes on from its checkpoint, and one whose files were damaged begins again.
    One that ships with the program comes back, too, unless an `own` one is wanted.
    """
    config, cache = as_config(config), Path(cache)
    shipped = Run(cache / "gallery" / config.id)
    if not own and is_whole(shipped) and not (cache / "runs" / config.id).is_dir():
        return shipped
    return submit_all([config], cache)[0]


def submit_all(configs: Iterable[Config], cache: str | Path = DEFAULT_CACHE, of_sweep: bool = False) -> list[Run]:
    """`submit` own runs, many in this order: the queue is looked at once for all of them, not once for each. Those of a
    sweep may be worked on side by side, where that is faster."""
    cache, configs = Path(cache), list(configs)
    runs = [Run(cache / "runs" / config.id) for config in configs]
    with queue.lock(cache / "submit.lock", timeout=60.0):
        new = []
        try:
            for config, run in zip(configs, runs, strict=True):
                if not (run.path / "status.json").exists():
                    _begin(run, config)
                    new.append(run.id)
                elif (state := run.stored_status().state) in FINISHED and not is_whole(run):
                    for file in ("trajectory.bin", "schema.json", "checkpoint.pt", "stop"):
                        (run.path / file).unlink(missing_ok=True)
                    _begin(run, config)
                    new.append(run.id)
                elif state == "queued":
                    new.append(run.id)  # stands there already, unless somebody was killed between these two steps
                elif state in ("stopped", "failed") or (state == "running" and run.status.state == "lost"):
                    write_text(
                        run.path / "config.json", config.to_json()
                    )  # the same choices, but perhaps another folder with the data
                    run.resume()
        finally:  # one that cannot be read does not keep the others from their turn
            queue.enqueue(cache, *new, of_sweep=of_sweep)
    if not all(run.stored_status().ended for run in runs):
        queue.ensure_worker(cache)
    return runs


def _begin(run: Run, config: Config) -> None:
    run.path.mkdir(parents=True, exist_ok=True)
    write_text(run.path / "config.json", config.to_json())
    run.write_status(Status(state="queued", message="Waiting for its turn.", submitted=time.time()))
