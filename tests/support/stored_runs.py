"""Runs on disk as a worker leaves them: trained in this process, or written without a training."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from igbviz.config import RunConfig
from igbviz.runs import queue
from igbviz.runs.files import write_json
from igbviz.runs.images.recorder import Recorder
from igbviz.runs.run import Run
from igbviz.runs.status import Status
from igbviz.runs.submit import submit
from igbviz.studies.comparison import Member
from igbviz.training.loop import Training
from igbviz.trajectory import Trajectory, snapshot_dtype
from igbviz.trajectory.trajectory import columns_of


def finished(config: RunConfig, cache: Path, state: str = "done") -> Run:
    """A run as a worker leaves it, trained in this process."""
    run = submit(config, cache)
    training = Training(config, "cpu")
    records, images = [], Recorder(run.path, training)
    for snapshot in training.ticks():
        if snapshot is not None:
            images.append()
            records.append(snapshot)
    images.close()
    names = list(training.data.class_names)
    write_json(run.path / "schema.json", {
        "columns": columns_of(training.dtype), "class_names": names, "steps_per_epoch": training.steps_per_epoch,
        "steps": training.steps, "data": "noise",
        "parameters": 1, "probe_images": 60, "device": "CPU", "threads": 1, "torch": "x", "date": "today",
    })  # fmt: skip
    (run.path / "trajectory.bin").write_bytes(b"".join(record.tobytes() for record in records))
    run.write_status(
        Status(state=state, step=training.step, steps=training.steps, snapshots=len(records), epoch=2.0, device="CPU")
    )
    queue.dequeue(cache, run.id)
    return run


BASE = RunConfig(model={"name": "mlp", "depth": 4}, epochs=4, batch_size=100)


LOSSES = (
    {"name": "cross-entropy"},
    {"name": "piecewise-zero", "cutoff": 0.1},
    {"name": "piecewise-zero", "cutoff": 0.3},
)


STEPS = np.unique(np.concatenate([[0], np.geomspace(1, 400, 60).round().astype(int)]))


def story(
    seed: int = 0, classes: int = 10, even_from: int | None = 20, steps: np.ndarray = STEPS, per_epoch: int = 100
) -> Trajectory:
    """A synthetic run with 20 images per class: class `seed` gets every guess until step `even_from`, then all
    guesses are right."""
    records = np.zeros(len(steps), snapshot_dtype(classes))
    records["step"], records["epoch"], records["seconds"] = steps, steps / per_epoch, steps / 10
    records["train_loss"] = np.where(steps == 0, np.nan, 2 - steps / 1000)
    records["silent"] = 0.5
    for record in records:
        stuck = even_from is None or record["step"] < even_from
        record["confusion"] = 0
        if stuck:
            record["confusion"][:, seed % classes] = 20
        else:
            np.fill_diagonal(record["confusion"], 20)
        record["mean_prob"] = record["confusion"] / 20 * 0.9 + 0.1 / classes
    return Trajectory(records)


def stored(
    config: RunConfig, cache: Path, trajectory: Trajectory, state: str = "done", names: list[str] | None = None
) -> Run:
    """A run as a worker leaves it, without a training."""
    run = Run(cache / "runs" / config.id)
    run.path.mkdir(parents=True)
    (run.path / "config.json").write_text(config.to_json())
    last = int(trajectory.step[-1]) if len(trajectory) else 0
    per_epoch = round(last / float(trajectory.epoch[-1])) if last else 100
    write_json(run.path / "schema.json", {
        "columns": columns_of(trajectory.records.dtype), "class_names": names or list(trajectory.class_names),
        "steps_per_epoch": per_epoch, "steps": round(config.epochs * per_epoch),
    })  # fmt: skip
    (run.path / "trajectory.bin").write_bytes(trajectory.records.tobytes())
    run.write_status(Status(state=state, step=last, steps=400))
    return run


def family(cache: Path, seeds: int = 3) -> list[Run]:
    """Three losses with `seeds` seeds each; cross-entropy escapes at step 20, 21, ..., the others never."""
    return [
        stored(BASE.with_(loss=loss, seed=seed), cache, story(seed, even_from=20 + seed if loss == LOSSES[0] else None))
        for seed in range(seeds)
        for loss in LOSSES
    ]


def crowded(classes: int = 3, probes: int = 2) -> Trajectory:
    """A trajectory with a random histogram of p, and the other columns that its chart reads."""
    random = np.random.default_rng(0)
    records = np.zeros(probes, snapshot_dtype(classes))
    records["p_hist"] = random.integers(0, 40, records["p_hist"].shape)
    records["mean_prob"] = 1 / classes
    records["confusion"] = 1
    return Trajectory(records)


def members(runs: list[Run]) -> list[Member]:
    return [Member.read(run) for run in runs]


def queued(cache: Path) -> list[str]:
    return [entry.run_id for entry in queue.waiting(cache)]
