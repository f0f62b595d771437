"""A group of runs: submitting it twice adds nothing, and it is watched and stopped as one."""

from __future__ import annotations

from pathlib import Path

import pytest

from igbviz.config import RunConfig
from igbviz.datasets import DataError
from igbviz.runs import locks, queue
from igbviz.runs.listing import list_runs
from igbviz.runs.run import RunError
from igbviz.runs.status import Status
from igbviz.runs.submit import submit
from igbviz.runs.sweep_config import Sweep
from igbviz.runs.sweeps import Group, list_groups, plan, submit_sweep
from igbviz.spec import ConfigError
from tests.support.processes import until
from tests.support.stored_runs import finished, queued
from tests.support.tiny import TINY, TWO_BY_TWO


class TestPlan:
    def test_finished_runs_cost_nothing(self, sweep: Sweep, tmp_path: Path) -> None:
        before = plan(sweep, tmp_path)
        assert (before.runs, before.finished) == (4, 0) and before.seconds > 0 and "rough" in before.basis
        finished(sweep.configs()[0], tmp_path)
        after = plan(sweep, tmp_path)
        assert after.finished == 1 and after.seconds == pytest.approx(0.75 * before.seconds)
        half = submit(sweep.configs()[1], tmp_path)
        half.write_status(Status(state="stopped", step=16, steps=32))
        assert plan(sweep, tmp_path).seconds == pytest.approx(0.625 * before.seconds)

    def test_an_impossible_run_is_an_error_before_any_run_starts(self, tmp_path: Path) -> None:
        missing = {"dataset": {"name": "image-folder", "folder": "/no/such"}}
        huge = {"model": {"name": "mlp", "depth": 100, "width": 8192, "max_pool": 64}}
        for part, error in ((missing, DataError), (huge, ConfigError)):
            with pytest.raises(error):
                submit_sweep(Sweep(base=TINY | part, axes={"seed": [0, 1]}), tmp_path)
        assert not list(tmp_path.iterdir())


