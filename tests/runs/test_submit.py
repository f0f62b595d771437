"""The folder of a run and the list of runs, without a worker."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

from igbviz.config import RunConfig
from igbviz.runs import locks, queue
from igbviz.runs.files import write_json
from igbviz.runs.listing import list_runs
from igbviz.runs.run import Run, RunError
from igbviz.runs.status import Status
from igbviz.runs.submit import submit, submit_all


def test_submit_makes_a_queued_run(tiny: RunConfig, tmp_path: Path) -> None:
    run = submit(tiny, tmp_path)
    assert run.status.state == "queued" and str(run.status) == "queued"
    assert run.config == tiny and run.id == tiny.id
    assert [entry.run_id for entry in queue.waiting(tmp_path)] == [run.id]
    assert len(run.trajectory()) == 0 and run.trajectory().classes == 3


def test_submitting_twice_is_one_run(tiny: RunConfig, tmp_path: Path) -> None:
    assert submit(tiny, tmp_path) == submit(tiny.model_dump(), tmp_path)
    assert len(queue.waiting(tmp_path)) == 1 and len(list_runs(tmp_path)) == 1


def test_first_come_first_served(tiny: RunConfig, tmp_path: Path) -> None:
    ids = [submit(tiny.with_(seed=seed), tmp_path).id for seed in (5, 1, 3)]
    assert [entry.run_id for entry in queue.waiting(tmp_path)] == ids


def test_stop_resume_delete_of_a_waiting_run(tiny: RunConfig, tmp_path: Path) -> None:
    run = submit(tiny, tmp_path)
    run.stop()
    assert run.status.state == "stopped" and not queue.waiting(tmp_path)
    run.resume()
    assert run.status.state == "queued" and len(queue.waiting(tmp_path)) == 1 and not (run.path / "stop").exists()
    run.delete()
    assert not run.path.exists() and not queue.waiting(tmp_path) and not list_runs(tmp_path)
    run.delete()


def test_a_finished_run_is_returned_unchanged(tiny: RunConfig, tmp_path: Path) -> None:
    run = submit(tiny, tmp_path)
    queue.dequeue(tmp_path, run.id)
    run.write_status(Status(state="done", step=32, steps=32))
    assert submit(tiny, tmp_path).status.state == "done" and not queue.waiting(tmp_path)


def test_running_without_a_worker_is_lost(tiny: RunConfig, tmp_path: Path) -> None:
    run = submit(tiny, tmp_path)
    run.write_status(Status(state="running", step=3, steps=32))
    assert run.status.state == "lost" and list_runs(tmp_path)[0].state == "lost"
    assert run.status.message == "The worker process is gone; the run continues by itself."
    with locks.lock(run.path / "lock"):
        assert run.status.state == "running" and list_runs(tmp_path)[0].state == "running"


def test_a_run_that_was_copied_in_training_can_be_resumed(tiny: RunConfig, tmp_path: Path) -> None:
    run = submit(tiny, tmp_path / "there")
    run.write_status(Status(state="running", step=3, steps=32))
    shutil.copytree(run.path, tmp_path / "here" / "runs" / run.id)
    copy = Run.open(run.id, tmp_path / "here")
    assert copy.status.state == "lost" and copy.status.message.endswith(
        "if resumed, the run continues from its checkpoint."
    )
    copy.resume()
    assert copy.status.state == "queued"


@pytest.mark.parametrize(
    "name", ["../x", "/etc", "a/b", "", ".", "..", "a\\b", "A", "x" * 200, "a b", ".hidden", "a\n"]
)
def test_names_never_leave_the_cache(name: str, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="allowed"):
        Run.open(name, tmp_path)


def test_a_link_to_nowhere(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not in the cache"):
        Run.open("fashion-mini-mlp-ce-s0-0000000000", tmp_path)


DAMAGES = {
    "cut-off config": ("config.json", '{"loss": {"na'),
    "foreign config": ("config.json", '{"spam": 1}'),
    "cut-off status": ("status.json", '{"state": "do'),
    "foreign status": ("status.json", '{"state": "dancing"}'),
    "status that is a list": ("status.json", "[1, 2]"),
    "no status": ("status.json", None),
    "cut-off schema": ("schema.json", '{"columns": [["step"'),
    "foreign schema": ("schema.json", '{"columns": 3, "class_names": []}'),
}


@pytest.mark.parametrize(("file", "text"), DAMAGES.values(), ids=DAMAGES)
def test_damaged_files_are_one_sentence_and_do_not_affect_other_runs(
    tiny: RunConfig, tmp_path: Path, file: str, text: str | None
) -> None:
    good, bad = submit(tiny, tmp_path), submit(tiny.with_(seed=1), tmp_path)
    (bad.path / file).unlink(missing_ok=True)
    if text is not None:
        (bad.path / file).write_text(text)
    with pytest.raises(RunError, match=f"{bad.id} cannot be read: {file}") as caught:
        bad.config, bad.status, bad.trajectory()  # noqa: B018
    assert "\n" not in str(caught.value)
    states = {line.run.id: line for line in list_runs(tmp_path)}
    assert states[good.id].state == "queued" and good.status.state == "queued"
    if file == "status.json" or "cut-off config" in str(text):
        assert states[bad.id].state == "unreadable" and file in states[bad.id].problem
    bad.delete()
    assert [line.run.id for line in list_runs(tmp_path)] == [good.id]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("status.json", '{"state": "done", "submitted": null}'),
        ("status.json", '{"state": "done", "submitted": 1e300}'),
        ("config.json", '{"dataset": "x"}'),
        ("config.json", "\udcff"),
    ],
)
def test_invalid_values_in_the_files_of_one_run_do_not_affect_the_list(
    tiny: RunConfig, tmp_path: Path, file: str, text: str
) -> None:
    good, bad = submit(tiny, tmp_path), submit(tiny.with_(seed=1), tmp_path)
    (bad.path / file).write_bytes(text.encode(errors="surrogateescape"))
    states = {line.run.id: line.state for line in list_runs(tmp_path)}
    assert states == {good.id: "queued", bad.id: "unreadable"}


def test_a_new_data_folder_is_stored_in_the_run(tmp_path: Path) -> None:
    """The files of CIFAR have checksums, so that every folder has the same contents."""
    first = submit({"dataset": {"name": "cifar10"}}, tmp_path)
    first.write_status(Status(state="failed"))
    folder = str(tmp_path / "runs")
    second = submit({"dataset": {"name": "cifar10", "folder": folder}}, tmp_path)
    assert second == first and second.config.dataset.folder == folder and second.status.state == "queued"


def test_a_run_whose_data_are_missing_can_still_be_read(tmp_path: Path) -> None:
    config = RunConfig(dataset={"name": "image-folder", "folder": "/nowhere"})
    (run,) = submit_all([config], tmp_path)
    run.write_status(Status(state="failed", message="no data"))
    assert len(run.trajectory()) == 0


def test_foreign_folders_are_listed_as_unreadable(tmp_path: Path) -> None:
    (tmp_path / "runs" / "holiday-pictures").mkdir(parents=True)
    (tmp_path / "runs" / "a-file").write_text("hello")
    (line,) = list_runs(tmp_path)
    assert line.state == "unreadable" and "missing" in line.problem


def test_write_json_replaces_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_json(path, {"a": 1})
    write_json(path, {"a": 2})
    assert json.loads(path.read_text()) == {"a": 2} and [p.name for p in tmp_path.iterdir()] == ["x.json"]


def test_a_thousand_runs_are_listed_newest_first(tiny: RunConfig, tmp_path: Path) -> None:
    for seed in range(1000):
        path = tmp_path / "runs" / f"run-{seed}"
        path.mkdir(parents=True)
        (path / "config.json").write_text(
            tiny.with_(seed=seed).to_json() if seed < 3 else (tmp_path / "runs/run-0/config.json").read_text()
        )
        (path / "status.json").write_text(Status(state="done", submitted=seed).model_dump_json())
    listed = list_runs(tmp_path)
    assert [line.run.id for line in listed[:2]] == ["run-999", "run-998"] and len(listed) == 1000


def test_wait_gives_up(tiny: RunConfig, tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(TimeoutError, match="still queued"):
        submit(tiny, tmp_path).wait(timeout=0.2)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("act", [Run.resume, Run.stop])
def test_a_deleted_run_stays_deleted(tiny: RunConfig, tmp_path: Path, act) -> None:
    run = submit(tiny, tmp_path)
    run.delete()
    with pytest.raises(RunError, match="it was deleted"):
        act(run)
    assert not run.path.exists()


def test_one_damaged_run_does_not_keep_the_others_out_of_the_queue(tiny: RunConfig, tmp_path: Path) -> None:
    damaged = submit(tiny.with_(seed=1), tmp_path)
    (damaged.path / "status.json").write_text("{")
    with pytest.raises(RunError, match="damaged"):
        submit_all([tiny, damaged.config, tiny.with_(seed=2)], tmp_path)
    assert tiny.id in {entry.run_id for entry in queue.waiting(tmp_path)}
