"""The list of all runs, each with the reason if it is unreadable: cheap to read, so that thousands can be listed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from igbviz.disk.places import gallery
from igbviz.runs.files import RUN_ID, Stamp, folders, read, reason, stamp
from igbviz.runs.kinds import parse_config
from igbviz.runs.run import DEFAULT_CACHE, Run, RunError
from igbviz.runs.status import FINISHED


@dataclass(frozen=True)
class ListedRun:
    """One line of the list of runs. `problem` says why a run is unreadable; it is empty for a readable one."""

    run: Run
    state: str = "unreadable"
    config: dict[str, Any] | None = None
    status: dict[str, Any] | None = None
    problem: str = ""

    @property
    def is_imported(self) -> bool:
        return self.run.is_imported


def list_runs(cache: str | Path = DEFAULT_CACHE) -> list[ListedRun]:
    """Every run in the cache, newest first; damaged and foreign folders are listed as unreadable with the reason.

    >>> [line.run for line in igbviz.list_runs() if line.run.is_shipped and "blurry-s0-92e3" in line.run.id]
    [Run('fashion-mini-mlp-blurry-s0-92e3c7c2b3')]
    """
    lines = []
    for folder in (Path(cache) / "runs", gallery(cache)):
        lines += [listed(Path(path), Path(cache)) for path in folders(folder)]
    return sorted(lines, key=lambda line: -(line.status or {}).get("submitted", 0.0))


def listed(path: Path, cache: Path | None = None) -> ListedRun:
    """The line of the run in this folder, which may be shipped, and then is used with this cache."""
    run = Run(path, cache)
    if not RUN_ID.fullmatch(path.name):
        return ListedRun(
            run, problem="the folder's name is not a run's, allowed: lower-case letters, digits, '-' and '_'"
        )
    try:
        text = read(path / "config.json")
        parse_config(text)
        config, status = json.loads(text), run.stored_status()
    except FileNotFoundError as error:
        return ListedRun(run, problem=f"{Path(error.filename).name} is missing")
    except OSError as error:
        return ListedRun(run, problem=f"config.json cannot be read ({reason(error)})")
    except RunError as error:
        return ListedRun(run, problem=str(error).rpartition("cannot be read: ")[2])
    except (ValueError, RecursionError) as error:
        return ListedRun(run, problem=f"config.json is damaged or from another program ({error})")
    if problem := _damage(
        str(path), status.state, status.snapshots, stamp(path / "schema.json", path / "trajectory.bin")
    ):
        return ListedRun(run, config=config, status=status.model_dump(), problem=problem)
    state = "lost" if status.state == "running" and not run.is_alive else status.state
    return ListedRun(run, state, config, status.model_dump())


@lru_cache(maxsize=20_000)
def _damage(path: str, state: str, snapshots: int, stamps: Stamp) -> str:
    """What is wrong with the records of a finished run; empty for an intact or an unfinished one.

    Only the number of records, and the first and the last of them, are checked. The worker repairs unfinished runs. The
    result is cached per state of the files, their `stamps`.
    """
    if state not in FINISHED or not snapshots:
        return ""
    run = Run(Path(path))
    if None in stamps:
        return f"{('schema.json', 'trajectory.bin')[stamps.index(None)]} is missing"
    try:
        recorded = run.recorded(sample=2)
    except RunError as error:
        return str(error).rpartition("cannot be read: ")[2]
    # Every reader leaves out a partly written last record.
    partial = stamps[1][1] > len(recorded) * recorded.records.dtype.itemsize
    if len(recorded) + partial < snapshots:
        return f"trajectory.bin has {len(recorded)} records, status.json counts {snapshots}"
    return ""


def is_complete(run: Run) -> bool:
    """Whether the run is readable and has the records that its status counts; a sample of the records is checked."""
    try:
        if listed(run.path).problem:
            return False
        run.recorded()
    except RunError:
        return False
    return True
