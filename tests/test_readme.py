"""The commands, the Python code, the pictures and the links of the README and of the texts behind it work."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import igbviz
from igbviz.cli import main
from igbviz.ui.shell import PAGES
from tests.support import ROOT, first_look_picture
from tests.support.processes import until
from tests.support.servers import free_port, healthy
from tests.support.texts import README, TEXTS, anchors, blocks, links, prose

OPTIONAL = ("IPython", "skorch")  # a block that needs one of these is run where it is installed
CODE = [
    pytest.param(path, number, id=f"{path.stem}-{number}")
    for path in TEXTS
    for number in range(len(blocks("python", path)))
]
# A live stage needs a notebook: the code is run as one of its cells.
CELL = """
import sys
from IPython.core.interactiveshell import InteractiveShell
InteractiveShell.instance().run_cell(sys.stdin.read()).raise_error()
"""


def test_the_readme_is_short() -> None:
    assert prose("One [two](three) four.\n\n| no | no |\n\n```sh\nno\n```\n\nfive") == ["One", "[two]", "four.", "five"]
    assert len(prose(README.read_text())) <= 1_800


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


def run(command: list[str], cache: Path, text: str | None = None) -> str:
    places = {"IGBVIZ_CACHE": str(cache), "PYTHONPATH": str(ROOT), "IPYTHONDIR": str(cache / "ipython")}
    process = subprocess.run(
        command, cwd=ROOT, env=os.environ | places, input=text, capture_output=True, text=True, timeout=300
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


@pytest.mark.worker
def test_commands_without_a_browser(cache: Path, capsys: pytest.CaptureFixture) -> None:
    lines = [line for line in blocks("sh")[3].splitlines() if line]
    assert len(lines) == 3
    for line in lines:
        program, *arguments = line.split()
        assert program == "igbviz"
        output = run([sys.executable, "-m", "igbviz", *arguments], cache)
    assert "2 runs" in output and output.count("done") == 2
    name = re.search(r"(\S+piecewise-zero\S+)", output)[1]
    assert main(["show", name, "--cache", str(cache)]) == 0 and "mean accuracy" in capsys.readouterr().out
    for suffix in ("csv", "parquet", "html", "json", "gif"):
        out = cache / f"run.{suffix}"
        assert main(["export", name, "--cache", str(cache), "--out", str(out)]) == 0 and out.stat().st_size > 100
    assert "done" in run([sys.executable, "-m", "igbviz", "train", str(cache / "run.json")], cache)


def test_every_command_is_listed(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    existing = set(re.findall(r"^    ([a-z]+)\b", capsys.readouterr().out, re.M))
    rows = re.findall(r"^\| (`.*?) \|", (ROOT / "igbviz" / "docs" / "commands.md").read_text(), re.M)
    assert {name for row in rows for name in re.findall(r"`([a-z]+)", row)} == existing
    assert {name for path in TEXTS for name in re.findall(r"`igbviz ([a-z]+)", path.read_text())} <= existing


@pytest.mark.parametrize("path", [README, ROOT / "igbviz" / "docs" / "app.md"], ids=lambda path: path.stem)
def test_every_page_is_listed(path: Path) -> None:
    """Under its title, so that a reader finds it in the menu; Home is what opens."""
    table = path.read_text().split("| page | what it answers |")[1].split("\n\n")[0]
    names = [name for row in re.findall(r"^\| (\w.*?) \|", table, re.M) for name in row.split(", ")]
    assert sorted([*names, "Home"]) == sorted(page.title for page in PAGES.values())


@pytest.mark.worker
@pytest.mark.parametrize(("path", "number"), CODE)
def test_the_python_code(cache: Path, path: Path, number: int) -> None:
    """Every block, in a process and a cache of its own."""
    code = blocks("python", path)[number]
    in_a_notebook = "igbviz.watch(" in code
    for library in OPTIONAL:
        if (f"import {library}" in code or in_a_notebook and library == "IPython") and os.environ.get("CI") != "true":
            pytest.importorskip(library)
    output = run([sys.executable, "-c", CELL if in_a_notebook else code], cache, code)
    assert "submit(" not in code or "print(" not in code or re.match(r"done 0\.\d+", output)


def test_numbers_that_stand_twice_are_the_same() -> None:
    text, docs = README.read_text(), ROOT / "igbviz" / "docs"
    assert f"version = {{{igbviz.__version__}}}" in text
    assert "1,235 kills of a training with\nnothing lost" in text and "first page in 2.6 s" in text
    assert "| kill -9 of a training | 1,235 | 0 | 0 | 0 |" in (docs / "faults.md").read_text()
    assert re.search(r"first visit to a playing first page.*\| 2\.6 s", (docs / "speed.md").read_text())


def test_links_lead_somewhere() -> None:
    found = [(path, *target.partition("#")) for path in TEXTS for target in links(path)]
    assert len(found) > 20
    broken = [
        f"{path.name}: {target}#{anchor}"
        for path, target, _, anchor in found
        for place in [(path.parent / target).resolve() if target else path]
        if not place.exists() or anchor and anchor not in anchors(place)
    ]
    assert not broken


def test_the_pictures_are_pictures() -> None:
    names = re.findall(r"!\[[^]]+\]\(([^)]+)\)", README.read_text())
    assert [Image.open(ROOT / name).format for name in names] == ["GIF", "PNG"]


def test_the_first_picture_moves_and_is_what_the_program_draws() -> None:
    content = first_look_picture.PATH.read_bytes()
    assert len(content) < 1_000_000 and Image.open(io.BytesIO(content)).info["loop"] == 0
    shown, drawn = first_look_picture.frames(content), first_look_picture.drawn()
    assert len(shown) == len(drawn) == 120
    # Letters may have other edges with another version of the font's renderer.
    for number in (0, 30, 59, 60, 90, 119):
        differs = (np.asarray(shown[number][0]) != np.asarray(drawn[number][0])).any(-1).mean()
        assert differs < 0.02, f"frame {number}: python -m tests.support.first_look_picture makes the picture again"
    assert (np.asarray(shown[0][0]) != np.asarray(shown[59][0])).any(-1).mean() > 0.01


def test_the_top_level_is_as_agreed() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    names = {name.split("/")[0] for name in tracked if not name.startswith(".")}
    assert names <= {"app.py", "igbviz", "pages", "cache", "tests", "requirements.txt", "README.md", "pyproject.toml"}
