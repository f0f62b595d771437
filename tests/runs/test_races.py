"""Races: runs that are trained side by side, each in a process of its own, with the records of the same run alone."""

from __future__ import annotations

import os
import time
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from igbviz.config import RunConfig
from igbviz.losses import Blurry, CrossEntropy, GeneralizedCrossEntropy, MeanAbsoluteError
from igbviz.runs import queue, worker
from igbviz.runs.locks import lock
from igbviz.runs.submit import submit
from igbviz.runs.sweep_config import MAX_LANES, Sweep, race_of_cure, race_of_losses, rival
from igbviz.runs.sweeps import Group, members_of, submit_sweep
from igbviz.spec import ConfigError
from igbviz.training.loop import train
from tests.support.processes import until
from tests.support.stored_runs import finished, queued
from tests.support.trajectories import same

THREE = (CrossEntropy(), GeneralizedCrossEntropy(), Blurry())


@pytest.fixture
def race(tiny: RunConfig) -> Sweep:
    return race_of_losses(tiny, THREE)


class TestTheLanes:
    def test_they_differ_in_the_loss_only(self, tiny: RunConfig, race: Sweep) -> None:
        assert [config.loss for config in race.configs()] == [*THREE]
        assert {config.with_(loss=tiny.loss) for config in race.configs()} == {tiny}

    def test_a_loss_races_once(self, tiny: RunConfig) -> None:
        twice = race_of_losses(tiny, [CrossEntropy(), MeanAbsoluteError(), CrossEntropy()])
        assert [config.loss.name for config in twice.configs()] == ["cross-entropy", "mae"]

    @pytest.mark.parametrize("count", [0, 1, MAX_LANES + 1])
    def test_one_alone_is_no_race(self, tiny: RunConfig, count: int) -> None:
        losses = [GeneralizedCrossEntropy(q=0.1 * (n + 1)) for n in range(count)]
        with pytest.raises(ConfigError, match=f"lanes are {count} losses, allowed: 2 to {MAX_LANES} different ones"):
            race_of_losses(tiny, losses)

    def test_the_rival_is_cross_entropy_or_a_robust_loss(self) -> None:
        assert rival(Blurry()) == CrossEntropy() and rival(CrossEntropy()) == GeneralizedCrossEntropy()

    def test_a_cure_races_against_the_run_as_it_is(self, tiny: RunConfig) -> None:
        plain, cured = race_of_cure(tiny, "batch-norm").configs()
        assert plain == tiny and cured.model.normalization == "batch"
        with pytest.raises(ConfigError, match="changes nothing"):
            race_of_cure(cured, "batch-norm")


class TestTheQueue:
    def test_a_race_goes_before_sweeps_and_in_the_order_of_single_runs(
        self, tiny: RunConfig, race: Sweep, tmp_path: Path
    ) -> None:
        sweep = submit_sweep(Sweep(base=tiny, axes={"seed": [5, 6]}), tmp_path)
        first = submit(tiny.with_(seed=7), tmp_path)
        group = submit_sweep(race, tmp_path, race=True)
        last = submit(tiny.with_(seed=8), tmp_path)
        assert queued(tmp_path) == [first.id, *group.run_ids, last.id, *sweep.run_ids]
        kinds = [(entry.of_race, entry.of_sweep) for entry in queue.waiting(tmp_path)]
        assert kinds == [(False, False), *[(True, False)] * 3, (False, False), *[(False, True)] * 2]

    def test_a_resumed_race_is_a_race(self, race: Sweep, tmp_path: Path) -> None:
        group = submit_sweep(race, tmp_path, race=True)
        group.stop()
        assert Group.open(race.id, tmp_path).is_race and not queued(tmp_path)
        group.resume()
        assert all(entry.of_race for entry in queue.waiting(tmp_path)) and len(queued(tmp_path)) == 3

    def test_runs_that_exist_are_not_trained_again(self, race: Sweep, tmp_path: Path) -> None:
        finished(race.configs()[1], tmp_path)
        before = members_of([config.id for config in race.configs()], tmp_path)
        assert [member.state for member in before] == ["missing", "done", "missing"]
        submit_sweep(race, tmp_path, race=True)
        assert queued(tmp_path) == [race.configs()[n].id for n in (0, 2)]

    def test_helpers_are_counted(
        self, tiny: RunConfig, race: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(worker, "_cores", lambda: 2)
        busy = submit(tiny.with_(seed=7), tmp_path)
        assert worker._racing(tmp_path) == 0, "one run alone needs none"
        submit_sweep(race, tmp_path, race=True)
        assert worker._racing(tmp_path) == 2
        with lock(busy.path / "lock"):
            assert worker._racing(tmp_path) == 3, "what is being trained goes on"
        for seed in range(20, 30):
            submit_sweep(race_of_losses(tiny.with_(seed=seed), THREE), tmp_path, race=True)
        assert worker._racing(tmp_path) == worker.MAX_RACING - 1, "a class that races does not fill the memory"

    def test_a_race_is_expected_for_a_while(self, tmp_path: Path) -> None:
        assert queue.lanes_expected(tmp_path) == 0
        queue.expect_race(tmp_path, 3)
        assert queue.lanes_expected(tmp_path) == 0, "first the page itself is drawn"
        mark = tmp_path / "workers" / "expected"
        for age, expected in ((10, 3), (queue.EXPECTED_SECONDS + 10, 0)):
            os.utime(mark, times=(time.time() - age,) * 2)
            assert queue.lanes_expected(tmp_path) == expected


@pytest.mark.worker
def test_all_lanes_run_at_the_same_time_with_the_records_of_each_alone(slow_tiny: RunConfig, cache: Path) -> None:
    """Three lanes have three processes, also on two cores."""
    group = submit_sweep(race_of_losses(slow_tiny, THREE), cache, race=True)

    def pids() -> list[int]:
        return [status.pid for run in group.runs if (status := run.stored_status()).state == "running" and status.pid]

    until(lambda: len(set(pids())) == 3, 90, "three processes")
    until(lambda: all(run.stored_status().snapshots >= 30 for run in group.runs), 90, "thirty probes of each")
    group.stop()
    for run in group.runs:
        assert same(run.trajectory().records[:30], np.array(list(islice(train(run.config), 30))))


def test_a_helper_that_is_starting_is_not_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An idle worker asks for its helpers fifty times a second, and a new process holds its lock only after a while."""
    started = []

    class Process:
        def __init__(self, command: list[str], **options: object) -> None:
            started.append(command)

        def poll(self) -> int | None:
            return None if len(started) < 3 else 1

    monkeypatch.setattr(worker.subprocess, "Popen", Process)
    for _ in range(5):
        worker._start_helpers(tmp_path, 2)
    assert len(started) == 2
    started.append([])  # both have ended, and hold no lock
    worker._start_helpers(tmp_path, 2)
    assert len(started) == 5
