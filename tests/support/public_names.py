"""The public functions and classes of the package, and `python -m tests.support.public_names`: run their examples."""

from __future__ import annotations

import doctest
import inspect
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

import igbviz
from igbviz._torchvision import torchvision  # noqa: F401 (before libraries whose plain import of it may fail)
from igbviz.runs import queue

CALLBACKS = {"LightningProbe", "SkorchProbe", "TrainerProbe"}  # their libraries take half a minute to import
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def public_names(without: set[str] = frozenset()) -> dict[str, Any]:
    """Every public function and class under its full name, each once. Of a module without `__all__`: what it defines
    under a public name, but the registries."""
    found: dict[int, tuple[str, Any]] = {}
    for module in (igbviz, *(getattr(igbviz, name) for name in igbviz._PUBLIC_MODULES)):
        names = getattr(module, "__all__", None) or [
            name
            for name, value in vars(module).items()
            if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
        ]
        for name in set(names) - without:
            value = getattr(module, name)
            if inspect.isclass(value) or inspect.isfunction(inspect.unwrap(value)):
                found.setdefault(id(value), (f"{module.__name__}.{name}", value))
    return dict(sorted(found.values(), key=lambda entry: entry[0]))


def methods(of: type) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The functions of the public methods and properties that a class of the package defines itself."""
    for name, value in vars(of).items():
        value = getattr(value, "__func__", None) or getattr(value, "fget", None) or getattr(value, "func", value)
        if not name.startswith("_") and inspect.isfunction(value) and value.__module__.startswith("igbviz"):
            yield name, value


def run_examples() -> tuple[int, int]:
    """Run all examples as a reader would paste them, in the cache of the environment: (failed, attempted)."""
    queue.ensure_worker = lambda *_, **__: None  # what is submitted stays queued
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(optionflags=FLAGS)
    texts = {"igbviz": igbviz.__doc__}
    for name, value in public_names(without=CALLBACKS).items():
        texts[name] = value.__doc__
        if inspect.isclass(value):
            texts |= {f"{name}.{method}": function.__doc__ for method, function in methods(value)}
    for name, text in texts.items():
        torch.manual_seed(0)
        names = {"igbviz": igbviz, "np": np, "torch": torch}
        runner.run(parser.get_doctest(inspect.cleandoc(text or ""), names, name, None, 0))
    return runner.summarize(verbose=False)


if __name__ == "__main__":
    failed, attempted = run_examples()
    print(attempted, "examples")
    sys.exit(failed > 0)
