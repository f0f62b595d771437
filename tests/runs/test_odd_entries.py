"""Whatever lies in a cache, the list of runs answers at once, shows it as unreadable, and shows the others."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from igbviz.config import RunConfig
from igbviz.runs import annotations, archive, library, locks, queue, worker
from igbviz.runs.files import opened, read, remove_temporary, replacing
from igbviz.runs.listing import list_runs
from igbviz.runs.run import Run, RunError
from igbviz.runs.submit import submit
from igbviz.runs.sweeps import list_groups
from tests.support.stored_runs import finished

FILES = ("config.json", "status.json", "schema.json", "trajectory.bin")


def huge(path: Path) -> None:
    with open(path, "wb") as file:
        file.truncate(10**12)  # without a byte on the disk


ODD: dict[str, Callable[[Path], object]] = {
    "FIFO": os.mkfifo,
    "endless device": lambda path: path.symlink_to("/dev/zero"),
    "link to a file": lambda path: path.symlink_to("/etc/passwd"),
    "circle": lambda path: path.symlink_to(path.name),
    "folder": Path.mkdir,
    "huge": huge,
}


@pytest.mark.parametrize("make", ODD.values(), ids=ODD)
@pytest.mark.parametrize("name", FILES)
def test_an_odd_file_in_a_run(make: Callable[[Path], object], name: str, tiny: RunConfig, tmp_path: Path) -> None:
    good, bad = finished(tiny, tmp_path), finished(tiny.with_(seed=1), tmp_path)
    bad.write_status(bad.stored_status().model_copy(update={"snapshots": 12}))
    (bad.path / name).unlink()
    make(bad.path / name)
    lines = {line.run.id: line for line in list_runs(tmp_path)}
    assert lines[good.id].state == "done"
    if (name, make) != ("trajectory.bin", huge):  # a terabyte of zeros is read piece by piece, and refused elsewhere
        assert lines[bad.id].state == "unreadable" and "\n" not in lines[bad.id].problem
    assert {row["id"] for row in library.rows(tmp_path)} == {good.id, bad.id}


@pytest.mark.parametrize("make", ODD.values(), ids=ODD)
def test_odd_files_beside_a_run(make: Callable[[Path], object], tiny: RunConfig, tmp_path: Path) -> None:
    run = finished(tiny, tmp_path)
    for name in ("labels.json", "log.txt", "lock"):
        (run.path / name).unlink(missing_ok=True)
        make(run.path / name)
    assert annotations.read(run) == annotations.Annotations() and isinstance(run.log(), str) and not run.is_alive
    assert [line.state for line in list_runs(tmp_path)] == ["done"]


@pytest.mark.parametrize("make", ODD.values(), ids=ODD)
@pytest.mark.parametrize("name", ["trajectory.bin", "images.bin", "log.txt", ".reserve"])
def test_a_worker_neither_waits_for_nor_writes_into_an_odd_file(
    make: Callable[[Path], object], name: str, tiny: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "ensure_worker", lambda *_, **__: None)
    run = submit(tiny, tmp_path)
    make(run.path / name)
    worker.take_one(tmp_path, torch.device("cpu"))
    status = run.stored_status()
    if name in ("log.txt", ".reserve"):
        assert status.state == "done" and run.recorded()
    elif make is not huge:  # which is cut
        assert status.state == "failed" and ("a link, not a file" in status.message or "regular" in status.message)


def test_a_circle_of_links_and_a_name_that_is_no_text(tiny: RunConfig, tmp_path: Path) -> None:
    good = finished(tiny, tmp_path)
    (tmp_path / "runs" / "circle").symlink_to("circle")
    os.mkdir(os.fsencode(tmp_path / "runs") + b"/bad-\xff")
    for folder in ("sweeps", "gallery"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "circle").symlink_to("circle")
    states = {line.run.id: line.state for line in list_runs(tmp_path)}
    assert states == {good.id: "done", "circle": "unreadable", "bad-\ufffd": "unreadable"}
    for row in library.rows(tmp_path):
        row["id"].encode(), row["title"].encode()
    assert library.usage(tmp_path, library.rows(tmp_path)).runs > 0 and list_groups(tmp_path) == []


def test_an_export_follows_no_link(tiny: RunConfig, tmp_path: Path) -> None:
    run = finished(tiny, tmp_path)
    (run.path / "log.txt").symlink_to("/etc/passwd")
    with open(tmp_path / "x.zip", "wb") as file:
        (sentence,) = archive.export_runs([run], file)
    assert sentence == f"run {run.id} cannot be exported: log.txt: it is a link, not a file."


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"text")
    assert read(tmp_path / "file") == b"text"
    os.mkfifo(tmp_path / "fifo")
    for name, words in (("fifo", "not a regular file"), (".", "not a regular file"), ("none", "No such file")):
        with pytest.raises(OSError, match=words):
            opened(tmp_path / name)
    huge(tmp_path / "status.json")
    with pytest.raises(OSError, match="larger than 100.0 kB"):
        read(tmp_path / "status.json")


def test_nothing_is_left_of_a_write_that_failed(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(tmp_path / "x") as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert os.listdir(tmp_path) == ["x"] and (tmp_path / "x").read_text() == "old"


def test_what_killed_processes_left_is_removed(tmp_path: Path) -> None:
    for name in (".checkpoint.pt.7-8", ".status.json.7-8", ".labels.json.7-8", ".hidden"):
        (tmp_path / name).write_text("x")
    os.utime(tmp_path / ".labels.json.7-8", (1, 1))
    remove_temporary(tmp_path, "checkpoint.pt")
    assert sorted(os.listdir(tmp_path)) == [".hidden", ".status.json.7-8"], "somebody may be writing the status now"


def test_a_lock_does_not_bring_a_deleted_run_back(tiny: RunConfig, tmp_path: Path) -> None:
    run = finished(tiny, tmp_path)
    run.delete()
    with pytest.raises(FileNotFoundError), locks.folder_lock(run.path):
        pass
    (run.path).mkdir()  # as by a process that waited for the lock
    with pytest.raises(FileNotFoundError), locks.folder_lock(run.path):
        pass
    assert not run.path.exists()


def test_a_look_at_a_lock_takes_it_from_nobody(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.touch()
    assert not locks.is_held(path) and not locks.is_held(tmp_path / "none")
    with locks.lock(path, timeout=0):
        assert locks.is_held(path)
    assert not locks.is_held(path)


def test_a_shipped_run_is_neither_stopped_nor_deleted(tiny: RunConfig, tmp_path: Path) -> None:
    run = finished(tiny, tmp_path)
    (tmp_path / "gallery").mkdir()
    run.path.rename(tmp_path / "gallery" / run.id)
    shipped = Run.open(run.id, tmp_path)
    for act in (Run.stop, Run.resume, Run.delete):
        with pytest.raises(RunError, match="ships with the program and cannot be changed"):
            act(shipped)
    assert shipped.stored_status().state == "done" and not queue.waiting(tmp_path)
