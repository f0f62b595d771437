"""Import the installed plugins, once per process: importing this module does it.

So the import system sees to it that two threads do not load them twice, and that a plugin which needs the lists of
choices while it is being imported gets an error instead of half a list.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any, get_args

from igbviz.plugins.part import PACKAGE_OF, Part, in_words
from igbviz.spec import Registry, by_name, listing

GROUP = "igbviz"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,60}")
CIRCULAR = "; what needs the lists of choices, such as igbviz.RunConfig, can be imported inside its functions only"

PROBLEMS: list[str] = []
_names: dict[tuple[type[Part], str], str] = {}  # of a kind of choice, the names of plugins, with their package


class PluginError(ValueError):
    """A plugin, or a class of it, cannot be used; the message is the end of a sentence."""


def with_plugins(built_in: Registry, kind: type[Part]) -> Registry:
    """The built-in choices and then those of plugins, which are subclasses of `kind`, by name."""
    if not _is_loaded:
        raise PluginError(f"the list of all choices was asked for while plugins are being imported{CIRCULAR}")
    return Registry({**built_in, **by_name(*(cls for cls in PACKAGE_OF if issubclass(cls, kind)))})


def found() -> tuple[tuple[str, str, str], ...]:
    """What is installed now: package, name and object of every entry point, in the order in which they are loaded."""
    return tuple((_package(entry), entry.name, entry.value) for entry in _entries())


def changed() -> bool:
    """Whether other plugins are installed now than when this process imported them."""
    return found() != _found


def _entries() -> list[EntryPoint]:
    entries = [entry for entry in entry_points(group=GROUP) if entry.dist is not None]
    return sorted(entries, key=lambda entry: (entry.dist.name.lower(), entry.name, entry.value))


def _package(entry: EntryPoint) -> str:
    return f"{entry.dist.name}=={entry.dist.version}"


def _load_all() -> None:
    for entry in _entries():
        plugin = f"the plugin {entry.name} of {in_words(_package(entry))}"
        had_torch = "torch" in sys.modules
        try:
            classes = list(_classes(entry.load()))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # also SystemExit: no plugin may end the program
            PROBLEMS.append(f"{plugin} was left out: {_in_words(error)}")
            continue
        for cls in classes:
            try:
                _register(cls, _package(entry))
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                PROBLEMS.append(f"{cls.__name__} in {plugin} was left out: {_in_words(error)}")
        if not had_torch and "torch" in sys.modules:
            advice = "import torch inside the functions that need it"
            PROBLEMS.append(f"{plugin} imports torch, for which every page now waits: {advice}")


def _classes(loaded: Any) -> Iterator[type[Part]]:
    """The classes that an entry point names."""
    if isinstance(loaded, ModuleType):
        if getattr(loaded.__spec__, "_initializing", False):
            raise PluginError(f"{loaded.__name__} is still being imported{CIRCULAR}")
        inside = (loaded.__name__, f"{loaded.__name__}.")
        loaded = [
            cls
            for cls in dict.fromkeys(filter(inspect.isclass, vars(loaded).values()))
            if issubclass(cls, Part) and "name" in cls.model_fields
            and (cls.__module__ == inside[0] or cls.__module__.startswith(inside[1]))
        ]  # fmt: skip
    classes = list(loaded) if isinstance(loaded, list | tuple) else [loaded]
    if not classes or not all(inspect.isclass(cls) and issubclass(cls, Part) for cls in classes):
        raise PluginError(
            "it has no loss, network or data set, allowed: a module with such classes, a class, or a list"
        )
    yield from classes


def _register(cls: type[Part], package: str) -> None:
    """Add a class to the choices. Raises PluginError, or what the class itself raises."""
    kind = next((base for base in cls.__mro__ if Part in base.__bases__), None)
    if kind is None or kind is cls:
        raise PluginError("it is no subclass of igbviz.losses.Loss, igbviz.models.Model or igbviz.datasets.Dataset")
    names = get_args(cls.model_fields["name"].annotation) if "name" in cls.model_fields else ()
    if not names or not all(isinstance(name, str) and NAME.fullmatch(name) for name in names):
        allowed = "lower-case letters, digits, '-' and '_', as in `name: Literal[\"hinge\"] = \"hinge\"`"
        raise PluginError(f"its name is {listing(map(str, names)) or 'missing'}, allowed: {allowed}")
    if "package" in cls.model_fields:
        raise PluginError("it has a field package, a word that igbviz needs itself")
    taken = dict.fromkeys(_built_in_names(kind), "built in") | {
        name: f"that of {in_words(other)}" for (of, name), other in _names.items() if of is kind
    }
    if twice := [name for name in names if name in taken]:
        raise PluginError(f"the name {twice[0]} is {taken[twice[0]]}")
    cls().try_out()
    PACKAGE_OF[cls] = package
    _names.update({(kind, name): package for name in names})


def _built_in_names(kind: type[Part]) -> Iterator[str]:
    """The names of the built-in choices of this kind, whose package is imported by the plugin that has imported it."""
    for cls in kind.__subclasses__():
        if cls.__module__.startswith("igbviz.") and "name" in cls.model_fields:
            yield from get_args(cls.model_fields["name"].annotation)
        yield from _built_in_names(cls)


def _in_words(error: BaseException) -> str:
    """The first line of an error, with its type unless it is a sentence of ours."""
    text = (str(error).splitlines() or [""])[0][:300]
    if isinstance(error, PluginError):
        return text
    is_circular = "partially initialized" in text or getattr(error, "name", "") in ("igbviz", "igbviz.config")
    hint = CIRCULAR if is_circular else ""
    return ": ".join(filter(None, (type(error).__name__, text))) + hint


_is_loaded = False
_found = found()
_load_all()
_is_loaded = True
