"""The real background process: what it writes, and that nothing stops it from ending the same."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from igbviz.config import RunConfig
from igbviz.ensembles import EnsembleConfig, initialize
from igbviz.runs import queue, session, worker
from igbviz.runs.listing import list_runs
from igbviz.runs.run import Run, RunError
from igbviz.runs.status import Status
from igbviz.runs.submit import submit
from igbviz.runs.sweep_config import Sweep
from igbviz.runs.sweeps import submit_sweep
from igbviz.training.loop import Training, train
from igbviz.training.stacked import Lanes
from tests.support.processes import until, worker_processes
from tests.support.trajectories import same

pytestmark = pytest.mark.worker


def workers(cache: Path) -> list[int]:
    return [number for number, command in worker_processes(cache).items() if "--work" in command]


def test_from_submit_to_done(tiny: RunConfig, cache: Path) -> None:
    run = submit(tiny, cache)
    assert run.status.state in ("queued", "running")
    status = run.wait(90)
    assert (
        status.state == "done" and status.step == status.steps == 32 and status.snapshots == 12 and status.eta is None
    )
    trajectory = run.trajectory()
    assert same(trajectory.records, np.array(list(train(tiny)))), "the worker adds nothing and loses nothing"
    assert {"device", "torch", "threads", "data", "steps_per_epoch"} <= set(run.schema)
    assert not (run.path / "checkpoint.pt").exists() and not queue.waiting(cache)
    again = submit(tiny, cache)
    assert again == run and again.status.state == "done", "a finished run comes back from disk"


def test_kill_minus_nine_changes_nothing(slow_tiny: RunConfig, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IGBVIZ_CHECKPOINT_SECONDS", "0.05")
    run = submit(slow_tiny, cache)
    for snapshots in (20, 90):
        until(lambda enough=snapshots: run.status.snapshots > enough and (run.path / "checkpoint.pt").exists())
        pid = run.status.pid
        os.kill(pid, signal.SIGKILL)
        until(lambda killed=pid: run.status.state == "done" or run.status.pid not in (None, killed))
    assert run.wait(120).state == "done"
    assert same(run.trajectory().records, np.array(list(train(slow_tiny)))), "byte for byte as an undisturbed run"


def test_killed_with_its_keeper_it_goes_on_at_the_next_look(
    slow_tiny: RunConfig, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IGBVIZ_CHECKPOINT_SECONDS", "0.05")
    run = submit(slow_tiny.with_(seed=1), cache)
    until(lambda: run.status.snapshots > 20)
    for number in worker_processes(cache):
        os.kill(number, signal.SIGKILL)
    until(lambda: not run.is_alive)
    assert run.stored_status().state == "running", "nobody was there to say otherwise"
    assert run.wait(120).state == "done"
    assert same(run.trajectory().records, np.array(list(train(run.config))))


def test_stop_then_resume_is_bit_equal(slow_tiny: RunConfig, cache: Path) -> None:
    run = submit(slow_tiny.with_(seed=2), cache)
    until(lambda: run.status.snapshots > 30)
    run.stop()
    stopped = run.wait(20)
    assert stopped.state == "stopped" and 30 < len(run.trajectory()) < 200
    run.resume()
    assert run.wait(120).state == "done"
    assert same(run.trajectory().records, np.array(list(train(run.config))))


def test_ten_at_once_are_one_run(tiny: RunConfig, cache: Path) -> None:
    code = f"import igbviz; igbviz.submit(igbviz.RunConfig.from_json({tiny.to_json()!r}), {str(cache)!r})"
    with ThreadPoolExecutor(10) as pool:
        codes = list(
            pool.map(lambda _: subprocess.run([sys.executable, "-c", code], check=False).returncode, range(10))
        )
    assert codes == [0] * 10
    (line,) = list_runs(cache)
    assert line.run.wait(90).state == "done"
    until(lambda: len(workers(cache)) <= 1)
    assert len(line.run.trajectory()) == 12 and line.run.status.attempts == 1


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
    assert not run.path.exists() and not list_runs(cache)


def test_divergence_keeps_the_curves(tiny: RunConfig, cache: Path) -> None:
    wild = tiny.with_(
        optimizer={"name": "sgd", "learning_rate": 100.0}, epochs=50, model={"name": "mlp", "depth": 6, "width": 64}
    )
    run = submit(wild, cache)
    status = run.wait(90)
    assert status.state == "diverged" and "step" in status.message and "learning rate" in status.message
    assert len(run.trajectory()) >= 1
    assert submit(wild, cache).status.state == "diverged", "the same numbers would diverge again"


def test_failures_are_one_sentence(tiny: RunConfig, cache: Path) -> None:
    nowhere = submit(tiny.with_(dataset={"name": "image-folder", "folder": "/no/such/place"}), cache)
    huge = submit(tiny.with_(batch_size=256, model={"name": "mlp", "depth": 100, "width": 8192, "max_pool": 64}), cache)
    status = nowhere.wait(90)
    assert status.state == "failed" and "/no/such/place" in status.message and "\n" not in status.message
    status = huge.wait(120)
    assert status.state == "failed" and "memory" in status.message and "lower" in status.message.lower()
    fine = submit(tiny, cache)
    assert fine.wait(90).state == "done", "the worker lives on"


def stopped_run(config: RunConfig, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run that no worker has seen, to be damaged before it starts."""
    with monkeypatch.context() as patch:
        patch.setattr(queue, "ensure_worker", lambda *_, **__: None)
        run = submit(config, cache)
        run.stop()
    return run


