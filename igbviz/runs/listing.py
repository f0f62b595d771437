"""The list of all runs, and whether each has what its status speaks of: cheap to read, so that thousands can be
listed."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from igbviz.runs import queue
from igbviz.runs.files import Stamp, stamp
from igbviz.runs.kinds import parse_config
from igbviz.runs.run import DEFAULT_CACHE, Run, RunError
from igbviz.runs.status import FINISHED


@dataclass(frozen=True)
class Listed:
    """One line of the list of runs: cheap to read, so that thousands can be listed. `problem` says why a run is
    unreadable."""

    run: Run
    state: str = "unreadable"
    config: dict[str, Any] | None = None
    status: dict[str, Any] | None = None
    problem: str = ""


def list_runs(cache: str | Path = DEFAULT_CACHE) -> list[Listed]:
    """Every run in the cache, newest first; torn and foreign folders are listed as unreadable with the reason."""
    lines = []
    for folder in ("runs", "gallery"):
        root = Path(cache) / folder
        if root.is_dir():
            lines += [
                listed(Path(entry.path))
                for entry in os.scandir(root)
                if entry.is_dir() and not entry.name.startswith(".")
            ]
    return sorted(lines, key=lambda line: -(line.status or {}).get("submitted", 0.0))


def listed(path: Path) -> Listed:
    """The line of the run in this folder."""
    run = Run(path)
    if not queue.RUN_ID.fullmatch(path.name):
        return Listed(run, problem="the folder's name is not a run's: small letters, digits, '-' and '_'")
    try:
        text = (path / "config.json").read_bytes()
        parse_config(text)
        config, status = json.loads(text), run.stored_status()
    except FileNotFoundError as error:
        return Listed(run, problem=f"{Path(error.filename).name} is missing")
    except OSError as error:
        return Listed(run, problem=f"config.json cannot be read ({error.strerror})")
    except RunError as error:
        return Listed(run, problem=str(error).rpartition("cannot be read: ")[2])
    except (ValueError, RecursionError) as error:
        return Listed(run, problem=f"config.json is torn or from another program ({error})")
    if problem := _damage(
        str(path), status.state, status.snapshots, stamp(path / "schema.json", path / "trajectory.bin")
    ):
        return Listed(run, config=config, status=status.model_dump(), problem=problem)
    state = "lost" if status.state == "running" and not run.is_alive else status.state
    return Listed(run, state, config, status.model_dump())


@lru_cache(maxsize=20_000)
def _damage(path: str, state: str, snapshots: int, seen: Stamp) -> str:
    """What a finished run lacks of the records that its status speaks of; of these only the first and the last are
    looked at here. What is still to be worked on may lack anything: the worker makes it again. Asked once for a state
    of the files, their stamp `seen`."""
    if state not in FINISHED or not snapshots:
        return ""
    run = Run(Path(path))
    if None in seen:
        return f"{('schema.json', 'trajectory.bin')[seen.index(None)]} is missing"
    try:
        recorded = run.recorded(sample=2)
    except RunError as error:
        return str(error).rpartition("cannot be read: ")[2]
    torn = (
        seen[1][1] > len(recorded) * recorded.records.dtype.itemsize
    )  # a last record in part is left out by every reader
    if len(recorded) + torn < snapshots:
        return f"trajectory.bin has {len(recorded)} records, status.json speaks of {snapshots}"
    return ""


def is_whole(run: Run) -> bool:
    """Whether this is a run with all that its status speaks of, as far as a look at some of its records can tell."""
    try:
        if listed(run.path).problem:
            return False
        run.recorded()
    except RunError:
        return False
    return True
