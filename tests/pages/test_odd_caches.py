"""Pages of a cache that holds odd entries, or that cannot be written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from igbviz.config import RunConfig
from igbviz.runs import files
from igbviz.runs.archive import import_runs
from igbviz.runs.run import Run
from tests.support import ROOT
from tests.support.archives import packed
from tests.support.stored_runs import finished

PAGES = ("app.py", "pages/Runs.py", "pages/Compare.py", "pages/Paper.py", "pages/Train.py")


def opened(page: str, **query: str) -> AppTest:
    test = AppTest.from_file(str(ROOT / page), default_timeout=60)
    for name, value in query.items():
        test.query_params[name] = value
    test.run()
    assert not test.exception, page
    return test


@pytest.mark.parametrize("page", PAGES)
def test_an_odd_entry_harms_no_page(page: str, tiny: RunConfig, own_cache: Path) -> None:
    finished(tiny, own_cache)
    (own_cache / "runs" / "circle").symlink_to("circle")
    os.mkdir(os.fsencode(own_cache / "runs") + b"/bad-\xff")
    (own_cache / "runs" / "fifo").mkdir()
    os.mkfifo(own_cache / "runs" / "fifo" / "config.json")
    opened(page)


@pytest.mark.parametrize("page", PAGES)
def test_a_read_only_cache_is_shown_and_said(
    page: str, tiny: RunConfig, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished(tiny, own_cache)
    monkeypatch.setattr(files.os, "access", lambda *_: False)
    assert "is read-only: runs can be seen" in opened(page).warning[0].value


def test_a_full_disk_is_said(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "free", lambda _: 5000)
    assert "is full (5.0 kB free): free some space" in opened("pages/Runs.py").warning[0].value


def test_an_imported_run_is_marked_on_its_page_and_in_the_list(
    tiny: RunConfig, tmp_path: Path, own_cache: Path
) -> None:
    run = finished(tiny, tmp_path / "from")
    import_runs(packed(run), own_cache)
    test = opened("pages/Train.py", run=run.id)
    assert any("imported, not trained here" in caption.value.replace("\\", "") for caption in test.caption)
    assert list(opened("pages/Runs.py").dataframe[0].value["origin"]) == ["imported"]


def test_a_stop_that_is_not_permitted_is_a_sentence(
    tiny: RunConfig, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = finished(tiny, own_cache, "queued")
    test = opened("pages/Train.py", run=run.id)

    def forbidden(self: Path) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "touch", forbidden)
    next(button for button in test.button if button.label == "Stop").click()
    test.run()
    assert not test.exception and [error.value for error in test.error] == [
        f"run {run.id} cannot be changed: permission denied."
    ]
    assert Run.open(run.id, own_cache).stored_status().state == "queued"
