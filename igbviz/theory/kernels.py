"""Gaussian expectations of activation functions: the integrals behind all predictions for infinitely wide networks.

At a node of a wide layer, two inputs have pre-activations (u, v), Gaussian over the weights, with variance q and
correlation c. An `Activation` has phi itself and these expectations, elementwise for arrays q, c and d that broadcast:

    mean(q)              E phi(u)
    moment(q)            V = E phi(u)^2
    moment_slope(q)      dV/dq
    covariance(q, c, d)  E phi(u) phi(v) - (E phi(u))^2       what two inputs share beyond the mean
    private(q, c, d)     S = E phi(u)^2 - E phi(u) phi(v)     what distinguishes them
    slopes(q, c, d)      E phi'(u) phi'(v)

d = 1 - c is passed beside c, because the subtraction loses all digits near c = 1. For the same reason S is never the
difference of two moments: each formula below is a closed form without cancellation, so ratios of S are accurate even
at gamma = 1e12.

Sources: Cho and Saul 2009 (ReLU), Williams 1997 (erf), arXiv 1606.05340 and 1611.01232 (the maps that use them); GELU
and the cancellation-free forms by integration by parts and angle-difference identities.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import erf, ndtr

Array = np.ndarray


def require(allowed: Any, field: str, value: Any, sentence: str) -> None:
    """Raise ValueError with one sentence for the user unless `allowed`; for arrays it shows the first invalid value."""
    allowed = np.asarray(allowed)
    if allowed.all():
        return
    if allowed.ndim or isinstance(value, np.ndarray):
        value = np.asarray(value)[~allowed][0]
    raise ValueError(f"{field} is {value.item() if isinstance(value, np.generic) else value!r}, allowed: {sentence}")


class Activation:
    """One activation function and its Gaussian expectations. Each subclass is a family with its own closed forms.

    >>> relu = igbviz.theory.kernel("relu")
    >>> relu(np.array([-1.0, 2.0])), relu.moment(1.0)
    (array([0., 2.]), np.float64(0.5))
    """

    breakpoints: tuple[float, ...] = (0.0,)  # where phi has a kink or an extremum: integration panels end there
    asymptotically_kinked = False  # phi approaches a kinked line, a u + b |u| with b != 0, as q goes to inf

    def __call__(self, u: Array) -> Array:
        """phi(u), elementwise."""
        raise NotImplementedError

    def slope(self, u: Array) -> Array:
        """phi'(u), elementwise; at a kink the mean of both sides."""
        raise NotImplementedError

    def mean(self, q: Array) -> Array:
        """E phi(u)."""
        raise NotImplementedError

    def moment(self, q: Array) -> Array:
        """V = E phi(u)^2."""
        raise NotImplementedError

    def moment_slope(self, q: Array) -> Array:
        """dV/dq."""
        raise NotImplementedError

    def covariance(self, q: Array, c: Array, d: Array) -> Array:
        """E phi(u) phi(v) - (E phi(u))^2, what two inputs share beyond the mean."""
        raise NotImplementedError

    def private(self, q: Array, c: Array, d: Array) -> Array:
        """S = E phi(u)^2 - E phi(u) phi(v), what distinguishes two inputs."""
        raise NotImplementedError

    def slopes(self, q: Array, c: Array, d: Array) -> Array:
        """E phi'(u) phi'(v)."""
        raise NotImplementedError

    def below(self, y: Array) -> Array:
        """P(phi(Y) <= phi(y)) for a standard normal Y: the probability that y beats one rival in a max pool."""
        # right for every non-decreasing phi: on a flat piece any order among equals gives the same maximum
        return ndtr(y)


