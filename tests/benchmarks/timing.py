"""Methods that take turns in one process, and the ratio of their times; without plotly, which may be missing."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

REPEATS = 7


def alternating(
    ways: dict[str, Callable[[], Any]],
    times: int = 1,
    repeats: int = REPEATS,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Milliseconds of each method, in alternation, so that a busy moment of the machine affects all of them."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way()
    for _ in range(repeats):
        for name, way in ways.items():
            started = clock()
            for _ in range(times):
                way()
            taken[name].append((clock() - started) / times * 1e3)
    return taken


def row(case: str, taken: dict[str, list[float]]) -> dict[str, Any]:
    """Medians, range and the ratio of the first method to the second; printed and returned."""
    medians = {name: statistics.median(values) for name, values in taken.items()}
    first, second = list(medians)[:2]
    ratio = medians[first] / medians[second]
    words = ", ".join(
        f"{name} {medians[name]:.3g} ms ({min(values):.3g}-{max(values):.3g})" for name, values in taken.items()
    )
    print(f"{case:42} {words}; ratio {ratio:.3f}", flush=True)
    return {"case": case, "ms": taken, "ratio": ratio}
