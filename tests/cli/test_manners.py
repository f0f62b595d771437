"""What a terminal expects of a program: help, streams, exit statuses, Ctrl-C, closed pipes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import igbviz
from igbviz.cli import main
from igbviz.cli.arguments import find_run
from igbviz.config import RunConfig
from igbviz.runs.run import Run, RunError
from igbviz.runs.status import Status
from igbviz.runs.submit import submit
from tests.support import ROOT
from tests.support.stored_runs import finished

FIRST = ["train", "first-look", "epochs=0.1"]


def test_called_bare_it_shows_its_help(capsys: pytest.CaptureFixture) -> None:
    assert main([]) == 0
    captured = capsys.readouterr()
    assert not captured.err and all(word in captured.out for word in ("train", "initialize", "open", "completion"))


def test_it_tells_its_version(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0 and capsys.readouterr().out == f"igbviz {igbviz.__version__}\n"


def test_a_command_that_is_none_is_one_sentence(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["trian", "first-look"])
    assert caught.value.code == 2
    assert capsys.readouterr().err == "igbviz: 'trian' is not a command (did you mean 'train'?): `igbviz` lists them\n"


def shell(line: str, cache: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"IGBVIZ_CACHE": str(cache), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""}
    line = line.replace("igbviz", f"{sys.executable} -m igbviz")
    return subprocess.run(["bash", "-c", line], env=environment, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("line", ["igbviz runs", "igbviz --help"])
def test_a_closed_pipe_is_silent(line: str, tmp_path: Path) -> None:
    ended = shell(f"{line} | true; echo ${{PIPESTATUS[0]}}", tmp_path)
    assert ended.stderr == "" and ended.stdout == "141\n"


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    ended = shell("igbviz losses --json > /dev/full", tmp_path)
    assert ended.returncode == 2 and ended.stderr.count("\n") == 1 and "no space left" in ended.stderr


def interrupted(run: Run, *_: object, **__: object) -> Iterator[Status]:
    yield run.stored_status()
    raise KeyboardInterrupt


def test_ctrl_c_stops_the_run_and_says_how_it_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Run, "follow", interrupted)
    monkeypatch.setattr(Run, "wait", lambda run, timeout=None: run.stored_status())
    assert main([*FIRST, "--cache", str(tmp_path)]) == 130
    captured = capsys.readouterr()
    (folder,) = (tmp_path / "runs").iterdir()
    assert captured.out == f"run {folder.name}\n" and Run(folder).stored_status().state == "stopped"
    assert "stopped, nothing was recorded yet; to go on: " in captured.err
    assert captured.err.rstrip().endswith(f"igbviz train first-look epochs=0.1 --cache {tmp_path}")


@pytest.mark.parametrize("state", ["failed", "diverged", "stopped"])
def test_a_run_that_is_not_done_is_told_on_stderr(
    state: str, tiny: RunConfig, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished(tiny, tmp_path, state)
    monkeypatch.setattr(Run, "resume", lambda *_: None)
    (tmp_path / "run.json").write_text(tiny.to_json())
    assert main(["train", str(tmp_path / "run.json"), "--cache", str(tmp_path)]) == 1
    captured = capsys.readouterr()
    assert f"{state}: " in captured.err and state not in captured.out and "mean accuracy" in captured.out


def test_before_a_run_begins_its_duration_is_told(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    cache = ["--cache", str(tmp_path)]
    assert main([*FIRST, "--dry-run", *cache]) == 0 and not list(tmp_path.iterdir())
    dry = capsys.readouterr().out
    assert main([*FIRST, "--detach", *cache]) == 0
    captured = capsys.readouterr()
    (folder,) = (tmp_path / "runs").iterdir()
    assert captured.out == f"{folder.name}\n", "nothing but the name, so that a script can take it"
    assert dry == f"run {folder.name}: {captured.err}" and "31 steps, " in dry and "a rough guess" in dry
    assert main([*FIRST, "--detach", *cache]) == 0, "the same run"
    assert main(["sweep", "--seeds", "2", "--dry-run", *cache]) == 0 and "2 runs" in capsys.readouterr().out
    assert not (tmp_path / "sweeps").exists()


class TestNamesOfRuns:
    @pytest.fixture
    def runs(self, tiny: RunConfig, tmp_path: Path) -> list[Run]:
        return [submit(tiny.with_(seed=seed), tmp_path) for seed in (1, 2, 10)]

    def test_the_beginning_of_a_name_or_of_its_last_part(self, runs: list[Run], tmp_path: Path) -> None:
        for run in runs:
            assert find_run(run.id, tmp_path) == run
            assert find_run(run.id[:-3], tmp_path) == run, "the rest of the hash"
            assert find_run(run.id.rpartition("-")[2][:6], tmp_path) == run

    def test_last_is_the_newest_of_ones_own(self, runs: list[Run], tmp_path: Path) -> None:
        assert find_run("last", tmp_path) == runs[-1]
        with pytest.raises(RunError, match="there is no run of your own in .*: `.*igbviz train first-look` trains one"):
            find_run("last", tmp_path / "empty")

    def test_an_ambiguous_beginning_is_one_sentence(self, runs: list[Run], tmp_path: Path) -> None:
        with pytest.raises(RunError, match="^3 runs begin with 'gaussian', allowed: one of gaussian-noise-mlp-"):
            find_run("gaussian", tmp_path)
        with pytest.raises(RunError, match="^run 'nothing' is not in the cache"):
            find_run("nothing", tmp_path)