class PiecewiseLinear(Activation):
    """phi(u) = odd u + even |u| + shift: linear, |u|, ReLU, leaky ReLU and shifted ReLU.

    With c = cos(theta): E|u||v| = (2 q / pi) (sin theta + c (pi/2 - theta)), E sign(u) sign(v) = 1 - 2 theta / pi.
    """

    def __init__(self, odd: float, even: float, shift: float = 0.0) -> None:
        self.odd: float = odd
        self.even: float = even
        self.shift: float = shift
        self.mean_square_slope: float = odd**2 + even**2  # E phi'^2, at every q
        self.asymptotically_kinked: bool = even != 0

    def __call__(self, u: Array) -> Array:
        return self.odd * u + self.even * np.abs(u) + self.shift

    def slope(self, u: Array) -> Array:
        return self.odd + self.even * np.sign(u)

    def mean(self, q: Array) -> Array:
        return self.even * np.sqrt(2 * q / np.pi) + self.shift

    def moment(self, q: Array) -> Array:
        return self.mean_square_slope * q + 2 * self.even * self.shift * np.sqrt(2 * q / np.pi) + self.shift**2

    def moment_slope(self, q: Array) -> Array:
        return self.mean_square_slope + self.even * self.shift * np.sqrt(2 / (np.pi * q))

    def covariance(self, q: Array, c: Array, d: Array) -> Array:
        # sin theta - 1 = -c^2 / (1 + sin theta), since the difference would lose all digits below c = 1e-8
        sine = np.sqrt(d * (1 + c))
        return q * (self.odd**2 * c + self.even**2 * (2 / np.pi) * (c * np.arctan2(c, sine) - c**2 / (1 + sine)))

    def private(self, q: Array, c: Array, d: Array) -> Array:
        theta = 2 * np.arcsin(np.sqrt(d / 2))
        # sin t - t cos t cancels at small t; below t = 0.01 three terms of its series have a relative error of 1e-16
        series = theta**3 * (1 / 3 - theta**2 / 30 + theta**4 / 840)
        bracket = np.where(theta < 0.01, series, np.sin(theta) - theta * np.cos(theta))
        return q * (self.odd**2 * d + self.even**2 * (d - (2 / np.pi) * bracket))

    def slopes(self, q: Array, c: Array, d: Array) -> Array:
        return self.odd**2 + self.even**2 * (2 / np.pi) * np.arctan2(c, np.sqrt(d * (1 + c))) + 0 * q

    def below(self, y: Array) -> Array:
        if abs(self.even) <= self.odd:
            return ndtr(y)
        # phi has a valley: it takes every value once on each side of zero
        right, left = self.odd + self.even, self.odd - self.even
        mirror = np.where(y > 0, y * right / left, y * left / right)
        return np.abs(ndtr(y) - ndtr(mirror))


class ErfMixture(Activation):
    """phi(u) = sum_i w_i erf(a_i u) with positive weights: erf itself, and tanh as 32 of them.

    One pair of terms, with p_i = 2 a_i^2 q and A = sqrt(p_i p_j), R(c)^2 = 1 + p_i + p_j + A^2 (1 - c^2):

        E erf(a_i u) erf(a_j v) = (2/pi) arctan(c A / R(c))            E of the slopes = (4/pi) a_i a_j / R(c)

    All terms of each sum are positive, so its relative accuracy is that of one term at any q, and the covariance is
    exactly 0 at c = 0.
    """

    def __init__(self, weights: Array, scales: Array) -> None:
        self.weights: Array = np.asarray(weights, float)
        self.scales: Array = np.asarray(scales, float)
        first, second = np.triu_indices(len(self.scales))
        self.pair_weight: Array = self.weights[first] * self.weights[second] * np.where(first == second, 1, 2)
        self.pair_product: Array = 2 * self.scales[first] * self.scales[second]  # A / q
        self.pair_sum: Array = 2 * (self.scales[first] ** 2 + self.scales[second] ** 2)  # (p_i + p_j) / q

    def __call__(self, u: Array) -> Array:
        return erf(np.asarray(u)[..., None] * self.scales) @ self.weights

    def slope(self, u: Array) -> Array:
        return (
            2 / np.sqrt(np.pi) * np.exp(-((np.asarray(u)[..., None] * self.scales) ** 2)) @ (self.weights * self.scales)
        )

    def mean(self, q: Array) -> Array:
        return 0.0 * np.asarray(q, float)

    def moment(self, q: Array) -> Array:
        q = np.asarray(q, float)[..., None]
        return (2 / np.pi) * np.arctan2(self.pair_product * q, np.sqrt(1 + self.pair_sum * q)) @ self.pair_weight

    def moment_slope(self, q: Array) -> Array:
        q = np.asarray(q, float)[..., None]
        square = 1 + self.pair_sum * q
        slope = (
            self.pair_product
            * (1 + self.pair_sum * q / 2)
            / (np.sqrt(square) * (square + (self.pair_product * q) ** 2))
        )
        return (2 / np.pi) * slope @ self.pair_weight

    def covariance(self, q: Array, c: Array, d: Array) -> Array:
        c = np.asarray(c, float)[..., None]
        product, _, root = self._pairs(q, c, d)
        return (2 / np.pi) * np.arctan2(c * product, root) @ self.pair_weight

    def private(self, q: Array, c: Array, d: Array) -> Array:
        c = np.asarray(c, float)[..., None]
        product, square, root = self._pairs(q, c, d)
        # arcsin x - arcsin(c x) as an angle whose sine and cosine, up to a common factor, are sums of positive terms
        end = np.sqrt(square)
        sine = product * (np.asarray(d, float)[..., None] * (1 + c)) * (square + product**2)
        cosine = (root + c * end) * (end * root + c * product**2)
        return (2 / np.pi) * np.arctan2(sine, cosine) @ self.pair_weight

    def slopes(self, q: Array, c: Array, d: Array) -> Array:
        _, _, root = self._pairs(q, np.asarray(c, float)[..., None], d)
        return (2 / np.pi) * (self.pair_product / root) @ self.pair_weight

    def _pairs(self, q: Array, c: Array, d: Array) -> tuple[Array, Array, Array]:
        """A, R(1)^2 and R(c), each (..., pairs)."""
        q, d = np.asarray(q, float)[..., None], np.asarray(d, float)[..., None]
        product, square = self.pair_product * q, 1 + self.pair_sum * q
        return product, square, np.sqrt(square + product**2 * (d * (1 + c)))


