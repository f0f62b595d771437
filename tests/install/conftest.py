"""The wheel, installed into a fresh environment that borrows everything else from the present one."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

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


@pytest.fixture(scope="session")
def verification(installed: Installed) -> Iterator[Callable[[], dict[str, Any]] | None]:
    """Waits for pyright's report on the types of igbviz. It takes longest, so it works while the other tests run."""
    if importlib.util.find_spec("pyright") is None:
        yield None
        return
    process, report = pyright(installed, "--verifytypes", "igbviz", "--ignoreexternal")
    yield report
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)  # pyright and the Node.js that it runs in
        process.wait()


def pyright(installed: Installed, *arguments: str) -> tuple[subprocess.Popen, Callable[[], dict[str, Any]]]:
    """The type checker at work, and a function that waits for its report."""
    # --verifytypes takes the first Python on the PATH.
    path = f"{installed.python.parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1", "PATH": path}
    output = installed.folder / f"{Path(arguments[0]).name}.json"
    command = [sys.executable, "-m", "pyright", "--outputjson", *arguments]
    with output.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=installed.folder / "work", env=environment, stdout=file, stderr=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip

    def report() -> dict[str, Any]:
        _, errors = process.communicate(timeout=300)
        text = output.read_text()
        assert text.startswith("{"), text + errors.decode()
        return json.loads(text)

    return process, report


def pip(*arguments: str) -> None:
    process = subprocess.run([sys.executable, "-m", "pip", "-q", *arguments], capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
