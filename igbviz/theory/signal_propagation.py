"""From layer to layer: how variance, correlation and gamma travel through an infinitely wide random network.

    Y^l = W^l x^{l-1} + b^l,   x^l = phi(Y^l),   W^l_ij ~ N(0, sigma_w2 / fan_in),   b^l_i ~ N(0, sigma_b2)

sigma_w2 and sigma_b2 are variances. Layer 1 acts on the raw data, whose mean square is q0 and whose mutual correlation
is c0; a network with H activations has its logits at layer H + 1. Results are arrays (depth,) whose entry l - 1 belongs
to Y^l.

A node's pre-activation is a part that all inputs share (its centre) plus a part of each input's own. One layer splits
phi's second moment V in the same way, into B = E phi(u) phi(v) and S = V - B, so mean-field theory and initial guessing
bias are one map:

    q' = sigma_b2 + sigma_w2 V      gamma' = (sigma_b2 + sigma_w2 B) / (sigma_w2 S)      c = gamma / (1 + gamma)

Sources: arXiv 2306.00809 and 2505.12096 (gamma), 1606.05340 and 1611.01232 (the map of q and c), 2505.11312
(normalisation).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from igbviz.theory.kernels import Activation, Array, kernel, require

PLACEMENTS = ("none", "batch-before", "batch-after", "layer-before", "layer-after", "rms-before", "rms-after")

# Integrals are taken at most this far out: their ratios have long reached their limits there, and no square overflows
# or vanishes.
SMALLEST, LARGEST = 1e-100, 1e100


class Layer(NamedTuple):
    """Pre-activations of one layer: variance q, correlation c, and d = 1 - c kept apart so that gamma = c / d keeps its
    digits."""

    q: Array
    c: Array
    d: Array


def first_layer(sigma_w2: float, sigma_b2: float, q0: float = 1.0, c0: float = 0.0) -> Layer:
    """An affine map of data with mean square q0 and correlation c0: gamma^1 = sigma_b2 / sigma_w2 for q0 = 1, c0 = 0."""
    return affine(sigma_w2, sigma_b2, np.float64(q0), np.float64(c0), np.float64(1 - c0))


def affine(sigma_w2: float, sigma_b2: float, moment: Array, shared: Array, private: Array) -> Layer:
    """Weights and biases applied to features of that second moment, of which the given fractions are shared and
    private.

    Fractions, not moments: without bias they pass unchanged, so gamma survives a signal that under- or overflows, and
    sigma_w2 = 0 too.
    """
    with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
        q = sigma_b2 + sigma_w2 * moment
        bias = np.where(sigma_b2 == 0, 0.0, sigma_b2 / q)
        signal = np.where(sigma_b2 == 0, 1.0, 1 / (1 + sigma_b2 / (sigma_w2 * moment)))
    return Layer(q, bias + signal * shared, signal * private)


def next_layer(phi: Activation, sigma_w2: float, sigma_b2: float, layer: Layer) -> Layer:
    """One step of the recursion; elementwise for arrays."""
    q = np.clip(layer.q, SMALLEST, LARGEST)
    mean, private = phi.mean(q), phi.private(q, layer.c, layer.d)
    shared = mean**2 + phi.covariance(q, layer.c, layer.d)
    moment = phi.moment(q)
    return affine(
        sigma_w2, sigma_b2, np.where(layer.q == q, moment, moment / q * layer.q), shared / moment, private / moment
    )


def variance_by_depth(
    activation: str | Activation, sigma_w2: float, sigma_b2: float, depth: int, q0: float = 1.0
) -> Array:
    """(depth,) variances q^1 .. q^depth. A signal that dies out ends at 0, one that explodes at inf."""
    return np.array([layer.q for layer in _layers(activation, sigma_w2, sigma_b2, depth, 0.0, q0)])


def correlation_by_depth(
    activation: str | Activation, sigma_w2: float, sigma_b2: float, depth: int, c0: float = 0.0, q0: float = 1.0
) -> Array:
    """(depth,) correlations c^1 .. c^depth of two inputs. Near 1 they have no digits left; gamma_by_depth has them all."""
    return np.array([layer.c for layer in _layers(activation, sigma_w2, sigma_b2, depth, c0, q0)])


def gamma_by_depth(
    activation: str | Activation, sigma_w2: float, sigma_b2: float, depth: int, c0: float = 0.0, q0: float = 1.0
) -> Array:
    """(depth,) bias levels gamma^1 .. gamma^depth; inf where all inputs have become one (c0 = 1, or no weights but a
    bias).

    With sigma_b2 = 0 the weight variance only rescales the signal of a piecewise-linear phi, so ReLU has the same curve
    for every sigma_w2, and sigma_w2 = 0 is read as the limit of small weights.
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
    """(depth,) factors chi^l by which the mean square gradient grows on its way back from Y^{l+1} to Y^l, for equal
    widths.

        chi^l = sigma_w2 E phi'(Y^l)^2

    `cumulative` gives the growth from Y^l all the way back to Y^1, the product of chi^1 .. chi^{l-1}: entry 0 is 1,
    entry depth - 1 is E|dL/dY^1|^2 / E|dL/dY^depth|^2. Above 1 gradients explode, below they vanish (arXiv 1611.01232).
    """
    phi = kernel(activation)
    q = np.clip(variance_by_depth(phi, sigma_w2, sigma_b2, depth, q0), SMALLEST, LARGEST)
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
    """(depth,) gamma^1 .. gamma^depth of a network with a normalisation (gain 1, bias 0) beside every activation; data
    have q0 = 1.

    `placement` says which one and where: "before" normalises Y^l and then applies phi, "after" normalises phi(Y^l).

        batch   over the data, node by node: takes every node's centre away. Before phi, gamma is that of one layer on fresh data,
                1 / (pi - 1) for ReLU at every depth; after phi, only the biases are left, gamma = sigma_b2 / sigma_w2.
        layer   over the nodes, input by input: leaves the centres alone before phi, but takes E phi away after it.
        rms     rescales each input, centres nothing.

    Batch normalisation is meant with batch statistics of a large batch. In evaluation mode before any training it is
    the identity: use "none". Source: arXiv 2505.11312.
    """
    phi = kernel(activation)
    require(placement in PLACEMENTS, "placement", placement, ", ".join(PLACEMENTS))
    if placement == "none":
        return gamma_by_depth(phi, sigma_w2, sigma_b2, depth, c0)
    _check(sigma_w2, sigma_b2, depth, c0, 1.0)
    layer, layers = first_layer(sigma_w2, sigma_b2, 1.0, c0), []
    one, nothing = np.float64(1), np.float64(0)
    for _ in range(depth):
        layers.append(layer)
        if placement.endswith("before"):
            fresh = placement == "batch-before"
            normal = Layer(one, nothing, one) if fresh else layer._replace(q=one)
            layer = next_layer(phi, sigma_w2, sigma_b2, normal)
            continue
        q = np.clip(layer.q, SMALLEST, LARGEST)
        shared, private = phi.covariance(q, layer.c, layer.d), phi.private(q, layer.c, layer.d)
        if placement == "batch-after":
            shared = nothing
        elif placement == "rms-after":
            shared = shared + phi.mean(q) ** 2
        layer = affine(sigma_w2, sigma_b2, one, shared / (shared + private), private / (shared + private))
    return _gammas(layers)


