"""The outputs of one untrained network as curves: the histograms of its record, a density for each class.

A histogram counts (logit - centre) / spread, so a curve is `centre + spread * POSITIONS` over `density / spread`.
"""

from __future__ import annotations

import numpy as np

from igbviz.charts.run import MAX_LINES
from igbviz.ensembles.records import HISTOGRAM_EDGES

STEP = HISTOGRAM_EDGES[1] - HISTOGRAM_EDGES[0]
# The middles of the bins, and one more on either side where the density is 0.
POSITIONS = np.arange(-1, len(HISTOGRAM_EDGES)) * STEP + HISTOGRAM_EDGES[0] + STEP / 2
MAX_RUNNERS_UP = 4  # drawn beside the favoured class where there are too many classes to draw all


def densities(record: np.void) -> np.ndarray:
    """(K, len(POSITIONS)) density of each class's (logit - centre) / spread."""
    counts = record["histogram"]
    return np.pad(counts / (np.maximum(counts.sum(-1, keepdims=True), 1) * STEP), ((0, 0), (1, 1)))


def curves(record: np.void, unit: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """x and y, (K, len(POSITIONS)), of the density of each class's logit / `unit`; 0 where all its logits are equal."""
    spread, centre = record["spread"][:, None] / unit, record["centre"][:, None] / unit
    density = densities(record)
    return centre + spread * POSITIONS, np.divide(density, spread, where=spread > 0, out=np.zeros_like(density))


def drawn_classes(record: np.void) -> list[int]:
    """All classes; where there are too many, the favoured one first, and those with the most guesses after it."""
    classes = len(record["guesses"])
    if classes <= MAX_LINES:
        return list(range(classes))
    # Of equal counts the first class wins, as argmax has it for every input.
    favoured = int(record["guesses"].argmax())
    ranking = np.lexsort((record["centre"], record["guesses"]))[::-1]
    return [favoured, *(int(k) for k in ranking if k != favoured)][: MAX_RUNNERS_UP + 1]
