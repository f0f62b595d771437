"""Recorded runs on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from igbviz.cli import main
from tests.support.recorded_runs import recorded, watched_outside


@pytest.mark.parametrize("per_epoch", [0, 100])
def test_it_is_listed_shown_and_carried_to_another_cache(
    per_epoch: int, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    run, archive, other = recorded(tmp_path / "a", watched_outside(per_epoch)), tmp_path / "x.zip", tmp_path / "b"
    assert main(["runs", "--cache", str(tmp_path / "a")]) == 0
    assert f"{run.id}  (recorded outside igbviz)" in capsys.readouterr().out
    assert main(["export", run.id, "--out", str(archive), "--cache", str(run.cache)]) == 0
    assert main(["import", str(archive), "--cache", str(other)]) == 0
    capsys.readouterr()
    assert main(["show", run.id, "--cache", str(other)]) == 0
    said = capsys.readouterr().out
    assert "recorded outside igbviz: it was not trained here" in said and "imported: " in said
    assert ("epoch 4, mean accuracy" if per_epoch else "step 400, mean accuracy") in said and "nan" not in said.lower()


def test_its_description_trains_nothing(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    run, file = recorded(tmp_path), tmp_path / "x.json"
    assert main(["export", run.id, "--out", str(file), "--cache", str(tmp_path)]) == 0
    assert json.loads(file.read_text())["title"] == "my own loop"
    capsys.readouterr()
    assert main(["train", str(file), "--cache", str(tmp_path)]) == 2
    errors = capsys.readouterr().err
    assert "'my own loop' was recorded outside igbviz: it cannot be trained" in errors and errors.count("\n") == 1
