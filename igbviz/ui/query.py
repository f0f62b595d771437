"""The query in the address of a page: reading what a link requests, and writing the view so that it can be shared."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import NoReturn

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


def set_query(**query: str | None) -> None:
    """Write these into the address and remove those that are None; unchanged ones are not sent again."""
    for name, value in query.items():
        if value is None and name in st.query_params:
            del st.query_params[name]
        elif value is not None and st.query_params.get(name) != value:
            st.query_params[name] = value


def turn_to(**query: str) -> NoReturn:
    """Open this run, these runs or this sweep: they become the whole address, so that the link opens them anywhere."""
    st.query_params.from_dict(query)
    st.rerun()


def loss_to_query(loss: Loss) -> dict[str, str]:
    """The query with which the Train page opens its form with this loss: its name, and as JSON the hyperparameters that
    differ from their defaults."""
    changed = {name: value for name, value in loss.canonical().items() if name != "name"}
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
