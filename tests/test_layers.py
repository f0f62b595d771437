"""The walls of the house: which package may import which, how large rooms may be, and where Streamlit, plotly and torch
stay."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

from tests.support import ROOT

PACKAGE = ROOT / "igbviz"

# From the ground up. A package imports from lower lines only; those on one line do not know each other.
RANKS = [
    ["spec", "theory", "_torchvision"],
    ["losses", "datasets", "models"],
    ["config", "trajectory"],
    ["training"],
    ["ensembles"],
    ["runs"],
    ["studies"],
    ["charts"],
    ["cli", "ui"],
    ["__main__", "__init__"],
]
RANK = {name: height for height, names in enumerate(RANKS) for name in names}
MODULES = sorted(PACKAGE.rglob("*.py"))


def imports(path: Path, of: str = "igbviz.") -> set[str]:
    """What a file imports of the program, anywhere in it, in full: `igbviz.runs.queue`."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module or ""}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name for name in found if name.startswith(of)}


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def test_imports_point_down() -> None:
    upward = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in MODULES
        for name in imports(path)
        if name.split(".")[1] in RANK
        and name.split(".")[1] != room(path)
        and RANK[name.split(".")[1]] >= RANK[room(path)]
    ]
    assert not upward


def test_every_room_has_a_rank_and_is_small() -> None:
    assert {room(path) for path in MODULES} == set(RANK)
    assert len([path for path in PACKAGE.iterdir() if path.name != "__pycache__"]) <= 20
    for folder in {path.parent for path in MODULES}:
        assert len(list(folder.glob("*.py"))) - 1 <= 20, f"{folder} holds too many modules"
    long = [
        path
        for path in [*MODULES, *ROOT.glob("pages/*.py"), *ROOT.glob("tests/**/*.py")]
        if path.read_text().count("\n") > 400
    ]
    assert not long


def test_streamlit_and_plotly_stay_at_the_edge() -> None:
    for path in MODULES:
        text = path.read_text()
        assert room(path) == "ui" or not ("import streamlit" in text or "from streamlit" in text), path
        assert room(path) in ("charts", "ui") or "import plotly" not in text and "from plotly" not in text, path


def test_no_test_imports_another() -> None:
    """What tests share lies in tests/support: a test may be moved, split or deleted without a look at the others."""
    borrowed = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in ROOT.glob("tests/**/*.py")
        for name in imports(path, "tests.")
        if any(part.startswith("test_") for part in name.split("."))
    ]
    assert not borrowed


def test_no_page_and_no_face_loads_torch() -> None:
    """Descriptions, pages and the face of every package are there before torch is: it takes a second and 200 MB."""
    of_pages = {name for path in [*ROOT.glob("pages/*.py"), ROOT / "app.py"] for name in imports(path)}
    faces = {".".join(path.parent.relative_to(ROOT).parts) for path in PACKAGE.rglob("__init__.py")}
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in MODULES}
    names = sorted(modules & of_pages | faces)
    code = (
        f"import sys, importlib; [importlib.import_module(name) for name in {names}]; import igbviz; "
        "igbviz.RunConfig().id; assert not {'torch', 'torchvision'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_no_face_loads_streamlit_but_that_of_the_pages() -> None:
    faces = sorted(".".join(path.parent.relative_to(ROOT).parts) for path in PACKAGE.rglob("__init__.py"))
    code = (
        f"import sys, importlib; [importlib.import_module(name) for name in {faces}]; "
        "assert 'streamlit' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_the_map_is_the_house() -> None:
    """A row a package, from the ground up, as the imports run."""
    table = (ROOT / "README.md").read_text().split("| package |")[1].split("\n\n")[0]
    rows = [row for row in table.splitlines() if row.startswith("| `")]
    named = [
        name.rstrip("/").removesuffix(".py") for row in rows for name in re.findall(r"`([\w./]+)`", row.split("|")[1])
    ]
    there = {path.name.removesuffix(".py") for path in ROOT.glob("igbviz/*") if not path.name.startswith("_")}
    assert set(named) == there | {"pages", "app"} and len(rows) <= 20
    heights = [RANK[name] for name in named if name in RANK]
    assert heights == sorted(heights)