def max_pool_gamma(activation: str | Activation, k: int) -> float:
    """gamma of the next layer when each feature is the largest of k independent nodes phi(Y_1) .. phi(Y_k), Y ~ N(0,
    1), without bias.

        gamma = M1^2 / (M2 - M1^2),   M_n = E max^n

    k = 1 is the plain layer. Even a linear layer, pooled over 2, has the bias of ReLU, 1 / (pi - 1). Source: arXiv
    2306.00809.
    """
    phi = kernel(activation)
    require(isinstance(k, int | np.integer) and k >= 1, "k", k, "a whole number of at least 1")
    # panels end where phi or the chance of winning has a corner; 200 nodes each leave an error near rounding
    ends = np.array([-12.0, *phi.breakpoints, 12.0])
    nodes, weights = np.polynomial.legendre.leggauss(200)
    half = np.diff(ends)[:, None] / 2
    y = (ends[:-1, None] + half + half * nodes).ravel()
    mass = (half * weights).ravel() * k * np.exp(-(y**2) / 2) * phi.below(y) ** (k - 1)
    mass /= mass.sum()
    values = phi(y)
    mean = mass @ values
    return float(mean**2 / (mass @ (values - mean) ** 2))


def check_variances(sigma_w2: Array, sigma_b2: Array) -> None:
    """Raise unless both are finite and not negative."""
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
