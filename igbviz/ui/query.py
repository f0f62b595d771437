"""The query in the address of a page: what a link asks for, and what is put there so that it can be sent on."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import NoReturn

import streamlit as st

from igbviz.losses import LOSSES, Loss
from igbviz.spec import ConfigError
from igbviz.ui.messages import show_dead_link


def from_query(name: str, allowed: Collection[str], otherwise: str) -> str:
    """What the address says of this, where that is possible; else `otherwise`, with a sentence if it says something
    else."""
    value = st.query_params.get(name, otherwise)
    if value in allowed:
        return value
    if value != otherwise:
        show_dead_link(f"{name} is {value[:80]!r}, allowed: one of {', '.join(allowed)}")
    return otherwise


def set_query(**query: str | None) -> None:
    """Put these into the address, None out of it; only what changes is sent."""
    for name, value in query.items():
        if value is None and name in st.query_params:
            del st.query_params[name]
        elif value is not None and st.query_params.get(name) != value:
            st.query_params[name] = value


def turn_to(**query: str) -> NoReturn:
    """Turn the page to this run, these runs or this sweep: they become its whole address, so that the link opens them
    anywhere."""
    st.query_params.from_dict(query)
    st.rerun()


def loss_to_query(loss: Loss) -> dict[str, str]:
    """What a link to the Train page says so that its form opens with this loss: its name, and as JSON the knobs that
    were turned."""
    turned = {name: value for name, value in loss.canonical().items() if name != "name"}
    return {"loss": loss.name} | ({"knobs": json.dumps(turned, separators=(",", ":"))} if turned else {})


def loss_from_query(query: Mapping[str, str]) -> Loss | None:
    """The loss that a link asks for; None where it asks for none. Raises ConfigError for one that does not exist, and
    for knobs that make no loss."""
    name, knobs = query.get("loss"), query.get("knobs", "{}")
    if name is None:
        return None
    if name not in LOSSES:
        raise ConfigError((("loss",), f"is {name[:80]!r}, allowed: one of {', '.join(LOSSES)}"))
    try:
        turned = json.loads(knobs)
    except (ValueError, RecursionError):
        raise ConfigError((("knobs",), f"are {knobs[:80]!r}, allowed: a JSON object of the knobs of {name}")) from None
    if not isinstance(turned, dict):
        raise ConfigError((("knobs",), f"are {knobs[:80]!r}, allowed: a JSON object of the knobs of {name}"))
    return LOSSES[name].model_validate(turned | {"name": name})
