"""A shifted activation, phi(u - shift) - offset, and its Gaussian expectations by quadrature.

A shift moves the mean of a hidden node over the data, and with it initial guessing bias: over uncorrelated inputs and
without biases the next layer has

    gamma = m^2 / Var,   m = E phi(u - shift) - offset,   Var = Var phi(u - shift)

which is 0 if and only if m is. The offset changes m alone; the shift changes both, and cannot bring to zero the mean of
a function that is never negative.

No closed form is known for every phi, so integrals over u = sqrt(q) z are Gauss-Legendre sums on panels, which end
where phi bends (near the shift, on the scale of u) and where the normal density does (near 0, on the scale of z). Two
inputs are u = sqrt(q) (sqrt(c) s + sqrt(d) t) with one s and two t: what they share is a variance over s of means over
t, what distinguishes them a mean over s of variances over t, so neither loses digits.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import brentq

from igbviz.theory.kernels import Activation, Array, kernel, require
from igbviz.theory.signal_propagation import check_variances, first_layer, next_layer

BENDS = np.array([-7.0, -2.0, 0.0, 2.0, 7.0])  # ends of panels around the shift, in u
BELL = np.array([-9.0, -3.5, 0.0, 3.5, 9.0])  # and of the normal density, in z
NODES = 10  # in each panel
COINCIDE = 1e-16  # 1 - c below which phi is a straight line between two inputs
LARGEST_SHIFT = 10.0


class Shifted(Activation):
    """phi(u - shift) - offset. Shifts and offsets may be arrays, which broadcast with q.

    Raises ValueError for an unknown activation, or a shift or an offset that is not finite.

    >>> lowered = igbviz.theory.Shifted("relu", offset=1 / np.sqrt(np.pi))
    >>> igbviz.theory.gamma_by_depth(lowered, 2.0, 0.0, depth=3).round(3)
    array([0.   , 0.   , 0.021])
    """

    def __init__(self, activation: str | Activation, shift: Array = 0.0, offset: Array = 0.0) -> None:
        self.base: Activation = kernel(activation)
        self.shift: np.ndarray = np.asarray(shift, float)
        self.offset: np.ndarray = np.asarray(offset, float)
        for field, value in (("shift", self.shift), ("offset", self.offset)):
            require(np.isfinite(value), field, value, "a finite number")
        self.asymptotically_kinked: bool = self.base.asymptotically_kinked
        self._last: tuple[Any, Any] = (None, None)

    def __call__(self, u: Array) -> Array:
        return self.base(u - self.shift) - self.offset

    def slope(self, u: Array) -> Array:
        return self.base.slope(u - self.shift)

    def mean(self, q: Array) -> Array:
        u, weights, _ = self._over_inputs(q)
        return (weights * self.base(u)).sum(-1) - self.offset

    def moment(self, q: Array) -> Array:
        u, weights, _ = self._over_inputs(q)
        return (weights * (self.base(u) - self.offset[..., None]) ** 2).sum(-1)

    def moment_slope(self, q: Array) -> Array:
        # d/dq E f(sqrt(q) z) = E f'(u) z / (2 sqrt(q)), f = phi^2
        u, weights, z = self._over_inputs(q)
        values = (self.base(u) - self.offset[..., None]) * self.base.slope(u) * z
        return (weights * values).sum(-1) / np.sqrt(q)

    def covariance(self, q: Array, c: Array, d: Array) -> Array:
        if not self.shift.any():
            return self.base.covariance(q, c, d) + 0 * self.offset
        weights, means, _ = self._given_shared(self.base, q, c, d)
        mean = (weights * means).sum(-1, keepdims=True)
        return np.where(np.asarray(c) == 0, 0.0, (weights * (means - mean) ** 2).sum(-1))

    def private(self, q: Array, c: Array, d: Array) -> Array:
        if not self.shift.any():
            return self.base.private(q, c, d) + 0 * self.offset
        if not np.any(c):
            u, weights, _ = self._over_inputs(q)
            values = self.base(u)
            return (weights * (values - (weights * values).sum(-1, keepdims=True)) ** 2).sum(-1)
        weights, _, variances = self._given_shared(self.base, q, c, d)
        private = (weights * variances).sum(-1)
        if not np.any(np.asarray(d) < COINCIDE):
            return private
        limit = np.asarray(q) * d * self.slopes(q, np.ones_like(c), np.zeros_like(d))
        return np.where(np.asarray(d) < COINCIDE, limit, private)

    def slopes(self, q: Array, c: Array, d: Array) -> Array:
        weights, means, _ = self._given_shared(self.base.slope, q, c, d)
        return (weights * means**2).sum(-1)

    def _over_inputs(self, q: Array) -> tuple[Array, Array, Array]:
        """u - shift, weights and z over one input, each (..., nodes)."""
        q, shift = (part[..., None] for part in np.broadcast_arrays(np.asarray(q, float), self.shift))
        z, weights = _panels((shift + BENDS) / np.sqrt(q))
        return np.sqrt(q) * z - shift, weights, z

    def _given_shared(
        self, function: Callable[[Array], Array], q: Array, c: Array, d: Array
    ) -> tuple[Array, Array, Array]:
        """Over the part s that two inputs share: weights, and the mean and variance of `function` over the rest."""
        parts = (np.asarray(part, float) for part in (q, c, d, self.shift))
        parts = np.broadcast_arrays(*parts)
        key = (function, *(part.tobytes() for part in parts))
        if key == self._last[0]:  # covariance and private of one layer are asked for one after the other
            return self._last[1]
        q, c, d, shift = (part[..., None] for part in parts)
        # a tiny part of a variance moves nothing, but the places of its panels need a number
        common, own = (np.sqrt(q * np.maximum(part, 1e-300)) for part in (c, d))
        edges = np.concatenate([BENDS * np.ones_like(own), own * np.array([-6.0, -2.0, 2.0, 6.0])], axis=-1)
        s, weights = _panels((shift + edges) / common)
        middle = (common * s - shift)[..., None]
        t, inner = _panels((BENDS - middle) / own[..., None])
        values = function(middle + own[..., None] * t)
        means = (inner * values).sum(-1)
        found = weights, means, (inner * (values - means[..., None]) ** 2).sum(-1)
        self._last = key, found
        return found


def _panels(ends: Array) -> tuple[Array, Array]:
    """Points and weights (..., panels * NODES) of the standard normal distribution, on panels between BELL and ends."""
    ends = np.clip(ends, BELL[0], BELL[-1])
    ends = np.sort(np.concatenate([ends, np.broadcast_to(BELL, (*ends.shape[:-1], len(BELL)))], axis=-1), axis=-1)
    points, weights = _rule(NODES)
    half = np.diff(ends, axis=-1)[..., None] / 2
    z = (ends[..., :-1, None] + half + half * points).reshape(*ends.shape[:-1], -1)
    mass = (half * weights).reshape(z.shape) * np.exp(-(z**2) / 2)
    return z, mass / mass.sum(-1, keepdims=True)


_rule = lru_cache(maxsize=None)(np.polynomial.legendre.leggauss)


class ShiftCurve(NamedTuple):
    """Along the shifts (n,): the mean over the data of a node of the first hidden layer and gamma of the layer after
    it, the same mean in the last hidden layer, on average over its nodes, and gamma of the logits.

    >>> curve = igbviz.theory.shift_curve("tanh", offset=0.5, depth=10)
    >>> round(float(curve.gamma), 3), round(float(curve.logit_gamma), 1)
    (0.481, 20.0)
    """

    mean: Array
    gamma: Array
    last_mean: Array
    logit_gamma: Array


def shift_curve(
    activation: str | Activation,
    shift: Array = 0.0,
    offset: Array = 0.0,
    sigma_w2: float = 2.0,
    sigma_b2: float = 0.0,
    depth: int = 1,
) -> ShiftCurve:
    """The rule "no bias if and only if the mean of a hidden node over the data is zero", along shifts or offsets.

    The network has `depth` hidden layers with phi(u - shift) - offset, and uncorrelated inputs of mean square 1. With
    biases the means differ between nodes; `mean` is then their mean over the nodes. Raises ValueError for an unknown
    activation, a negative variance or a depth below 1.

    >>> curve = igbviz.theory.shift_curve("tanh", offset=np.array([0.0, 0.5]))
    >>> curve.mean.round(3), curve.gamma.round(3)
    (array([ 0. , -0.5]), array([0.   , 0.481]))
    """
    check_variances(sigma_w2, sigma_b2)
    require(isinstance(depth, int | np.integer) and depth >= 1, "depth", depth, "a whole number of at least 1")
    phi = Shifted(activation, shift, offset)
    layer, means, gammas = first_layer(sigma_w2, sigma_b2), [], []
    with np.errstate(all="ignore"):  # of a signal that dies nothing is left to compare: NaN
        for _ in range(depth):
            means.append(phi.mean(layer.q))
            layer = next_layer(phi, sigma_w2, sigma_b2, layer)
            gammas.append(layer.c / layer.d)
    return ShiftCurve(*np.broadcast_arrays(means[0], gammas[0], means[-1], gammas[-1]))


def zero_mean_shift(activation: str | Activation, q: float, of: str = "offset") -> float | None:
    """The offset, or the shift, at which a node's mean over inputs with pre-activations N(0, q) is zero.

    None where no shift within 10 does that, as for ReLU, which is never negative.

    >>> round(igbviz.theory.zero_mean_shift("relu", q=2.0), 3)
    0.564
    """
    if of == "offset":
        return float(Shifted(activation).mean(q))
    ends = np.linspace(-LARGEST_SHIFT, LARGEST_SHIFT, 41)
    phi = Shifted(activation, ends)
    means = phi.mean(q)
    # far out on its flat side a function has a mean that is small, or 0 in floating point, as all of its values are
    if exact := ends[np.abs(means) < 1e-14 * np.sqrt(phi.moment(q))].tolist():
        return min(exact, key=abs) + 0.0
    places = np.flatnonzero(means[:-1] * means[1:] < 0)
    if not len(places):
        return None
    k = min(places, key=lambda k: abs(ends[k]))
    return float(brentq(lambda shift: float(Shifted(activation, shift).mean(q)), ends[k], ends[k + 1]))
