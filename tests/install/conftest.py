"""The wheel, installed into a fresh environment that borrows everything else from the present one."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.installed import Installed


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling", reason="hatchling builds the wheel: pip install hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT))
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("installed")
    for name in ("home", "work"):
        (folder / name).mkdir()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
    pip("--python", str(folder / "venv" / "bin" / "python"), "install", "--no-deps", "--no-index", str(wheel))
    fresh = Installed(folder)
    (fresh.package.parent / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    return fresh


def pip(*arguments: str) -> None:
    process = subprocess.run([sys.executable, "-m", "pip", "-q", *arguments], capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
