"""Runs of a newer version, with columns that this one does not support: they are read, exported and imported."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest

from igbviz.config import RunConfig
from igbviz.ensembles import EnsembleConfig
from igbviz.runs.archive import export_runs, import_runs
from igbviz.runs.listing import is_complete, list_runs
from igbviz.runs.run import Run
from igbviz.trajectory.trajectory import columns_of
from tests.support.stored_ensembles import SMALL, drawn
from tests.support.stored_runs import finished


def as_of_a_newer_version(run: Run) -> np.ndarray:
    """Insert unknown columns before, between and after those of a run; returns the records without them."""
    old = np.array(run.recorded().records)
    columns = columns_of(old.dtype)
    columns = [["age", "|u1", []], *columns[:3], ["sharpness", "<f4", [2, 3]], *columns[3:], ["mood", "<c16", [5]]]
    new = np.zeros(len(old), [(name, kind, tuple(shape)) for name, kind, shape in columns])
    for name in new.dtype.names:
        new[name] = old[name] if name in old.dtype.names else 7
    values = json.loads((run.path / "schema.json").read_text())
    (run.path / "schema.json").write_text(json.dumps(values | {"columns": columns, "weather": {"rain": True}}))
    run.records.write_bytes(new.tobytes())
    return old


@pytest.fixture(params=["trained", "untrained"])
def run(request: pytest.FixtureRequest, tiny: RunConfig, own_cache: Path) -> Run:
    return finished(tiny, own_cache) if request.param == "trained" else drawn(EnsembleConfig(**SMALL), own_cache)


def test_unknown_columns_are_skipped(run: Run) -> None:
    thinned = np.array(run.glance().records)
    old = as_of_a_newer_version(run)
    for recorded, before in ((run.recorded(), old), (run.glance(), thinned)):
        assert recorded.records.dtype.names == old.dtype.names
        for name in old.dtype.names:
            assert recorded.records[name].dtype == before[name].dtype
            assert recorded.records[name].tobytes() == before[name].tobytes()
    assert is_complete(run) and [line.state for line in list_runs(run.cache)] == ["done"]
    assert len(run.recorded().to_frame())


def test_a_run_with_unknown_columns_is_exported_and_imported(run: Run, tmp_path: Path) -> None:
    old = as_of_a_newer_version(run)
    file = io.BytesIO()
    assert export_runs([run], file) == []
    imported = import_runs(file, tmp_path / "to")
    assert imported.new == [run.id] and not imported.refused
    copy = Run.open(run.id, tmp_path / "to")
    assert copy.records.read_bytes() == run.records.read_bytes()
    assert all(copy.recorded().records[name].tobytes() == old[name].tobytes() for name in old.dtype.names)


def test_a_partly_written_last_record_is_left_out(run: Run) -> None:
    old = as_of_a_newer_version(run)
    run.records.write_bytes(run.records.read_bytes()[:-1])
    assert len(run.recorded()) == len(old) - 1
