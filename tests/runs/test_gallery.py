"""The shipped runs lie beside the program: every cache shows them, once, and none of them is ever written to."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from igbviz.config import PRESETS
from igbviz.disk import places
from igbviz.disk.places import SHIPPED, cache_folder, default_cache, gallery
from igbviz.runs import annotations, archive, library
from igbviz.runs.listing import list_runs
from igbviz.runs.run import Run, RunError
from igbviz.runs.shipped import shipped_run, shipped_runs
from igbviz.runs.submit import submit
from igbviz.runs.sweeps import members_of
from tests.support import ROOT
from tests.support.stored_runs import finished

FIRST_LOOK = PRESETS["first-look-cross-entropy"].config


@pytest.fixture
def shipped(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The names of the program's own runs, which caches of tests otherwise do not show."""
    monkeypatch.delenv("IGBVIZ_GALLERY")
    return {folder.name for folder in SHIPPED.iterdir()}


def test_every_cache_shows_them_once(shipped: set[str], cache: Path, tiny) -> None:
    own = finished(tiny, cache)
    shutil.copytree(SHIPPED / FIRST_LOOK.id, cache / "gallery" / FIRST_LOOK.id)  # as in a copy of the project's cache
    names = [line.run.id for line in list_runs(cache)]
    assert sorted(names) == sorted([own.id, *shipped]) and len(shipped) > 40
    rows = library.rows(cache)
    assert {row["id"] for row in rows if row["shipped"]} == shipped and len(rows) == len(names)
    assert {run.id for run in shipped_runs(cache)} <= shipped
    assert {run.cache for run in (*shipped_runs(cache), *(line.run for line in list_runs(cache)))} == {cache}
    assert Run.open(FIRST_LOOK.id, cache).path == SHIPPED / FIRST_LOOK.id == submit(FIRST_LOOK, cache).path


def test_a_shipped_run_is_used_with_the_cache_that_it_was_opened_from(
    shipped: set[str], cache: Path, own_cache: Path, tiny
) -> None:
    for run in (
        Run.open(FIRST_LOOK.id, cache),
        shipped_run(FIRST_LOOK, cache),
        members_of([FIRST_LOOK.id], cache)[0].run,
    ):
        assert run.is_shipped and run.cache == cache and run == Run(SHIPPED / FIRST_LOOK.id)
    assert Run(SHIPPED / FIRST_LOOK.id).cache == own_cache, "the default one, when nobody says"
    own = finished(tiny, cache)
    assert not own.is_shipped and own.cache == cache == Run(own.path).cache
    assert not Run(cache / "gallery" / own.id).is_shipped


def test_reading_and_refusing_leaves_them_alone(shipped: set[str], cache: Path, tmp_path: Path) -> None:
    before = files(SHIPPED)
    run = Run.open(FIRST_LOOK.id, cache)
    assert run.status.state == "done" and len(run.trajectory()) and run.images() is not None and run.log() is not None
    with (tmp_path / "runs.zip").open("w+b") as file:
        archive.export_runs([run], file)
        assert archive.import_runs(file, cache).known == [run.id]
    for change in (run.delete, run.stop, run.resume, lambda: annotations.change(run, tags=["a"])):
        with pytest.raises(RunError, match="ships with the program"):
            change()
    own = submit(FIRST_LOOK, cache, own=True)
    assert own.path == cache / "runs" / run.id and not own.is_shipped
    assert files(SHIPPED) == before


def files(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_another_gallery(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny) -> None:
    run = finished(tiny, tmp_path)
    (tmp_path / "class").mkdir()
    run.path.rename(tmp_path / "class" / run.id)
    monkeypatch.setenv("IGBVIZ_GALLERY", str(tmp_path / "class"))
    (line,) = list_runs(tmp_path / "elsewhere")
    assert line.run.is_shipped and line.state == "done" and gallery("anywhere") == tmp_path / "class"


def test_the_cache_of_the_project_and_that_of_an_installed_program(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("IGBVIZ_CACHE", raising=False)
    assert cache_folder() == default_cache() == ROOT / "cache"
    monkeypatch.setenv("IGBVIZ_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own" and default_cache() == ROOT / "cache"
    monkeypatch.delenv("IGBVIZ_CACHE")
    monkeypatch.setattr(places, "TREE", None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    monkeypatch.chdir(tmp_path)
    assert cache_folder().name == "igbviz" and ROOT not in cache_folder().parents
    if os.uname().sysname == "Linux":
        assert cache_folder() == tmp_path / "user" / "igbviz"
    monkeypatch.chdir(ROOT)
    assert cache_folder() == ROOT / "cache", "started in the project, it shows the same runs as the project's app"
