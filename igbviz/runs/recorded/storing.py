"""Store a trajectory that was recorded outside as a finished run."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from igbviz.config import RecordedConfig
from igbviz.runs.files import claim, in_words, write_json, write_text
from igbviz.runs.images import files as images
from igbviz.runs.kinds import RECORDED
from igbviz.runs.listing import is_complete
from igbviz.runs.locks import lock
from igbviz.runs.run import DEFAULT_CACHE, Run, RunError
from igbviz.runs.status import Status
from igbviz.runs.trash import trash
from igbviz.trajectory import Trajectory
from igbviz.trajectory.trajectory import columns_of

MESSAGE = "Recorded outside igbviz."


def store(trajectory: Trajectory, config: RecordedConfig, cache: str | Path = DEFAULT_CACHE) -> Run:
    """Store the probes of a training that ran elsewhere as a finished run, and return it.

        run = store(probe.trajectory, RecordedConfig(title="my run", loss={"name": "focal"}))

    `trajectory`: T probes with the columns of `snapshot_dtype(K)`, the first at step 0. `epoch` is NaN in all of them
    where nobody knows the length of an epoch, `signal` and `silent` where no loss was given.

    The same probes under the same title are the same run, which is returned as it is. The run appears in the cache as a
    whole or not at all. Raises RunError when the probes cannot be those of a run, or the cache cannot be written;
    NewerCache for a cache of a newer program.
    """
    cache = Path(cache)
    config = _completed(config, trajectory)
    run = Run(cache / "runs" / config.id)
    schema = _schema(trajectory, config)
    if _is_stored(run):
        return run
    try:
        claim(cache)
        with _arriving(cache) as arriving:
            _write(arriving, trajectory, config, schema)
            with lock(cache / "submit.lock", timeout=60.0):
                if not _is_stored(run):
                    _make_way(run)
                    arriving.path.rename(run.path)  # one atomic step for readers
    except OSError as error:
        raise RunError(f"{config.title!r} cannot be stored: {in_words(error)}") from None
    return run


def content_of(trajectory: Trajectory) -> str:
    """A hash of the probes and of the names of their classes, 16 hexadecimal digits: `RecordedConfig.content`."""
    digest = hashlib.sha256(repr((trajectory.class_names, columns_of(trajectory.records.dtype))).encode())
    digest.update(np.ascontiguousarray(trajectory.records).tobytes())
    return digest.hexdigest()[:16]


def problem(run: Run) -> str:
    """What is wrong with a run that claims to be as `store` writes it; empty for nothing, and for other kinds of run.

    Raises RunError for one that cannot be read.
    """
    if run.kind is not RECORDED:
        return ""
    if (state := run.stored_status().state) != "done":
        return f"status.json says {state}, allowed for a recorded run: done"
    if strange := [name for name in images.FILES if (run.path / name).exists()]:
        return f"it has {strange[0]}, which no recorded run has"
    if run.config.content != content_of(run.trajectory()):
        return "its records are not those that it was named after"
    return ""


def _completed(config: RecordedConfig, trajectory: Trajectory) -> RecordedConfig:
    """With what the records say themselves."""
    size = int(trajectory.confusion[0].sum()) if len(trajectory) else 0
    probes = config.probes.with_(size=size) if size > 0 else config.probes
    return config.with_(content=content_of(trajectory), probes=probes)


def _schema(trajectory: Trajectory, config: RecordedConfig) -> dict[str, Any]:
    """The content of schema.json. RunError unless it and the records pass the checks of every reader."""
    schema = {
        "columns": columns_of(trajectory.records.dtype),
        "class_names": list(trajectory.class_names),
        "probe_images": config.probes.size or 0,
        "parameters": config.model.parameters or 0,
        "data": config.dataset.title,
        "device": config.device,
        "torch": config.torch,
        "date": config.date,
    }
    if per_epoch := round(trajectory.steps_per_epoch):
        schema["steps_per_epoch"] = per_epoch
    try:
        RECORDED.schema.from_json(json.dumps(schema).encode(), config)
        indices = np.arange(len(trajectory))
        wrong = RECORDED.schema.problem(trajectory, indices) if len(trajectory) else "it has no probe"
    except ValueError as error:
        wrong = str(error)
    if wrong:
        raise RunError(f"{config.title!r} cannot be stored: {wrong}")
    return schema


def _write(run: Run, trajectory: Trajectory, config: RecordedConfig, schema: dict[str, Any]) -> None:
    write_text(run.path / "config.json", config.to_json())
    write_json(run.path / "schema.json", schema)
    run.records.write_bytes(np.ascontiguousarray(trajectory.records).tobytes())
    last = trajectory.records[-1]
    run.write_status(
        Status(
            state="done",
            message=MESSAGE,
            step=int(last["step"]),
            steps=int(last["step"]),
            epoch=float(last["epoch"]) if math.isfinite(last["epoch"]) else 0.0,
            snapshots=len(trajectory),
            seconds=float(last["seconds"]) if math.isfinite(last["seconds"]) else 0.0,
            device=config.device,
            submitted=time.time(),
        )
    )


@contextlib.contextmanager
def _arriving(cache: Path) -> Iterator[Run]:
    """A run in a hidden folder, which is removed at the end unless it was moved."""
    path = cache / "runs" / f".recorded-{os.getpid()}-{threading.get_ident()}"
    shutil.rmtree(path, ignore_errors=True)  # of a process that was killed
    path.mkdir(parents=True)
    try:
        yield Run(path)
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _is_stored(run: Run) -> bool:
    return run.path.is_dir() and not run.is_imported and is_complete(run)


def _make_way(run: Run) -> None:
    """A damaged run, or one that came in an archive, leaves its name to the one that was recorded here."""
    if run.path.exists() and (problems := trash([run])):
        raise RunError(problems[0].removesuffix("."))
