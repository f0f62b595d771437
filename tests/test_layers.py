"""The layers of the program: which package may import which, the size of packages and modules, and where Streamlit,
plotly and torch may be imported."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

from tests.support import ROOT

PACKAGE = ROOT / "igbviz"

# From the lowest layer up. A package imports only from lower layers; packages of one layer do not import each other.
LAYERS = [
    ["spec", "disk", "theory", "_torchvision"],
    ["plugins"],
    ["losses", "datasets", "models"],
    ["config", "trajectory"],
    ["training"],
    ["ensembles"],
    ["runs"],
    ["recording", "studies"],
    ["charts"],
    ["notebook", "cli", "ui"],
    ["__main__", "__init__"],
]
LAYER_OF = {name: layer for layer, names in enumerate(LAYERS) for name in names}
MODULES = sorted(PACKAGE.rglob("*.py"))


def imports(path: Path, of: str = "igbviz.") -> set[str]:
    """The full names that a file imports, anywhere in it, as in `igbviz.runs.queue`; those that start with `of`."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module or ""}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name for name in names if name.startswith(of)}


def package(path: Path) -> str:
    """The top-level package or module of a file in igbviz/."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def test_imports_point_down() -> None:
    upward = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in MODULES
        for name in imports(path)
        if name.split(".")[1] in LAYER_OF
        and name.split(".")[1] != package(path)
        and LAYER_OF[name.split(".")[1]] >= LAYER_OF[package(path)]
    ]
    assert not upward


def test_every_package_has_a_layer_and_is_small() -> None:
    assert {package(path) for path in MODULES} == set(LAYER_OF)
    assert len([path for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"]) <= 20
    for folder in {path.parent for path in MODULES}:
        assert len(list(folder.glob("*.py"))) - 1 <= 20, f"{folder} has too many modules"
    long = [
        path
        for path in [*MODULES, *ROOT.glob("pages/*.py"), *ROOT.glob("tests/**/*.py")]
        if path.read_text().count("\n") > 400
    ]
    assert not long


def test_streamlit_and_plotly_stay_at_the_edge() -> None:
    for path in MODULES:
        text = path.read_text()
        assert package(path) == "ui" or not ("import streamlit" in text or "from streamlit" in text), path
        assert package(path) in ("charts", "ui") or "import plotly" not in text and "from plotly" not in text, path


def test_no_test_imports_another() -> None:
    """Shared code is in tests/support, so that a test can be moved, split or deleted without affecting others."""
    imported = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in ROOT.glob("tests/**/*.py")
        for name in imports(path, "tests.")
        if any(part.startswith("test_") for part in name.split("."))
    ]
    assert not imported


def test_no_page_and_no_package_init_loads_torch() -> None:
    """Configurations, pages and the `__init__` of every package work without torch, which takes a second and 200 MB."""
    page_imports = {name for path in [*ROOT.glob("pages/*.py"), ROOT / "app.py"] for name in imports(path)}
    inits = {".".join(path.parent.relative_to(ROOT).parts) for path in PACKAGE.rglob("__init__.py")}
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in MODULES}
    names = sorted(modules & page_imports | inits)
    code = (
        f"import sys, importlib; [importlib.import_module(name) for name in {names}]; import igbviz; "
        "igbviz.RunConfig().id; assert not {'torch', 'torchvision'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_no_package_init_loads_streamlit() -> None:
    inits = sorted(".".join(path.parent.relative_to(ROOT).parts) for path in PACKAGE.rglob("__init__.py"))
    code = (
        f"import sys, importlib; [importlib.import_module(name) for name in {inits}]; "
        "assert 'streamlit' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_the_readme_lists_every_package() -> None:
    """One row per package, from the lowest layer up."""
    table = (ROOT / "README.md").read_text().split("| package |")[1].split("\n\n")[0]
    rows = [row for row in table.splitlines() if row.startswith("| `")]
    listed = [
        name.rstrip("/").removesuffix(".py") for row in rows for name in re.findall(r"`([\w./]+)`", row.split("|")[1])
    ]
    existing = {path.name.removesuffix(".py") for path in ROOT.glob("igbviz/*") if path.name[0] != "_"} - {"py.typed"}
    assert set(listed) == existing | {"pages", "app"} and len(rows) <= 20
    layers = [LAYER_OF[name] for name in listed if name in LAYER_OF]
    assert layers == sorted(layers)
