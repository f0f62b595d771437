"""Comparing records."""

from __future__ import annotations

import numpy as np


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """Equal to the bit in all but the wall clock."""
    return a.dtype == b.dtype and all(
        a[name].tobytes() == b[name].tobytes() for name in a.dtype.names if name != "seconds"
    )
