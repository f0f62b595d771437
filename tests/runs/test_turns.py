"""Whose turn it is: the order of the queue, places and minutes, and a short run that does not wait for a long one."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from igbviz.cli import main
from igbviz.config import RunConfig
from igbviz.runs import queue, worker
from igbviz.runs.locks import folder_lock
from igbviz.runs.run import Run
from igbviz.runs.status import PAUSED
from igbviz.runs.submit import submit, submit_all
from igbviz.runs.sweep_config import Sweep
from igbviz.runs.sweeps import submit_sweep
from igbviz.training.loop import train
from igbviz.training.stacked import Stack
from tests.support.processes import helper_has_started, until
from tests.support.stored_runs import queued
from tests.support.trajectories import same

Estimates = dict[RunConfig, float]
CPU = torch.device("cpu")


@pytest.fixture
def long_run(slow_tiny: RunConfig) -> RunConfig:
    """Long enough to be interrupted, with momentum and BatchNorm, and a step that asks for no random number twice."""
    return slow_tiny.with_(epochs=80, probes={"size": 60, "count": 50})


@pytest.fixture
def estimates(long_run: RunConfig, monkeypatch: pytest.MonkeyPatch) -> Estimates:
    """The expected seconds of configurations, all others are short; every long run looks at the queue at each step."""
    expected = {long_run: 1e4}
    monkeypatch.setattr("igbviz.runs.duration.expected_seconds", lambda config, _: expected.get(config, 0.1))
    monkeypatch.setattr("igbviz.runs.session.STATUS_SECONDS", 0.0)
    monkeypatch.setattr(worker, "LOOK_SECONDS", 0.0)
    queue._estimate.cache_clear()
    return expected


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runs in the order in which a worker in this process begins them."""
    from igbviz.runs import session

    begun: list[str] = []
    begin = session.Session.begin

    def noted(self: session.Session) -> None:
        begun.append(self.run.id)
        begin(self)

    monkeypatch.setattr(session.Session, "begin", noted)
    monkeypatch.setattr(worker, "_cores", lambda: 1)
    return begun


def at_step(monkeypatch: pytest.MonkeyPatch, config: RunConfig, step: int, action: Callable[[], object]) -> None:
    """Do something once, when the training of this configuration is at this step."""
    from igbviz.training.loop import Training

    advance, actions = Training.advance, [action]

    def advances(training: Training) -> None:
        if training.config == config and training.step == step and actions:
            actions.pop()()
        advance(training)

    monkeypatch.setattr(Training, "advance", advances)


class TestOrder:
    def test_single_runs_go_before_the_rest_of_a_sweep(self, tiny: RunConfig, tmp_path: Path) -> None:
        group = submit_sweep(Sweep(base=tiny, axes={"seed": [0, 1, 2]}), tmp_path)
        singles = [submit(tiny.with_(seed=seed), tmp_path).id for seed in (11, 10)]
        assert queued(tmp_path) == [*singles, *group.run_ids]

    def test_sweeps_take_turns_from_when_they_arrive(self, tiny: RunConfig, tmp_path: Path) -> None:
        first = submit_sweep(Sweep(base=tiny, axes={"seed": list(range(6))}), tmp_path).run_ids
        for run_id in first[:3]:
            queue.dequeue(tmp_path, run_id)
        second = submit_sweep(Sweep(base=tiny, axes={"seed": [10, 11]}), tmp_path).run_ids
        assert queued(tmp_path) == [first[3], second[0], first[4], second[1], first[5]]
        queue.enqueue(tmp_path, "later", sweep="third")
        assert queued(tmp_path)[:3] == [first[3], second[0], "later"], "a new sweep does not wait for others to end"

    def test_entries_of_an_earlier_version_are_trained_in_their_order(self, tmp_path: Path) -> None:
        (tmp_path / "queue").mkdir()
        for turn, run_id in ((2, "b"), (1, "a")):
            (tmp_path / "queue" / f"{turn:020d}-{run_id}").write_text("sweep")
        queue.enqueue(tmp_path, "c")
        assert queued(tmp_path) == ["a", "b", "c"]


