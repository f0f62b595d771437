"""Configurations that name a package which is not installed here, or is installed in another version.

Such a run can be listed and its curves drawn, but not trained. A loss, a network or a data set that is missing has a
stand-in: it keeps the name and the hyperparameters that were recorded and can do nothing else. No code is ever looked
for: what may be imported is only what is installed and says so itself (`igbviz.plugins`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NoReturn

from pydantic import ConfigDict, Field

from igbviz.datasets import DATASETS, DataError, Dataset
from igbviz.losses import LOSSES, Loss
from igbviz.models import MODELS, Model
from igbviz.plugins.part import PACKAGE, Part, unavailable
from igbviz.spec import ConfigError, Spec


class Missing(Part):
    """A choice of a package that is not installed here: a name, the package, and fields that nobody can check."""

    is_stand_in: ClassVar[bool] = True
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,60}$")

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Missing:
        part = cls(**{key: value for key, value in values.items() if key != "package"})
        part._package = values["package"]
        return part

    @property
    def title(self) -> str:
        return self.name

    @classmethod
    def title_of(cls, name: str) -> str:
        return name

    def canonical(self, incidental: bool = False) -> dict[str, Any]:
        return self.model_dump()

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise ConfigError(((), f"{self.name} {unavailable(self)}"))


class MissingLoss(Missing, Loss):
    model_config = ConfigDict(extra="allow")
    runs_on_numpy = False
    values = Missing._refuse


class MissingModel(Missing, Model):
    model_config = ConfigDict(extra="allow")
    build = Missing._refuse


class MissingDataset(Missing, Dataset):
    model_config = ConfigDict(extra="allow")

    def facts(self) -> NoReturn:
        raise DataError(f"the data set {self.name} {unavailable(self)}")

    def load(self, device: Any = "cpu") -> NoReturn:
        self.facts()


# For each field, its choices and its stand-in.
FIELDS: dict[str, tuple[Mapping[str, Any], type[Missing]]] = {
    "dataset": (DATASETS, MissingDataset),
    "model": (MODELS, MissingModel),
    "loss": (LOSSES, MissingLoss),
}


def with_stand_ins(values: Any) -> Any:
    """The values of a configuration, with stand-ins for the choices of packages that are not installed here.

    Raises ConfigError for what no plugin can be named.
    """
    if not isinstance(values, Mapping):
        return values
    missing = [name for name in FIELDS if _is_missing(name, values)]
    if isinstance(mixture := values.get("loss"), Mapping) and _is_missing("loss", mixture):
        values = {**values, "loss": {**mixture, "loss": MissingLoss.of(mixture["loss"])}}
    return {**values, **{name: FIELDS[name][1].of(values[name]) for name in missing}}


def has_stand_ins(config: Spec) -> bool:
    """Whether a choice of this configuration is of a package that is not installed here."""
    return any(part.is_stand_in for part in _parts(config).values())


def _parts(config: Spec) -> dict[str, Part]:
    """The choices by the path of their field; a loss inside a loss has one of its own."""
    outer = {name: part for name in FIELDS if isinstance(part := getattr(config, name, None), Part)}
    inner = getattr(outer.get("loss"), "loss", None)
    return outer | ({"loss.loss": inner} if isinstance(inner, Part) else {})


def _is_missing(field: str, values: Mapping[str, Any]) -> bool:
    part = values.get(field)
    if not isinstance(part, Mapping) or not isinstance(package := part.get("package"), str):
        return False
    name = part.get("name")
    return isinstance(name, str) and name not in FIELDS[field][0] and PACKAGE.fullmatch(package) is not None


def packages(config: Spec) -> set[str]:
    """The packages that the choices of this configuration are from, as in 'mypackage==1.0'."""
    return {part.package for part in _parts(config).values() if part.package}


def require_installed(config: Spec) -> set[str]:
    """The `packages` of this configuration.

    Raises ConfigError, one sentence each, for choices that were made with another package than is installed here.
    """
    problems = [
        ((name,), f"{part.name} {reason}") for name, part in _parts(config).items() if (reason := unavailable(part))
    ]
    if problems:
        raise ConfigError(*problems)
    return packages(config)
