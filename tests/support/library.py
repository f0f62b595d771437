"""Runs for the library, finished without a training; their files and rows."""

from __future__ import annotations

from pathlib import Path

from igbviz.config import RunConfig
from igbviz.runs import library, queue
from igbviz.runs.run import Run
from igbviz.runs.submit import submit


def done(config: RunConfig, cache: Path, **status) -> Run:
    run = submit(config, cache)
    queue.dequeue(cache, run.id)
    run.write_status(
        run.stored_status().model_copy(update={"state": "done", "message": "Finished.", "seconds": 1.5} | status)
    )
    return run


def files_of(path: Path) -> dict[str, bytes]:
    """The files of a run with their content, without its lock."""
    return {file.name: file.read_bytes() for file in path.iterdir() if file.name != "lock"}


def row(run: Run) -> library.Row:
    return next(row for row in library.rows(run.cache) if row["id"] == run.id)
