"""Runs that are exported to a zip archive and imported again."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from igbviz.config import RunConfig
from igbviz.ensembles import EnsembleConfig
from igbviz.ensembles.job import EnsembleJob
from igbviz.runs import annotations, archive, library, locks, queue
from igbviz.runs.archive import ArchiveError, export_runs, import_runs, limits
from igbviz.runs.files import write_json
from igbviz.runs.run import Run
from igbviz.runs.status import Status
from igbviz.runs.submit import submit
from igbviz.trajectory.trajectory import columns_of
from tests.support.archives import files_of, packed
from tests.support.stored_runs import finished
from tests.support.trajectories import same


def test_export_and_import_are_byte_identical(run: Run, tmp_path: Path) -> None:
    (run.path / "checkpoint.pt").write_bytes(b"cos\nsystem\n")
    imported = import_runs(packed(run), tmp_path / "to")
    assert imported.new == [run.id] and not imported.known and not imported.refused
    copy = Run.open(run.id, tmp_path / "to")
    assert files_of(copy) == files_of(run) and set(os.listdir(copy.path)) == {*archive.FILES, "imported.json"}
    assert same(copy.trajectory().records, run.trajectory().records) and copy.config == run.config
    assert annotations.read(copy) == annotations.read(run) and copy.status == run.status
    assert library.rows(tmp_path / "to")[0]["title"] == "mine"
    assert not (tmp_path / "to" / "arrivals").exists()


def test_many_in_one_archive(tiny: RunConfig, run: Run, tmp_path: Path) -> None:
    other, waiting = finished(tiny.with_(seed=1), run.cache, "failed"), submit(tiny.with_(seed=2), run.cache)
    imported = import_runs(packed(run, other, waiting), tmp_path / "to")
    assert imported.new == [run.id, other.id, waiting.id]
    assert [Run.open(name, tmp_path / "to").status.state for name in imported.new] == ["done", "failed", "stopped"]
    assert not queue.waiting(tmp_path / "to"), "an imported run is not queued"


def test_an_ensemble_is_exported_and_imported(tmp_path: Path) -> None:
    data = {"name": "gaussian-noise", "size": 8, "train_examples": 16, "test_examples": 20, "classes": 3}
    ensemble = submit(
        EnsembleConfig(
            dataset=data, model={"name": "mlp", "depth": 2, "width": 8}, networks=4, inputs=20, gradients=True
        ),
        tmp_path,
    )
    job = EnsembleJob(ensemble.config, "cpu")
    ensemble.records.write_bytes(b"".join(record.tobytes() for record in job.ticks()))
    write_json(ensemble.path / "schema.json", {
        "columns": columns_of(job.dtype), "class_names": list(job.data.class_names), "data": job.data.source,
        **job.facts(), "device": "CPU", "threads": 1, "torch": "x", "date": "today",
    })  # fmt: skip
    ensemble.write_status(
        Status(
            state="done",
            **{key: value for key, value in job.progress().items() if key in ("step", "steps", "snapshots")},
        )
    )
    assert import_runs(packed(ensemble), tmp_path / "to").new == [ensemble.id]
    copy = Run.open(ensemble.id, tmp_path / "to")
    assert files_of(copy) == files_of(ensemble) and len(copy.ensemble().records) == 4


def test_equal_runs_make_equal_archives(run: Run, tmp_path: Path) -> None:
    first = packed(run).getvalue()
    import_runs(io.BytesIO(first), tmp_path / "to")
    os.utime(run.path / "config.json", (1, 1))
    assert packed(run).getvalue() == first == packed(Run.open(run.id, tmp_path / "to")).getvalue()


def test_the_same_run_twice_is_one(run: Run, tmp_path: Path) -> None:
    file = packed(run)
    import_runs(file, tmp_path / "to")
    annotations.change(Run.open(run.id, tmp_path / "to"), name="renamed here")
    imported = import_runs(file, tmp_path / "to")
    assert imported.known == [run.id] and not imported.new and not imported.refused
    assert len(library.rows(tmp_path / "to")) == 1 and library.rows(tmp_path / "to")[0]["name"] == "renamed here"


def test_a_shipped_run_is_here_already(run: Run, tmp_path: Path) -> None:
    file = packed(run)
    (tmp_path / "to" / "gallery").mkdir(parents=True)
    run.path.rename(tmp_path / "to" / "gallery" / run.id)
    assert import_runs(file, tmp_path / "to").known == [run.id] and not (tmp_path / "to" / "runs").exists()


def test_a_run_in_training(tiny: RunConfig, tmp_path: Path) -> None:
    run = finished(tiny, tmp_path / "from", "running")
    itemsize = run.trajectory().records.dtype.itemsize
    with open(run.records, "ab") as file:
        file.write(bytes(itemsize - 1))  # the next record, partly written
    with locks.lock(run.path / "lock"):
        file = packed(run)
    assert import_runs(file, tmp_path / "to").new == [run.id]
    copy = Run.open(run.id, tmp_path / "to")
    assert len(copy.trajectory()) == len(run.trajectory()) == 12 and copy.records.stat().st_size == 12 * itemsize
    assert copy.status.state == "stopped" and "starts again" in copy.status.message and copy.status.pid is None
    copy.resume()
    assert copy.status.state == "queued"


def test_unreadable_runs_are_left_out_with_a_sentence(tiny: RunConfig, run: Run, tmp_path: Path) -> None:
    damaged, deleted = submit(tiny.with_(seed=1), run.cache), submit(tiny.with_(seed=2), run.cache)
    (damaged.path / "config.json").write_text("{")
    deleted.delete()
    file = io.BytesIO()
    left_out = export_runs([damaged, run, deleted], file)
    assert len(left_out) == 2 and all(
        name in sentence for name, sentence in zip((damaged.id, deleted.id), left_out, strict=True)
    )
    assert import_runs(file, tmp_path / "to").new == [run.id]


def test_the_end_of_a_long_log_is_kept(run: Run, tmp_path: Path) -> None:
    (run.path / "log.txt").write_bytes(b"a" * archive.FILES["log.txt"] + b"the end")
    import_runs(packed(run), tmp_path / "to")
    text = (tmp_path / "to" / "runs" / run.id / "log.txt").read_bytes()
    assert text.endswith(b"aathe end") and len(text) == archive.FILES["log.txt"]


def test_an_archive_is_bounded(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ArchiveError, match="2001 runs are selected, allowed: at most 2000"):
        export_runs([run] * 2001, io.BytesIO())
    monkeypatch.setattr(limits, "MAX_CONTENT", 1000)
    with pytest.raises(ArchiveError, match="allowed: at most 1.0 kB in one archive"):
        export_runs([run], io.BytesIO())


def test_one_archive_at_a_time(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = locks.lock
    monkeypatch.setattr(locks, "lock", lambda path, timeout=0.1: lock(path, timeout))
    with lock(tmp_path / "to" / "arrivals.lock"), pytest.raises(ArchiveError, match="try again in a moment"):
        import_runs(packed(run), tmp_path / "to")


def test_odd_labels_come_in_as_text(run: Run, tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)> [x](javascript:alert(1))"
    annotations.change(run, name=name)
    import_runs(packed(run), tmp_path / "to")
    assert library.rows(tmp_path / "to")[0]["title"] == name


def test_damaged_labels_lose_only_the_labels(run: Run, tmp_path: Path) -> None:
    (run.path / "labels.json").write_text('{"name": ')
    assert import_runs(packed(run), tmp_path / "to").new == [run.id]
    assert library.rows(tmp_path / "to")[0]["name"] == ""
