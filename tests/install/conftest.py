"""The wheel, installed into a fresh environment that borrows everything else from the present one."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import ROOT


@dataclass(frozen=True)
class Installed:
    """A fresh environment with igbviz in it, and a home and a working folder of its own, far from the project."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "venv" / "bin" / "python"

    @property
    def package(self) -> Path:
        return next(self.folder.glob("venv/lib/python*/site-packages/igbviz"))

    @property
    def environment(self) -> dict[str, str]:
        """Without what names a folder of the project, or of a user who runs the tests."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("IGBVIZ_", "PYTHON", "XDG_"))}
        return kept | {"HOME": str(self.folder / "home"), "IGBVIZ_IDLE_SECONDS": "1"}

    def command(self, *arguments: str) -> list[str]:
        return [str(self.python.with_name("igbviz")), *arguments]

    def run(self, *arguments: str) -> str:
        """The output of the command `igbviz`; fails with its errors."""
        process = subprocess.run(
            self.command(*arguments),
            cwd=self.folder / "work",
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert process.returncode == 0, process.stderr
        return process.stdout


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
