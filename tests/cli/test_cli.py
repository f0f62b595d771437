"""The command line: each command does its work, and each wrong request is one error sentence."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from igbviz.cli import main
from igbviz.cli.arguments import read_config
from igbviz.cli.tables import table
from igbviz.config import PRESETS, RunConfig
from igbviz.ensembles import EnsembleConfig
from igbviz.runs.run import RunError
from igbviz.runs.submit import submit
from igbviz.runs.sweep_config import Sweep
from igbviz.runs.sweeps import Group, list_groups, submit_sweep
from igbviz.spec import ConfigError
from tests.support.stored_runs import finished, stored
from tests.support.trajectories import trajectory


@pytest.mark.parametrize("name", PRESETS)
def test_presets(name: str) -> None:
    assert read_config(name, []) == PRESETS[name].config


def test_changes() -> None:
    config = read_config(
        "first-look",
        ["loss.name=piecewise-zero", "loss.cutoff=0.2", "epochs=0.5", "probes.size=all", "dataset.scaling=unit"],
    )
    assert (config.loss.name, config.loss.cutoff, config.epochs, config.probes.size) == (
        "piecewise-zero",
        0.2,
        0.5,
        "all",
    )
    assert config.dataset.scaling == "unit" and config.model == PRESETS["first-look"].config.model
    assert read_config("first-look-piecewise-zero", ["loss.name=blurry"]).loss.name == "blurry", (
        "hyperparameters of the old loss are gone"
    )


def test_configuration_file(tiny: RunConfig, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(tiny.to_json())
    assert read_config(str(path), ["seed=4"]) == tiny.with_(seed=4)
    path.write_text(tiny.to_json(), encoding="utf-8-sig")
    assert read_config(str(path), []) == tiny, "some editors write a byte-order mark before the text"


@pytest.mark.parametrize(
    ("source", "changes", "message"),
    [
        ("first-luck", [], "neither a .json file nor a preset"),
        ("first-look", ["loss.cutoff"], "key=value"),
        ("first-look", ["loss.cutof=1"], "loss.cutof is not a field"),
        ("first-look", ["loss.cutoff.x=1"], "loss.cutoff"),
        ("first-look", ["speed.x=1"], "speed.x is not a field"),
        ("first-look", ["batch_size=lots"], "batch_size is 'lots', allowed: a whole number from 1"),
        ("first-look", ["model.name=resnet51"], "model is 'resnet51'"),
        ("first-look", ["=3"], "'=3' is not of the form key=value"),
        ("first-look", ["probes=x"], "probes is 'x', allowed: the fields of ProbePlan"),
        ("first-look", ["imbalance=x"], "imbalance is 'x', allowed"),
        ("first-look", ["loss=x"], "loss is 'x', allowed"),
        ("first-look", ["seed=true"], "seed is True, allowed: a whole number"),
    ],
)
def test_wrong_requests_are_one_sentence(
    source: str, changes: list[str], message: str, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(ConfigError, match=message):
        read_config(source, changes)
    assert main(["train", source, *changes]) == 2
    captured = capsys.readouterr()
    assert message in captured.err and captured.err.count("\n") == 1 and "Traceback" not in captured.err


def test_missing_file_and_unknown_run(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    for arguments in (
        ["train", "nowhere.json"],
        ["show", "nothing"],
        ["show", "../up"],
        ["export", "nothing", "--out", "x.csv"],
    ):
        assert main([*arguments, "--cache", str(tmp_path)]) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_files_that_are_missing_or_not_text_are_named(
    tiny: RunConfig, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    run, latin = finished(tiny, tmp_path), tmp_path / "latin.json"
    latin.write_bytes(b'{"title": "\xe9"}')
    unwritable = str(tmp_path / "nowhere" / "x.csv")
    missing = "cannot be read or written: no such file or directory"
    for arguments, message in (
        (["train", "nowhere.json"], f"nowhere.json {missing}"),
        (["import", "nowhere.zip"], f"nowhere.zip {missing}"),
        (["export", run.id, "--out", unwritable], f"{unwritable} {missing}"),
        (["export", run.id, "--out", unwritable.replace("csv", "zip")], missing),
        (
            ["export", run.id, "--out", "x.doc"],
            "--out is 'x.doc', allowed: a file ending in .csv, .gif, .html, .json, .parquet, .png, .svg, .zip",
        ),
        (["train", str(latin)], f"{latin} is not text in UTF-8: "),
        (["sweep", str(latin)], f"{latin} is not text in UTF-8: "),
    ):
        assert main([*arguments, "--cache", str(tmp_path)]) == 2
        error = capsys.readouterr().err
        assert message in error and "Errno" not in error and error.count("\n") == 1, error


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


def test_the_table_compares_the_same_quantities_at_init_and_now(tiny: RunConfig, tmp_path: Path) -> None:
    """The predicted probability over all images at Init. once stood beside the true-class probability now."""
    probes = trajectory(probes=6, classes=3)
    assert not np.allclose(probes.predicted_probability()[0], probes.true_class_probability()[0], atol=0.01)
    text = table(stored(tiny, tmp_path, probes, names=["a", "b", "c"]))
    header, *lines, epoch, explanation = text.split("\n", 5)
    assert [column.strip() for column in re.split(r"  +", header.strip())] == [
        "class", "p at Init.", "p now", "accuracy now", "guesses at Init.", "guesses now", "alive",
    ]  # fmt: skip
    rows = [line.replace("*", " ").split() for line in lines]
    assert [row[0] for row in rows] == ["a", "b", "c"]
    probability, guesses = probes.true_class_probability(), probes.guess_fraction()
    columns = (probability[0], probability[-1], probes.accuracy()[-1], guesses[0], guesses[-1])
    np.testing.assert_allclose(np.array([row[1:-1] for row in rows], float).T, columns, atol=6e-4)
    assert [line.find("*") >= 0 for line in lines].index(True) == probes.favoured() and text.count("*") == 2
    assert [row[-1] for row in rows] == ["never" if step is None else str(step) for step in probes.alive_steps()]
    assert epoch.startswith("epoch ") and "mean accuracy" in epoch
    assert "p: mean probability of the true class over the images of that class" in explanation
    assert "guesses: fraction of all images that are guessed as that class" in explanation


def as_json(sweep: Sweep, folder: Path) -> str:
    path = folder / "sweep.json"
    path.write_text(sweep.to_json())
    return str(path)


def test_sweep_from_a_file(tiny: RunConfig, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    sweep = Sweep(
        base=tiny, axes={"loss": ["cross-entropy", {"name": "gce", "q": 0.5}], "seed": [0, 1]}, title="Two losses"
    )
    for config in sweep.configs():
        finished(config, tmp_path)
    for source in (as_json(sweep, tmp_path), sweep.id):
        assert main(["sweep", source, "--cache", str(tmp_path)]) == 0
        output = capsys.readouterr().out
        assert output.startswith(f"sweep {sweep.id}: Two losses\n") and output.endswith("4 done\n")
        assert output.count("gce (q 0.5)") == 2 and all(config.id in output for config in sweep.configs())
        assert ("4 runs, 4 already finished: about 0 s" in output) == (source != sweep.id)


def test_sweep_from_options(tiny: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Group, "follow", lambda group: iter([group.progress()]))
    arguments = [
        "sweep",
        "--preset",
        "first-look-blurry",
        "--losses",
        "mae,gce",
        "--seeds",
        "2",
        "--set",
        "optimizer.learning_rate=1e-5,0.1",
    ]
    assert main([*arguments, "--set", "epochs=0.5", "--title", "Mine", "--cache", str(tmp_path)]) == 0
    (group,) = list_groups(tmp_path)
    axes = {"loss": ["mae", "gce"], "optimizer.learning_rate": [1e-5, 0.1], "epochs": [0.5], "seed": [0, 1]}
    assert (
        group.sweep == Sweep(base=PRESETS["first-look-blurry"].config, axes=axes, title="Mine") and len(group.runs) == 8
    )
    file = as_json(Sweep(base=tiny, axes={"seed": [0, 1, 2], "batch_size": [8, 16]}), tmp_path)
    assert main(["sweep", file, "--seeds", "1", "--cache", str(tmp_path)]) == 0, "an option overrides the file"
    assert len(list_groups(tmp_path)[0].runs) == 2


def test_a_sweep_continues_after_an_interrupt_and_is_stopped_by_name(
    tiny: RunConfig, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(group: Group):
        yield group.progress()
        raise KeyboardInterrupt

    file = as_json(Sweep(base=tiny, axes={"seed": [0, 1]}), tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(Group, "follow", interrupted)
        assert main(["sweep", file, "--cache", str(tmp_path)]) == 130
    (group,) = list_groups(tmp_path)
    assert f"sweep {group.id} --stop" in capsys.readouterr().err and group.progress().counts == {"queued": 2}
    assert main(["sweep", group.id, "--stop", "--cache", str(tmp_path)]) == 0
    assert group.progress().counts == {"stopped": 2} and "2 stopped" in capsys.readouterr().out


def test_a_sweep_reports_failed_and_unreadable_runs(
    tiny: RunConfig, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    group = submit_sweep(Sweep(base=tiny, axes={"seed": [0, 1, 2]}), tmp_path)
    finished(tiny, tmp_path, "failed")
    group.runs[1].delete()
    (group.runs[1].path / "status.json").write_text("{")
    assert main(["sweep", group.id, "--cache", str(tmp_path)]) == 1
    output = capsys.readouterr().out
    assert "1 failed, 1 unreadable, 1 missing" in output and output.count(" - ") >= 2
    with pytest.raises(RunError):
        group.runs[1].status  # noqa: B018


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "a sweep needs a .json file or an axis"),
        (["--losses", "mse"], "axes.loss is 'mse', allowed"),
        (["--seeds", "0"], "axes.seed is [], allowed"),
        (["--seeds", "1000"], "axes ask for 1,000 runs, allowed: at most 500"),
        (["--set", "epochs"], "'epochs' is not of the form key=values"),
        (["--set", "epochs="], "axes.epochs is [], allowed"),
        (["--set", "loss.gamma=1,2"], "axes.loss.gamma is not a field of cross-entropy"),
        (["--preset", "last-look", "--seeds", "2"], "'last-look' is neither"),
        (["--seeds", "2", "--stop"], "--stop needs the name"),
        (["no-such-sweep"], "sweep 'no-such-sweep' is not in the cache"),
        (["nowhere.json"], "nowhere.json cannot be read or written: no such file or directory"),
        (["--set", "=1"], "'=1' is not of the form key=values"),
    ],
)
def test_wrong_sweeps_are_one_sentence(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main(["sweep", *arguments, "--cache", str(tmp_path)]) == 2
    captured = capsys.readouterr()
    assert message in captured.err and captured.err.count("\n") == 1 and not list(tmp_path.iterdir())


def test_a_run_is_moved_to_another_cache_as_a_zip(
    tiny: RunConfig, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    run, archive = finished(tiny, tmp_path / "here"), tmp_path / "run.zip"
    assert main(["export", run.id, "--out", str(archive), "--cache", str(tmp_path / "here")]) == 0
    assert main(["import", str(archive), "--cache", str(tmp_path / "there")]) == 0
    assert (tmp_path / "there" / "runs" / run.id / "trajectory.bin").read_bytes() == run.records.read_bytes()
    assert f"new: {run.id}" in capsys.readouterr().out
    archive.write_bytes(b"no archive")
    assert main(["import", str(archive), "--cache", str(tmp_path / "there")]) == 2
    assert "igbviz: " in capsys.readouterr().err


def test_an_ensemble_is_shown_before_its_first_network(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    run = submit(EnsembleConfig(networks=2, inputs=10), tmp_path)
    assert main(["show", run.id, "--cache", str(tmp_path)]) == 0
    output = capsys.readouterr().out
    assert '"networks": 2' in output and output.endswith("no network yet\n")
