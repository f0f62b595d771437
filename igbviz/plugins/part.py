"""`Part`: a choice that plugins may add to, a loss, a network or a data set. It remembers which package it is from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Self, get_args

from pydantic import (
    PrivateAttr,
    SerializerFunctionWrapHandler,
    ValidatorFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from igbviz.spec import ConfigError, Spec, short

# The package of each class of a plugin, as in 'mypackage==1.0'. Built-in classes have none.
PACKAGE_OF: dict[type[Spec], str] = {}
PACKAGE = re.compile(r"[A-Za-z0-9._-]{1,100}==[^\s=]{1,100}")


class Part(Spec):
    """A choice that an installed package may add. In JSON, one that is from a package has it as `package`.

    The package and its version are part of the identity: the same code in another version may give other numbers.
    """

    title: ClassVar[str]  # on the pages; a class without one is titled by its name
    _package: str = PrivateAttr("")

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        names = get_args(cls.model_fields["name"].annotation) if "name" in cls.model_fields else ()
        if names and "title" not in vars(cls) and "name" in vars(cls).get("__annotations__", {}):
            cls.title = names[0]

    @property
    def package(self) -> str:
        """The package and version that this choice was made with, as in 'mypackage==1.0'; empty for a built-in one."""
        return self._package

    @model_validator(mode="wrap")
    @classmethod
    def _remember_package(cls, values: Any, handler: ValidatorFunctionWrapHandler) -> Self:
        if cls not in PACKAGE_OF or not isinstance(values, Mapping):
            return handler(values)
        package = values.get("package", PACKAGE_OF[cls])
        if not (isinstance(package, str) and PACKAGE.fullmatch(package)):
            allowed = f"a name and a version, as in {PACKAGE_OF[cls]!r}"
            raise ConfigError((("package",), f"is {short(package)}, allowed: {allowed}"))
        part = handler({key: value for key, value in values.items() if key != "package"})
        part._package = package
        return part

    @model_serializer(mode="wrap")
    def _write_package(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values = handler(self)
        return values | {"package": self.package} if self.package else values

    def canonical(self, incidental: bool = False) -> dict[str, Any]:
        return super().canonical(incidental) | ({"package": self.package} if self.package else {})

    def with_(self, **changes: Any) -> Self:
        return super().with_(**({"package": self.package} if self.package else {}) | changes)

    def try_out(self) -> None:
        """Call what a page calls before anybody trains, so that a mistake in a plugin shows when it is loaded.

        Raises ConfigError.
        """


def in_words(package: str) -> str:
    """'mypackage 1.0' for 'mypackage==1.0'."""
    return package.replace("==", " ", 1)


def unavailable(part: Part) -> str:
    """Why this choice cannot be trained here, as the end of a sentence; empty if it can."""
    here = PACKAGE_OF.get(type(part), "")
    if part.package == here:
        return ""
    made = f"was made with {in_words(part.package)}"
    return f"{made}, and {in_words(here)} is installed here" if here else f"{made}, which is not installed here"
