"""igbviz in an environment of its own, far from the project."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path


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
