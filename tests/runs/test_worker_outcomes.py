"""The outcomes of runs in a worker: one worker, which survives all of them."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

import numpy as np
import pytest
import torch

from igbviz.config import RunConfig
from igbviz.ensembles import EnsembleConfig, initialize
from igbviz.runs import duration, queue, session, worker
from igbviz.runs.listing import list_runs
from igbviz.runs.run import Run, RunError
from igbviz.runs.status import Status
from igbviz.runs.submit import submit, submit_all
from igbviz.training.loop import train
from tests.support.processes import end_workers, helper_has_started, until
from tests.support.trajectories import same

pytestmark = pytest.mark.worker


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One cache for all tests here, with the worker that the first of them starts; each test has its own runs."""
    folder = tmp_path_factory.mktemp("worker") / "cache"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IGBVIZ_SHORT_SECONDS", "1e6")  # no run here is long, however slow the machine
        yield folder
    end_workers(folder)


def test_from_submit_to_done(tiny: RunConfig, cache: Path) -> None:
    run = submit(tiny, cache)
    assert run.status.state in ("queued", "running")
    status = run.wait(90)
    assert (
        status.state == "done" and status.step == status.steps == 32 and status.snapshots == 12 and status.eta is None
    )
    trajectory = run.trajectory()
    assert same(trajectory.records, np.array(list(train(tiny)))), "the worker stores exactly the records of the stream"
    assert {"device", "torch", "threads", "data", "steps_per_epoch"} <= set(run.schema)
    assert not (run.path / "checkpoint.pt").exists() and not queue.waiting(cache)
    again = submit(tiny, cache)
    assert again == run and again.status.state == "done", "a finished run is read from disk"


def test_stop_then_resume_is_bit_equal(slow_tiny: RunConfig, undisturbed: np.ndarray, cache: Path) -> None:
    run = submit(slow_tiny, cache)
    until(lambda: run.status.snapshots > 30)
    run.stop()
    stopped = run.wait(20)
    assert stopped.state == "stopped" and 30 < len(run.trajectory()) < 200
    run.resume()
    assert run.wait(120).state == "done"
    assert same(run.trajectory().records, undisturbed)


def test_one_run_at_a_time_in_order(slow_tiny: RunConfig, cache: Path) -> None:
    first, second = (submit(slow_tiny.with_(seed=seed), cache) for seed in (11, 10))
    until(lambda: first.status.state == "running")
    assert second.status.state == "queued"
    second.stop()
    assert second.status.state == "stopped" and first.status.state == "running"
    first.stop()
    assert first.wait(20).state == "stopped"


def test_delete_while_it_runs(slow_tiny: RunConfig, cache: Path) -> None:
    run = submit(slow_tiny.with_(seed=3), cache)
    until(lambda: run.status.snapshots > 5)
    run.delete()
    assert not run.path.exists() and run.id not in {line.run.id for line in list_runs(cache)}


def test_divergence_keeps_the_curves(tiny: RunConfig, cache: Path) -> None:
    wild = tiny.with_(
        optimizer={"name": "sgd", "learning_rate": 100.0}, epochs=50, model={"name": "mlp", "depth": 6, "width": 64}
    )
    run = submit(wild, cache)
    status = run.wait(90)
    assert status.state == "diverged" and "step" in status.message and "learning rate" in status.message
    assert len(run.trajectory()) >= 1
    assert submit(wild, cache).status.state == "diverged", "a diverged run would diverge again"


def test_failures_are_one_sentence(tiny: RunConfig, cache: Path) -> None:
    (nowhere,) = submit_all([tiny.with_(dataset={"name": "image-folder", "folder": "/no/such/place"})], cache)
    huge = submit(tiny.with_(batch_size=256, model={"name": "mlp", "depth": 100, "width": 8192, "max_pool": 64}), cache)
    status = nowhere.wait(90)
    assert status.state == "failed" and "/no/such/place" in status.message and "\n" not in status.message
    status = huge.wait(120)
    assert status.state == "failed" and "memory" in status.message and "lower" in status.message.lower()
    fine = submit(tiny.with_(seed=7), cache)
    assert fine.wait(90).state == "done", "the worker is still alive"


