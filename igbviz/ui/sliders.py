"""A slider with steps of a useful size, and beside it a box that holds the exact value.

The box holds the number; the slider shows the nearest of its steps. A value between two steps, typed or from a link,
therefore stays as it is until the slider is moved.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, NamedTuple

import streamlit as st
from pydantic.fields import FieldInfo

from igbviz.spec import kinds

WIDE = 100  # a range gets logarithmic steps where its ends, or its end and the default, differ by this factor
FINE, COARSE = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8), (1, 2, 5)  # steps per decade, for few and for many decades


class Range(NamedTuple):
    """The limits of the box and the stops of the slider: `step` apart, or logarithmic where `step` is None."""

    low: float
    high: float
    stops: Sequence[float]
    step: float | None

    def nearest(self, value: float) -> float:
        place = bisect_left(self.stops, value)
        return min(self.stops[max(0, place - 1) : place + 1], key=lambda stop: abs(stop - value))


def of_field(field: FieldInfo) -> Range | None:
    """The range of a float with two limits; None for every other field."""
    ((kind, bounds), *others) = kinds(field)
    low, high = bounds.get("ge", bounds.get("gt")), bounds.get("le", bounds.get("lt"))
    if kind is not float or others or low is None or high is None:
        return None
    default = float(field.default)
    if (low > 0 and high / low > WIDE) or high - low >= WIDE or 0 < default < 2 * high / WIDE:
        return Range(low, high, _decades(low, high, default, "ge" in bounds), None)
    even = evenly(low, high)
    return even._replace(
        stops=[stop for stop in even.stops if (stop > low or "ge" in bounds) and (stop < high or "le" in bounds)]
    )


def evenly(low: float, high: float, min_steps: int = 100) -> Range:
    """At least `min_steps` steps of 1, 2 or 5 times a power of ten, at its multiples."""
    rough = 1.001 * (high - low) / min_steps
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * size for size in (5, 2, 1) if power * size <= rough)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return Range(low, high, [round(number * step, digits) for number in range(first, last + 1)], step)


def around(value: float) -> Range:
    """A range for a number without close limits, such as a formula's parameter: symmetric, a few times its size."""
    size = 10.0 ** math.floor(math.log10(max(abs(value), 1.0)))
    top = next(size * times for times in (5, 10, 20, 50) if size * times >= 2 * abs(value))
    return evenly(-top, top, 200)._replace(low=-1e6, high=1e6)


def _decades(low: float, high: float, default: float, closed: bool) -> list[float]:
    bottom = low if low > 0 else 1e-3 * (default or high)
    first, last = math.floor(math.log10(bottom)), math.floor(math.log10(high))
    marks = FINE if last - first < 7 else COARSE
    inside = {float(f"{mark:g}e{power}") for power in range(first, last + 1) for mark in marks}
    ends = {float(low), float(high)} if closed else {float(high)}
    return sorted({stop for stop in inside if low < stop < high} | ends | {default})


def number(label: str, span: Range, value: float, key: str, help: str | None = None) -> float:
    """Draw the slider and its box; return the number in the box. Both begin at `value`."""
    slider = f"{key}-slider"
    if key not in st.session_state:
        st.session_state[key] = min(max(float(value), span.low), span.high)
    if slider not in st.session_state:
        st.session_state[slider] = span.nearest(st.session_state[key])
    drag, exact = st.columns([1.9, 1], vertical_alignment="bottom", gap="small")
    common: dict[str, Any] = {"key": slider, "help": help, "on_change": _copy, "args": (slider, key)}
    if span.step is None:
        drag.select_slider(label, span.stops, format_func="{:g}".format, **common)
    else:
        drag.slider(label, span.stops[0], span.stops[-1], step=span.step, format="%g", **common)
    # Without limits, as for every hyperparameter: the spec made from the number checks it.
    return exact.number_input(
        f"{label}, exactly",
        step=span.step or _tenth(value),
        format="%g",
        label_visibility="collapsed",
        key=key,
        on_change=_settle,
        args=(key, slider, span),
    )


def _copy(slider: str, box: str) -> None:
    st.session_state[box] = float(f"{st.session_state[slider]:.6g}")  # browsers count steps with rounding errors


def _settle(box: str, slider: str, span: Range) -> None:
    st.session_state[slider] = span.nearest(st.session_state[box])


def _tenth(value: float) -> float:
    return 10.0 ** (math.floor(math.log10(abs(value))) - 1) if value else 0.1
