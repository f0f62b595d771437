"""Widgets built from the fields of a spec, and range checks for the numbers of a page that belong to none."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Collection, Mapping
from typing import Any, Literal, get_args, get_origin

import streamlit as st
from pydantic.fields import FieldInfo

from igbviz.charts.time_axis import UNITS, Unit
from igbviz.losses import Loss
from igbviz.losses.custom import symbols
from igbviz.losses.spectrum import others
from igbviz.spec import ConfigError, Spec, kinds
from igbviz.ui import sliders
from igbviz.ui.messages import show_error
from igbviz.ui.query import from_query, set_query

SIDE_BY_SIDE, BELOW = r", \quad ", r" \\ "  # between the parts of a long formula, in LaTeX


def choose_name(label: str, registry: Mapping[str, type[Spec]], start: Spec, key: str) -> str:
    """A selector for one spec of a registry; its name."""
    names = list(registry)
    return st.selectbox(
        label, names, index=names.index(start.name), format_func=lambda n: registry[n].title_of(n), key=f"{key}-name"
    )


def choose_part(label: str, registry: Mapping[str, type[Spec]], start: Spec, key: str) -> dict[str, Any]:
    """A selector for one spec of a registry and the widgets of its hyperparameters; their values, unchecked."""
    name = choose_name(label, registry, start, key)
    part = registry[name]
    describe(part)
    formula = st.empty()
    chosen = {"name": name} | widgets(part, values_of(start, name), f"{key}-{name}")
    if issubclass(part, Loss):
        with contextlib.suppress(ConfigError):  # reported where the whole configuration is built
            formula.latex(stacked_formula(part(**chosen)))
    return chosen


def describe(part: type[Spec]) -> None:
    """The first paragraph of what the part says of itself, as a caption."""
    if part.__doc__:
        st.caption(part.__doc__.strip().split("\n\n")[0].replace("\n", " "))


def values_of(start: Spec, name: str) -> dict[str, Any]:
    """The values that the widgets of the part `name` begin with: those of `start` if it is that part."""
    return start.model_dump() if start.name == name else {}


def stacked_formula(loss: Loss) -> str:
    """A loss in LaTeX with its parts below each other, for the side bar or a card."""
    return rf"\begin{{gathered}} {loss.latex().replace(SIDE_BY_SIDE, BELOW)} \end{{gathered}}"


def widgets(
    part: type[Spec], values: Mapping[str, Any], key: str, drag: bool = False, only: Collection[str] | None = None
) -> dict[str, Any]:
    """Draw a widget with help for every hyperparameter of a spec, or `only` for some; their values, unchecked.

    With `drag`, numbers that have two limits get sliders.
    """
    chosen = {}
    for name, field in part.hyperparameters().items():
        if only is not None and name not in only:
            continue
        value = values.get(name, field.default)
        if field.annotation is Loss:
            chosen[name] = _other_loss(field, value, f"{key}-{name}", drag)
        elif get_origin(field.annotation) is dict:  # one number for each parameter that occurs in a formula
            chosen[name] = _parameters(chosen.get("formula", ""), value, f"{key}-{name}")
        elif drag and (span := sliders.of_field(field)):
            chosen[name] = sliders.number(field_title(name, field), span, value, f"{key}-{name}", field.description)
        else:
            chosen[name] = widget(name, field, value, f"{key}-{name}")
    return chosen


def _other_loss(field: FieldInfo, value: Any, key: str, drag: bool) -> dict[str, Any]:
    """The choice of a loss inside a loss, with the widgets of its hyperparameters."""
    registry = others()
    start = value if isinstance(value, Loss) else registry[value["name"]].model_validate(value)
    label = field_title("loss", field)
    name = st.selectbox(
        label, list(registry), index=list(registry).index(start.name), format_func=lambda n: registry[n].title_of(n),
        key=f"{key}-name", help=field.description,
    )  # fmt: skip
    return {"name": name} | widgets(registry[name], values_of(start, name), f"{key}-{name}", drag)


def _parameters(formula: str, values: Mapping[str, float], key: str) -> dict[str, float]:
    try:
        starts = {name: values.get(name, 1.0) for name in symbols(formula)}
        return {
            name: sliders.number(name, sliders.around(start), start, f"{key}-{name}") for name, start in starts.items()
        }
    except ConfigError:
        return dict(values)  # an unreadable formula is reported where the whole configuration is built


def field_title(name: str, field: FieldInfo) -> str:
    return field.title or name.replace("_", " ").capitalize()


def widget(name: str, field: FieldInfo, value: Any, key: str) -> Any:
    """One widget, built from the type and the help of a field; the spec made from its value checks the limits."""
    label = field_title(name, field)
    alternatives = {get_origin(kind) or kind: (kind, bounds) for kind, bounds in kinds(field)}
    common = {"help": field.description, "key": key}
    number = next((kind for kind in (bool, int, float) if kind in alternatives), None)
    options = get_args(alternatives[Literal][0]) if Literal in alternatives else ()
    if number is bool:
        return st.toggle(label, value=value, **common)
    if options and number is None:
        return st.selectbox(label, options, index=options.index(value), **common)
    if options:  # a number or a word such as 'all'
        if st.toggle(
            f"{label}: {options[0]}", value=value in options, key=f"{key}-{options[0]}", help=field.description
        ):
            return options[0]
        value = 2000 if value in options else value
    if number is not None:
        # Without limits: a browser enforces them silently, so the value checked would not be the value typed.
        return st.number_input(
            label,
            value=None if value is None else number(value),
            step=1 if number is int else _step(value),
            format="%d" if number is int else "%g",
            placeholder="unchanged",
            **common,
        )
    text = st.text_input(label, value=value or "", **common)
    return text or (None if type(None) in alternatives else "")


def time_unit(key: str, title: str = "{}s", hide_label: bool = True, has_epochs: bool = True) -> Unit:
    """The choice between epochs and optimizer steps, in the address as `unit`; only steps where epochs are unknown."""
    if not has_epochs:
        return "step"
    unit = st.segmented_control(
        "Time in",
        UNITS,
        default=from_query("unit", UNITS, "epoch"),
        required=True,
        key=key,
        format_func=title.format,
        label_visibility="collapsed" if hide_label else "visible",
    )
    set_query(unit=unit if unit != "epoch" else None)
    return unit


def in_range(name: str, value: float, lowest: float, highest: float) -> float:
    """Return a number of the page that is no field of a spec, after checking its range. Raises ConfigError."""
    if not lowest <= value <= highest:
        kind = "a whole number" if isinstance(highest, int) else "a number"
        raise ConfigError(((name,), f"is {value:.15g}, allowed: {kind} from {lowest:.15g} to {highest:.15g}"))
    return value


def clamped(name: str, value: float, lowest: float, highest: float) -> float:
    """The number if it is allowed; else show an error and return the nearest allowed number.

    For charts that have to be drawn whatever is typed.
    """
    try:
        return in_range(name, value, lowest, highest)
    except ConfigError as error:
        show_error(f"{error}; shown: {(shown := min(max(value, lowest), highest)):g}")
        return shown


def _step(value: float | None) -> float:
    """A tenth of the value's own size: 0.1 moves by 0.01, 0.001 by 0.0001."""
    return 10.0 ** (math.floor(math.log10(abs(value))) - 1) if value else 0.1
