"""What the charts have in common beside their runs: arguments of one name mean the same in all, and have one check."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from numbers import Real
from typing import Any

from igbviz.charts.time_axis import UNITS
from igbviz.spec import ConfigError, listing, short

MIN_HEIGHT = 100  # pixels, below which margins leave no room


def is_number(value: Any) -> bool:
    """A finite number that is no truth value."""
    return isinstance(value, Real) and not isinstance(value, bool) and isfinite(value)


def _are_marks(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(
        isinstance(mark, list | tuple) and len(mark) == 2 and is_number(mark[0]) and isinstance(mark[1], str)
        for mark in value
    )


_LENGTH = (lambda value: value is None or is_number(value) and value > 0, "a number above 0")
# For each name, whether a value is allowed, and which are.
CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "height": (lambda value: is_number(value) and value >= MIN_HEIGHT, f"a number of pixels, at least {MIN_HEIGHT}"),
    "title": (lambda value: value is None or isinstance(value, str), "a text"),
    "unit": (lambda value: isinstance(value, str) and value in UNITS, f"one of {listing(UNITS)}"),
    "marks": (_are_marks, "a list of pairs (epoch, label)"),
    "steps_per_epoch": _LENGTH,
    "epochs": _LENGTH,
}


def require_allowed(arguments: Mapping[str, Any]) -> None:
    """Raise ConfigError, one sentence for each argument that is not what its name means in every chart."""
    problems = [
        ((name,), f"is {short(value)}, allowed: {CHECKS[name][1]}")
        for name, value in arguments.items()
        if name in CHECKS and not CHECKS[name][0](value)
    ]
    if problems:
        raise ConfigError(*problems)