class Tanh(ErfMixture):
    """tanh as a mixture of error functions.

    A logistic variable is a normal one times 2 K, where K has Kolmogorov's distribution (Andrews and Mallows 1974;
    Stefanski 1991). Hence, exactly,

        tanh(u) = int erf(u / (sqrt(2) k)) p(k) dk

    In log k the density p decays doubly exponentially to both sides, and the trapezoid rule converges at that rate: a
    step of 0.105 gives 32 terms and a relative error of 3e-16 at every u. With `terms` they are compressed into a Gauss
    rule of that many nodes: 10 give an error of 1e-8.
    """

    def __init__(self, terms: int | None = None) -> None:
        step = 0.105
        log_k = np.arange(-2.3, 1.9, step)
        weights = _kolmogorov_density(np.exp(log_k)) * np.exp(log_k) * step
        log_k, weights = log_k[weights > 1e-18], weights[weights > 1e-18]
        if terms:
            log_k, weights = _gauss_rule(log_k, weights, terms)
        super().__init__(weights, np.exp(-log_k) / math.sqrt(2))

    def __call__(self, u: Array) -> Array:
        return np.tanh(u)

    def slope(self, u: Array) -> Array:
        return 1 - np.tanh(u) ** 2


class Gelu(Activation):
    """phi(u) = u Phi(u), with s = q c, X = 1 + q, R(s)^2 = X^2 - s^2 and the angles sin a = q / X, sin b = s / X:

    E phi(u) phi(v) = s/4 + s b / (2 pi) + [q^2 X + (1 - q) s^2] / (2 pi X R(s))
    """

    turn: float = -0.7517915246935645  # where phi has its minimum
    breakpoints: tuple[float, ...] = (turn, 0.0)
    asymptotically_kinked = True

    def __call__(self, u: Array) -> Array:
        return u * ndtr(u)

    def slope(self, u: Array) -> Array:
        return ndtr(u) + u * np.exp(-np.square(u) / 2) / math.sqrt(2 * math.pi)

    def mean(self, q: Array) -> Array:
        return q / np.sqrt(2 * np.pi * (1 + q))

    def moment(self, q: Array) -> Array:
        root = np.sqrt(1 + 2 * q)
        return q / 4 + q * np.arctan2(q, root) / (2 * np.pi) + q * (q / (1 + q)) / (np.pi * root)

    def moment_slope(self, q: Array) -> Array:
        x, root = 1 + q, np.sqrt(1 + 2 * q)
        angles = np.arctan2(q, root) + q / x / root
        return 1 / 4 + angles / (2 * np.pi) + (q / x) * (2 - q / x - q / root**2) / (np.pi * root)

    def covariance(self, q: Array, c: Array, d: Array) -> Array:
        x, s = 1 + q, q * c
        root = self._root(q, c, d)
        third = (s / x) * (s / root) * (1 + (1 - q) * root) / (x + root)
        return s / 4 + (s * np.arctan2(s, root) + third) / (2 * np.pi)

    def private(self, q: Array, c: Array, d: Array) -> Array:
        # With b = angle of s and a = angle of q, the terms that cancel at large q are (a - b) - (cos b - cos a) = 2 (h
        # - sin h cos m), where h = (a - b)/2 and m is pi/2 minus their mean; h - sin h and 1 - cos m are computed
        # separately.
        x, s = 1 + q, q * c
        end, root = np.sqrt(1 + 2 * q), self._root(q, c, d)
        half = np.arctan2(q * (d * (1 + c)) * x, (root + c * end) * ((end / x) * (root / x) + c * (q / x) ** 2) * x) / 2
        middle = (np.arctan2(end, q) + np.arctan2(root, s)) / 2
        excess = np.where(half < 0.01, half**3 * (1 / 6 - half**2 / 120 + half**4 / 5040), half - np.sin(half))
        cosines = 2 * np.sin(half) * np.cos(middle)
        tail = cosines * (1 + (x / end) / root)
        return (
            q * d * (np.pi / 2 + np.arctan2(s, root))
            + q * (2 * excess + 4 * np.sin(half) * np.sin(middle / 2) ** 2)
            + tail
        ) / (2 * np.pi)

    def slopes(self, q: Array, c: Array, d: Array) -> Array:
        x, s = 1 + q, q * c
        root = self._root(q, c, d)
        third = (s / root) * ((3 + 2 * q) / root - 2 * (s / root) * (s / x)) / root
        return 1 / 4 + (np.arctan2(s, root) + third) / (2 * np.pi)

    def below(self, y: Array) -> Array:
        y = np.asarray(y, float)
        target = self(y)
        # left of its minimum phi rises back to zero: bisect for the point of equal value on the other side
        low, high = np.where(y < self.turn, self.turn, -40.0), np.where(y < self.turn, 0.0, self.turn)
        for _ in range(60):
            middle = (low + high) / 2
            rising = middle > self.turn
            move_up = (self(middle) < target) == rising
            low, high = np.where(move_up, middle, low), np.where(move_up, high, middle)
        return np.where(y >= 0, ndtr(y), np.abs(ndtr(y) - ndtr((low + high) / 2)))

    @staticmethod
    def _root(q: Array, c: Array, d: Array) -> Array:
        return np.sqrt(1 + 2 * q + q**2 * (d * (1 + c)))


