"""A number over several seeds: its median, its least and its most, and how they are told in words."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Spread = tuple[float, float, float]  # median, least, most


def median_and_range(values: list[float]) -> Spread:
    """Of the seeds' values; NaN without any."""
    return (float(np.median(values)), float(min(values)), float(max(values))) if values else (np.nan,) * 3


def format_spread(spread: Spread, word: Callable[[float], str]) -> str:
    """'6 (3..13)', or one number where all seeds say the same; `word` tells a number."""
    middle, low, high = map(word, spread)
    return middle if low == high else f"{middle} ({low}..{high})"


def format_step(step: float) -> str:
    return f"{step:.0f}" if np.isfinite(step) else "never"


def format_share(share: float) -> str:
    return "–" if np.isnan(share) else f"{share:.2f}"
