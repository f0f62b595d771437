"""`stop`, `rename`, `tag`, `delete` and `restore`."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from igbviz.cli import main
from igbviz.config import RunConfig
from igbviz.runs import annotations
from igbviz.runs.run import Run
from igbviz.runs.submit import submit
from tests.support.stored_runs import finished, queued


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def runs(tiny: RunConfig, tmp_path: Path) -> list[Run]:
    """One that is done, and one that waits."""
    return [finished(tiny, tmp_path), submit(tiny.with_(seed=1), tmp_path)]


def call(cache: Path, *words: str) -> int:
    return main([*words, "--cache", str(cache)])


def test_stop(runs: list[Run], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert call(tmp_path, "stop", *(run.id for run in runs)) == 0
    done, stopped = capsys.readouterr().out.splitlines()
    assert done == f"{runs[0].id} has ended already: done" and stopped == f"{runs[1].id}: stopped"
    assert runs[1].stored_status().state == "stopped" and not queued(tmp_path)


def test_rename_and_tag(runs: list[Run], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    name = runs[0].id
    assert call(tmp_path, "rename", name, "My run") == call(tmp_path, "tag", name, "a", "b") == 0
    assert call(tmp_path, "tag", name, "a", "--remove") == 0
    changed = annotations.read(runs[0])
    assert changed.name == "My run" and changed.tags == ("b",)
    capsys.readouterr()
    assert call(tmp_path, "tag", name) == 0 and capsys.readouterr().out == f"{name}: b\n"
    assert call(tmp_path, "rename", name, "n" * 101) == 2
    assert capsys.readouterr().err == "igbviz: name has 101 characters, allowed: at most 100\n"


def test_delete_and_restore(runs: list[Run], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    name = runs[0].id
    assert call(tmp_path, "delete", name, "--yes") == 0 and not runs[0].path.exists()
    captured = capsys.readouterr()
    assert captured.out == f"deleted: {name}\n" and f"igbviz restore {name}" in captured.err
    assert call(tmp_path, "restore") == 0 and capsys.readouterr().out == f"{name}\n"
    assert call(tmp_path, "restore", name[:-4]) == 0 and runs[0].stored_status().state == "done"
    assert call(tmp_path, "restore", name) == 2 and "is not in the trash" in capsys.readouterr().err


def test_nothing_is_deleted_without_a_terminal_or_a_yes(
    runs: list[Run], tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [run.id for run in runs]
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert call(tmp_path, "delete", names[0]) == 2 and "--yes" in capsys.readouterr().err
    for answer in ("n\n", "\n"):
        monkeypatch.setattr(sys, "stdin", Terminal(answer))
        assert call(tmp_path, "delete", *names) == 1 and "nothing was deleted" in capsys.readouterr().err
    assert all(run.path.is_dir() for run in runs)
    monkeypatch.setattr(sys, "stdin", Terminal("yes\n"))
    assert call(tmp_path, "delete", *names) == 0 and not any(run.path.exists() for run in runs)


def test_shipped_runs_do_not_change(runs: list[Run], tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "gallery").mkdir()
    runs[0].path.rename(shipped := tmp_path / "gallery" / runs[0].id)
    for words in (("delete", shipped.name, "--yes"), ("tag", shipped.name, "a"), ("rename", shipped.name, "a")):
        assert call(tmp_path, *words) == 2
        error = capsys.readouterr().err
        assert "ships with the program" in error and error.count("\n") == 1
    assert shipped.is_dir()
