"""Runs that were recorded outside: stored whole, found again, and never an answer for a training."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest

from igbviz.config import RecordedConfig, RunConfig
from igbviz.runs import library
from igbviz.runs.kinds import RECORDED
from igbviz.runs.run import Run, RunError
from igbviz.runs.submit import submit
from igbviz.runs.sweep_config import Sweep
from igbviz.runs.trash import list_trash, restore, trash
from igbviz.spec import ConfigError
from igbviz.trajectory import Trajectory
from tests.support.recorded_runs import ABOUT, recorded, watched_outside
from tests.support.stored_runs import queued


def test_it_is_a_finished_run_of_its_kind(tmp_path: Path) -> None:
    run = recorded(tmp_path)
    assert run.kind is RECORDED and run.is_recorded and run.id.startswith("my-own-loop-")
    assert run.status.state == "done" and run.status.step == run.status.steps == 400 and not queued(tmp_path)
    assert run.trajectory().records.tobytes() == watched_outside().records.tobytes()
    assert run.config.probes.size == run.read_schema().probe_images == 200
    (row,) = library.rows(tmp_path)
    assert (row["kind"], row["title"], row["model"]) == ("recorded", "my own loop", "SmallNet")
    assert row["seed"] is None and row["epochs"] is None


@pytest.mark.parametrize("per_epoch", [0, 100])
def test_the_length_of_an_epoch_may_be_unknown(per_epoch: int, tmp_path: Path) -> None:
    run = recorded(tmp_path, watched_outside(per_epoch))
    assert run.steps_per_epoch == (per_epoch or None)
    assert len(run.glance()) and run.status.epoch == 400 / per_epoch if per_epoch else run.status.epoch == 0


def test_the_same_records_and_title_are_one_run(tmp_path: Path) -> None:
    run = recorded(tmp_path)
    before = (run.path / "status.json").stat().st_mtime_ns
    assert recorded(tmp_path, date="another day") == run and (run.path / "status.json").stat().st_mtime_ns == before
    assert recorded(tmp_path, title="another") != run != recorded(tmp_path, watched_outside(even_from=30))
    assert len(library.rows(tmp_path)) == 3


def test_a_damaged_one_is_stored_again(tmp_path: Path) -> None:
    run = recorded(tmp_path)
    run.records.write_bytes(b"")
    assert recorded(tmp_path) == run and len(run.trajectory()) and len(list_trash(tmp_path)) == 1


def test_a_full_disk_leaves_nothing_half_made(tmp_path: Path, monkeypatch) -> None:
    def full(*_) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "status.json")

    monkeypatch.setattr(Run, "write_status", full)
    with pytest.raises(RunError, match="'my own loop' cannot be stored: .*no space left"):
        recorded(tmp_path)
    assert not list((tmp_path / "runs").iterdir())


def _late(records: np.ndarray) -> None:
    records["step"] += 1


def _improbable(records: np.ndarray) -> None:
    records["mean_prob"] = 2


def _half_known(records: np.ndarray) -> None:
    records["epoch"][0] = 0


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [(_late, "first probe is at step 1"), (_improbable, "not between 0 and 1"), (_half_known, "epoch is not finite")],
)
def test_impossible_records_are_refused(spoil, problem: str, tmp_path: Path) -> None:
    records = watched_outside().records
    spoil(records)
    with pytest.raises(RunError, match=f"'my own loop' cannot be stored: .*{problem}"):
        recorded(tmp_path, Trajectory(records))
    with pytest.raises(RunError, match="it has no probe"):
        recorded(tmp_path, Trajectory(records[:0]))
    assert not (tmp_path / "runs").exists()


def test_nothing_is_trained_from_it(tmp_path: Path, tiny: RunConfig) -> None:
    run = recorded(tmp_path)
    with pytest.raises(ConfigError, match="'my own loop' was recorded outside igbviz"):
        submit(run.config, tmp_path)
    with pytest.raises(ConfigError, match="recorded outside igbviz"):
        submit(run.config.model_dump(), tmp_path)
    for act in (run.resume, run.stop):
        with pytest.raises(RunError, match="recorded outside igbviz: it can be neither stopped nor resumed here"):
            act()
    with pytest.raises(ConfigError, match="title is not a field"):
        Sweep(base=run.config.model_dump(), axes={"seed": [0, 1]})
    assert run.status.state == "done" and not queued(tmp_path)


def test_it_can_be_deleted_and_restored(tmp_path: Path) -> None:
    run = recorded(tmp_path)
    assert not trash([run]) and not run.path.exists()
    assert restore(list_trash(tmp_path)[0], tmp_path) == run and len(run.trajectory())
    run.delete()
    assert not run.path.exists()


def test_texts_are_one_line_and_bounded() -> None:
    config = RecordedConfig(title=" a\n b\x00 ", loss={"name": "x" * 10_000}, model={"name": "two\nlines\ud800"})
    assert config.title == "a b" and len(config.loss.name) == 200 and config.model.name == "two lines"
    assert RecordedConfig(title="имя").id.startswith("recorded-")
    for title in ("", "\n", "x" * 101, 3):
        with pytest.raises(ConfigError, match="title"):
            RecordedConfig(title=title)


def test_seeds_of_one_setting_are_a_group() -> None:
    def config(**changes) -> RecordedConfig:
        return RecordedConfig(**ABOUT | {"content": "0" * 16} | changes)

    assert config(seed=0).group == config(seed=1, content="1" * 16).group != config(seed=0, title="another").group
    assert config().group != config(content="1" * 16).group, "without a seed nobody knows"
