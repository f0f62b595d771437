"""Rows of a small map of imbalance whose differences are known."""

from __future__ import annotations

from collections.abc import Callable

from igbviz.studies.imbalance_map import FAVOURED, UNFAVOURED, Gamma, Measured, Row

DEPTHS, RATIOS, SEEDS = (2, 10), (2, 10, 100), (0, 1, 2)


def measured(difference: Callable[[int, int, int], float]) -> Measured:
    """Of three classes the last is in the majority; `difference` (depth, ratio, seed) is that of the other recalls."""
    rows = [
        Row(
            depth, ratio, majority, seed, f"{depth}-{ratio}-{majority}-{seed}", 2, 0.5,
            [*[0.4 + difference(depth, ratio, seed) * (majority == FAVOURED)] * 2, 0.9], [10, None, 0],
        )
        for depth in DEPTHS
        for ratio in RATIOS
        for majority in (FAVOURED, UNFAVOURED)
        for seed in SEEDS
    ]  # fmt: skip
    return Measured(tuple(rows), {2: Gamma(0.6, 0.03), 10: Gamma(1.6, 0.1)}, {})