def test_a_run_that_kills_its_worker_is_given_up(tiny: RunConfig, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = stopped_run(tiny.with_(seed=4), cache, monkeypatch)
    (run.path / "stop").unlink()
    run.write_status(Status(state="running", attempts=3, step=5, steps=32))
    queue.enqueue(cache, run.id)
    status = run.wait(60)
    assert status.state == "failed" and "died 3 times" in status.message
    run.resume()
    assert run.wait(60).state == "done"


def test_a_full_disk_is_told(tiny: RunConfig, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """/dev/full refuses every byte: a disk without space, for one file."""
    run = stopped_run(tiny.with_(seed=5), cache, monkeypatch)
    (run.path / "trajectory.bin").symlink_to("/dev/full")
    run.resume()
    status = run.wait(60)
    assert status.state == "failed" and "disk is full" in status.message
    (run.path / "trajectory.bin").unlink()
    run.resume()
    assert run.wait(60).state == "done", "space was freed"


@pytest.mark.parametrize("error", [torch.AcceleratorError("CUDA error: an illegal memory access was encountered\nmore"),
                                   RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling "
                                       "`cublasSgemm`")])  # fmt: skip
def test_a_lost_gpu_ends_its_run_and_its_worker(
    tiny: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: RuntimeError
) -> None:
    """After such an error a process can do nothing more on its GPU: the keeper starts another one, which goes on with
    the next run."""
    monkeypatch.setattr(queue, "ensure_worker", lambda *_, **__: None)
    lost, following = submit(tiny, tmp_path), submit(tiny.with_(seed=1), tmp_path)

    def fails(training: Training, *_: object) -> None:
        raise error

    with monkeypatch.context() as here:
        here.setattr(Training, "_learn", fails)
        with pytest.raises(RuntimeError):
            worker.take_one(tmp_path, torch.device("cpu"))
    told = f"The GPU failed ({str(error).splitlines()[0]}): resume the run;"
    assert lost.status.state == "failed" and lost.status.message.startswith(told)
    while worker.take_one(tmp_path, torch.device("cpu")):
        pass
    assert (lost.status.state, following.status.state) == ("failed", "done")


def test_an_error_in_a_step_of_all_lanes_ends_one_of_them(
    tiny: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "ensure_worker", lambda *_, **__: None)
    monkeypatch.setattr(session, "WORTH", 0)
    monkeypatch.setattr(worker, "_workers", lambda *_: 1)
    group = submit_sweep(Sweep(base=tiny, axes={"seed": [0, 1, 2]}), tmp_path)
    advance, errors = Lanes.advance, [RuntimeError("can't allocate memory")]

    def fails_once(stack: Lanes) -> None:
        if errors and stack.trainings[0].step == 9:
            raise errors.pop()
        advance(stack)

    monkeypatch.setattr(Lanes, "advance", fails_once)
    while worker.take_one(tmp_path, torch.device("cpu")):
        pass
    assert sorted(run.status.state for run in group.runs) == ["done", "done", "failed"] and not errors


def test_a_run_that_only_lacked_its_last_probe_notes_no_pace(
    tiny: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "ensure_worker", lambda *_, **__: None)
    run, job, records = submit(tiny, tmp_path), Training(tiny, "cpu"), b""
    for tick in job.ticks():
        records += b"" if tick is None else tick.tobytes()
        if job.step == job.steps:
            break
    (run.path / "trajectory.bin").write_bytes(records)
    torch.save(job.state(), run.path / "checkpoint.pt")
    assert worker.take_one(tmp_path, torch.device("cpu"))
    assert run.status.state == "done" and same(run.trajectory().records, np.array(list(train(tiny, "cpu"))))
    assert not (tmp_path / "speeds.json").exists()


def test_a_torn_checkpoint_only_costs_time(tiny: RunConfig, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = stopped_run(tiny.with_(seed=6), cache, monkeypatch)
    (run.path / "checkpoint.pt").write_bytes(b"PK\x03\x04 not a checkpoint")
    (run.path / "trajectory.bin").write_bytes(b"x" * 1000)
    run.resume()
    assert run.wait(60).state == "done"
    assert same(run.trajectory().records, np.array(list(train(run.config))))


def test_what_else_lies_in_the_queue_is_nobodys_turn(
    tiny: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(queue, "ensure_worker", lambda *_, **__: None)
    torn, run = submit(tiny.with_(seed=1), tmp_path), submit(tiny, tmp_path)
    (torn.path / "status.json").write_text("{")
    (tmp_path / "runs" / "no-run-at-all").mkdir()
    queue_folder = tmp_path / "queue"
    for name in ("notes.txt", ".DS_Store", "1-", "1-Run", "1-../x", "-x", f"x-{run.id}"):
        with contextlib.suppress(OSError):
            (queue_folder / name).write_text("")
    (queue_folder / f"0-{run.id}").mkdir()
    for name in ("0-deleted-run", "0-no-run-at-all"):
        (queue_folder / name).write_text("")
    before = {
        path for path in tmp_path.rglob("*") if queue_folder not in path.parents and torn.path not in path.parents
    }
    assert [entry.run_id for entry in queue.waiting(tmp_path)] == ["deleted-run", "no-run-at-all", torn.id, run.id]
    assert worker.take_one(tmp_path, torch.device("cpu"))
    assert {
        path for path in tmp_path.rglob("*") if queue_folder not in path.parents and torn.path not in path.parents
    } == before
    assert [entry.run_id for entry in queue.waiting(tmp_path)] == [run.id] and not capsys.readouterr().out


def test_an_ensemble_is_a_run_like_any_other(cache: Path) -> None:
    """Untrained networks go through the same queue; stopped and resumed, they are the networks of an undisturbed
    stream."""
    noise = {"name": "gaussian-noise", "size": 8, "train_examples": 10, "test_examples": 400}
    config = EnsembleConfig(dataset=noise, model={"name": "mlp", "depth": 20, "width": 128}, inputs=400, networks=600)
    run = submit(config, cache)
    until(lambda: run.status.snapshots > 5)
    run.stop()
    until(lambda: run.status.ended)
    assert run.status.state == "stopped" and 0 < len(run.ensemble()) < 600
    run.resume()
    assert run.wait(60).state == "done" and run.status.step == 600
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
    assert status.state == "diverged" and "too large to be numbers" in status.message


def test_a_sweep_goes_on_every_core_and_in_lanes(tiny: RunConfig, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of the lanes is stopped on the way and goes on alone."""
    monkeypatch.setenv("IGBVIZ_LANES_WORTH", "0")  # whatever a busy machine measures
    narrow = tiny.with_(model={"name": "mlp", "depth": 6, "width": 8}, epochs=60, probes={"size": 60, "count": 20})
    group = submit_sweep(
        Sweep(base=narrow, axes={"loss": ["cross-entropy", "gce", "curriculum"], "seed": list(range(6))}), cache
    )
    until(lambda: any(run.schema.get("lanes", 1) > 1 and run.status.snapshots > 10 for run in group.runs))
    left = next(run for run in group.runs if run.schema.get("lanes", 1) > 1 and run.stored_status().state == "running")
    left.stop()
    assert left.wait(20).state in ("stopped", "done")
    left.resume()
    assert group.wait(120).counts == {"done": 18} and not queue.waiting(cache)
    lanes = {
        name: max(run.schema["lanes"] for run in group.runs if run.config.loss.name == name)
        for name in ("curriculum", "gce")
    }
    assert lanes["curriculum"] == 1 and lanes["gce"] > 1
    for run in group.runs[::4]:
        alone = np.array(list(train(run.config)))
        np.testing.assert_allclose(run.trajectory().records["mean_prob"][:8], alone["mean_prob"][:8], atol=1e-4)
    if len(os.sched_getaffinity(0)) > 1:
        assert is_held_or_was(cache, 1)


def is_held_or_was(cache: Path, slot: int) -> bool:
    """Whether a worker on this core has come to help."""
    return (cache / "workers" / f"worker-{slot}.lock").exists()


def test_single_runs_stay_one_at_a_time(tiny: RunConfig, cache: Path) -> None:
    runs = [submit(tiny.with_(seed=seed), cache) for seed in range(3)]
    for run in runs:
        assert run.wait(90).state == "done" and run.schema["lanes"] == 1
        assert same(run.trajectory().records, np.array(list(train(run.config))))
    assert not is_held_or_was(cache, 1)