def leaky_relu(slope: float = 0.01) -> PiecewiseLinear:
    """Leaky ReLU; the default is torch's.

    Raises ValueError for a slope outside 0 to 1.

    >>> igbviz.theory.gamma_by_depth(igbviz.theory.leaky_relu(0.2), 2.0, 0.0, depth=3).round(3)
    array([0.   , 0.244, 0.504])
    """
    require(0 <= slope <= 1, "slope", slope, "0 to 1")
    return PiecewiseLinear((1 + slope) / 2, (1 - slope) / 2)


def _kolmogorov_density(k: Array) -> Array:
    """Density of Kolmogorov's distribution at k > 0: two equivalent series, each used where it converges fast."""
    n = np.arange(1, 40)[:, None]
    odd = (2 * n - 1) ** 2 * np.pi**2
    small = np.sqrt(2 * np.pi) * np.sum(np.exp(-odd / (8 * k**2)) * (odd / (4 * k**4) - 1 / k**2), axis=0)
    large = 8 * k * np.sum((-1.0) ** (n - 1) * n**2 * np.exp(-2 * n**2 * k**2), axis=0)
    return np.where(k < 1, small, large)


def _gauss_rule(nodes: Array, weights: Array, count: int) -> tuple[Array, Array]:
    """`count` nodes and weights with the same moments up to degree 2 count - 1 (Golub-Welsch)."""
    polynomials, _ = np.linalg.qr(np.sqrt(weights)[:, None] * np.polynomial.chebyshev.chebvander(nodes, count - 1))
    fewer, vectors = np.linalg.eigh(polynomials.T @ (nodes[:, None] * polynomials))
    return fewer, (np.sqrt(weights) @ polynomials @ vectors) ** 2


ACTIVATIONS: dict[str, Activation] = {
    "relu": PiecewiseLinear(0.5, 0.5),
    "leaky-relu": leaky_relu(),
    "tanh": Tanh(),
    "erf": ErfMixture(np.ones(1), np.ones(1)),
    "gelu": Gelu(),
    "linear": PiecewiseLinear(1.0, 0.0),
    "abs": PiecewiseLinear(0.0, 1.0),
    "shifted-relu": PiecewiseLinear(0.5, 0.5, -1 / math.sqrt(2 * math.pi)),
}


def kernel(activation: str | Activation) -> Activation:
    """The activation of that name; an `Activation` instance, such as leaky_relu(0.2), is returned as it is.

    Raises ValueError for another name.

    >>> type(igbviz.theory.kernel("gelu")).__name__
    'Gelu'
    """
    if isinstance(activation, Activation):
        return activation
    require(activation in ACTIVATIONS, "activation", activation, ", ".join(ACTIVATIONS))
    return ACTIVATIONS[activation]
