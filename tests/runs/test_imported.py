"""An imported run is marked, and never answers for a training of the same settings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from igbviz.config import RunConfig
from igbviz.runs import library, worker
from igbviz.runs.archive import import_runs
from igbviz.runs.listing import list_runs
from igbviz.runs.run import Run, RunError
from igbviz.runs.submit import submit
from igbviz.runs.sweep_config import Sweep
from igbviz.runs.sweeps import plan, submit_sweep
from igbviz.runs.trash import list_trash, restore
from igbviz.training.loop import train
from tests.support.archives import packed
from tests.support.stored_runs import finished, queued
from tests.support.trajectories import same


@pytest.fixture
def forged(run: Run, tmp_path: Path) -> Run:
    """An imported run whose records nobody trained: in every probe each guess is right."""
    records = run.trajectory().records.copy()
    for record in records:
        sizes = record["confusion"].sum(-1)
        record["confusion"] = 0
        record["confusion"][range(3), range(3)] = sizes
    run.records.write_bytes(records.tobytes())
    import_runs(packed(run), tmp_path / "to")
    return Run.open(run.id, tmp_path / "to")


def test_it_is_marked_in_the_list_and_in_the_library(forged: Run, tiny: RunConfig) -> None:
    own = finished(tiny.with_(seed=9), forged.cache)
    assert forged.is_imported and not own.is_imported
    assert {row["id"]: row["imported"] for row in library.rows(forged.cache)} == {forged.id: True, own.id: False}
    assert {line.run.id: line.is_imported for line in list_runs(forged.cache)} == {forged.id: True, own.id: False}


def test_who_submits_its_settings_trains_them(forged: Run) -> None:
    assert forged.trajectory().balanced_accuracy()[0] == 1.0
    own = submit(forged.config, forged.cache)
    assert own == forged and own.stored_status().state == "queued" and not own.is_imported
    for message in (own.stored_status().message, own.status.message):
        assert "imported run with these settings is in the trash" in message
    assert queued(forged.cache) == [own.id] and not own.record_bytes
    while worker.take_one(forged.cache, torch.device("cpu")):
        pass
    assert same(own.trajectory().records, np.array(list(train(forged.config, "cpu"))))
    assert submit(forged.config, forged.cache).stored_status().state == "done", "its own answers"


def test_the_import_can_be_restored_when_the_own_run_is_deleted(forged: Run) -> None:
    own = submit(forged.config, forged.cache)
    (item,) = list_trash(forged.cache)
    with pytest.raises(RunError, match="delete the new one to restore the old one"):
        restore(item, forged.cache)
    own.delete()
    assert restore(item, forged.cache).is_imported


def test_a_sweep_trains_its_own(forged: Run, tiny: RunConfig) -> None:
    sweep = Sweep(base=tiny, axes={"seed": [0, 1]})
    assert plan(sweep, forged.cache).finished == 0
    submit_sweep(sweep, forged.cache)
    assert queued(forged.cache) == [tiny.id, tiny.with_(seed=1).id]


def test_an_import_that_is_resumed_starts_again_and_is_then_trained_here(tiny: RunConfig, tmp_path: Path) -> None:
    import_runs(packed(finished(tiny, tmp_path / "from", "running")), tmp_path / "to")
    copy = Run.open(tiny.id, tmp_path / "to")
    copy.resume()
    assert copy.is_imported
    assert worker.take_one(copy.cache, torch.device("cpu"))
    assert copy.stored_status().state == "done" and not copy.is_imported


def test_a_copy_of_an_import_is_an_import(forged: Run, tmp_path: Path) -> None:
    import_runs(packed(forged), tmp_path / "third")
    assert Run.open(forged.id, tmp_path / "third").is_imported
