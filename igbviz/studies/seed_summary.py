"""A quantity over several seeds: median, min and max, and how they are formatted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Spread = tuple[float, float, float]  # median, min, max


def median_and_range(values: list[float]) -> Spread:
    """Median, min and max of the seeds' values; NaN for no values."""
    return (float(np.median(values)), float(min(values)), float(max(values))) if values else (np.nan,) * 3


def format_spread(spread: Spread, format_value: Callable[[float], str]) -> str:
    """'6 (3 to 13)', or a single number where min and max read the same."""
    median, low, high = map(format_value, spread)
    return median if low == high else f"{median} ({low} to {high})"


def format_step(step: float) -> str:
    return f"{step:.0f}" if np.isfinite(step) else "never"


def format_fraction(fraction: float) -> str:
    return "–" if np.isnan(fraction) else f"{fraction:.2f}"
