"""`runs` and `show`: filters, order, columns, and JSON for other programs."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from igbviz.cli import main
from igbviz.cli.as_json import KEYS, OF_SHOW, print_json
from igbviz.config import RunConfig
from igbviz.ensembles import EnsembleConfig
from igbviz.runs import annotations
from igbviz.runs.run import Run
from igbviz.runs.submit import submit
from tests.support.stored_ensembles import SMALL, drawn
from tests.support.stored_runs import finished


@pytest.fixture
def cache(tiny: RunConfig, tmp_path: Path) -> Path:
    """Seeds 0 to 2, of which 1 has another loss and 2 waits, and an ensemble."""
    robust = finished(tiny.with_(seed=1, loss={"name": "gce"}), tmp_path)
    annotations.change(robust, name="Robust", add=["a", "b"])
    waiting, ensemble = submit(tiny.with_(seed=2), tmp_path), drawn(EnsembleConfig(**SMALL, seed=3), tmp_path)
    for hours, run in enumerate((finished(tiny, tmp_path), robust, waiting, ensemble)):
        run.write_status(run.stored_status().model_copy(update={"submitted": 1.7e9 + 3600 * hours}))
    return tmp_path


def listed(cache: Path, capsys: pytest.CaptureFixture, *options: str) -> list[dict]:
    assert main(["runs", "--json", "--cache", str(cache), *options]) == 0
    return json.loads(capsys.readouterr().out, parse_constant=pytest.fail)


@pytest.mark.parametrize(
    ("options", "seeds"),
    [
        ("", [3, 2, 1, 0]),
        ("--state done", [3, 1, 0]),
        ("--state queued --state done --kind trained", [2, 1, 0]),
        ("--loss gce", [1]),
        ("--model mlp --kind untrained", [3]),
        ("--tag a --tag b", [1]),
        ("--tag c", []),
        ("--sort seed", [0, 1, 2, 3]),
        ("--sort seed --reverse --limit 2", [3, 2]),
        ("--sort epochs --limit 0", []),
        ("--sort epochs", [2, 1, 0, 3]),
    ],
)
def test_filters(options: str, seeds: list[int], cache: Path, capsys: pytest.CaptureFixture) -> None:
    assert [run["seed"] for run in listed(cache, capsys, *options.split())] == seeds


def test_archived_runs_are_listed_on_request(cache: Path, capsys: pytest.CaptureFixture) -> None:
    (gce,) = listed(cache, capsys, "--loss", "gce")
    annotations.change(Run(Path(gce["path"])), archived=True)
    assert not listed(cache, capsys, "--loss", "gce") and listed(cache, capsys, "--loss", "gce", "--archived")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--loss", "gec"], "--loss is 'gec', allowed: one of cross-entropy, gce (did you mean 'gce'?)"),
        (["--dataset", "x"], "--dataset is 'x', allowed: one of gaussian-noise"),
        (["--limit", "-1"], "--limit is -1, allowed: a whole number of at least 0"),
    ],
)
def test_wrong_filters_are_one_sentence(
    options: list[str], sentence: str, cache: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main(["runs", *options, "--cache", str(cache)]) == 2
    assert capsys.readouterr().err == f"igbviz: {sentence}\n"


def test_names_and_tags_are_columns(cache: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["runs", "--kind", "trained", "--cache", str(cache)]) == 0
    header, *lines, count = capsys.readouterr().out.splitlines()
    assert header.split() == ["state", "time", "name", "tags", "run"] and count == f"3 of 4 runs in {cache}"
    (line,) = (line for line in lines if "gce" in line)
    assert line[header.index("name") :].startswith("Robust  a, b  gaussian-noise-mlp-gce-s1-")
    assert main(["runs", "--kind", "untrained", "--cache", str(cache)]) == 0
    assert capsys.readouterr().out.split()[:3] == ["state", "time", "run"], "no column without content"


def test_the_keys_of_a_listed_run(cache: Path, capsys: pytest.CaptureFixture) -> None:
    robust = listed(cache, capsys, "--loss", "gce")[0]
    assert tuple(robust) == KEYS and robust["tags"] == ["a", "b"] and robust["name"] == "Robust"
    assert Path(robust["path"]).is_dir() and robust["shipped"] is False and robust["epochs"] == 2
    waiting = listed(cache, capsys, "--state", "queued")[0]
    assert datetime.fromisoformat(waiting["submitted"]).utcoffset() is not None
    (folder := cache / "runs" / "no run").mkdir()
    unreadable = listed(cache, capsys, "--state", "unreadable")[0]
    assert unreadable["submitted"] is unreadable["seconds"] is None and unreadable["path"] == str(folder)


def shown(cache: Path, capsys: pytest.CaptureFixture, run: str) -> dict:
    assert main(["show", run, "--json", "--cache", str(cache)]) == 0
    return json.loads(capsys.readouterr().out, parse_constant=pytest.fail)


def test_a_training_as_json(cache: Path, capsys: pytest.CaptureFixture, tiny: RunConfig) -> None:
    run = Run(cache / "runs" / tiny.id)
    values, probes = shown(cache, capsys, tiny.id), run.trajectory()
    assert set(values) == {*KEYS, *OF_SHOW} and RunConfig(**values["config"]) == tiny
    assert [line["p_now"] for line in values["classes"]] == pytest.approx(probes.true_class_probability()[-1])
    assert [line["guesses_at_init"] for line in values["classes"]] == pytest.approx(probes.guess_fraction()[0])
    assert [line["favoured"] for line in values["classes"]].index(True) == probes.favoured()
    assert shown(cache, capsys, "last")["kind"] == "untrained"


def test_a_number_that_is_none_is_null(capsys: pytest.CaptureFixture) -> None:
    print_json({"a": [np.float32("nan"), float("inf")], 1: np.int64(2), "c": {"d": (np.bool_(True), None, "NaN")}})
    assert json.loads(capsys.readouterr().out) == {"a": [None, None], "1": 2, "c": {"d": [True, None, "NaN"]}}


def test_an_ensemble_as_json(cache: Path, capsys: pytest.CaptureFixture) -> None:
    values = shown(cache, capsys, "last")
    ensemble = Run(Path(values["path"])).ensemble()
    assert values["networks"] == 6 and values["inputs"] == 50
    for name in ("variance", "cosine", "guesses"):
        assert (values["gamma"][name]["value"], values["gamma"][name]["error"]) == pytest.approx(ensemble.gamma(name))
    assert sum(line["favoured_by"] for line in values["classes"]) == pytest.approx(1)
    assert sum(line["mean_guesses"] for line in values["classes"]) == pytest.approx(1)
