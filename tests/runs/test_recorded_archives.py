"""Recorded runs in archives: they arrive as they were, marked twice; and no archive makes up what `store` would not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from igbviz.runs import library
from igbviz.runs.archive import import_runs
from igbviz.runs.run import Run
from tests.support.archives import Files, files_of, folder, packed, zipped
from tests.support.recorded_runs import recorded, watched_outside


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return recorded(tmp_path / "from")


def test_it_arrives_as_it_was(run: Run, tmp_path: Path) -> None:
    assert import_runs(packed(run), tmp_path / "to").new == [run.id]
    copy = Run.open(run.id, tmp_path / "to")
    assert files_of(copy) == files_of(run) and copy.is_recorded and copy.is_imported
    (row,) = library.rows(tmp_path / "to")
    assert row["kind"] == "recorded" and row["imported"]


def test_who_records_it_here_has_an_own_one(run: Run, tmp_path: Path) -> None:
    import_runs(packed(run), tmp_path / "to")
    assert not recorded(tmp_path / "to").is_imported


def _changed(file: str, **values: object) -> Callable[[Files], Files]:
    return lambda files: files | {file: json.dumps(json.loads(files[file]) | values).encode()}


HOSTILE: dict[str, tuple[Callable[[Files], Files], str]] = {
    "other records": (
        lambda files: files | {"trajectory.bin": watched_outside(even_from=None).records.tobytes()},
        "its records are not those that it was named after",
    ),
    "fewer records": (
        lambda files: (
            _changed("status.json", snapshots=1)(files) | {"trajectory.bin": watched_outside().records[:1].tobytes()}
        ),
        "its records are not those that it was named after",
    ),
    "no records": (
        lambda files: {k: v for k, v in files.items() if k != "trajectory.bin"},
        "trajectory.bin is missing",
    ),
    "other classes": (_changed("schema.json", class_names=[f"x{k}" for k in range(10)]), "not those that it was named"),
    "waiting": (_changed("status.json", state="queued"), "status.json says queued, allowed for a recorded run: done"),
    "images": (lambda files: files | {"images.bin": b"", "images.json": b"{}"}, "images"),
    "no title": (_changed("config.json", title=""), "title has 0 characters"),
    "a long title": (_changed("config.json", title="x" * 10**5), "title has 100000 characters"),
    "another title": (_changed("config.json", title="someone else's"), "describes another run"),
    "no hash": (_changed("config.json", content="../../etc"), "content is '../../etc'"),
    "a formula": (_changed("config.json", loss={"name": "custom", "formula": "p"}), "formula is not a field"),
    "something to train": (_changed("config.json", epochs=3), "epochs is not a field"),
    "an endless epoch": (_changed("schema.json", steps_per_epoch=10**9), "schema.json is damaged"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_one_is_refused(name: str, run: Run, tmp_path: Path) -> None:
    change, sentence = HOSTILE[name]
    imported = import_runs(zipped(folder(run.id, change(files_of(run)))), tmp_path / "to")
    assert not imported.new and len(imported.refused) == 1 and sentence in imported.refused[0]
    assert not list((tmp_path / "to").glob("runs/*"))


def test_texts_arrive_as_one_bounded_line(run: Run, tmp_path: Path) -> None:
    change = _changed("config.json", device="x\ny\x1b" * 1000)
    assert import_runs(zipped(folder(run.id, change(files_of(run)))), tmp_path / "to").new == [run.id]
    device = Run.open(run.id, tmp_path / "to").config.device
    assert len(device) == 200 and device.isprintable()
