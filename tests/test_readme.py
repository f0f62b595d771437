"""The commands, the Python code and the pictures of the README work."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from igbviz.cli import main
from tests.support import ROOT
from tests.support.processes import until
from tests.support.servers import free_port, healthy

README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


def test_the_first_two_commands_are_install_and_run() -> None:
    app, tests = blocks("sh")[:2]
    assert app.strip() == "pip install -r requirements.txt && streamlit run app.py"  # run by the browser tests
    assert tests.strip() == "pip install -r requirements.txt && python -m pytest"  # run by whoever reads this


def test_the_first_start_on_a_new_machine_needs_no_input(tmp_path: Path) -> None:
    """With a display and an empty home, Streamlit asks for an e-mail address and waits, unless told not to."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STREAMLIT_")}
    environment |= {
        "HOME": str(tmp_path),
        "DISPLAY": ":0",
        "BROWSER": "/bin/true",
        "IGBVIZ_CACHE": str(tmp_path / "cache"),
    }
    port, log = free_port(), tmp_path / "server.log"
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}"]
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        until(lambda: server.poll() is not None or healthy(f"http://127.0.0.1:{port}"), 60, "the start of app.py")
        assert server.poll() is None, log.read_text()
    finally:
        server.kill()
        server.wait()


def run(command: list[str], cache: Path) -> str:
    environment = os.environ | {"IGBVIZ_CACHE": str(cache), "PYTHONPATH": str(ROOT)}
    process = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert process.returncode == 0, process.stderr
    return process.stdout


@pytest.mark.worker
def test_commands_without_a_browser(cache: Path, capsys: pytest.CaptureFixture) -> None:
    lines = [line for line in blocks("sh")[2].splitlines() if line]
    assert len(lines) == 3
    for line in lines:
        program, *arguments = line.split()
        assert program == "python"
        output = run([sys.executable, *arguments], cache)
    assert "2 runs" in output and output.count("done") == 2
    name = re.search(r"(\S+piecewise-zero\S+)", output)[1]
    assert main(["show", name, "--cache", str(cache)]) == 0 and "mean accuracy" in capsys.readouterr().out
    for suffix in ("csv", "parquet", "html", "json"):
        out = cache / f"run.{suffix}"
        assert main(["export", name, "--cache", str(cache), "--out", str(out)]) == 0 and out.stat().st_size > 100
    assert "done" in run([sys.executable, "-m", "igbviz", "train", str(cache / "run.json")], cache)


@pytest.mark.worker
def test_the_python_code(cache: Path) -> None:
    (code,) = blocks("python")
    assert re.match(r"done 0\.\d+", run([sys.executable, "-c", code], cache))


def test_the_pictures_exist() -> None:
    for name in re.findall(r"!\[[^]]*\]\(([^)]+)\)", README):
        assert (ROOT / name).read_bytes().startswith(b"\x89PNG")


def test_the_top_level_is_as_agreed() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    names = {name.split("/")[0] for name in tracked if not name.startswith(".")}
    assert names <= {"app.py", "igbviz", "pages", "cache", "tests", "requirements.txt", "README.md", "pyproject.toml"}
