"""Ensembles of untrained networks on disk, as a worker leaves them."""

from __future__ import annotations

from pathlib import Path

from igbviz.ensembles import EnsembleConfig
from igbviz.ensembles.job import EnsembleJob
from igbviz.runs import queue
from igbviz.runs.files import write_json
from igbviz.runs.run import Run
from igbviz.runs.status import Status
from igbviz.runs.submit import submit
from igbviz.trajectory.trajectory import columns_of

SMALL = {
    "dataset": {"name": "gaussian-noise", "size": 8, "train_examples": 10, "test_examples": 50},
    "model": {"name": "mlp", "depth": 2, "width": 16},
    "inputs": 50,
    "networks": 6,
}


def drawn(config: EnsembleConfig, cache: Path, networks: int | None = None) -> Run:
    """An ensemble as a worker leaves it after `networks` networks (default: all), computed in this process."""
    run = submit(config, cache)
    job = EnsembleJob(config, "cpu")
    records = list(job.ticks())[:networks]
    write_json(run.path / "schema.json", {
        "columns": columns_of(job.dtype), "class_names": list(job.data.class_names), "data": "noise", **job.facts(),
        "device": "CPU", "threads": 1, "torch": "x", "date": "today",
    })  # fmt: skip
    run.records.write_bytes(b"".join(record.tobytes() for record in records))
    run.write_status(Status(state="done" if networks is None else "stopped", **job.progress(), device="CPU"))
    queue.dequeue(cache, run.id)
    return run
