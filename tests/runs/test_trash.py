"""Runs that are deleted, restored, and removed for good."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from igbviz.config import RunConfig
from igbviz.runs import annotations, library, locks, queue, trash
from igbviz.runs.run import Run, RunError
from igbviz.runs.submit import submit
from tests.support.library import done, files_of, row
from tests.support.processes import until


def test_undo_restores_exactly(tiny: RunConfig, tmp_path: Path) -> None:
    run, other = done(tiny, tmp_path), done(tiny.with_(seed=1), tmp_path)
    annotations.change(run, name="mine", tags=["keep"])
    (run.path / "trajectory.bin").write_bytes(os.urandom(5000))
    before, shown = files_of(run.path), row(run)
    assert trash.trash([run]) == []
    assert not run.path.exists() and [row["id"] for row in library.rows(tmp_path)] == [other.id]
    with pytest.raises(RunError, match="not in the cache"):
        Run.open(run.id, tmp_path)
    (item,) = trash.list_trash(tmp_path)
    assert item.id == run.id and item.bytes == shown["bytes"] and abs(item.deleted_at / 1e9 - time.time()) < 60
    assert trash.restore(item, tmp_path) == run
    assert files_of(run.path) == before and row(run) == shown and trash.list_trash(tmp_path) == []
    assert not queue.waiting(tmp_path)


def test_runs_deleted_together_share_their_time(tiny: RunConfig, tmp_path: Path) -> None:
    runs = [done(tiny.with_(seed=seed), tmp_path) for seed in range(3)]
    trash.trash(runs[:2])
    trash.trash(runs[2:])
    items = trash.list_trash(tmp_path)
    assert [item.id for item in items][0] == runs[2].id and len({item.deleted_at for item in items[1:]}) == 1
    assert items[0].deleted_at > items[1].deleted_at


def test_a_queued_run_leaves_the_queue_and_is_queued_again(tiny: RunConfig, tmp_path: Path) -> None:
    run = submit(tiny, tmp_path)
    before = run.stored_status()
    assert trash.trash([run]) == [] and not queue.waiting(tmp_path)
    trash.restore(trash.list_trash(tmp_path)[0], tmp_path)
    assert [entry.run_id for entry in queue.waiting(tmp_path)] == [run.id] and not (run.path / "stop").exists()
    assert run.stored_status().model_copy(update={"updated": before.updated}) == before


def test_a_stopped_run_is_restored_as_stopped(tiny: RunConfig, tmp_path: Path) -> None:
    run = submit(tiny, tmp_path)
    run.stop()
    before = files_of(run.path)
    trash.trash([run])
    trash.restore(trash.list_trash(tmp_path)[0], tmp_path)
    assert files_of(run.path) == before and not queue.waiting(tmp_path)


def test_a_run_in_training_is_stopped_first(tiny: RunConfig, tmp_path: Path) -> None:
    run, other = done(tiny, tmp_path, state="running"), done(tiny.with_(seed=1), tmp_path)
    with locks.lock(run.path / "lock"):
        (problem,) = trash.trash([run, other], timeout=0.1)
        assert problem == f"run {run.id} is still in use by its worker after 0.1 s: try again in a moment."
        assert (run.path / "stop").exists() and run.path.is_dir()
    assert [item.id for item in trash.list_trash(tmp_path)] == [other.id]


@pytest.mark.worker
def test_a_running_run_is_stopped_and_continues_when_it_is_restored(slow_tiny: RunConfig, cache: Path) -> None:
    run = submit(slow_tiny, cache)
    until(lambda: run.status.snapshots >= 20)
    assert trash.trash([run], timeout=30) == [] and not run.path.exists()
    (item,) = trash.list_trash(cache)
    records = item.path.joinpath("trajectory.bin").read_bytes()
    assert len(records) and (item.path / "checkpoint.pt").exists()
    trash.restore(item, cache)
    until(lambda: len(run.records.read_bytes()) > len(records))
    assert run.records.read_bytes().startswith(records), "it continued and did not start again"


def test_unreadable_runs_can_be_deleted_and_restored(tiny: RunConfig, tmp_path: Path) -> None:
    run = done(tiny, tmp_path)
    (run.path / "status.json").write_text("{")
    before = files_of(run.path)
    assert trash.trash([run]) == []
    trash.restore(trash.list_trash(tmp_path)[0], tmp_path)
    assert files_of(run.path) == before


def test_undeletable_runs_are_reported_and_the_others_deleted(tiny: RunConfig, tmp_path: Path) -> None:
    shipped, missing, good = (done(tiny.with_(seed=seed), tmp_path) for seed in range(3))
    (tmp_path / "gallery").mkdir()
    shipped = Run(shipped.path.rename(tmp_path / "gallery" / shipped.id))
    missing.delete()
    problems = trash.trash([shipped, missing, good])
    assert len(problems) == 2 and "ships with the program" in problems[0] and "no longer exists" in problems[1]
    assert shipped.path.is_dir() and [item.id for item in trash.list_trash(tmp_path)] == [good.id]
    assert not (shipped.path / "stop").exists()


def test_a_run_created_again_is_not_overwritten(tiny: RunConfig, tmp_path: Path) -> None:
    run = done(tiny, tmp_path)
    trash.trash([run])
    submit(tiny, tmp_path)
    (item,) = trash.list_trash(tmp_path)
    with pytest.raises(RunError, match="created again"):
        trash.restore(item, tmp_path)
    trash.trash([run])
    assert len(trash.list_trash(tmp_path)) == 2, "both stay until the trash is emptied"
    assert trash.restore(item, tmp_path).stored_status().state == "done"
    with pytest.raises(RunError, match="no longer in the trash"):
        trash.restore(trash.TrashedRun(item.path), tmp_path / "elsewhere")


def test_only_old_deletions_are_removed_for_good(tiny: RunConfig, tmp_path: Path) -> None:
    runs = [done(tiny.with_(seed=seed), tmp_path) for seed in range(2)]
    trash.trash(runs[:1])
    (item,) = trash.list_trash(tmp_path)
    item.path.rename(item.path.with_name(f"{item.deleted_at - int(8 * 86_400e9):020d}-{item.id}"))
    trash.trash(runs[1:])
    (tmp_path / "trash" / "holiday-pictures").mkdir()
    assert trash.empty(tmp_path, trash.TRASH_DAYS) == 1
    assert [item.id for item in trash.list_trash(tmp_path)] == [runs[1].id]
    assert trash.empty(tmp_path) == 1 and trash.empty(tmp_path) == 0
    assert os.listdir(tmp_path / "trash") == ["holiday-pictures"], "other folders in the trash stay"