def stopped_run(config: RunConfig, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run that has not started, so that a test can damage it."""
    with monkeypatch.context() as patch:
        patch.setattr(queue, "ensure_worker", lambda *_, **__: None)
        run = submit(config, cache)
        run.stop()
    return run


def test_a_run_that_kills_its_worker_fails(tiny: RunConfig, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = stopped_run(tiny.with_(seed=4), cache, monkeypatch)
    (run.path / "stop").unlink()
    run.write_status(Status(state="running", attempts=3, step=5, steps=32))
    queue.enqueue(cache, run.id)
    status = run.wait(60)
    assert status.state == "failed" and "died 3 times" in status.message
    run.resume()
    assert run.wait(60).state == "done"


def test_a_full_disk_is_reported(tiny: RunConfig, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """/dev/full refuses every byte: a disk without space, for one file."""
    run = stopped_run(tiny.with_(seed=5), cache, monkeypatch)
    (run.path / "stop").unlink(missing_ok=True)
    run.write_status(Status(state="queued"))  # but in no queue, so that no worker takes it
    with monkeypatch.context() as patch:
        patch.setattr(session, "appending", lambda path: FileIO("/dev/full", "ab"))
        assert [event for _, event in session.work_on(run, torch.device("cpu"))] == ["ended"]
    status = run.stored_status()
    assert status.state == "failed" and "disk is full" in status.message
    run.resume()
    assert run.wait(60).state == "done", "space was freed"


def test_a_damaged_checkpoint_costs_only_time(tiny: RunConfig, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = stopped_run(tiny.with_(seed=6), cache, monkeypatch)
    (run.path / "checkpoint.pt").write_bytes(b"PK\x03\x04 not a checkpoint")
    (run.path / "trajectory.bin").write_bytes(b"x" * 1000)
    run.resume()
    assert run.wait(60).state == "done"
    assert same(run.trajectory().records, np.array(list(train(run.config))))


def test_an_ensemble_is_a_run_like_any_other(cache: Path) -> None:
    """An ensemble uses the same queue; stopped and resumed, it has the networks of an undisturbed stream."""
    noise = {"name": "gaussian-noise", "size": 8, "train_examples": 10, "test_examples": 400}
    config = EnsembleConfig(dataset=noise, model={"name": "mlp", "depth": 20, "width": 128}, inputs=400, networks=250)
    run = submit(config, cache)
    until(lambda: run.status.snapshots > 5)
    run.stop()
    until(lambda: run.status.ended)
    assert run.status.state == "stopped" and 0 < len(run.ensemble()) < 250
    run.resume()
    assert run.wait(60).state == "done" and run.status.step == 250
    assert np.array_equal(run.ensemble().records, np.array(list(initialize(config))))
    assert submit(config.model_dump(), cache).id == run.id == config.id
    with pytest.raises(RunError, match="is an ensemble of untrained networks"):
        run.trajectory()


def test_an_ensemble_that_overflows_says_so(cache: Path) -> None:
    noise = {"name": "gaussian-noise", "size": 8, "train_examples": 10, "test_examples": 20}
    wild = {"name": "gaussian", "sigma_w2": 100.0}
    run = submit(EnsembleConfig(dataset=noise, model={"name": "mlp", "depth": 100, "width": 64, "activation": "linear"},
                                initialization=wild, inputs=20, networks=3), cache)  # fmt: skip
    status = run.wait(60)
    assert status.state == "diverged" and "became infinite or NaN" in status.message


def test_single_runs_are_trained_one_at_a_time(tiny: RunConfig, cache: Path) -> None:
    runs = [submit(tiny.with_(seed=seed), cache) for seed in range(20, 23)]
    for run in runs:
        assert run.wait(90).state == "done" and run.schema["lanes"] == 1
        assert same(run.trajectory().records, np.array(list(train(run.config))))
    assert not helper_has_started(cache, 1)


def test_a_run_is_done_although_its_pace_cannot_be_recorded(
    tiny: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What follows the end of a run may fail without a word: the run is done, and so is the queue."""

    def fails(*_: object) -> None:
        raise OSError("the cache cannot be written")

    monkeypatch.setattr(queue, "ensure_worker", lambda *_, **__: None)
    monkeypatch.setattr(duration, "record_pace", fails)
    run = submit(tiny.with_(seed=77), tmp_path)
    assert worker.take_one(tmp_path, torch.device("cpu"))
    assert run.status.state == "done" and not queue.waiting(tmp_path)


def test_a_stop_that_cannot_be_saved_is_a_failure_in_the_folder(
    tiny: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(queue, "ensure_worker", lambda *_, **__: None)
    monkeypatch.setattr(session.Session, "_save", full)
    monkeypatch.setattr(session, "STATUS_SECONDS", 0.0)
    run = submit(tiny.with_(seed=78), tmp_path)
    append = session.Session.append

    def stopping(self: session.Session, record: object) -> None:
        self.stop_file.touch()
        append(self, record)

    monkeypatch.setattr(session.Session, "append", stopping)
    assert worker.take_one(tmp_path, torch.device("cpu"))
    assert run.status.state == "failed" and "disk is full" in run.status.message
