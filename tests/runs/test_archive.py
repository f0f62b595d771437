"""Runs that travel as a zip archive, there and back."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from igbviz.config import RunConfig
from igbviz.ensembles import EnsembleConfig
from igbviz.ensembles.job import Initializing
from igbviz.runs import annotations, archive, library, locks, queue
from igbviz.runs.archive import ArchiveError, export_runs, import_runs
from igbviz.runs.files import write_json
from igbviz.runs.run import Run
from igbviz.runs.status import Status
from igbviz.runs.submit import submit
from igbviz.trajectory.trajectory import columns_of
from tests.support.archives import files_of, packed
from tests.support.stored_runs import finished
from tests.support.trajectories import same


def test_there_and_back_is_the_same_to_the_byte(run: Run, tmp_path: Path) -> None:
    (run.path / "checkpoint.pt").write_bytes(b"cos\nsystem\n")
    taken = import_runs(packed(run), tmp_path / "to")
    assert taken.new == [run.id] and not taken.known and not taken.refused
    copy = Run.open(run.id, tmp_path / "to")
    assert files_of(copy) == files_of(run) and set(os.listdir(copy.path)) == {*archive.FILES}
    assert same(copy.trajectory().records, run.trajectory().records) and copy.config == run.config
    assert annotations.read(copy) == annotations.read(run) and copy.status == run.status
    assert library.rows(tmp_path / "to")[0]["title"] == "mine"
    assert not (tmp_path / "to" / "arrivals").exists()


def test_many_in_one_archive(tiny: RunConfig, run: Run, tmp_path: Path) -> None:
    other, waiting = finished(tiny.with_(seed=1), run.cache, "failed"), submit(tiny.with_(seed=2), run.cache)
    taken = import_runs(packed(run, other, waiting), tmp_path / "to")
    assert taken.new == [run.id, other.id, waiting.id]
    assert [Run.open(name, tmp_path / "to").status.state for name in taken.new] == ["done", "failed", "stopped"]
    assert not queue.waiting(tmp_path / "to"), "nothing is worked on because somebody sent it"


def test_an_ensemble_travels_too(tmp_path: Path) -> None:
    data = {"name": "gaussian-noise", "size": 8, "train_examples": 16, "test_examples": 20, "classes": 3}
    made = submit(
        EnsembleConfig(
            dataset=data, model={"name": "mlp", "depth": 2, "width": 8}, networks=4, inputs=20, gradients=True
        ),
        tmp_path,
    )
    job = Initializing(made.config, "cpu")
    made.records.write_bytes(b"".join(record.tobytes() for record in job.ticks()))
    write_json(made.path / "schema.json", {
        "columns": columns_of(job.dtype), "class_names": list(job.data.class_names), "data": job.data.source, **job.facts(),
        "device": "CPU", "threads": 1, "torch": "x", "date": "today",
    })  # fmt: skip
    made.write_status(
        Status(
            state="done",
            **{key: value for key, value in job.progress().items() if key in ("step", "steps", "snapshots")},
        )
    )
    assert import_runs(packed(made), tmp_path / "to").new == [made.id]
    copy = Run.open(made.id, tmp_path / "to")
    assert files_of(copy) == files_of(made) and len(copy.ensemble().records) == 4


def test_equal_runs_make_equal_archives(run: Run, tmp_path: Path) -> None:
    first = packed(run).getvalue()
    import_runs(io.BytesIO(first), tmp_path / "to")
    os.utime(run.path / "config.json", (1, 1))
    assert packed(run).getvalue() == first == packed(Run.open(run.id, tmp_path / "to")).getvalue()


def test_the_same_run_twice_is_one(run: Run, tmp_path: Path) -> None:
    file = packed(run)
    import_runs(file, tmp_path / "to")
    annotations.change(Run.open(run.id, tmp_path / "to"), name="renamed here")
    taken = import_runs(file, tmp_path / "to")
    assert taken.known == [run.id] and not taken.new and not taken.refused
    assert len(library.rows(tmp_path / "to")) == 1 and library.rows(tmp_path / "to")[0]["name"] == "renamed here"


def test_a_shipped_run_is_here_already(run: Run, tmp_path: Path) -> None:
    file = packed(run)
    (tmp_path / "to" / "gallery").mkdir(parents=True)
    run.path.rename(tmp_path / "to" / "gallery" / run.id)
    assert import_runs(file, tmp_path / "to").known == [run.id] and not (tmp_path / "to" / "runs").exists()


def test_a_run_in_the_middle_of_its_work(tiny: RunConfig, tmp_path: Path) -> None:
    run = finished(tiny, tmp_path / "from", "running")
    itemsize = run.trajectory().records.dtype.itemsize
    with open(run.records, "ab") as file:
        file.write(bytes(itemsize - 1))  # the next record, half written
    with locks.lock(run.path / "lock"):
        file = packed(run)
    assert import_runs(file, tmp_path / "to").new == [run.id]
    copy = Run.open(run.id, tmp_path / "to")
    assert len(copy.trajectory()) == len(run.trajectory()) == 12 and copy.records.stat().st_size == 12 * itemsize
    assert copy.status.state == "stopped" and "starts again" in copy.status.message and copy.status.pid is None
    copy.resume()
    assert copy.status.state == "queued"


def test_unreadable_runs_are_left_out_with_a_sentence(tiny: RunConfig, run: Run, tmp_path: Path) -> None:
    torn, gone = submit(tiny.with_(seed=1), run.cache), submit(tiny.with_(seed=2), run.cache)
    (torn.path / "config.json").write_text("{")
    gone.delete()
    file = io.BytesIO()
    left_out = export_runs([torn, run, gone], file)
    assert len(left_out) == 2 and all(
        name in sentence for name, sentence in zip((torn.id, gone.id), left_out, strict=True)
    )
    assert import_runs(file, tmp_path / "to").new == [run.id]


def test_the_end_of_a_long_log_is_kept(run: Run, tmp_path: Path) -> None:
    (run.path / "log.txt").write_bytes(b"a" * archive.FILES["log.txt"] + b"the end")
    import_runs(packed(run), tmp_path / "to")
    text = (tmp_path / "to" / "runs" / run.id / "log.txt").read_bytes()
    assert text.endswith(b"aathe end") and len(text) == archive.FILES["log.txt"]


def test_too_much_for_one_archive(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ArchiveError, match="2001 runs are selected, allowed: at most 2000"):
        export_runs([run] * 2001, io.BytesIO())
    monkeypatch.setattr(archive, "MAX_CONTENT", 1000)
    with pytest.raises(ArchiveError, match="allowed: at most 1.0 kB in one archive"):
        export_runs([run], io.BytesIO())


def test_one_archive_at_a_time(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really = locks.lock
    monkeypatch.setattr(locks, "lock", lambda path, timeout=0.1: really(path, timeout))
    with really(tmp_path / "to" / "arrivals.lock"), pytest.raises(ArchiveError, match="try again in a moment"):
        import_runs(packed(run), tmp_path / "to")


def test_odd_labels_come_in_as_text(run: Run, tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)> [x](javascript:alert(1))"
    annotations.change(run, name=name)
    import_runs(packed(run), tmp_path / "to")
    assert library.rows(tmp_path / "to")[0]["title"] == name


def test_torn_labels_cost_only_the_labels(run: Run, tmp_path: Path) -> None:
    (run.path / "labels.json").write_text('{"name": ')
    assert import_runs(packed(run), tmp_path / "to").new == [run.id]
    assert library.rows(tmp_path / "to")[0]["name"] == ""
