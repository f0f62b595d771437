"""The last part of the drawer of the Train page: many runs from one form."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import streamlit as st

from igbviz.config import RunConfig
from igbviz.losses import LOSSES
from igbviz.models import INITIALIZATIONS
from igbviz.runs.sweep_config import MAX_RUNS, Sweep, parse_values
from igbviz.spec import Spec
from igbviz.ui import forms
from igbviz.ui.groups import start_button
from igbviz.ui.provenance import ROUNDING
from igbviz.ui.run_query import FIELDS

RATE = "optimizer.learning_rate"


def draw(base: RunConfig, cache: Path) -> None:
    """Axes over the configuration of the form; an empty axis keeps its value. The button opens the new group."""
    axes = {
        "loss": _parts("Losses", "loss", base, LOSSES),
        "initialization": _parts("Initializations", "initialization", base, INITIALIZATIONS),
    }
    rates = st.text_input(
        "Learning rates",
        placeholder=f"{base.optimizer.learning_rate:g}",
        help="Numbers separated by commas, such as 0.01, 0.1.",
        key="sweep-rates",
    )
    axes[RATE] = parse_values(rates)
    path = st.selectbox(
        "One more field",
        list(_paths(base)),
        index=None,
        placeholder="none",
        help="Any other field of a run's configuration.",
        key="sweep-path",
    )
    if path:
        now = _at(base, path)
        axes[path] = parse_values(
            st.text_input(
                f"Values of {path}",
                placeholder=str(now),
                help="Values separated by commas.",
                key=f"sweep-values-{path}",
            )
        )
    seeds = st.number_input(
        "Seeds",
        value=3,
        step=1,
        help=f"Runs per combination, with consecutive seeds from {base.seed}. {ROUNDING}",
        key="sweep-seeds",
    )
    title = st.text_input("Name", placeholder="of the group (optional)", max_chars=80, key="sweep-title")
    chosen = {path: values for path, values in axes.items() if values}

    def describe() -> Sweep:
        chosen["seed"] = list(range(base.seed, base.seed + forms.in_range("Seeds", seeds, 1, MAX_RUNS)))
        return Sweep(base=base, axes=chosen, title=title)

    form = {name: st.query_params[name] for name in FIELDS if name in st.query_params}
    start_button(describe, cache, "sweep-start", **form)


def _parts(label: str, field: str, base: RunConfig, registry: dict[str, type[Spec]]) -> list[dict[str, Any]]:
    """The chosen parts with their defaults; the form's own part keeps its hyperparameters."""
    own = getattr(base, field)
    names = st.multiselect(
        label,
        list(registry),
        format_func=lambda name: registry[name].title_of(name),
        placeholder=own.title_of(own.name),
        # Enter takes the option that was typed, never "Select 6 matches" at once
        select_all=False,
        filter_mode="contains",
        key=f"sweep-{field}",
    )
    return [own.model_dump() if name == own.name else {"name": name} for name in names]


def _paths(base: RunConfig) -> Iterator[str]:
    """Dotted paths of all fields of a run that have no widget here: 'model.depth', 'loss.cutoff', 'epochs'."""
    for name in RunConfig.model_fields:
        part = getattr(base, name)
        inner = (
            [f"{name}.{hyperparameter}" for hyperparameter in part.hyperparameters()]
            if isinstance(part, Spec)
            else [name]
        )
        yield from (path for path in inner if path not in (RATE, "seed"))


def _at(base: RunConfig, path: str) -> Any:
    value: Any = base
    for name in path.split("."):
        value = getattr(value, name)
    return value