class TestGroup:
    def test_submitting_twice_adds_nothing(self, sweep: Sweep, tmp_path: Path) -> None:
        group = submit_sweep(sweep, tmp_path)
        assert [run.id for run in group.runs] == queued(tmp_path) == [config.id for config in sweep.configs()]
        written = (group.path / "sweep.json").read_bytes()
        assert (
            submit_sweep(sweep.model_dump(), tmp_path) == group == Group.open(sweep.id, tmp_path)
            and group.sweep == sweep
        )
        assert (group.path / "sweep.json").read_bytes() == written
        assert len(queued(tmp_path)) == len(list_runs(tmp_path)) == 4 and list_groups(tmp_path) == [group]

    def test_finished_runs_are_unchanged(self, sweep: Sweep, tmp_path: Path) -> None:
        runs = [
            finished(config, tmp_path, state)
            for config, state in zip(sweep.configs(), ("done", "diverged", "stopped"), strict=False)
        ]
        records = [(run.path / "trajectory.bin").read_bytes() for run in runs]
        group = submit_sweep(sweep, tmp_path)
        assert queued(tmp_path) == [config.id for config in (sweep.configs()[2], sweep.configs()[3])]
        assert group.progress().counts == {"queued": 2, "done": 1, "diverged": 1}
        assert [(run.path / "trajectory.bin").read_bytes() for run in runs] == records

    def test_a_shipped_run_is_not_repeated(self, sweep: Sweep, tmp_path: Path) -> None:
        run = finished(sweep.configs()[0], tmp_path)
        (tmp_path / "gallery").mkdir()
        run.path.rename(tmp_path / "gallery" / run.id)
        assert plan(sweep, tmp_path).finished == 1
        group = submit_sweep(sweep, tmp_path)
        assert group.progress().counts == {"queued": 3, "done": 1} and group.runs[0].path.parent.name == "gallery"

    def test_progress(self, sweep: Sweep, tmp_path: Path) -> None:
        group = submit_sweep(sweep, tmp_path)
        start = group.progress()
        assert (start.counts, start.share, start.ended, str(start)) == ({"queued": 4}, 0.0, False, "4 queued")
        assert start.eta == pytest.approx(plan(sweep, tmp_path).seconds)
        one, two, three, four = group.runs
        for run in (one, two):
            run.write_status(Status(state="done", step=32, steps=32, seconds=10.0))
        three.write_status(Status(state="running", step=8, steps=32, eta=7.5))
        with locks.lock(three.path / "lock"):
            middle = group.progress()
            assert middle.counts == {"queued": 1, "running": 1, "done": 2} and middle.share == pytest.approx(2.25 / 4)
            assert middle.eta == pytest.approx(10.0 + 7.5), (
                "a run takes the measured ten seconds of the others, not the estimate"
            )
        assert group.progress().counts == {"queued": 1, "done": 2, "lost": 1}
        for run in (three, four):
            run.write_status(Status(state="diverged", step=9, steps=32))
        end = group.progress()
        assert (end.share, end.eta, end.ended) == (1.0, None, True)

    def test_stop_and_resume(self, sweep: Sweep, tmp_path: Path) -> None:
        done = finished(sweep.configs()[0], tmp_path)
        group = submit_sweep(sweep, tmp_path)
        group.stop()
        assert group.progress().counts == {"done": 1, "stopped": 3} and not queued(tmp_path)
        group.resume()
        assert group.progress().counts == {"queued": 3, "done": 1} and len(queued(tmp_path)) == 3
        assert all(entry.of_sweep for entry in queue.waiting(tmp_path)), "they are still trained in parallel"
        assert done.status.state == "done"

    def test_two_groups_share_a_run(self, sweep: Sweep, tmp_path: Path) -> None:
        first, second = submit_sweep(sweep, tmp_path), submit_sweep(Sweep(base=TINY, axes={"seed": [1, 2]}), tmp_path)
        assert len(queued(tmp_path)) == 5 and first.sharing() == [second] and second.sharing() == [first]
        first.stop()
        assert second.progress().counts == {"queued": 1, "stopped": 1} and not second.sharing()

    def test_deleted_and_damaged_runs(self, sweep: Sweep, tmp_path: Path) -> None:
        group = submit_sweep(sweep, tmp_path)
        group.runs[0].delete()
        (group.runs[0].path / "status.json").write_text('{"state": "do')
        progress = group.progress()
        assert progress.counts == {"queued": 2, "unreadable": 1, "missing": 1} and len(group.runs) == 3
        group.stop()
        group.resume()
        assert group.progress().counts == {"queued": 2, "unreadable": 1, "missing": 1}, "a deleted run stays deleted"
        submit_sweep(sweep, tmp_path)
        assert group.progress().counts == {"queued": 3, "unreadable": 1}, "unless the sweep is submitted again"
        for run in group.runs:
            run.delete()
        deleted = group.progress()
        assert (deleted.counts, deleted.share, deleted.eta, deleted.ended) == ({"missing": 4}, 0.0, None, True)

    @pytest.mark.parametrize(
        "text", ["{", "[]", "3", '{"sweep": {}}', '{"sweep": {}, "expected": [], "submitted": 0}', None]
    )
    def test_a_damaged_sweep_is_one_sentence_and_does_not_affect_others(
        self, text: str | None, sweep: Sweep, tmp_path: Path
    ) -> None:
        good, bad = submit_sweep(sweep, tmp_path), submit_sweep(Sweep(base=TINY, axes={"seed": [5]}), tmp_path)
        if text is None:
            (bad.path / "sweep.json").unlink()
        else:
            (bad.path / "sweep.json").write_text(text)
        with pytest.raises(RunError, match=f"sweep {bad.id} cannot be read: sweep.json is") as caught:
            Group.open(bad.id, tmp_path)
        assert "\n" not in str(caught.value) and list_groups(tmp_path) == [good] and not good.sharing()
        submit_sweep(Sweep(base=TINY, axes={"seed": [5]}), tmp_path)
        assert Group.open(bad.id, tmp_path).progress().counts == {"queued": 1}, "submitting it again repairs it"

    def test_an_axis_of_another_program(self, sweep: Sweep, tmp_path: Path) -> None:
        group = submit_sweep(sweep, tmp_path)
        text = (group.path / "sweep.json").read_text().replace('"gce"', '"lost-loss"')
        (group.path / "sweep.json").write_text(text)
        assert group.progress().counts == {"queued": 4}
        with pytest.raises(RunError, match="cannot be read: axes.loss is 'lost-loss'"):
            group.sweep  # noqa: B018

    @pytest.mark.parametrize("name", ["", ".", "..", "../x", "/etc", "a b", "A", "nowhere", "x" * 300])
    def test_names_never_leave_the_cache(self, name: str, sweep: Sweep, tmp_path: Path) -> None:
        submit_sweep(sweep, tmp_path)
        with pytest.raises(RunError, match="is not in the cache"):
            Group.open(name, tmp_path)

    def test_wait_gives_up(self, sweep: Sweep, tmp_path: Path) -> None:
        with pytest.raises(TimeoutError, match="still has 4 queued runs"):
            submit_sweep(sweep, tmp_path).wait(timeout=0)

    def test_newest_first(self, tmp_path: Path) -> None:
        groups = [submit_sweep(Sweep(base=TINY, axes={"seed": [seed]}), tmp_path) for seed in range(3)]
        assert list_groups(tmp_path) == groups[::-1]

    def test_outcome(self, tiny: RunConfig, tmp_path: Path) -> None:
        run = finished(tiny, tmp_path)
        group = submit_sweep(Sweep(base=tiny, axes={"seed": [0, 1]}), tmp_path)
        done, waiting = group.members()
        trajectory, result = run.trajectory(), done.outcome()
        assert (
            result.balanced_accuracy == trajectory.balanced_accuracy()[-1]
            and result.largest_guess == trajectory.guess_fraction()[-1].max()
        )
        assert result.favoured_class == trajectory.class_names[trajectory.favoured()]
        assert result.escape_step == trajectory.escape_step() is not None and waiting.outcome() is None
        run.write_status(Status(state="diverged", step=9, steps=32))
        assert group.members()[0].outcome().escape_step is None
        (run.path / "schema.json").write_text("{")
        waiting.run.delete()
        assert [member.outcome() for member in group.members()] == [None, None]


@pytest.mark.worker
def test_a_sweep_is_trained_once(sweep: Sweep, cache: Path) -> None:
    group = submit_sweep(sweep, cache)
    shares = [progress.share for progress in group.follow(every=0.05, timeout=90)]
    end = group.progress()
    assert shares == sorted(shares) and shares[-1] == end.share == 1 and end.counts == {"done": 4} and end.eta is None
    assert all(member.outcome() for member in group.members())
    until(lambda: not queued(cache))
    assert submit_sweep(sweep, cache) == group and group.progress().counts == {"done": 4} and len(list_runs(cache)) == 4
    assert plan(sweep, cache).finished == 4 and plan(sweep, cache).seconds == 0


@pytest.mark.worker
def test_a_group_is_stopped_as_one(slow_tiny: RunConfig, cache: Path) -> None:
    group = submit_sweep(Sweep(base=slow_tiny, axes=TWO_BY_TWO), cache)
    until(lambda: any(member.share > 0 for member in group.members()))
    group.stop()
    progress = group.wait(20)
    assert progress.counts == {"stopped": 4} and 0 < progress.share < 1
    until(lambda: not queued(cache))
