"""Signal propagation: variance, correlation and gamma from layer to layer of an infinitely wide random network.

    Y^l = W^l x^{l-1} + b^l,   x^l = phi(Y^l),   W^l_ij ~ N(0, sigma_w2 / fan_in),   b^l_i ~ N(0, sigma_b2)

sigma_w2 and sigma_b2 are variances. Layer 1 acts on the raw data, with mean square q0 and correlation c0 between
inputs; a network with H activations has its logits at layer H + 1. Results are arrays (depth,) whose entry l - 1 is for
Y^l.

A node's pre-activation is a part shared by all inputs (its centre) plus a part private to each input. One layer splits
phi's second moment V in the same way, into B = E phi(u) phi(v) and S = V - B, so mean-field theory and initial guessing
bias are one map:

    q' = sigma_b2 + sigma_w2 V      gamma' = (sigma_b2 + sigma_w2 B) / (sigma_w2 S)      c = gamma / (1 + gamma)

Sources: arXiv 2306.00809 and 2505.12096 (gamma), 1606.05340 and 1611.01232 (the map of q and c), 2505.11312
(normalization).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from igbviz.theory.kernels import Activation, Array, kernel, require

PLACEMENTS = ("none", "batch-before", "batch-after", "layer-before", "layer-after", "rms-before", "rms-after")

# Integrals are evaluated for variances within these bounds: beyond them their ratios equal their limits, and squares
# would overflow or underflow.
MIN_VARIANCE, LARGEST = 1e-100, 1e100


class Layer(NamedTuple):
    """Pre-activations of one layer: variance q, correlation c, and d = 1 - c, which keeps gamma = c / d accurate."""

    q: Array
    c: Array
    d: Array


def first_layer(sigma_w2: float, sigma_b2: float, q0: float = 1.0, c0: float = 0.0) -> Layer:
    """Layer 1, of data with mean square q0 and correlation c0: gamma^1 = sigma_b2 / sigma_w2 for q0 = 1, c0 = 0."""
    return affine(sigma_w2, sigma_b2, np.float64(q0), np.float64(c0), np.float64(1 - c0))


def affine(sigma_w2: float, sigma_b2: float, moment: Array, shared: Array, private: Array) -> Layer:
    """Weights and biases applied to features with second moment `moment`, of which fractions are shared and private.

    Without bias the fractions pass unchanged, so gamma stays correct when the signal under- or overflows, and for
    sigma_w2 = 0.
    """
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        q = sigma_b2 + sigma_w2 * moment
        bias = np.where(sigma_b2 == 0, 0.0, sigma_b2 / q)
        signal = np.where(sigma_b2 == 0, 1.0, 1 / (1 + sigma_b2 / (sigma_w2 * moment)))
    return Layer(q, bias + signal * shared, signal * private)


def next_layer(phi: Activation, sigma_w2: float, sigma_b2: float, layer: Layer) -> Layer:
    """One step of the recursion; elementwise for arrays."""
    q = np.clip(layer.q, MIN_VARIANCE, LARGEST)
    mean, private = phi.mean(q), phi.private(q, layer.c, layer.d)
    shared = mean**2 + phi.covariance(q, layer.c, layer.d)
    moment = phi.moment(q)
    return affine(
        sigma_w2, sigma_b2, np.where(layer.q == q, moment, moment / q * layer.q), shared / moment, private / moment
    )


def variance_by_depth(
    activation: str | Activation, sigma_w2: float, sigma_b2: float, depth: int, q0: float = 1.0
) -> Array:
    """(depth,) variances q^1 to q^depth. A vanishing signal ends at 0, an exploding one at inf.

    Raises ValueError for an unknown activation, a negative variance or a depth below 1.

    >>> igbviz.theory.variance_by_depth("tanh", 1.5, 0.1, depth=4).round(3)
    array([1.6  , 0.82 , 0.638, 0.572])
    """
    return np.array([layer.q for layer in _layers(activation, sigma_w2, sigma_b2, depth, 0.0, q0)])


def correlation_by_depth(
    activation: str | Activation, sigma_w2: float, sigma_b2: float, depth: int, c0: float = 0.0, q0: float = 1.0
) -> Array:
    """(depth,) correlations c^1 to c^depth of two inputs. Near 1 they lose digits that `gamma_by_depth` keeps.

    Sources: arXiv 1606.05340 and 1611.01232. Raises ValueError for an unknown activation, a negative variance or a
    depth below 1.

    >>> igbviz.theory.correlation_by_depth("relu", 2.0, 0.0, depth=4).round(3)
    array([0.   , 0.318, 0.494, 0.605])
    """
    return np.array([layer.c for layer in _layers(activation, sigma_w2, sigma_b2, depth, c0, q0)])


def gamma_by_depth(
    activation: str | Activation, sigma_w2: float, sigma_b2: float, depth: int, c0: float = 0.0, q0: float = 1.0
) -> Array:
    """(depth,) gamma^1 to gamma^depth; inf where all inputs coincide (c0 = 1, or sigma_w2 = 0 with a bias).

    With sigma_b2 = 0 the weight variance only rescales the signal of a piecewise-linear phi, so ReLU has the same curve
    for every sigma_w2, and sigma_w2 = 0 gives the limit of small weights. Sources: arXiv 2306.00809 and 2505.12096.
    Raises ValueError for an unknown activation, a negative variance or a depth below 1.

    >>> igbviz.theory.gamma_by_depth("relu", 2.0, 0.0, depth=4).round(3)
    array([0.   , 0.467, 0.975, 1.531])
    """
    return _gammas(_layers(activation, sigma_w2, sigma_b2, depth, c0, q0))


def gradient_gain(
    activation: str | Activation,
    sigma_w2: float,
    sigma_b2: float,
    depth: int,
    q0: float = 1.0,
    cumulative: bool = False,
) -> Array:
    """(depth,) factors chi^l by which backpropagation from Y^{l+1} to Y^l multiplies the mean square gradient.

        chi^l = sigma_w2 E phi'(Y^l)^2

    Widths are equal. `cumulative` gives the growth from Y^l back to Y^1, the product of chi^1 to chi^{l-1}: entry 0 is
    1, entry depth - 1 is E|dL/dY^1|^2 / E|dL/dY^depth|^2. Above 1 gradients explode, below 1 they vanish (arXiv
    1611.01232). Raises ValueError for an unknown activation, a negative variance or a depth below 1.

    >>> igbviz.theory.gradient_gain("tanh", 1.5, 0.1, depth=4).round(3)
    array([0.577, 0.75 , 0.82 , 0.851])
    """
    phi = kernel(activation)
    q = np.clip(variance_by_depth(phi, sigma_w2, sigma_b2, depth, q0), MIN_VARIANCE, LARGEST)
    gain = sigma_w2 * phi.slopes(q, np.ones_like(q), np.zeros_like(q))
    if not cumulative:
        return gain
    with np.errstate(over="ignore", under="ignore"):
        return np.concatenate([[1.0], np.cumprod(gain[:-1])])


def normalized_gamma(
    placement: str,
    depth: int,
    activation: str | Activation = "relu",
    sigma_w2: float = 2.0,
    sigma_b2: float = 0.0,
    c0: float = 0.0,
) -> Array:
    """(depth,) gamma^1 to gamma^depth of a network with normalization (gain 1, bias 0) at every activation, for q0 = 1.

    `placement` is the kind and the place: "before" normalizes Y^l and then applies phi, "after" normalizes phi(Y^l).

        batch   over the data, node by node: removes every node's centre. Before phi, gamma is that of one layer on
                uncorrelated data, 1 / (pi - 1) for ReLU at every depth; after phi, only the biases are left, gamma =
                sigma_b2 / sigma_w2.
        layer   over the nodes, input by input: leaves the centres unchanged before phi, but removes E phi after it.
        rms     rescales each input and centres nothing.

    Batch normalization uses the statistics of a large batch. In evaluation mode before any training it is the identity:
    use "none". Source: arXiv 2505.11312. Raises ValueError for another placement, and like `gamma_by_depth`.

    >>> igbviz.theory.normalized_gamma("batch-before", depth=4).round(3)
    array([0.   , 0.467, 0.467, 0.467])
    """
    phi = kernel(activation)
    require(placement in PLACEMENTS, "placement", placement, ", ".join(PLACEMENTS))
    if placement == "none":
        return gamma_by_depth(phi, sigma_w2, sigma_b2, depth, c0)
    _check(sigma_w2, sigma_b2, depth, c0, 1.0)
    layer, layers = first_layer(sigma_w2, sigma_b2, 1.0, c0), []
    unit, zero = np.float64(1), np.float64(0)
    for _ in range(depth):
        layers.append(layer)
        if placement.endswith("before"):
            centred = placement == "batch-before"
            normalized = Layer(unit, zero, unit) if centred else layer._replace(q=unit)
            layer = next_layer(phi, sigma_w2, sigma_b2, normalized)
            continue
        q = np.clip(layer.q, MIN_VARIANCE, LARGEST)
        shared, private = phi.covariance(q, layer.c, layer.d), phi.private(q, layer.c, layer.d)
        if placement == "batch-after":
            shared = zero
        elif placement == "rms-after":
            shared = shared + phi.mean(q) ** 2
        layer = affine(sigma_w2, sigma_b2, unit, shared / (shared + private), private / (shared + private))
    return _gammas(layers)


def max_pool_gamma(activation: str | Activation, k: int) -> float:
    """gamma of the next layer, without bias, when each feature is the maximum of k nodes phi(Y), Y ~ N(0, 1) i.i.d.

        gamma = M1^2 / (M2 - M1^2),   M_n = E max^n

    k = 1 is a layer without pooling. Even a linear layer pooled over 2 has ReLU's gamma, 1 / (pi - 1). Source: arXiv
    2306.00809. Raises ValueError for an unknown activation or a k below 1.

    >>> round(igbviz.theory.max_pool_gamma("relu", k=2), 3)
    1.041
    """
    phi = kernel(activation)
    require(isinstance(k, int | np.integer) and k >= 1, "k", k, "a whole number of at least 1")
    # panels end where phi or `below` has a kink; 200 nodes in each leave an error near rounding
    ends = np.array([-12.0, *phi.breakpoints, 12.0])
    nodes, weights = _rule(200)
    half = np.diff(ends)[:, None] / 2
    y = (ends[:-1, None] + half + half * nodes).ravel()
    mass = (half * weights).ravel() * k * np.exp(-(y**2) / 2) * phi.below(y) ** (k - 1)
    mass /= mass.sum()
    values = phi(y)
    mean = mass @ values
    return float(mean**2 / (mass @ (values - mean) ** 2))


_rule = lru_cache(maxsize=None)(np.polynomial.legendre.leggauss)  # computing it takes longer than using it


def check_variances(sigma_w2: Array, sigma_b2: Array) -> None:
    """Raise ValueError unless both are finite and not negative."""
    for field, value in (("sigma_w2", sigma_w2), ("sigma_b2", sigma_b2)):
        require((np.asarray(value) >= 0) & np.isfinite(value), field, value, "a variance, at least 0")


def _layers(
    activation: str | Activation, sigma_w2: float, sigma_b2: float, depth: int, c0: float, q0: float
) -> list[Layer]:
    phi = kernel(activation)
    _check(sigma_w2, sigma_b2, depth, c0, q0)
    layers = [first_layer(sigma_w2, sigma_b2, q0, c0)]
    while len(layers) < depth:
        layers.append(next_layer(phi, sigma_w2, sigma_b2, layers[-1]))
    return layers


def _gammas(layers: list[Layer]) -> Array:
    with np.errstate(divide="ignore", over="ignore"):
        return np.array([layer.c for layer in layers]) / np.array([layer.d for layer in layers])


def _check(sigma_w2: float, sigma_b2: float, depth: int, c0: float, q0: float) -> None:
    check_variances(sigma_w2, sigma_b2)
    require(isinstance(depth, int | np.integer) and depth >= 1, "depth", depth, "a whole number of at least 1")
    require(0 <= c0 <= 1, "c0", c0, "a correlation from 0 to 1")
    require(q0 > 0 and np.isfinite(q0), "q0", q0, "a mean square above 0")
