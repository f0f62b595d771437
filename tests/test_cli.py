"""The command line: what is asked is done, what is wrong is one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from igbviz import dispatch
from igbviz.cli import main, read_config
from igbviz.config import RunConfig
from igbviz.description import ConfigError
from igbviz.presets import PRESETS
from igbviz.runs import submit
from tests.test_pages import finished


@pytest.fixture(autouse=True)
def nobody_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "ensure_worker", lambda *_, **__: None)


@pytest.mark.parametrize("name", PRESETS)
def test_presets(name: str) -> None:
    assert read_config(name, []) == PRESETS[name].config


def test_changes() -> None:
    config = read_config(
        "first-look", ["loss.name=piecewise-zero", "loss.cutoff=0.2", "epochs=0.5", "probes.size=all", "dataset.scaling=unit"]
    )
    assert (config.loss.name, config.loss.cutoff, config.epochs, config.probes.size) == ("piecewise-zero", 0.2, 0.5, "all")
    assert config.dataset.scaling == "unit" and config.model == PRESETS["first-look"].config.model
    assert read_config("first-look-piecewise-zero", ["loss.name=blurry"]).loss.name == "blurry", "knobs of the old loss are gone"


def test_configuration_file(tiny: RunConfig, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(tiny.to_json())
    assert read_config(str(path), ["seed=4"]) == tiny.with_(seed=4)


@pytest.mark.parametrize(
    ("what", "changes", "words"),
    [
        ("first-luck", [], "neither a .json file nor a preset"),
        ("first-look", ["loss.cutoff"], "key=value"),
        ("first-look", ["loss.cutof=1"], "loss.cutof is not a field"),
        ("first-look", ["loss.cutoff.x=1"], "loss.cutoff"),
        ("first-look", ["speed.x=1"], "speed.x is not a field"),
        ("first-look", ["batch_size=lots"], "batch_size is 'lots', allowed: a whole number from 1"),
        ("first-look", ["model.name=resnet51"], "model is 'resnet51'"),
    ],
)
def test_wrong_requests_are_one_sentence(what: str, changes: list[str], words: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(ConfigError, match=words):
        read_config(what, changes)
    assert main(["train", what, *changes]) == 2
    captured = capsys.readouterr()
    assert words in captured.err and captured.err.count("\n") == 1 and "Traceback" not in captured.err


def test_missing_file_and_unknown_run(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    for arguments in (["train", "nowhere.json"], ["show", "nothing"], ["show", "../up"], ["export", "nothing", "--out", "x.csv"]):
        assert main([*arguments, "--cache", str(tmp_path)]) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_show_list_and_export(tiny: RunConfig, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    run = finished(tiny, tmp_path)
    waiting = submit(tiny.with_(seed=1), tmp_path)
    assert main(["runs", "--cache", str(tmp_path)]) == 0
    output = capsys.readouterr().out
    assert run.id in output and waiting.id in output and "2 runs" in output
    assert main(["show", run.id, "--cache", str(tmp_path)]) == 0
    assert "mean accuracy" in capsys.readouterr().out
    for suffix in (".csv", ".parquet", ".html", ".json"):
        assert main(["export", run.id, "--out", str(tmp_path / f"x{suffix}"), "--cache", str(tmp_path)]) == 0
    import pandas as pd

    table, typed = pd.read_csv(tmp_path / "x.csv", dtype={"class": str}), pd.read_parquet(tmp_path / "x.parquet")
    assert len(table) == len(typed) == 12 * 3
    pd.testing.assert_frame_equal(table, typed, check_dtype=False, rtol=1e-6)
    assert RunConfig(**json.loads((tmp_path / "x.json").read_text())) == tiny
    html = (tmp_path / "x.html").read_text()
    assert "Init." in html and "cdn." not in html.split("plotly.js")[0]
    assert main(["export", run.id, "--out", str(tmp_path / "x.doc"), "--cache", str(tmp_path)]) == 2
    assert ".csv" in capsys.readouterr().err
