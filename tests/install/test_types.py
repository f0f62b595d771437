"""What a type checker and an editor know about the public names of the installed package."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import igbviz
from igbviz._torchvision import torchvision  # noqa: F401 (before libraries whose plain import of it may fail)
from tests.install.conftest import pyright
from tests.support import ROOT
from tests.support.installed import Installed

pytest.importorskip("pyright", reason="pyright checks the types: pip install 'pyright[nodejs]'")

USE = """
from igbviz import RunConfig
from igbviz.datasets import FashionMini
from igbviz.losses import Blurry
igbviz.RunConfig(epochs=0.2, dataset=FashionMini(), loss={"name": "blurry"}).with_(loss=Blurry(gamma=0.5)).id
RunConfig(epochs="many")  # error
igbviz.train(3)  # error
igbviz.no_such_name  # error
"""


def public_names() -> Iterator[str]:
    """Where every public name of the package and of its public modules is defined."""
    for module in (igbviz, *(getattr(igbviz, name) for name in igbviz._PUBLIC_MODULES)):
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            if inspect.isclass(value) or inspect.isfunction(value):
                yield f"{value.__module__}.{value.__qualname__}"
            elif not inspect.ismodule(value):
                yield f"{module.__name__}.{name}"


def test_the_types_of_all_public_names_are_known(verification: Callable[[], dict[str, Any]]) -> None:
    report = verification()["typeCompleteness"]
    known = {}
    for symbol in report["symbols"]:
        reasons = [entry["message"] for entry in symbol["diagnostics"]]
        for name in (symbol["name"], *symbol.get("alternateNames", ())):
            known[name] = symbol["isTypeKnown"] or reasons
    names = set(public_names())
    assert len(names) > 100 and not names - known.keys()
    incomplete = {
        name: reasons
        for name, reasons in known.items()
        if reasons is not True and any(name == public or name.startswith(f"{public}.") for public in names)
    }
    assert not incomplete


def test_a_type_checker_understands_the_readme(installed: Installed) -> None:
    folder = installed.folder / "work" / "typed"
    folder.mkdir()
    readme = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    for number, code in enumerate([*readme, f"import igbviz\n{USE}"]):
        (folder / f"block{number}.py").write_text(code)
    _, report = pyright(installed, str(folder))
    found = [
        (Path(entry["file"]).name, entry["range"]["start"]["line"], entry["message"])
        for entry in report()["generalDiagnostics"]
        if entry["severity"] == "error"
    ]
    wrong = [line for line, text in enumerate(f"import igbviz\n{USE}".splitlines()) if text.endswith("# error")]
    assert [line for name, line, _ in found if name == f"block{number}.py"] == wrong, found
    assert not [entry for entry in found if entry[0] != f"block{number}.py"]


def test_completion_offers_the_public_names() -> None:
    """What a type checker sees in the package is what it has at run time."""
    assert set(igbviz.__all__) <= set(dir(igbviz))
    source = inspect.getsource(igbviz)
    assert all(f" as {name}\n" in source for name in igbviz.__all__)
