"""The query in the address of a page: reading what a link requests, and writing the view so that it can be shared."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NoReturn

import streamlit as st

from igbviz.losses import LOSSES, Loss
from igbviz.spec import ConfigError
from igbviz.ui.messages import show_dead_link


def from_query(name: str, allowed: Collection[str], otherwise: str) -> str:
    """The value of `name` in the address if it is allowed; else `otherwise`, with a warning unless it is absent."""
    value = st.query_params.get(name, otherwise)
    if value in allowed:
        return value
    if value != otherwise:
        show_dead_link(f"{name} is {value[:80]!r}, allowed: one of {', '.join(allowed)}")
    return otherwise


def number_from_query(name: str, lowest: float, highest: float, otherwise: float) -> float:
    """The number `name` of the address if it is in this range, a whole one if the limits are; else as `from_query`."""
    text = st.query_params.get(name)
    if text is None:
        return otherwise
    whole = isinstance(highest, int)
    try:
        if lowest <= (value := (int if whole else float)(text)) <= highest:
            return value
    except ValueError:
        pass
    kind = "a whole number" if whole else "a number"
    show_dead_link(f"{name} is {text[:80]!r}, allowed: {kind} from {lowest:g} to {highest:g}")
    return otherwise


def set_query(**query: str | None) -> None:
    """Write these into the address and remove those that are None; unchanged ones are not sent again."""
    for name, value in query.items():
        if value is None and name in st.query_params:
            del st.query_params[name]
        elif value is not None and st.query_params.get(name) != value:
            st.query_params[name] = value


def turn_to(**query: str) -> NoReturn:
    """Open this run, these runs or this sweep: they become the whole address, so that the link opens them anywhere."""
    st.query_params.from_dict(with_hidden(query))
    st.rerun()


def go_to(page: str, **query: str) -> NoReturn:
    """Open another page with this query."""
    st.switch_page(page, query_params=with_hidden(query))


def with_hidden(query: Mapping[str, str]) -> dict[str, str]:
    """The query of a link to another view: what the address hides (`igbviz.ui.share.hidden`) stays hidden."""
    return {**query} | ({"hide": st.query_params["hide"]} if "hide" in st.query_params else {})


def loss_to_query(loss: Loss) -> dict[str, str]:
    """The query with which the Train page opens its form with this loss: its name, and as JSON the hyperparameters that
    differ from their defaults."""
    changed = loss.changes()
    return {"loss": loss.name} | ({"knobs": json.dumps(changed, separators=(",", ":"))} if changed else {})


def loss_from_query(query: Mapping[str, str]) -> Loss | None:
    """The loss that a link names, or None. Raises ConfigError for an unknown loss or impossible hyperparameters."""
    name, hyperparameters = query.get("loss"), query.get("knobs", "{}")
    if name is None:
        return None
    if name not in LOSSES:
        raise ConfigError((("loss",), f"is {name[:80]!r}, allowed: one of {', '.join(LOSSES)}"))
    try:
        changed = json.loads(hyperparameters)
    except (ValueError, RecursionError):
        raise ConfigError(
            (("knobs",), f"are {hyperparameters[:80]!r}, allowed: a JSON object of the hyperparameters of {name}")
        ) from None
    if not isinstance(changed, dict):
        raise ConfigError(
            (("knobs",), f"are {hyperparameters[:80]!r}, allowed: a JSON object of the hyperparameters of {name}")
        )
    return LOSSES[name].model_validate(changed | {"name": name})


def hyperparameters_to_query(losses: Iterable[Loss]) -> dict[str, str]:
    """The hyperparameters of these losses that differ from their defaults, each under its own name.

    As in {"blurry.gamma": "1.5", "custom.formula": "1-p**q", "custom.parameters.q": "0.3", "mixed.loss": '{"name":
    "gce"}'}.
    """
    query = {}
    for loss in losses:
        for name, value in loss.changes().items():
            path = f"{loss.name}.{name}"
            is_flat = isinstance(value, dict) and "name" not in value  # a loss inside a loss is one JSON object
            parts = {f"{path}.{inner}": each for inner, each in value.items()} if is_flat else {path: value}
            query |= {key: each if isinstance(each, str) else json.dumps(each) for key, each in parts.items()}
    return query


def hyperparameters_from_query(query: Mapping[str, str], names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """By name of the loss: the hyperparameters that a link names. Those of a loss for which they are wrong are left
    out, with a warning."""
    found: dict[str, dict[str, Any]] = {}
    for name in names:
        given = {key.removeprefix(f"{name}."): text for key, text in query.items() if key.startswith(f"{name}.")}
        values: dict[str, Any] = {}
        for path, text in given.items():
            field, _, inner = path.partition(".")
            if inner:
                values.setdefault(field, {})[inner] = _parsed(text)
            else:
                values[field] = text if _is_text(LOSSES[name], field) else _parsed(text)
        try:
            LOSSES[name](**values)
        except (ConfigError, TypeError) as error:
            show_dead_link(f"{name}: {error}")
        else:
            found[name] = values
    return found


def _is_text(kind: type[Loss], field: str) -> bool:
    return field in kind.model_fields and kind.model_fields[field].annotation is str


def _parsed(text: str) -> Any:
    """A number or a truth value; a text that is neither stays one, and the spec says what is allowed."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text[:80]
