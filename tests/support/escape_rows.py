"""Synthetic rows of escape times."""

from __future__ import annotations

from igbviz.studies import escape
from igbviz.studies.escape import (
    Row,
)


def row(loss: str, rate: str, seed: int, escapes: int | None, accuracy: float = 0.5) -> Row:
    steps = [0, 1, 10, 100, 1000]
    evenness = [0.9 if escapes is not None and step >= escapes else 0.1 for step in steps]
    learning_rate = 1e-5 if rate == "preset" else 2.5e-5
    return Row(
        loss, rate, seed, f"{loss}-{rate}-{seed}", learning_rate, steps, evenness, accuracy, 0.25, 0.125, None, 1.0
    )


def rows() -> list[Row]:
    slow = [
        row("slow", rate, seed, at, 0.1 * seed) for rate in escape.RATES for seed, at in enumerate((100, None, 1000))
    ]
    return slow + [row("fast", rate, seed, 10) for rate in escape.RATES for seed in range(3)]