class TestPlaces:
    def running(self, config: RunConfig, cache: Path, eta: float | None) -> Run:
        run = submit(config, cache)
        run.write_status(run.stored_status().model_copy(update={"state": "running", "step": 1, "steps": 9, "eta": eta}))
        return run

    @pytest.fixture(autouse=True)
    def an_hour_each(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("igbviz.runs.duration.expected_seconds", lambda config, _: 3600.0 if config.seed else 30.0)
        queue._estimate.cache_clear()
        queue._last_turns.clear()

    def test_each_waiting_run_has_a_place_and_a_time(
        self, tiny: RunConfig, tmp_path: Path, capsys: pytest.CaptureFixture
    ) -> None:
        self.running(tiny.with_(seed=1), tmp_path, eta=240.0)
        second, third = (submit(tiny.with_(seed=seed), tmp_path) for seed in (2, 3))
        turns = queue.turns(tmp_path)
        assert turns == {second.id: queue.Turn(1, 240.0), third.id: queue.Turn(2, 3840.0)}
        words = "Waiting for its turn: next in the queue, in about 4 min."
        assert second.status.sentence() == second.status.message == words
        assert third.status.message == "Waiting for its turn: place 2 in the queue, in about 64 min."
        for command in (["list"], ["show", second.id]):
            assert main([*command, "--cache", str(tmp_path)]) == 0
            assert words.removesuffix(".") in capsys.readouterr().out, command

    def test_behind_a_long_run_a_short_one_is_next(self, tiny: RunConfig, tmp_path: Path) -> None:
        self.running(tiny.with_(seed=1), tmp_path, eta=3000.0)
        long, short = (submit(tiny.with_(seed=seed), tmp_path) for seed in (2, 0))
        assert queue.turns(tmp_path) == {short.id: queue.Turn(1, 0.0), long.id: queue.Turn(2, 3000.0)}

    def test_two_that_are_trained_at_once_end_at_their_own_times(self, tiny: RunConfig, tmp_path: Path) -> None:
        for seed, eta in ((1, 600.0), (2, 300.0)):
            self.running(tiny.with_(seed=seed), tmp_path, eta)
        waiting = [submit(tiny.with_(seed=seed), tmp_path) for seed in (3, 4)]
        assert [queue.turns(tmp_path)[run.id].seconds for run in waiting] == [300.0, 600.0]

    def test_without_an_estimate_only_the_place_is_known(self, tiny: RunConfig, tmp_path: Path) -> None:
        lost = tiny.with_(dataset={"name": "image-folder", "folder": "/no/such/place"}, seed=1)
        (nowhere,) = submit_all([lost], tmp_path)
        assert "next in the queue, in less than a minute" in nowhere.status.message
        queue._last_turns.clear()
        queue._estimate.cache_clear()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(queue, "_expected_seconds", lambda run: np.inf)
            after = submit(tiny.with_(seed=5), tmp_path)
            assert after.status.message == "Waiting for its turn: place 2 in the queue."


class TestPauses:
    def test_a_long_run_pauses_for_a_short_one_and_is_the_same_bit_for_bit(
        self, tiny: RunConfig, long_run: RunConfig, estimates: Estimates, trained: list[str], tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        long = submit(long_run, tmp_path)
        said: list[str] = []
        at_step(monkeypatch, long_run, 300, lambda: submit(tiny, tmp_path))
        at_step(monkeypatch, tiny, 5, lambda: said.append(long.stored_status().message))
        assert worker.take_one(tmp_path, CPU)
        short = Run(tmp_path / "runs" / tiny.id)
        assert trained == [long.id, short.id] and said == [PAUSED] and not queued(tmp_path)
        for run in (long, short):
            assert run.status.state == "done" and same(run.trajectory().records, np.array(list(train(run.config))))

    def test_a_short_one_that_turns_out_to_be_long_goes_back(
        self, tiny: RunConfig, long_run: RunConfig, estimates: Estimates, trained: list[str], tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        wrong = long_run.with_(seed=1)
        monkeypatch.setattr(queue, "SHORT_SECONDS", 0.1)
        estimates[wrong] = 0.01
        long = submit(long_run, tmp_path)
        at_step(monkeypatch, long_run, 50, lambda: submit(wrong, tmp_path))
        assert worker.take_one(tmp_path, CPU)
        run = Run(tmp_path / "runs" / wrong.id)
        assert long.status.state == "done" and run.stored_status().state == "queued" and run.status.step > 0
        assert worker.take_one(tmp_path, CPU)
        assert trained == [long.id, run.id, run.id]
        assert run.status.state == "done" and same(run.trajectory().records, np.array(list(train(wrong))))

    def test_the_stop_of_a_paused_run_does_not_wait(
        self, tiny: RunConfig, long_run: RunConfig, estimates: Estimates, trained: list[str], tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        long = submit(long_run, tmp_path)
        at_step(monkeypatch, long_run, 300, lambda: submit(tiny, tmp_path))
        at_step(monkeypatch, tiny, 5, lambda: (long.path / "stop").touch())
        assert worker.take_one(tmp_path, CPU)
        assert long.status.state == "stopped" and queued(tmp_path) == [tiny.id]
        assert worker.take_one(tmp_path, CPU) and Run(tmp_path / "runs" / tiny.id).status.state == "done"

    def test_a_sweep_of_short_runs_gets_half_of_the_time(
        self, tiny: RunConfig, long_run: RunConfig, estimates: Estimates, trained: list[str], tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        long, steps = submit(long_run, tmp_path), []
        sweep = Sweep(base=tiny, axes={"seed": [1, 2]})
        at_step(monkeypatch, long_run, 300, lambda: submit_sweep(sweep, tmp_path))
        for config in sweep.configs():
            at_step(monkeypatch, config, 5, lambda: steps.append(long.stored_status().step))
        assert worker.take_one(tmp_path, CPU)
        assert trained == [long.id, *(config.id for config in sweep.configs())] and not queued(tmp_path)
        assert steps[1] > steps[0] + 10, "the long one goes on between them"

    def test_the_worker_that_lost_a_paused_run_is_not_held_against_it(
        self, tiny: RunConfig, long_run: RunConfig, estimates: Estimates, trained: list[str], tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        long = submit(long_run, tmp_path)
        at_step(monkeypatch, long_run, 300, lambda: submit(tiny, tmp_path))

        def dies() -> None:
            raise KeyboardInterrupt

        at_step(monkeypatch, tiny, 5, dies)
        with pytest.raises(KeyboardInterrupt):
            worker.take_one(tmp_path, CPU)
        status = long.stored_status()
        assert (status.state, status.attempts) == ("running", 0) and status.step >= 300
        while worker.take_one(tmp_path, CPU):
            pass
        for run in (long, Run(tmp_path / "runs" / tiny.id)):
            assert run.status.state == "done" and same(run.trajectory().records, np.array(list(train(run.config))))

    def test_a_stack_pauses_as_a_whole(
        self, tiny: RunConfig, estimates: Estimates, trained: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sweep = Sweep(base=tiny.with_(stacked=True, epochs=6), axes={"seed": [0, 1, 2]})
        estimates |= dict.fromkeys(sweep.configs(), 1e4)
        advance, actions = Stack.advance, []

        def advances(stack: Stack) -> None:
            if actions and stack.trainings[0].step == 40:
                actions.pop()()
            advance(stack)

        monkeypatch.setattr(Stack, "advance", advances)
        alone = submit_sweep(sweep, tmp_path / "alone")
        assert worker.take_one(tmp_path / "alone", CPU)
        group = submit_sweep(sweep, tmp_path)
        actions.append(lambda: submit(tiny, tmp_path))
        assert worker.take_one(tmp_path, CPU)
        assert trained[-1] == tiny.id and not actions and not queued(tmp_path)
        for run, undisturbed in zip(group.runs, alone.runs, strict=True):
            assert run.schema["lanes"] == 3 and same(run.trajectory().records, undisturbed.trajectory().records)

    def test_a_short_run_that_cannot_be_written_does_not_hold_up_the_long_one(
        self, tiny: RunConfig, long_run: RunConfig, estimates: Estimates, trained: list[str], tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        taken: list[str] = []

        def refused(folder: Path) -> contextlib.AbstractContextManager[object]:
            taken.append(folder.name)
            if folder.name == tiny.id:
                raise PermissionError(13, "Permission denied", str(folder))
            return folder_lock(folder)

        monkeypatch.setattr(worker, "folder_lock", refused)
        monkeypatch.setattr(worker, "MIN_PAUSE", 1e3)
        monkeypatch.setattr(worker, "MAX_PAUSE", 1e3)
        monkeypatch.setattr(worker, "_put_off", {})
        long = submit(long_run, tmp_path)
        at_step(monkeypatch, long_run, 300, lambda: submit(tiny, tmp_path))
        assert worker.take_one(tmp_path, CPU) and not worker.take_one(tmp_path, CPU)
        assert long.status.state == "done" and queued(tmp_path) == [tiny.id] and taken == [long.id, tiny.id]

    def test_a_pause_in_the_first_probe_after_the_start_is_no_attempt(
        self, tiny: RunConfig, long_run: RunConfig, estimates: Estimates, trained: list[str], tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        long = submit(long_run, tmp_path)
        long.write_status(long.stored_status().model_copy(update={"attempts": 2}))
        submit(tiny, tmp_path)
        monkeypatch.setattr("igbviz.runs.session.Session._position", lambda _: (0, 0))  # as in the middle of a probe
        attempts: list[int] = []
        at_step(monkeypatch, tiny, 5, lambda: attempts.append(long.stored_status().attempts))
        at_step(monkeypatch, long_run, 1, lambda: attempts.append(long.stored_status().attempts))
        assert worker.take_one(tmp_path, CPU)
        assert attempts == [2, 3], "not counted while it is paused, and counted again when it goes on"

    def test_a_short_run_does_not_pause_for_another(
        self, tiny: RunConfig, long_run: RunConfig, estimates: Estimates, trained: list[str], tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        first = submit(long_run.with_(epochs=10), tmp_path)
        at_step(monkeypatch, first.config, 50, lambda: submit(tiny, tmp_path))
        assert worker.take_one(tmp_path, CPU)
        assert first.status.state == "done" and queued(tmp_path) == [tiny.id]


@pytest.mark.worker
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="it needs a second core")
def test_a_short_run_starts_within_seconds_beside_a_long_one(tiny: RunConfig, long_run: RunConfig, cache: Path) -> None:
    hour = long_run.with_(epochs=10_000, dataset=tiny.dataset.with_(train_examples=8192))
    long = submit(hour, cache)
    until(lambda: helper_has_started(cache, 1), what="the start of a helper")
    for seed in (1, 2):
        began = time.monotonic()
        short = submit(tiny.with_(seed=seed), cache)
        until(lambda run=short: run.record_bytes > 0, what="the first probe")
        assert time.monotonic() - began < 20, "generous: other programs may use the cores"
        assert long.status.state == "running"
        assert short.wait(60).state == "done" and same(short.trajectory().records, np.array(list(train(short.config))))
    long.stop()
    assert long.wait(30).state == "stopped"
    for recorded, alone in zip(long.trajectory().records[:20], train(hour), strict=False):
        assert same(recorded[None], alone[None])
