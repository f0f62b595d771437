"""The real background process: what it writes, and that an interrupted run ends with the same records."""

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
from igbviz.runs import queue, worker
from igbviz.runs.listing import list_runs
from igbviz.runs.submit import submit
from igbviz.runs.sweep_config import Sweep
from igbviz.runs.sweeps import submit_sweep
from igbviz.training import checkpoints
from igbviz.training.loop import Training, train
from igbviz.training.stacked import Stack
from tests.support.processes import helper_has_started, until, worker_processes
from tests.support.trajectories import same

pytestmark = pytest.mark.worker


def workers(cache: Path) -> list[int]:
    return [number for number, command in worker_processes(cache).items() if "--work" in command]


def test_kill_minus_nine_changes_nothing(
    slow_tiny: RunConfig,
    undisturbed: np.ndarray,
    undisturbed_images: bytes,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IGBVIZ_CHECKPOINT_SECONDS", "0.05")
    run = submit(slow_tiny, cache)
    for snapshots in (20, 90):
        until(lambda enough=snapshots: run.status.snapshots > enough and (run.path / "checkpoint.pt").exists())
        pid = run.status.pid
        os.kill(pid, signal.SIGKILL)
        until(lambda killed=pid: run.status.state == "done" or run.status.pid not in (None, killed))
    assert run.wait(120).state == "done"
    assert same(run.trajectory().records, undisturbed), "byte for byte the records of an undisturbed run"
    assert (run.path / "images.bin").read_bytes() == undisturbed_images


def test_killed_with_its_keeper_it_continues_when_the_status_is_read(
    slow_tiny: RunConfig, undisturbed: np.ndarray, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IGBVIZ_CHECKPOINT_SECONDS", "0.05")
    run = submit(slow_tiny, cache)
    until(lambda: run.status.snapshots > 20)
    for pid in worker_processes(cache):
        os.kill(pid, signal.SIGKILL)
    until(lambda: not run.is_alive)
    assert run.stored_status().state == "running", "no process was left to change the status"
    assert run.wait(120).state == "done"
    assert same(run.trajectory().records, undisturbed)


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


@pytest.mark.parametrize("error", [torch.AcceleratorError("CUDA error: an illegal memory access was encountered\nmore"),
                                   RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling "
                                       "`cublasSgemm`")])  # fmt: skip
def test_a_lost_gpu_ends_its_run_and_its_worker(
    tiny: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: RuntimeError
) -> None:
    """After such an error a process can no longer use its GPU: the keeper starts another one, which trains the next
    run."""
    monkeypatch.setattr(queue, "ensure_worker", lambda *_, **__: None)
    lost, following = submit(tiny, tmp_path), submit(tiny.with_(seed=1), tmp_path)

    def fails(training: Training, *_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(Training, "descend", fails)
        with pytest.raises(RuntimeError):
            worker.take_one(tmp_path, torch.device("cpu"))
    message = f"The GPU failed ({str(error).splitlines()[0]}): resume the run;"
    assert lost.status.state == "failed" and lost.status.message.startswith(message)
    while worker.take_one(tmp_path, torch.device("cpu")):
        pass
    assert (lost.status.state, following.status.state) == ("failed", "done")


def test_an_error_in_a_step_of_a_stack_ends_one_run(
    tiny: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "ensure_worker", lambda *_, **__: None)
    monkeypatch.setattr(worker, "_workers", lambda *_: 1)
    group = submit_sweep(Sweep(base=tiny.with_(stacked=True), axes={"seed": [0, 1, 2]}), tmp_path)
    advance, errors = Stack.advance, [RuntimeError("can't allocate memory")]

    def fails_once(stack: Stack) -> None:
        if errors and stack.trainings[0].step == 9:
            raise errors.pop()
        advance(stack)

    monkeypatch.setattr(Stack, "advance", fails_once)
    while worker.take_one(tmp_path, torch.device("cpu")):
        pass
    assert sorted(run.status.state for run in group.runs) == ["done", "done", "failed"] and not errors


def test_a_run_that_lacked_only_its_last_probe_records_no_pace(
    tiny: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "ensure_worker", lambda *_, **__: None)
    run, job, records = submit(tiny, tmp_path), Training(tiny, "cpu"), b""
    for tick in job.ticks():
        records += b"" if tick is None else tick.tobytes()
        if job.step == job.steps:
            break
    (run.path / "trajectory.bin").write_bytes(records)
    checkpoints.write(job.state(), run.id, run.path / "checkpoint.pt")
    assert worker.take_one(tmp_path, torch.device("cpu"))
    assert run.status.state == "done" and same(run.trajectory().records, np.array(list(train(tiny, "cpu"))))
    assert not (tmp_path / "speeds.json").exists()


def test_other_files_in_the_queue_are_ignored(
    tiny: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(queue, "ensure_worker", lambda *_, **__: None)
    damaged, run = submit(tiny.with_(seed=1), tmp_path), submit(tiny, tmp_path)
    (damaged.path / "status.json").write_text("{")
    (tmp_path / "runs" / "no-run-at-all").mkdir()
    queue_folder = tmp_path / "queue"
    for name in ("notes.txt", ".DS_Store", "1-", "1-Run", "1-../x", "-x", f"x-{run.id}"):
        with contextlib.suppress(OSError):
            (queue_folder / name).write_text("")
    (queue_folder / f"0-{run.id}").mkdir()
    for name in ("0-deleted-run", "0-no-run-at-all"):
        (queue_folder / name).write_text("")
    before = {
        path for path in tmp_path.rglob("*") if queue_folder not in path.parents and damaged.path not in path.parents
    }
    assert [entry.run_id for entry in queue.waiting(tmp_path)] == ["deleted-run", "no-run-at-all", damaged.id, run.id]
    assert worker.take_one(tmp_path, torch.device("cpu"))
    assert {
        path for path in tmp_path.rglob("*") if queue_folder not in path.parents and damaged.path not in path.parents
    } == before
    assert [entry.run_id for entry in queue.waiting(tmp_path)] == [run.id] and not capsys.readouterr().out


def test_a_sweep_is_trained_on_every_core_and_in_stacks(
    tiny: RunConfig, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One run of a stack is stopped, and continues alone when it is resumed."""
    narrow = tiny.with_(
        model={"name": "mlp", "depth": 6, "width": 8}, epochs=30, probes={"size": 60, "count": 20}, stacked=True
    )
    group = submit_sweep(
        Sweep(base=narrow, axes={"loss": ["cross-entropy", "gce", "curriculum"], "seed": list(range(4))}), cache
    )
    until(lambda: any(run.schema.get("lanes", 1) > 1 and run.status.snapshots > 10 for run in group.runs))
    stopped = next(
        run for run in group.runs if run.schema.get("lanes", 1) > 1 and run.stored_status().state == "running"
    )
    stopped.stop()
    assert stopped.wait(20).state in ("stopped", "done")
    stopped.resume()
    assert group.wait(120).counts == {"done": 12}
    until(lambda: not queue.waiting(cache), 10, "the end of the queue")  # an entry goes after the run has ended
    stack_sizes = {
        name: max(run.schema["lanes"] for run in group.runs if run.config.loss.name == name)
        for name in ("curriculum", "gce")
    }
    assert stack_sizes["curriculum"] == 1 and stack_sizes["gce"] > 1
    for run in group.runs[::5]:
        alone = np.array(list(train(run.config.with_(stacked=False))))
        np.testing.assert_allclose(run.trajectory().records["mean_prob"][:8], alone["mean_prob"][:8], atol=1e-4)
    if len(os.sched_getaffinity(0)) > 1:
        assert helper_has_started(cache, 1)
