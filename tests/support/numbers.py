"""Compare values of the theory."""

from __future__ import annotations

import math

import numpy as np

from igbviz import theory

NAMES = list(theory.ACTIVATIONS)


PI = math.pi


EXTREMES = [(0, 0), (0, 0.1), (0.5, 0), (1, 0), (4, 0), (4, 1), (1e-3, 1e-3)]  # (sigma_w2, sigma_b2)


MATCHED = 2 * PI / (PI - 1)  # the weight variance at which relu - 1/sqrt(2 pi) keeps q = 1


def same(actual, expected, relative=1e-10, absolute=0.0):
    np.testing.assert_allclose(actual, expected, rtol=relative, atol=absolute)
