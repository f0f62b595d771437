"""The command for a GPU works, in its CPU form, where the packages of the pages are missing; and nothing stops it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from igbviz.runs.archive import import_runs
from igbviz.runs.listing import list_runs
from tests.gpu import campaign as campaigns
from tests.gpu.bench import Options
from tests.gpu.campaign import campaign
from tests.gpu.parts import data
from tests.gpu.registry import PARTS, Part
from tests.support import ROOT

# What a machine with a GPU, where only torch and a few wheels are installed, need not have.
OF_PAGES = ("streamlit", "plotly", "segno", "pandas", "pyarrow", "orjson", "playwright", "anywidget")

HIDING = """
import sys
from importlib.machinery import PathFinder

class Hiding(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in NAMES else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Hiding
"""


def command(folder: Path, hidden: tuple[str, ...], *arguments: str) -> subprocess.CompletedProcess:
    """Run the command where these packages cannot be imported."""
    (folder / "sitecustomize.py").write_text(HIDING.replace("NAMES", repr(set(hidden))))
    return subprocess.run(
        [sys.executable, "-m", "tests.gpu", *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=240,
    )


def test_help_lists_the_parts_and_imports_nothing(tmp_path: Path) -> None:
    done = command(tmp_path, ("torch", "numpy", "pydantic", "igbviz"), "--help")
    assert done.returncode == 0, done.stderr
    assert all(f"\n  {name} " in done.stdout for name in PARTS)
    assert "pydantic-core==" in done.stdout and "pip download" in done.stdout


def test_what_is_missing_is_one_sentence(tmp_path: Path) -> None:
    done = command(tmp_path, (), "--wheels", str(tmp_path))
    assert (done.returncode, done.stderr) == (1, f"--wheels {tmp_path} has no wheels, that is, no files *.whl\n")
    done = command(tmp_path, (), "--parts", "engine,motor")
    assert done.returncode == 2 and "--parts names motor, allowed: data, engine," in done.stderr


@pytest.mark.worker
def test_all_parts_on_a_cpu_without_the_packages_of_the_pages(tmp_path: Path) -> None:
    out, cache = tmp_path / "out", tmp_path / "cache"
    places = ("--out", str(out), "--cache", str(cache))
    done = command(tmp_path, OF_PAGES, "--device", "cpu", "--small", "--minutes", "3", *places)
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed
    parts = json.loads((out / "results.json").read_text())["parts"]
    assert {name: part["state"] for name, part in parts.items()} == dict.fromkeys(PARTS, "done"), printed
    assert all(part["notes"] for part in parts.values())
    assert "needs cuda" in (out / "RESULTS.md").read_text()
    for archive in (archives := sorted(out.glob("*.zip"))):
        with open(archive, "rb") as file:
            import_runs(file, tmp_path / "other")
    assert len(archives) == len(list_runs(tmp_path / "other")) == 3


def options(folder: Path, **more: Path) -> Options:
    return Options("cpu", False, folder, folder / "cache", folder, more.get("data"))


@pytest.mark.worker
def test_no_part_stops_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaigns, "GRACE", 0.5)
    monkeypatch.setattr(campaigns, "PRELOAD", [])
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))  # which other tests take for a page's script
    names = ("raises", "dies", "hangs", "finds_fault", "works")
    parts = [Part(name, "", 4.0 if name == "hangs" else 60.0, f"tests.gpu.bad_parts:{name}") for name in names]
    outcomes = campaign(parts, options(tmp_path), 120.0, say=lambda line: None)
    states = ["error", "died", "ended, since its time was over", "failed", "done"]
    assert [outcome.state for outcome in outcomes] == states
    assert all(outcome.notes[0]["what"] == "before" for outcome in outcomes), "what was found before is kept"
    assert [outcome.is_bad for outcome in outcomes] == [True, True, False, True, False]


def test_later_parts_get_what_is_left(tmp_path: Path) -> None:
    outcome = campaign([PARTS["runs"]], options(tmp_path), 5.0, say=lambda line: None)[0]
    assert (outcome.state, outcome.notes) == ("no time left", [])


@pytest.mark.parametrize("inside", ["", "cifar10/"])
def test_an_archive_of_pictures_is_unpacked(inside: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "HOME", tmp_path / "home")
    monkeypatch.setenv("HOME", str(tmp_path))
    archive = tmp_path / "pictures.tar.xz"
    with tarfile.open(archive, "w:xz") as tar:
        for number, name in enumerate(("train/cat/0", "train/dog/0", "test/cat/0", "test/dog/0")):
            file = io.BytesIO()
            Image.fromarray(np.full((8, 8), 20 * number, np.uint8)).save(file, "PNG")
            entry = tarfile.TarInfo(f"{inside}{name}.png")
            entry.size = file.tell()
            tar.addfile(entry, io.BytesIO(file.getvalue()))
    fields = data.found(options(tmp_path, data=archive))
    assert data.DATASETS[fields["name"]](**fields).facts().class_names == ("cat", "dog")
    assert fields["folder"] == f"~/home/pictures/{inside}".rstrip("/")
    assert fields["grayscale"] and fields["scaling"] == "raw", "as the paper's preset"


def test_a_damaged_archive_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "pictures.tar.xz"
    archive.write_bytes(b"no archive")
    monkeypatch.setattr(data, "HOME", tmp_path / "home")
    with pytest.raises(data.DataError, match=r"pictures\.tar\.xz cannot be unpacked: "):
        data.found(options(tmp_path, data=archive))
