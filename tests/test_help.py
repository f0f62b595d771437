"""What `help` says of every public name: what it is, which errors it raises, and an example that runs."""

from __future__ import annotations

import ast
import inspect
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import torch

import igbviz
from tests.support import ROOT
from tests.support.public_names import CALLBACKS, methods, public_names

NAMES = public_names()
NEED_A_LOOP = {*CALLBACKS, "watch"}  # another library's trainer, or a notebook: tests/recording, tests/notebook
# The parts of a configuration that have a name are called alike: one example for all of a family.
FAMILIES = {
    "loss": igbviz.losses.LOSSES,
    "model": igbviz.models.MODELS,
    "dataset": igbviz.datasets.DATASETS,
    "initialization": igbviz.models.INITIALIZATIONS,
    "optimizer": igbviz.optimizers.OPTIMIZERS,
    "schedule": igbviz.schedules.SCHEDULES,
}
PARTS = {part for family in FAMILIES.values() for part in family.values()}


def functions() -> dict[str, tuple[Any, str]]:
    """Every public class, function and method, with its docstring; a method may have that of its base."""
    found = {name: (value, inspect.getdoc(value) or "") for name, value in NAMES.items()}
    for name, value in NAMES.items():
        for method, function in methods(value) if inspect.isclass(value) else ():
            found[f"{name}.{method}"] = function, inspect.getdoc(getattr(value, method)) or ""
    return found


FUNCTIONS = functions()


def raises_on_purpose(value: Any) -> bool:
    """Whether the body has a `raise`, or calls a function that is named for its check."""
    if inspect.isclass(value):
        value = vars(value).get("__init__")
        if not inspect.isfunction(value) or not value.__code__.co_filename.endswith(".py"):  # none, or a dataclass's
            return False
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(value))))):
        if isinstance(node, ast.Raise) and node.exc is not None and "NotImplementedError" not in ast.unparse(node):
            return True
        if isinstance(node, ast.Call) and re.match(r"_?(require|check)(_|$)", ast.unparse(node.func).split(".")[-1]):
            return True
    return False


def test_everything_public_says_what_it_is() -> None:
    silent = [name for name, value in NAMES.items() if inspect.isclass(value) and not vars(value).get("__doc__")]
    assert not silent + [name for name, (_, text) in FUNCTIONS.items() if not text]


def test_what_raises_on_purpose_names_its_errors() -> None:
    assert raises_on_purpose(igbviz.theory.kernel) and not raises_on_purpose(igbviz.list_groups)
    unsaid = [
        name
        for name, (value, text) in FUNCTIONS.items()
        if raises_on_purpose(value) and not re.search(r"[Rr]aise|Error", text)
    ]
    assert not unsaid


def test_everything_public_has_an_example() -> None:
    alike = NEED_A_LOOP | {part.__name__ for part in PARTS}
    lacking = [name for name in NAMES if ">>>" not in FUNCTIONS[name][1]]
    assert not [name for name in lacking if name.rpartition(".")[2] not in alike]


@pytest.mark.parametrize("field", FAMILIES)
def test_a_part_is_given_as_an_object_or_by_its_name(field: str) -> None:
    for name, part in FAMILIES[field].items():
        values = {"name": name} | ({"folder": "pictures"} if name == "image-folder" else {})
        by_name, by_object = (igbviz.RunConfig(**{field: given}) for given in (values, part(**values)))
        assert by_name.id == by_object.id and isinstance(getattr(by_name, field), part)
        if field == "loss":
            assert part()(torch.zeros(3, 4), torch.tensor([0, 1, 3])).shape == (3,)


def test_the_contents_list_every_name_and_ten_sentences() -> None:
    contents, _, to_know = igbviz.__doc__.partition("What to know first")
    assert not [name for name in igbviz.__all__ if not re.search(rf"\b{name}\b", contents.partition("Train\n")[2])]
    assert [int(number) for number in re.findall(r"^    (\d+)\. ", to_know, re.M)] == list(range(1, 11))


def test_the_examples_run(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "IGBVIZ_GALLERY"}
    process = subprocess.run(
        [sys.executable, "-m", "tests.support.public_names"],
        cwd=ROOT, env=environment | {"IGBVIZ_CACHE": str(tmp_path)}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert process.returncode == 0, process.stdout + process.stderr
    assert int(process.stdout.split()[-2]) > 150
