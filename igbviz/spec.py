"""What every choice of a run is made of: small frozen models that explain themselves.

A `Description` is one choice (a loss, a data set, a network ...) told apart by its `name`; its fields are the knobs.
The limits and the help written in `Field(...)` are the only copy: the page draws its widgets from them, the command
line and JSON are checked against them, and the sentence a user reads after a wrong value is made from them. Nothing
here imports torch.
"""

from __future__ import annotations

import json
import types
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Annotated, Any, Literal, Self, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo


class ConfigError(ValueError):
    """Something the user chose is not possible. The message is one sentence a problem: field, value, what is allowed."""

    def __init__(self, *problems: tuple[tuple[str, ...], str]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{'.'.join(path)} {text}".strip() for path, text in problems))

    def inside(self, *path: str) -> ConfigError:
        """The same problems, seen from the description that holds this one in its field `path`."""
        return ConfigError(*((path + inner, text) for inner, text in self.problems))


class Spec(BaseModel):
    """Base of every part of a configuration. Equal values are equal descriptions; `canonical()` is what they are hashed
    by."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)

    def __init__(self, /, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise _explained(type(self), error) from None

    @model_validator(mode="before")
    @classmethod
    def _nothing_stands_for_a_number(cls, values: Any) -> Any:
        """Pydantic would take True for 1, "yes" for true and "0.5" for a half; only a whole float may stand for an
        integer."""
        if isinstance(values, Mapping):
            wrong = [name for name in cls.model_fields if name in values and not _fits(cls, name, values[name])]
            if wrong:
                raise ConfigError(
                    *(
                        ((name,), f"is {_short(values[name])}, allowed: {allowed(cls.model_fields[name])}")
                        for name in wrong
                    )
                )
        return values

    @classmethod
    def model_validate(cls, values: Any, **_: Any) -> Self:
        """Build from a mapping; raises `ConfigError` with one sentence a wrong field."""
        if isinstance(values, cls):
            return values
        if not isinstance(values, Mapping) or not all(isinstance(key, str) for key in values):
            raise ConfigError(((), f"{_short(values)} is not a {cls.__name__}: give its fields as a mapping"))
        return cls(**values)

    @classmethod
    def model_validate_json(cls, text: str | bytes, **_: Any) -> Self:
        """`from_json`, under pydantic's name for it."""
        return cls.from_json(text)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read a configuration from JSON text; raises ConfigError with one sentence a problem."""
        try:
            values = json.loads(text, object_pairs_hook=_each_once)
        except ConfigError:
            raise
        except (ValueError, TypeError, RecursionError) as error:
            raise ConfigError(((), f"the configuration is not JSON: {error}")) from None
        return cls.model_validate(values)

    def to_json(self) -> str:
        """All choices, defaults included, as indented JSON that `from_json` reads back."""
        return self.model_dump_json(indent=2)

    def canonical(self, incidental: bool = False) -> dict[str, Any]:
        """The choices that differ from the defaults, nested, with every `name`: the identity of a description.

        Leaving defaults out keeps an old run's identity when a new knob is added later. With `incidental` also what
        does not change the numbers, such as the folder that the data lie in.
        """
        chosen = {}
        for key, field in type(self).model_fields.items():
            value = getattr(self, key)
            counts = incidental or not (field.json_schema_extra or {}).get("incidental")
            if key == "name" or (value != field.default and counts):
                chosen[key] = value.canonical(incidental) if isinstance(value, Spec) else value
        return chosen

    def with_(self, **changes: Any) -> Self:
        """This description with some fields replaced, checked like a new one."""
        return type(self)(**{key: getattr(self, key) for key in type(self).model_fields} | changes)

    @classmethod
    def knobs(cls) -> dict[str, FieldInfo]:
        """The fields a user can turn, in order: all but the name."""
        return {key: field for key, field in cls.model_fields.items() if key != "name"}

    @classmethod
    def title_of(cls, name: str) -> str:
        """What people call the choice with this name; the name itself where one class stands for several."""
        several = len(get_args(cls.model_fields["name"].annotation)) > 1
        return name if several else getattr(cls, "title", name)

    @classmethod
    def changed_knobs(cls, values: Mapping[str, Any]) -> str:
        """The knobs in these values that are not at their defaults: 'detach weight, q 0.5'. Nobody need have checked
        the values, and a long one is cut off."""
        changed = {
            knob: values[knob]
            for knob, field in cls.knobs().items()
            if values.get(knob, field.default) != field.default
        }
        return ", ".join(
            knob.replace("_", " ") + ("" if value is True else f" {value}"[:60]) for knob, value in changed.items()
        )


class UnknownName(KeyError):
    """A name that nothing is registered under: one sentence with all names that are."""

    def __str__(self) -> str:
        return str(self.args[0])  # KeyError itself would show it in quotes


class Registry(dict[str, Any]):
    """A mapping from names that says which names it has when asked for another."""

    def __missing__(self, name: Any) -> Any:
        raise UnknownName(f"the name is {_short(name)}, allowed: one of {', '.join(self)}")


def by_name(*classes: type[Spec]) -> Registry:
    """A registry from the classes themselves; a class whose name is a Literal of several stands under each of them."""
    return Registry({name: cls for cls in classes for name in get_args(cls.model_fields["name"].annotation)})


def any_of(registry: Mapping[str, type[Spec]]) -> Any:
    """The pydantic type 'one of the descriptions in this registry', chosen by `name`."""
    return Annotated[Union[tuple(dict.fromkeys(registry.values()))], Field(discriminator="name")]  # noqa: UP007 (made at run time)


def kinds(field: FieldInfo) -> list[tuple[Any, dict[str, float]]]:
    """The alternatives a field accepts, each as (type, limits): [(int, {'ge': 1}), (Literal['all'], {})]."""

    def walk(kind: Any, rules: list[Any]) -> list[tuple[Any, dict[str, float]]]:
        if get_origin(kind) in (Union, types.UnionType):
            return [alternative for part in get_args(kind) for alternative in walk(part, rules)]
        if get_origin(kind) is Annotated:
            inner = [rule for info in kind.__metadata__ for rule in getattr(info, "metadata", [info])]
            return walk(get_args(kind)[0], inner)
        return [
            (
                kind,
                {key: getattr(rule, key) for rule in rules for key in ("ge", "gt", "le", "lt") if hasattr(rule, key)},
            )
        ]

    return walk(field.annotation, field.metadata)


def _fits(cls: type[Spec], name: str, value: Any) -> bool:
    types, choices = _simple_kinds(cls, name)
    if isinstance(value, bool):
        return bool in types or not (types & {int, float} or value in choices)
    if isinstance(value, str | bytes):
        return str in types or not types or value in choices
    return bool not in types


@cache
def _simple_kinds(cls: type[Spec], name: str) -> tuple[set[type], tuple[Any, ...]]:
    """Which of bool, int, float and str a field accepts, and the values of its Literals."""
    alternatives = [kind for kind, _ in kinds(cls.model_fields[name])]
    choices = tuple(choice for kind in alternatives if get_origin(kind) is Literal for choice in get_args(kind))
    return {kind for kind in alternatives if kind in (bool, int, float, str)}, choices


def allowed(field: FieldInfo) -> str:
    """What a field accepts, in words: 'a number from 0 to 1', 'one of a, b', ..."""
    phrases = []
    for kind, bounds in kinds(field):
        if get_origin(kind) is Literal:
            phrases.append(
                "one of " + ", ".join(map(str, get_args(kind))) if len(get_args(kind)) > 1 else repr(get_args(kind)[0])
            )
        elif kind is bool:
            phrases.append("true or false")
        elif kind in (int, float):
            phrases.append(("a whole number" if kind is int else "a number") + _range(bounds))
        elif kind is str:
            phrases.append("text")
        elif kind is type(None):
            phrases.append("nothing")
        elif isinstance(kind, type) and issubclass(kind, Spec):
            phrases.extend(
                get_args(kind.model_fields["name"].annotation)
                if "name" in kind.model_fields
                else [f"the fields of {kind.__name__}"]
            )
    return "one of " + ", ".join(phrases) if len(phrases) > 2 else " or ".join(phrases)


def _names(field: FieldInfo) -> list[str]:
    """Of the descriptions that a field accepts."""
    accepted = [kind for kind, _ in kinds(field) if isinstance(kind, type) and issubclass(kind, Spec)]
    return [
        name
        for kind in accepted
        if "name" in kind.model_fields
        for name in get_args(kind.model_fields["name"].annotation)
    ]


def _range(bounds: dict[str, float]) -> str:
    text = {key: f"{bound:.15g}" for key, bound in bounds.items()}  # all digits of a limit such as 2**31 - 1
    low = text["ge"] if "ge" in bounds else f"above {text['gt']}" if "gt" in bounds else ""
    high = text["le"] if "le" in bounds else f"below {text['lt']}" if "lt" in bounds else ""
    if "ge" in bounds and "le" in bounds:
        return f" from {low} to {high}"
    parts = [f"of at least {low}" if "ge" in bounds else low, f"at most {high}" if "le" in bounds else high]
    return " " + " and ".join(part for part in parts if part) if any(parts) else ""


def _explained(cls: type[Spec], error: ValidationError) -> ConfigError:
    problems: list[tuple[tuple[str, ...], str]] = []
    for line in error.errors():
        location = tuple(str(part) for part in line["loc"])
        cause = (line.get("ctx") or {}).get("error")
        if isinstance(cause, ConfigError):  # a part of this description explained itself already
            problems += cause.inside(*location[:1]).problems
        elif line["type"] == "extra_forbidden":
            names = ", ".join(cls.model_fields)
            problems.append((location, f"is not a field of {_title(cls)}; its fields are: {names}"))
        elif line["type"] == "missing":
            problems.append((location, f"is missing, allowed: {allowed(cls.model_fields[location[0]])}"))
        elif line["type"] == "value_error":
            problems.append((location, str(cause)))
        else:
            field = cls.model_fields.get(location[0]) if location else None
            value = line["input"].get("name", "without a name") if isinstance(line["input"], Mapping) else line["input"]
            possible = allowed(field) if field else line["msg"]
            if isinstance(line["input"], str) and field is not None and value in _names(field):
                possible = f"its fields as a mapping, as in {{'name': {value!r}}}"
            problems.append((location[:1], f"is {_short(value)}, allowed: {possible}"))
    return ConfigError(*dict.fromkeys(problems))  # a field with several types is reported once for each of them


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The mapping of a JSON object; JSON itself would let the last of two equal keys win without a word."""
    values: dict[str, Any] = {}
    for key, value in pairs:
        if key in values:
            raise ConfigError(((), f"the configuration has {_short(key)} twice, allowed: every field once"))
        values[key] = value
    return values


def _title(cls: type[Spec]) -> str:
    field = cls.model_fields.get("name")
    return field.default if field is not None and isinstance(field.default, str) else cls.__name__


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def listing(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
