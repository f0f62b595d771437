"""Specs: the frozen pydantic models that a configuration consists of, and the sentences for invalid values.

A `Spec` is one choice (a loss, a data set, a network ...), identified by its `name`; its other fields are the
hyperparameters. The limits and the help in `Field(...)` are the only copy: the page draws its widgets from them, the
command line and JSON are checked against them, and the error sentences are generated from them. Nothing here imports
torch.
"""

from __future__ import annotations

import difflib
import json
import types
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, Self, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, ValidationError, WrapValidator, model_validator
from pydantic.fields import FieldInfo

MAX_LISTED, FEW = 12, 6  # allowed names in a sentence: up to so many all of them, else only some beside a suggestion


class ConfigError(ValueError):
    """An invalid choice of the user; the message has one sentence per problem: field, value, what is allowed.

    >>> igbviz.RunConfig(epochs=-1)
    Traceback (most recent call last):
    igbviz.spec.ConfigError: epochs is -1, allowed: a number above 0 and at most 10000
    """

    def __init__(self, *problems: tuple[tuple[str, ...], str]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{'.'.join(map(_word, path))} {text}".strip() for path, text in problems))

    def inside(self, *path: str) -> ConfigError:
        """The same problems, for the spec that contains this one in its field `path`."""
        return ConfigError(*((path + inner, text) for inner, text in self.problems))


class Spec(BaseModel):
    """Base of every part of a configuration. Equal values make equal specs; `canonical()` is what a run id hashes.

    >>> igbviz.RunConfig(epochs=2).with_(seed=1).epochs
    2.0
    """

    is_stand_in: ClassVar[bool] = False  # for a choice that is not available here: it can be shown, not used
    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True
    )

    def __init__(self, /, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise _config_error(type(self), error) from None

    @model_validator(mode="before")
    @classmethod
    def _refuse_coercion(cls, values: Any) -> Any:
        """Pydantic would read True as 1, "yes" as true and "0.5" as a half; only a whole float may be an integer."""
        if isinstance(values, Mapping):
            wrong = [name for name in cls.model_fields if name in values and not _fits(cls, name, values[name])]
            if wrong:
                raise ConfigError(
                    *(
                        ((name,), f"is {short(values[name])}, allowed: {allowed(cls.model_fields[name])}")
                        for name in wrong
                    )
                )
        return values

    @classmethod
    def model_validate(cls, values: Any, **_: Any) -> Self:
        """Build from a mapping; raises `ConfigError` with one sentence per invalid field."""
        if isinstance(values, cls):
            return values
        return cls(**cls._fields(values))

    @classmethod
    def _fields(cls, values: Any) -> Mapping[str, Any]:
        if not isinstance(values, Mapping) or not all(isinstance(key, str) for key in values):
            raise ConfigError(((), f"{short(values)} is not a {cls.__name__}: give its fields as a mapping"))
        return values

    @classmethod
    def model_validate_json(cls, text: str | bytes, **_: Any) -> Self:
        """`from_json` under pydantic's name."""
        return cls.from_json(text)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read a configuration from JSON text; raises ConfigError with one sentence per problem."""
        try:
            values = json.loads(text, object_pairs_hook=_unique_keys)
        except ConfigError:
            raise
        except (ValueError, TypeError, RecursionError) as error:
            raise ConfigError(((), f"the configuration is not JSON: {error}")) from None
        return cls(**cls._fields(values))

    def to_json(self) -> str:
        """All fields, defaults included, as indented JSON that `from_json` reads back."""
        return self.model_dump_json(indent=2)

    def canonical(self, incidental: bool = False) -> dict[str, Any]:
        """The fields that differ from their defaults, nested, with every `name`: the identity of a spec.

        Omitting defaults keeps an old run's identity when a hyperparameter is added later. With `incidental`, fields
        that do not change the numbers are included, such as the folder of the data.
        """
        changed = {}
        for key, field in type(self).model_fields.items():
            value = getattr(self, key)
            is_identity = incidental or not (field.json_schema_extra or {}).get("incidental")
            if key == "name" or (value != field.default and is_identity):
                changed[key] = value.canonical(incidental) if isinstance(value, Spec) else value
        return changed

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """What `repr` shows: the fields that differ from their defaults, which is all that makes an equal spec."""
        fields = type(self).model_fields.items()
        return [(key, getattr(self, key)) for key, field in fields if getattr(self, key) != field.default]

    def __str__(self) -> str:
        return repr(self)

    def changes(self) -> dict[str, Any]:
        """The hyperparameters that differ from their defaults, as in `canonical`."""
        return {key: value for key, value in self.canonical().items() if key in self.hyperparameters()}

    def with_(self, **changes: Any) -> Self:
        """A copy with some fields replaced, checked like a new spec."""
        return type(self)(**{key: getattr(self, key) for key in type(self).model_fields} | changes)

    @classmethod
    def hyperparameters(cls) -> dict[str, FieldInfo]:
        """The hyperparameters, in order: all fields but the name, and those that follow from the others."""
        return {
            key: field
            for key, field in cls.model_fields.items()
            if key != "name" and not (field.json_schema_extra or {}).get("derived")
        }

    @classmethod
    def title_of(cls, name: str) -> str:
        """The title of the choice with this name; the name itself where one class has several names."""
        several = len(get_args(cls.model_fields["name"].annotation)) > 1
        return name if several else getattr(cls, "title", name)

    @classmethod
    def changed_hyperparameters(cls, values: Mapping[str, Any]) -> str:
        """The hyperparameters in these values that are not at their defaults, as in 'detach weight, q 0.5'.

        The values may be unchecked; long ones are cut off.
        """
        changed = {
            key: values[key]
            for key, field in cls.hyperparameters().items()
            if values.get(key, field.default) != field.default
        }
        return ", ".join(
            key.replace("_", " ") + ("" if value is True else f" {value}"[:60]) for key, value in changed.items()
        )


class UnknownName(KeyError):
    """A name that is not registered; the message lists all names that are."""

    def __str__(self) -> str:
        return str(self.args[0])  # KeyError would add quotes


class Registry(dict[str, Any]):
    """A mapping from names whose error for a missing name lists all names, or suggests one that is spelled alike."""

    def __missing__(self, name: Any) -> Any:
        raise UnknownName(f"the name is {short(name)}, allowed: one of {alternatives(name, self)}")


def by_name(*classes: type[Spec]) -> Registry:
    """A registry of the classes by name; a class whose name is a Literal of several is registered under each."""
    return Registry({name: cls for cls in classes for name in get_args(cls.model_fields["name"].annotation)})


def any_of(registry: Mapping[str, type[Spec]]) -> Any:
    """The pydantic type 'one of the specs in this registry', chosen by `name`; or a stand-in for one that is not."""
    specs = tuple(dict.fromkeys(registry.values()))
    one = Annotated[Union[specs], Field(discriminator="name"), WrapValidator(_unless_stand_in)]  # noqa: UP007
    return SerializeAsAny[one]


def _unless_stand_in(value: Any, validate: Callable[[Any], Any]) -> Any:
    return value if isinstance(value, Spec) and value.is_stand_in else validate(value)


def kinds(field: FieldInfo) -> list[tuple[Any, dict[str, float]]]:
    """The alternatives a field accepts as (type, limits), as in [(int, {'ge': 1}), (Literal['all'], {})]."""

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
    """The names of the specs that a field accepts."""
    accepted = [kind for kind, _ in kinds(field) if isinstance(kind, type) and issubclass(kind, Spec)]
    return [
        name
        for kind in accepted
        if "name" in kind.model_fields
        for name in get_args(kind.model_fields["name"].annotation)
    ]


def _allowed_instead(field: FieldInfo, value: Any) -> str:
    """What a field accepts in place of this value; short, if one of its many names is spelled like it."""
    choices = [choice for kind, _ in kinds(field) if get_origin(kind) is Literal for choice in get_args(kind)]
    names = [*map(str, choices), *_names(field)]
    if len(names) > MAX_LISTED and value not in names:
        return f"one of {alternatives(value, names)}"
    return allowed(field) + suggestion(value, names)


def _paths_to(cls: type[Spec], name: str) -> list[str]:
    """Where the parts of a spec have a field of this name, as in `optimizer.learning_rate`."""
    defaults = {part: field.default for part, field in cls.model_fields.items() if isinstance(field.default, Spec)}
    return [f"{part}.{name}" for part, spec in defaults.items() if name in type(spec).model_fields]


def _range(bounds: dict[str, float]) -> str:
    text = {key: str(bound) if isinstance(bound, int) else f"{bound:.15g}" for key, bound in bounds.items()}
    low = text["ge"] if "ge" in bounds else f"above {text['gt']}" if "gt" in bounds else ""
    high = text["le"] if "le" in bounds else f"below {text['lt']}" if "lt" in bounds else ""
    if "ge" in bounds and "le" in bounds:
        return f" from {low} to {high}"
    parts = [f"of at least {low}" if "ge" in bounds else low, f"at most {high}" if "le" in bounds else high]
    return " " + " and ".join(part for part in parts if part) if any(parts) else ""


def _config_error(cls: type[Spec], error: ValidationError) -> ConfigError:
    problems: list[tuple[tuple[str, ...], str]] = []
    unknown = [line["loc"] for line in error.errors() if line["type"] == "extra_forbidden"]
    for line in error.errors():
        location = tuple(str(part) for part in line["loc"])
        cause = (line.get("ctx") or {}).get("error")
        if isinstance(cause, ConfigError):  # a nested spec has described its own problems
            problems += cause.inside(*location[:1]).problems
        elif line["type"] == "extra_forbidden":
            fields = f"; its fields are: {', '.join(cls.model_fields)}" if line["loc"] == unknown[-1] else ""
            hint = suggestion(location[-1], [*_paths_to(cls, location[-1]), *cls.model_fields])
            problems.append((location, f"is not a field of {_title(cls)}{fields}{hint}"))
        elif line["type"] == "missing":
            problems.append((location, f"is missing, allowed: {allowed(cls.model_fields[location[0]])}"))
        elif line["type"] == "value_error":
            problems.append((location, str(cause)))
        else:
            field = cls.model_fields.get(location[0]) if location else None
            value = line["input"]
            if isinstance(value, Mapping) and (field is None or _names(field)):
                value = value.get("name", "without a name")
            possible = _allowed_instead(field, value) if field else line["msg"]
            package = line["input"].get("package") if isinstance(line["input"], Mapping) else None
            if package is not None and field is not None and value not in _names(field):
                problems.append((location[:1], f"is {short(value)} of {short(package)}, which is not installed here"))
                continue
            if isinstance(line["input"], str) and field is not None and value in _names(field):
                possible = f"its fields as a mapping, as in {{'name': {value!r}}}"
            problems.append((location[:1], f"is {short(value)}, allowed: {possible}"))
    return ConfigError(*dict.fromkeys(problems))  # pydantic reports a field with several types once per type


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The mapping of a JSON object; Python would silently keep the last of two equal keys."""
    values: dict[str, Any] = {}
    for key, value in pairs:
        if key in values:
            raise ConfigError(((), f"the configuration has {short(key)} twice, allowed: every field once"))
        values[key] = value
    return values


def _title(cls: type[Spec]) -> str:
    field = cls.model_fields.get("name")
    return field.default if field is not None and isinstance(field.default, str) else cls.__name__


def _word(part: str) -> str:
    """A part of the path of a field, as text: a foreign one may be long, or hold line breaks."""
    return part if part.isprintable() and len(part) <= 80 else short(part)


def alternatives(value: Any, names: Iterable[str]) -> str:
    """The names for a sentence about a value that is none of them. Of many only some, if one is spelled like it."""
    names = list(names)
    if not (hint := suggestion(value, names)) or len(names) <= MAX_LISTED:
        return ", ".join(names) + hint
    return f"{', '.join(names[:FEW])} and {len(names) - FEW} others{hint}"


def suggestion(value: Any, names: Iterable[str]) -> str:
    """The names that are spelled like this value, as a question in brackets with a space before it; else empty.

    The best are the same in lower case, and the field of a part: `optimizer.learning_rate` for learning_rate.
    """
    if not isinstance(value, str) or len(value) > 80:
        return ""
    names = list(dict.fromkeys(names))
    best = [name for name in names if name == value.lower() or name.endswith(f".{value}")]
    found = best[:2] or difflib.get_close_matches(value.lower(), names, n=2)
    return f" (did you mean {' or '.join(map(repr, found))}?)" if found else ""


def short(value: Any) -> str:
    """A value as it is shown in a sentence."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def one_line(text: str) -> str:
    """The text with single spaces in place of line breaks and tabs, and without control characters."""
    return without_controls(" ".join(text.split()))


def without_controls(text: str, keep: str = "") -> str:
    """The text without characters that are not shown but act on what is: controls, halves of pairs, separators."""
    return "".join(char for char in text if char in keep or unicodedata.category(char) not in ("Cc", "Cs", "Zl", "Zp"))


def listing(names: Iterable[str]) -> str:
    """The names, sorted and joined by commas; a foreign one may be long, or hold line breaks."""
    return ", ".join(sorted(map(_word, names)))
