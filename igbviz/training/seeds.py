"""One seed from three numbers, so that no two random streams of the program are related."""

from __future__ import annotations

import numpy as np

# What a stream is for. Part of the numerics: a number never changes its meaning, and new ones are added at the end.
WEIGHTS, ORDER, DROPOUT, ENSEMBLE_WEIGHTS, ENSEMBLE_ORDER, WRONG_LABELS, WRONG_PROBE, MINORITY, ROUNDING_NOISE = range(
    9
)


def derived_seed(seed: int, purpose: int, when: int) -> int:
    """A 63-bit seed for the stream of this purpose at this moment (a step, an epoch, the number of a network)."""
    return int(np.random.SeedSequence([seed, purpose, when]).generate_state(1, np.uint64)[0] >> 1)
