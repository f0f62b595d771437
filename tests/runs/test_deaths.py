"""Workers that die: what the page says, what counts as progress, and what the next worker does."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from igbviz.config import RunConfig
from igbviz.runs import deaths, files, locks, queue, session, worker
from igbviz.runs.run import Run
from igbviz.runs.status import Status
from igbviz.runs.submit import submit
from igbviz.training import checkpoints
from igbviz.training.loop import Training, train
from tests.support.trajectories import same

CPU = torch.device("cpu")
TURN = "Waiting for its turn: next in the queue, in less than a minute."


def started(config: RunConfig, cache: Path, until: int, records: int | None = None, **status) -> Run:
    """A run whose worker died at step `until`, with a checkpoint from there."""
    run, job, written = submit(config, cache), Training(config, "cpu"), []
    for tick in job.ticks():
        written += [] if tick is None else [tick.tobytes()]
        if job.step == until:
            break
    run.records.write_bytes(b"".join(written[:records]))
    checkpoints.write(job.state(), run.id, run.path / "checkpoint.pt")
    run.write_status(Status(state="running", step=until, steps=32, snapshots=len(written), **status))
    return run


def test_a_worker_that_cannot_start_is_explained_on_the_page(
    tiny: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = submit(tiny, tmp_path)
    (tmp_path / "workers").mkdir()
    attempts = iter((2, -signal.SIGABRT, 0))

    def command(*_: object) -> list[str]:
        code = next(attempts)
        end = f"raise SystemExit({code})" if code >= 0 else "os.abort()"
        said.append(run.status.message)
        return [sys.executable, "-c", f"import os, sys; print('No module named torch', file=sys.stderr); {end}"]

    said: list[str] = []
    monkeypatch.setattr(worker, "_command", command)
    popen = subprocess.Popen
    with open(tmp_path / "workers" / "worker.log", "ab") as log:
        monkeypatch.setattr(worker.subprocess, "Popen", lambda args: popen(args, stdout=log, stderr=log))
        worker.keep(tmp_path, 0)
    assert said == [
        TURN,
        "The worker process died with exit code 2 (No module named torch); it is started again after 0.2 s.",
        "The worker process died 2 times in a row, last by SIGABRT (No module named torch); it is started again after "
        "0.4 s.",
    ]
    assert run.status.message == TURN, "the keeper has ended without a death"


def test_a_worker_that_lives_has_no_death_on_the_page(tiny: RunConfig, tmp_path: Path) -> None:
    run = submit(tiny, tmp_path)
    (tmp_path / "workers").mkdir()
    deaths.record(tmp_path, 0, pid=1, code=-9, count=1, pause=0.1, log_start=0)
    assert "by SIGKILL" in run.status.message
    with locks.lock(tmp_path / "workers" / "worker-0.lock"):
        assert run.status.message == TURN


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (-9, "last by SIGKILL, as when memory runs out: lower the batch size"),
        (-11, "last by SIGSEGV: the end of cache/workers/worker.log"),
    ],
)
def test_the_last_death_is_named(code: int, words: str, tiny: RunConfig, tmp_path: Path) -> None:
    run = submit(tiny, tmp_path)
    (tmp_path / "workers").mkdir()
    deaths.record(tmp_path, 0, pid=77, code=code, count=3, pause=1, log_start=0)
    run.write_status(Status(state="running", attempts=3, pid=77))
    assert worker.take_one(tmp_path, CPU)
    status = run.stored_status()
    assert (
        status.state == "failed"
        and status.message.startswith("The worker process died 3 times")
        and (words in status.message)
    )


def test_records_made_since_are_progress(tiny: RunConfig, tmp_path: Path) -> None:
    run = started(tiny, tmp_path, until=8, attempts=3)
    assert worker.take_one(tmp_path, CPU)
    assert run.stored_status().state == "done"
    again = started(tiny.with_(seed=1), tmp_path, until=8, attempts=3, furthest=run.record_bytes)
    assert worker.take_one(tmp_path, CPU)
    assert again.stored_status().state == "failed", "no further than the deaths before"


def test_a_checkpoint_of_the_same_moment_is_no_progress(tiny: RunConfig, tmp_path: Path) -> None:
    run = submit(tiny, tmp_path)
    run.write_status(Status(state="queued", attempts=1))
    work = session.Session(run, CPU)
    work.begin()
    work.open()
    work._save()
    assert work.status.attempts == 2 and (run.path / "checkpoint.pt").exists()
    for record in work.job.ticks():
        work.append(record)
    work._save()
    assert work.status.attempts == 1
    work.finish()


FOREIGN = {
    "an empty dictionary": {},
    "a list": [],
    "a number": 3,
    "other keys": {"version": checkpoints.VERSION, "owner": "{id}", "state": {"weights": torch.zeros(3)}},
    "another version": {"version": checkpoints.VERSION + 1, "owner": "{id}", "state": {}},
    "another run": {"version": checkpoints.VERSION, "owner": "another", "state": {}},
    "a state without version": {"step": 3, "snapshots": 1, "network": {}, "optimizer": {}},
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
def test_a_checkpoint_that_does_not_fit_begins_the_run_again(content, tiny: RunConfig, tmp_path: Path) -> None:
    run = submit(tiny, tmp_path)
    owner = {"owner": run.id} if isinstance(content, dict) and content.get("owner") == "{id}" else {}
    torch.save(content | owner if owner else content, run.path / "checkpoint.pt")
    assert worker.take_one(tmp_path, CPU)
    assert run.stored_status().state == "done" and "the run begins again, since checkpoint.pt" in run.log()
    assert same(run.trajectory().records, np.array(list(train(tiny, "cpu"))))


@pytest.mark.parametrize("change", [{"step": 10**6}, {"snapshots": -1}, {"network": {}}, {"optimizer": None}])
def test_a_state_that_is_not_of_this_training_begins_the_run_again(change, tiny: RunConfig, tmp_path: Path) -> None:
    run = started(tiny, tmp_path, until=8)
    with files.opened(run.path / "checkpoint.pt") as file:
        state = checkpoints.read(file, run.id)
    checkpoints.write(state | change, run.id, run.path / "checkpoint.pt")
    assert worker.take_one(tmp_path, CPU)
    assert run.stored_status().state == "done" and "begins again" in run.log()
    assert same(run.trajectory().records, np.array(list(train(tiny, "cpu"))))


def test_a_fitting_checkpoint_is_resumed(tiny: RunConfig, tmp_path: Path) -> None:
    run = started(tiny, tmp_path, until=8)
    assert worker.take_one(tmp_path, CPU)
    assert run.stored_status().state == "done" and "begins again" not in run.log()
    assert same(run.trajectory().records, np.array(list(train(tiny, "cpu"))))


def test_a_reserve_is_freed_to_say_that_the_disk_is_full(
    tiny: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = submit(tiny, tmp_path)
    (run.path / ".checkpoint.pt.1-2").write_bytes(b"left by a worker that was killed")
    write, reserve = files.write_text, run.path / session.RESERVE

    def full(path: Path, text: str) -> None:
        if path.name == "schema.json" or (broken and reserve.exists()):
            broken.append(path)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        write(path, text)

    broken: list[Path] = []
    monkeypatch.setattr(files, "write_text", full)
    assert worker.take_one(tmp_path, CPU)
    status = run.stored_status()
    assert broken and status.state == "failed" and status.message.startswith("The disk is full: free some space")
    assert not reserve.exists() and not (run.path / ".checkpoint.pt.1-2").exists()


def test_a_full_disk_is_named_while_a_run_waits(
    tiny: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = submit(tiny, tmp_path)
    for state in ("queued", "running"):
        run.write_status(Status(state=state))
        monkeypatch.setattr(files, "free", lambda _: 5000)
        assert run.status.message.startswith(f"The disk of the cache {tmp_path} is full (5.0 kB free)")
        monkeypatch.setattr(files, "free", lambda _: 10**9)
        assert "disk" not in run.status.message


def test_a_submission_that_cannot_be_written_leaves_nothing(
    tiny: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    with monkeypatch.context() as patch:
        patch.setattr(Run, "write_status", full)
        with pytest.raises(OSError, match="no space"):
            submit(tiny, tmp_path)
    assert os.listdir(tmp_path / "runs") == [] and not queue.waiting(tmp_path)
    assert submit(tiny, tmp_path).stored_status().state == "queued"


def test_a_folder_that_cannot_be_written_is_tried_less_and_less_often(
    tiny: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    run, other = submit(tiny, tmp_path), submit(tiny.with_(seed=1), tmp_path)
    (run.path / "lock").mkdir()
    now = [1000.0]
    monkeypatch.setattr(worker, "_put_off", {})
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    assert worker.take_one(tmp_path, CPU) and other.stored_status().state == "done"
    tries = 0
    for _ in range(1000):  # 50 s of an idle worker
        now[0] += worker.POLL_SECONDS
        worker.take_one(tmp_path, CPU)
        tries += capsys.readouterr().out.count("trying it again")
    assert 5 < tries < 12


def test_logs_are_bounded(tiny: RunConfig, tmp_path: Path) -> None:
    path, limit = tmp_path / "log.txt", files.MAX_BYTES["log.txt"]
    path.write_text("old\n" * limit)
    log = files.Log(path)
    for line in range(30_000):
        log.write(f"{line} {'x' * 100}\n")
    log.close()
    text = path.read_text()
    assert len(text) < 2.1 * limit and text.endswith(f"29999 {'x' * 100}\n") and "old" not in text


def test_a_run_whose_end_cannot_be_written_stays_in_the_queue(
    tiny: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise it would wait for its turn for ever, in no queue, once there is space again."""
    run = submit(tiny, tmp_path)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(worker, "_put_off", {})
    with monkeypatch.context() as patch:
        patch.setattr(Run, "write_status", full)
        assert not worker.take_one(tmp_path, CPU)
    assert [entry.run_id for entry in queue.waiting(tmp_path)] == [run.id]
    worker._put_off.clear()
    assert worker.take_one(tmp_path, CPU) and run.stored_status().state == "done"
