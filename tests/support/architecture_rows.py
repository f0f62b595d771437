"""Results of made-up architectures before training: a prejudiced one, one without bias, one whose head is zero."""

from __future__ import annotations

from igbviz.studies.architectures import Row


def row(name: str, data: str, statistics: str, counts: list[list[int]], gamma: tuple[float, float] | None) -> Row:
    return Row(
        name, data, statistics, False, f"{name}-{data}-{statistics}", gamma, gamma, tuple(map(tuple, counts)), 1.0
    )


STRONG, EVEN = [[95, 5], [85, 15]], [[50, 50], [52, 48]]
ROWS = [
    row("net", "noise", "eval", STRONG, (9.0, 1.0)),
    row("net", "CIFAR-10", "eval", STRONG, (4.0, 1.0)),
    row("net", "noise", "batch", EVEN, (0.1, 0.1)),
    row("net", "CIFAR-10", "batch", EVEN, (0.1, 0.1)),
    row("even", "noise", "eval", EVEN, (0.2, 0.1)),
    row("even", "CIFAR-10", "eval", EVEN, (0.3, 0.1)),
    row("zero", "noise", "eval", [[100, 0], [100, 0]], None),
]
