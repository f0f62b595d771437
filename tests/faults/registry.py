"""The faults by name. To add one, write a module in this folder with a function under `@fault(...)`."""

from __future__ import annotations

import importlib
import io
import pkgutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from igbviz.cli import main
from tests import faults


class Lost(AssertionError):
    """Something that was finished, or recorded, is gone or has changed."""


class Hung(AssertionError):
    """Something took far longer than it may."""


class Unavailable(Exception):
    """This machine cannot do this fault; the message says what it would need."""


class Case:
    """One case of a fault: its randomness, its folder, and how many faults it has done so far."""

    def __init__(
        self, fault: str, seed: int, number: int, folder: Path, is_alone: bool = False, is_brief: bool = False
    ) -> None:
        self.random = Random(f"{fault} {seed} {number}")
        self.folder, self.is_alone, self.is_brief, self.faults = folder, is_alone, is_brief, 0

    def few(self, count: int) -> int:
        """So many faults, or a fifth of them in a brief case."""
        return max(1, count // 5) if self.is_brief else count

    def count(self) -> None:
        self.faults += 1


@dataclass(frozen=True)
class Fault:
    """A kind of fault. `seconds`: after which a case counts as hung; `note`: how it is done, for the table."""

    name: str
    words: str
    do: Callable[[Case], None]
    seconds: float = 120.0
    note: Callable[[], str] = field(default=str)


FAULTS: dict[str, Fault] = {}


def fault(name: str, words: str, seconds: float = 120.0, note: Callable[[], str] = str) -> Callable:
    """Register a function as the fault of this name."""

    def register(do: Callable[[Case], None]) -> Callable[[Case], None]:
        FAULTS[name] = Fault(name, words, do, seconds, note)
        return do

    return register


def load() -> dict[str, Fault]:
    """All faults, from the modules of this package."""
    for module in pkgutil.iter_modules(faults.__path__):
        if not module.name.startswith(("_", "test_")):
            importlib.import_module(f"{faults.__name__}.{module.name}")
    return dict(sorted(FAULTS.items()))


@contextmanager
def losing(what: str) -> Iterator[None]:
    """Whatever fails in the block means that `what` is lost."""
    try:
        yield
    except Lost:
        raise
    except Exception as error:
        raise Lost(f"{what}: {type(error).__name__}: {error}") from error


def one_sentence(error: Exception | str) -> str:
    """The text of an error as a person reads it; AssertionError if it is not a line of words."""
    text = str(error)
    assert text.strip() and "\n" not in text and "Traceback" not in text and len(text) < 2000, repr(text)[:2000]
    return text


def command(*arguments: str) -> int:
    """Run `python -m igbviz ...` in this process. An exception is what a person would see as a traceback."""
    said = io.StringIO()
    with redirect_stdout(io.StringIO()), redirect_stderr(said):
        try:
            code = main(list(arguments))
        except SystemExit as end:  # argparse, after its own sentence
            code = int(end.code or 0)
    if code == 2:
        one_sentence(said.getvalue().strip())
    return code
