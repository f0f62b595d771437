"""Gaussian expectations of activations: closed forms against plain sums."""

from __future__ import annotations

import numpy as np
import pytest

from igbviz import theory
from tests.support.numbers import NAMES, same


@pytest.mark.parametrize("name", NAMES)
def test_kernels_are_averages_of_the_activation(name):
    """Closed forms against plain sums over a grid; kinks limit the grid to 1e-4."""
    phi, q, c = theory.kernel(name), 1.7, 0.6
    z = np.arange(-8, 8, 0.02) + 0.01
    weights = np.exp(-(z**2) / 2)
    weights /= weights.sum()
    values = phi(np.sqrt(q) * z)
    product = weights @ (values * (phi(np.sqrt(q) * (c * z[:, None] + np.sqrt(1 - c * c) * z)) @ weights))
    moment, mean = weights @ values**2, weights @ values
    same(phi.mean(q), mean, 1e-4, 1e-12)
    same(phi.moment(q), moment, 1e-4)
    same(phi.private(q, c, 1 - c), moment - product, 2e-4)
    same(phi.covariance(q, c, 1 - c), product - mean**2, 2e-4)
    # derivatives of the closed forms: dV/dq, and the slopes' correlation as d E phi phi / d (q c)
    step = 1e-5
    same(phi.moment_slope(q), (phi.moment(q + step) - phi.moment(q - step)) / (2 * step), 1e-8)
    same(
        phi.slopes(q, c, 1 - c),
        (phi.private(q, c - step, 1 - c + step) - phi.private(q, c + step, 1 - c - step)) / (2 * step * q),
        1e-8,
    )
    assert phi.covariance(q, 0.0, 1.0) == 0 and phi.private(q, 1.0, 0.0) == 0


@pytest.mark.parametrize("name", NAMES)
def test_shared_and_private_part_make_the_moment(name):
    phi = theory.kernel(name)
    q, d = np.geomspace(1e-6, 1e6, 25)[:, None], np.array([1e-14, 1e-6, 0.1, 0.5, 0.99, 1.0])
    parts = phi.mean(q) ** 2 + phi.covariance(q, 1 - d, d) + phi.private(q, 1 - d, d)
    same(parts, phi.moment(q) * np.ones_like(d), 1e-12)
    assert np.all(np.diff(phi.private(q, 1 - d, d), axis=1) > 0)
