"""Pictures of one's own on the pages, headless: dropped, chosen, trained on and deleted."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from igbviz.config import RunConfig
from igbviz.datasets import uploads
from igbviz.runs.run import Run
from igbviz.runs.submit import submit
from igbviz.ui.views import pictures as view
from tests.support import ROOT
from tests.support.pages import as_read, page
from tests.support.pictures import pets, picture, zipped

TRAIN, RUNS = ROOT / "pages/Train.py", ROOT / "pages/Runs.py"
FORM = "first-look-cross-entropy-dataset"
DROP = f"{FORM}-image-folder-upload"


@pytest.fixture(autouse=True)
def own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IGBVIZ_DATA", str(tmp_path / "data"))


def opened() -> AppTest:
    """The Train page with pictures of one's own chosen as the data."""
    test = page(TRAIN)
    test.selectbox(key=f"{FORM}-name").select("image-folder").run()
    return test


def drop(test: AppTest, content: bytes, number: int = 0) -> AppTest:
    test.file_uploader(key=f"{DROP}-{number}").upload("pets.zip", content, "application/zip").run()
    assert not test.exception
    return test


def test_a_dropped_zip_is_chosen_and_trained_on(own_cache: Path) -> None:
    test = drop(opened(), zipped(pets() | {"notes.txt": b"x"}).getvalue())
    (pictures,) = uploads.sets(own_cache)
    assert test.selectbox(key=f"{FORM}-image-folder-pictures-1").value == str(pictures.folder)
    assert any("passed over: 1 .txt" in as_read(caption) for caption in test.caption)
    shown = next(part.body for part in test.get("html") if "igbviz-pictures" in part.body)
    assert 'alt="4 pictures of cat"' in shown and "dog: 4 + 2" in shown
    assert any("steps show little" in as_read(caption) for caption in test.caption)
    test.button(key="train").click().run()
    config = Run.open("".join(test.query_params["run"]), own_cache).config
    assert config.dataset.folder == str(pictures.folder) and config.dataset.size == 32 and config.dataset.fingerprint


def test_a_refused_zip_is_reported_and_another_may_be_dropped(own_cache: Path) -> None:
    test = drop(opened(), zipped({"cat/1.png": b"no"}).getvalue())
    assert any("has 1 folder with pictures (cat), allowed" in as_read(error) for error in test.error)
    drop(test, zipped(pets()).getvalue(), number=1)
    assert len(uploads.sets(own_cache)) == 1 and not test.error


def test_who_comes_too_late_reads_why_and_may_try_again(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    test, reasons = opened(), iter(["The server is busy"])
    monkeypatch.setattr(view, "refusal", lambda: next(reasons, None))
    for _ in range(2):
        test.run()
        assert "The server is busy." in map(as_read, test.error)
    drop(test, zipped(pets()).getvalue(), number=1)
    assert len(uploads.sets(own_cache)) == 1 and not test.error


def test_the_settings_follow_the_pictures_that_are_chosen(own_cache: Path) -> None:
    squares = {name: picture(seed, size=(28, 28)) for seed, name in enumerate(pets(2))}
    large, small = (uploads.add(zipped(files), "pets.zip", own_cache) for files in (pets(2), squares))
    test = opened()
    box, sizes = f"{FORM}-image-folder-pictures-0", {}
    for chosen in (large, small):
        test.selectbox(key=box).select(str(chosen.folder)).run()
        sizes[chosen] = test.number_input(key=f"{FORM}-image-folder-{chosen.folder.name}-size").value
    assert sizes == {large: 32, small: None}
    test.selectbox(key=box).select("").run()
    assert test.text_input(key=f"{FORM}-image-folder-folder").value == ""


def test_nothing_is_dropped_into_a_read_only_cache(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view.files, "read_only", lambda _: "the cache is read-only")
    assert not opened().file_uploader


def test_the_server_accepts_what_is_allowed() -> None:
    settings = tomllib.loads((ROOT / ".streamlit/config.toml").read_text())
    assert settings["server"]["maxUploadSize"] * uploads.MB == uploads.MAX_UPLOAD


def test_pictures_are_deleted_once_no_run_needs_them(own_cache: Path, tiny: RunConfig) -> None:
    used, unused = (uploads.add(zipped(pets(count)), "pets.zip", own_cache) for count in (2, 3))
    run = submit(tiny.with_(dataset={"name": "image-folder", "folder": str(used.folder), "size": 8}), own_cache)
    test = page(RUNS)
    table = next(frame for frame in test.dataframe if "pictures" in frame.value.columns)
    assert table.value["pictures"].tolist() == [
        "pets: 4 + 2 pictures of 2 classes",
        "pets: 2 + 2 pictures of 2 classes",
    ]
    key = f"uploaded-table-{hash((unused.folder, used.folder))}"
    test.session_state[key] = {"selection": {"rows": [0, 1], "columns": [], "cells": []}}
    test.run()
    test.button(key="delete-pictures").click().run()
    assert not test.exception
    assert uploads.sets(own_cache) == [used]
    assert any(f"while run {run.id} is trained on them" in as_read(warning) for warning in test.warning)
