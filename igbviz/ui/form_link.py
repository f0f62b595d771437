"""A form in the address: a link restores every setting, and typing into the form does not build it anew.

The widgets of a form begin with the values of a base, and another base needs new widgets. If the base followed the
address, and the address the form, each keystroke would make new widgets. So the base comes from the address only when
somebody else wrote it: a link that was opened.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import streamlit as st

from igbviz.spec import ConfigError
from igbviz.ui.messages import show_dead_link
from igbviz.ui.query import set_query

Base = TypeVar("Base")


def linked_base(name: str, parse: Callable[[Any], Base]) -> Base | None:
    """What the opened link says under `name`, built by `parse` from its JSON; None without a link.

    A warning and None where the text is no JSON or `parse` raises ConfigError.
    """
    text, state = st.query_params.get(name), st.session_state
    if text is None:
        state.pop(f"{name}-base", None)
    elif text != state.get(f"{name}-written"):
        state[f"{name}-written"] = text
        try:
            state[f"{name}-base"] = parse(json.loads(text))
        except (ConfigError, ValueError, TypeError, RecursionError) as error:
            state.pop(f"{name}-base", None)
            show_dead_link(f"{name} cannot be read ({error})")
    return state.get(f"{name}-base")


def write_form(name: str, values: Mapping[str, Any] | None) -> None:
    """Write the settings of the form into the address; None where the address needs none to show the same form."""
    text = None if values is None else json.dumps(values, separators=(",", ":"), ensure_ascii=False)
    st.session_state[f"{name}-written"] = text
    set_query(**{name: text})
