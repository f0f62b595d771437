"""Phases of random initialisation: where very deep networks end up, which lines of the (sigma_w2, sigma_b2) plane part
them, how fast.

    q* = sigma_b2 + sigma_w2 V(q*)                                    the variance that depth leads to
    chi_1 = sigma_w2 E phi'^2 at q*                                   growth of the mean square gradient per layer
    f(c) = 1 - sigma_w2 S(q*, c) / q*                                 the map of the correlation; c* its stable fixed point

phi's Hermite series shows that all derivatives of f are >= 0, so f is convex with f(1) = 1 and f'(1) = chi_1. Hence
chi_1 <= 1 leads to c* = 1 and gamma* = inf (ordered, vanishing gradients), chi_1 > 1 to one stable c* < 1 and a finite
gamma* = c*/(1 - c*) (chaotic, exploding gradients); chi_1 = 1 is the edge of chaos.

What is answered where there is no such fixed point, always for data with q0 = 1 and c0 = 0:

    q* = 0      the signal dies out: tanh or erf with sigma_b2 = 0 and sigma_w2 phi'(0)^2 <= 1, ReLU with sigma_b2 = 0, sigma_w2 < 2
    q* = inf    it explodes: ReLU with sigma_w2 > 2, or with sigma_w2 = 2 and a bias
    c*, gamma*  stay the limits of the recursion: 0 for tanh, erf and linear without bias, which then keep uncorrelated data so for ever;
                c* = 1 for every kinked phi, where gamma grows as a power of depth and chi_1 alone tells the phases apart
    chi_1       its limit at that q
    xi_q, xi_c  inf where nothing is approached exponentially

ReLU at (2, 0) keeps every q: answered is q* = sigma_w2, where normalised data start. GELU can have several q*: answered
is the one that normalised data run into, so never an unstable one. A shifted ReLU is answered by its stable q* wherever
one exists.

Sources: arXiv 1606.05340, 1611.01232, 1902.06853 (phases and depth scales), 2505.12096 (their reading as prejudice).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

from igbviz.theory.kernels import Activation, Array, ErfMixture, PiecewiseLinear, Tanh, kernel, require
from igbviz.theory.signal_propagation import LARGEST, SMALLEST, Layer, check_variances, first_layer, next_layer

QUANTITIES = ("gamma_star", "c_star", "chi_1", "depth_scale")
ROUNDING = 1e-14  # a slope this close to 1 is 1
BLOCK = 1000  # points of a map computed together


class FixedPoint(NamedTuple):
    """Where depth leads: variance, gradient growth per layer, correlation."""

    q_star: float
    chi_1: float
    c_star: float


def fixed_point(activation: str | Activation, sigma_w2: float, sigma_b2: float) -> FixedPoint:
    """(q*, chi_1, c*); the module's head says what is answered where they do not exist."""
    phi = kernel(activation)
    end = deep_limit(phi, sigma_w2, sigma_b2)
    return FixedPoint(float(end.q), float(gradient_growth(phi, sigma_w2, end)), float(end.c))


def gamma_star(activation: str | Activation, sigma_w2: Array, sigma_b2: Array) -> Array:
    """The limit of gamma^l for many layers, elementwise: finite in the chaotic phase, inf in the ordered one and on its
    edge."""
    end = deep_limit(kernel(activation), sigma_w2, sigma_b2)
    with np.errstate(divide="ignore"):
        return (end.c / end.d)[()]


def depth_scales(activation: str | Activation, sigma_w2: float, sigma_b2: float) -> tuple[float, float]:
    """(xi_q, xi_c): the numbers of layers over which distances to q* and to c* shrink by e.

        xi_q = -1 / ln chi_q,   chi_q = sigma_w2 dV/dq at q*          xi_c = -1 / ln chi_c,   chi_c = sigma_w2 E phi'(u) phi'(v) at c*

    In the ordered phase chi_c is chi_1; in the chaotic one it is not. inf: approached slower than exponentially, or not
    at all - at the edge of chaos, and where q* is 0 or inf, so that correlations are remembered (tanh) or change like a
    power of depth (ReLU).
    """
    phi = kernel(activation)
    end = deep_limit(phi, sigma_w2, sigma_b2)
    chi_q = sigma_w2 * phi.moment_slope(np.clip(end.q, SMALLEST, LARGEST))
    return float(_depth_scale(np.where(end.q == np.inf, 1.0, chi_q))), float(
        _depth_scale(correlation_slope(phi, sigma_w2, end))
    )


def edge_of_chaos(activation: str | Activation, sigma_b2: Array) -> Array:
    """The weight variance at which chi_1 = 1, for each bias variance.

    Parametric in q, so no network is iterated: sigma_w2 = 1 / E phi'^2, sigma_b2 = q - sigma_w2 V. For kinked lines it
    is the same for every sigma_b2, 2 for ReLU. tanh leaves (1, 0) with a vertical tangent, sigma_w2 - 1 ~ 2 (3 sigma_b2
    / 4)^(1/3): draw it densely there. GELU's line starts at (4, 0), but up to (1.983058, 0.172922) the q it belongs to
    is unstable: only beyond does a network meet it.
    """
    return iso_gamma(activation, np.inf, sigma_b2)


def iso_gamma(activation: str | Activation, gamma: float, sigma_b2: Array) -> Array:
    """The weight variance at which gamma tends to the given value with depth; gamma = 1 bounds neutrality, inf is the
    edge of chaos.

        sigma_w2 = q (1 - c) / S(q, c),   sigma_b2 = q - sigma_w2 V(q),   c = gamma / (1 + gamma)

    inf where no weight variance leads there: ReLU has gamma* = inf everywhere. GELU has two for some biases; the
    smaller one is given. Without bias all lines of tanh and erf meet in one point, the end of the edge of chaos, which
    is returned.
    """
    phi = kernel(activation)
    require(gamma >= 0, "gamma", gamma, "a ratio of variances, at least 0")
    check_variances(0.0, sigma_b2)
    sigma_b2 = np.asarray(sigma_b2, float)
    c, d = (1.0, 0.0) if gamma == np.inf else (gamma / (1 + gamma), 1 / (1 + gamma))
    line = _iso_gamma_piecewise_linear if isinstance(phi, PiecewiseLinear) else _iso_gamma_by_variance
    return line(phi, gamma, c, d, sigma_b2.ravel()).reshape(sigma_b2.shape)[()]


def phase_map(activation: str | Activation, sigma_w2_grid: Array, sigma_b2_grid: Array, quantity: str) -> Array:
    """(len(sigma_b2_grid), len(sigma_w2_grid)) values of one of QUANTITIES, rows of equal bias variance, ready for a
    heat map.

    "gamma_star", "c_star" and "chi_1" as above, "depth_scale" is xi_c. tanh is computed with 10 instead of 32 error
    functions here: on 100 x 100 points of 0..5 x 0..0.5 this changes gamma* by 2e-8 of itself at most, and the phase of
    no point.
    """
    phi = kernel(activation)
    require(quantity in QUANTITIES, "quantity", quantity, ", ".join(QUANTITIES))
    if isinstance(phi, Tanh):
        phi = _coarse_tanh()
    check_variances(sigma_w2_grid, sigma_b2_grid)
    sigma_w2, sigma_b2 = np.broadcast_arrays(
        np.asarray(sigma_w2_grid, float), np.asarray(sigma_b2_grid, float)[:, None]
    )
    values = {
        "gamma_star": lambda w, b: gamma_star(phi, w, b),
        "c_star": lambda w, b: deep_limit(phi, w, b).c,
        "chi_1": lambda w, b: gradient_growth(phi, w, Layer(variance_limit(phi, w, b), 0.0, 1.0)),
        "depth_scale": lambda w, b: _depth_scale(correlation_slope(phi, w, deep_limit(phi, w, b))),
    }[quantity]
    # a few rows at a time stay in the processor's cache, which is faster than all at once
    rows = max(1, BLOCK // max(1, sigma_w2.shape[1]))
    blocks = [slice(start, start + rows) for start in range(0, len(sigma_b2), rows)]
    return np.concatenate([values(sigma_w2[block], sigma_b2[block]) for block in blocks])


def deep_limit(phi: Activation, sigma_w2: Array, sigma_b2: Array) -> Layer:
    """The layer at infinite depth, elementwise: q*, c* and 1 - c*."""
    check_variances(sigma_w2, sigma_b2)
    sigma_w2, sigma_b2 = np.broadcast_arrays(np.asarray(sigma_w2, float), np.asarray(sigma_b2, float))
    q = variance_limit(phi, sigma_w2, sigma_b2)
    has_fixed_point = (q > 0) & (q < np.inf)
    c, d = np.ones_like(q), np.zeros_like(q)  # the ordered phase
    inside = np.where(has_fixed_point, q, 1.0)
    uncorrelated = has_fixed_point & (sigma_b2 + sigma_w2 * phi.mean(inside) ** 2 == 0)
    c[uncorrelated], d[uncorrelated] = 0.0, 1.0
    chaotic = has_fixed_point & ~uncorrelated & (gradient_growth(phi, sigma_w2, Layer(inside, c, d)) > 1)
    c[chaotic], d[chaotic] = _correlation_limit(phi, sigma_w2[chaotic], sigma_b2[chaotic], q[chaotic])
    c[~has_fixed_point], d[~has_fixed_point] = _correlation_without_fixed_point(
        phi, sigma_w2[~has_fixed_point], sigma_b2[~has_fixed_point], q[~has_fixed_point]
    )
    return Layer(q, c, d)


def gradient_growth(phi: Activation, sigma_w2: Array, layer: Layer) -> Array:
    """chi_1 = sigma_w2 E phi'^2."""
    q = np.clip(layer.q, SMALLEST, LARGEST)
    return sigma_w2 * phi.slopes(q, np.ones_like(q), np.zeros_like(q))


def correlation_slope(phi: Activation, sigma_w2: Array, end: Layer) -> Array:
    """chi_c at c*; 1 where q* is 0 or inf, because 1 - c then shrinks no faster than q changes."""
    has_fixed_point = (end.q > 0) & (end.q < np.inf)
    return np.where(has_fixed_point, sigma_w2 * phi.slopes(np.where(has_fixed_point, end.q, 1.0), end.c, end.d), 1.0)


def variance_limit(phi: Activation, sigma_w2: Array, sigma_b2: Array) -> Array:
    """q*, elementwise; 0 or inf where the signal dies out or explodes."""
    sigma_w2, sigma_b2 = np.broadcast_arrays(np.asarray(sigma_w2, float), np.asarray(sigma_b2, float))
    if isinstance(phi, PiecewiseLinear):
        return _variance_limit_piecewise_linear(phi, sigma_w2, sigma_b2)
    if isinstance(phi, ErfMixture):
        return _variance_limit_erf(phi, sigma_w2, sigma_b2)
    return _variance_limit_by_search(phi, sigma_w2, sigma_b2)


def _variance_limit_piecewise_linear(phi: PiecewiseLinear, sigma_w2: Array, sigma_b2: Array) -> Array:
    """With r = sqrt(q), V is a quadratic: gap r^2 + pull r - source = 0. The form of its stable root below has no
    cancellation."""
    gap = 1 - sigma_w2 * phi.mean_square_slope
    gap = np.where(np.abs(gap) < ROUNDING, 0.0, gap)
    if phi.shift == 0:
        with np.errstate(divide="ignore", invalid="ignore"):
            q = np.where(gap > 0, sigma_b2 / gap, np.inf)
        return np.where((gap == 0) & (sigma_b2 == 0), sigma_w2, q)
    source = sigma_b2 + sigma_w2 * phi.shift**2
    pull = -2 * sigma_w2 * phi.even * phi.shift * np.sqrt(2 / np.pi)
    discriminant = pull**2 + 4 * gap * source
    discriminant = np.where(
        np.abs(discriminant) < ROUNDING * pull**2, 0.0, discriminant
    )  # the weights matched to the shift
    with np.errstate(invalid="ignore", divide="ignore"):
        root = 2 * source / (pull + np.sqrt(discriminant))
    return np.where(discriminant < 0, np.inf, np.where(source == 0, 0.0, root**2))


def _variance_limit_erf(phi: ErfMixture, sigma_w2: Array, sigma_b2: Array) -> Array:
    """|phi| <= 1 and V concave: Newton's method from the upper bound sigma_w2 + sigma_b2 runs down to the one positive
    root."""
    positive = (sigma_b2 > 0) | (sigma_w2 * phi.moment_slope(np.float64(0)) > 1 + ROUNDING)
    q = np.zeros(sigma_w2.shape)

    def step(q: Array, w: Array, b: Array) -> Array:
        slope = phi.moment_slope(q)
        return (b + w * (phi.moment(q) - q * slope)) / (1 - w * slope)

    w, b = sigma_w2[positive], sigma_b2[positive]
    q[positive] = _newton(step, w + b, w, b)
    return q


def _variance_limit_by_search(phi: Activation, sigma_w2: Array, sigma_b2: Array) -> Array:
    """Any increasing V: the variance moves monotonically from q^1 to the nearest root in its direction; found on a
    grid, then bisected."""
    shape = sigma_w2.shape
    w, b = np.ravel(sigma_w2)[:, None], np.ravel(sigma_b2)[:, None]
    start = w + b

    def excess(q: Array) -> Array:
        return b + w * phi.moment(q) - q

    grid = np.geomspace(1e-9, 1e9, 361)
    rises = excess(start) > 0
    stops = np.where(
        rises, (grid > start) & (b + w * phi.moment(grid) <= grid), (grid < start) & (b + w * phi.moment(grid) >= grid)
    )
    first, last = np.argmax(stops, axis=1)[:, None], len(grid) - 1 - np.argmax(stops[:, ::-1], axis=1)[:, None]
    has_root = stops.any(axis=1, keepdims=True)
    low = np.where(rises, np.maximum(start, grid[np.maximum(first - 1, 0)]), np.where(has_root, grid[last], 0.0))
    high = np.where(rises, grid[first], np.minimum(start, grid[np.minimum(last + 1, len(grid) - 1)]))
    high = np.where(has_root | rises, high, np.minimum(start, grid[0]))
    for _ in range(56):
        middle = (low + high) / 2
        up = excess(middle) > 0
        low, high = np.where(up, middle, low), np.where(up, high, middle)
    q = np.where(rises & ~has_root, np.inf, (low + high) / 2)
    return np.where(~rises & ~has_root & (b == 0), 0.0, q).reshape(shape)


def _correlation_limit(phi: Activation, sigma_w2: Array, sigma_b2: Array, q: Array) -> tuple[Array, Array]:
    """(c*, 1 - c*) where chi_1 > 1: the root below 1 of the convex f(c) - c. Newton's method from c = 0 climbs to it
    and cannot pass it."""

    def step(d: Array, q: Array, w: Array) -> Array:
        c = 1 - d
        return d - (d - w * phi.private(q, c, d) / q) / (1 - w * phi.slopes(q, c, d))

    d = _newton(step, np.ones_like(q), q, sigma_w2)
    # c from f itself rather than as 1 - d: all its digits, however small it is
    shared = phi.mean(q) ** 2 + phi.covariance(q, 1 - d, d)
    return (sigma_b2 + sigma_w2 * shared) / q, d


def _correlation_without_fixed_point(
    phi: Activation, sigma_w2: Array, sigma_b2: Array, q: Array
) -> tuple[Array, Array]:
    """(c, 1 - c) at infinite depth where q* is 0 or inf, from c0 = 0."""
    if isinstance(phi, PiecewiseLinear) and not phi.asymptotically_kinked:
        # a linear network: gamma^l = sigma_b2 (1 + 1/sigma_w2 + 1/sigma_w2^2 + ...) / sigma_w2, a sum of l terms
        with np.errstate(divide="ignore", invalid="ignore"):
            gamma = np.where(sigma_b2 == 0, 0.0, sigma_b2 / np.maximum(sigma_w2 - 1, 0))
        return 1 - 1 / (1 + gamma), 1 / (1 + gamma)
    if isinstance(phi, ErfMixture):
        return np.zeros_like(q), np.ones_like(q)  # an odd phi gives uncorrelated inputs nothing to share
    c, d = np.ones_like(q), np.zeros_like(q)  # kinked: correlations creep up to 1
    faint = (q == 0) & (not isinstance(phi, PiecewiseLinear))
    if faint.any():
        # a smooth phi is linear for a faint signal, so the correlation freezes while q falls
        w, layer = sigma_w2[faint], first_layer(sigma_w2[faint], 0.0)
        for _ in range(3000):
            layer = next_layer(phi, w, 0.0, layer)
            if np.all(layer.q < 1e-18):
                break
        c[faint], d[faint] = layer.c, layer.d
    return c, d


def _iso_gamma_piecewise_linear(phi: PiecewiseLinear, gamma: float, c: float, d: float, sigma_b2: Array) -> Array:
    """For lines q (1 - c) / S does not depend on q; what is left to ask is whether some q* belongs to it."""
    sigma_w2 = np.full_like(sigma_b2, _weight_variance(phi, np.float64(1), c, d))
    if not phi.asymptotically_kinked:
        # a linear network explodes beyond sigma_w2 = 1, with a gamma that settles at sigma_b2 / (sigma_w2 - 1)
        return sigma_w2 + (sigma_b2 / gamma if gamma else np.where(sigma_b2 == 0, 0.0, np.inf))
    if gamma == np.inf:
        return sigma_w2
    return np.where(np.isfinite(_variance_limit_piecewise_linear(phi, sigma_w2, sigma_b2)), sigma_w2, np.inf)


def _iso_gamma_by_variance(phi: Activation, gamma: float, c: float, d: float, sigma_b2: Array) -> Array:
    """Find the q whose bias variance on the line is sigma_b2: on a grid, then by secants within its cell."""

    def bias(q: Array) -> Array:
        if d == 0:
            return q - phi.moment(q) / phi.slopes(q, 1.0, 0.0)
        # q - sigma_w2 V = q (S - d V) / S, and S - d V = c V - B: of the two the one with the smaller terms
        private, moment = phi.private(q, c, d), phi.moment(q)
        rest = private - d * moment if gamma > 1 else c * moment - phi.covariance(q, c, d) - phi.mean(q) ** 2
        return q * rest / private

    grid = np.geomspace(1e-6, 1e9, 241)
    reached = bias(grid) >= sigma_b2[:, None]
    first = np.argmax(reached, axis=1)
    low, high = grid[np.maximum(first - 1, 0)], grid[first]
    left, right = low, high
    before, here = bias(left) - sigma_b2, bias(right) - sigma_b2
    for _ in range(9):
        with np.errstate(divide="ignore", invalid="ignore"):
            step = here * (right - left) / (here - before)
        left, before = right, here
        right = np.clip(right - np.where(np.isfinite(step), step, 0.0), low, high)
        here = bias(right) - sigma_b2
    # below the grid's first cell, sigma_b2 < 1e-18, the line has reached the axis, where the signal dies out
    sigma_w2 = _weight_variance(phi, np.where(first == 0, SMALLEST, right), c, d)
    return np.where(reached.any(axis=1), sigma_w2, np.inf)


def _weight_variance(phi: Activation, q: Array, c: float, d: float) -> Array:
    """sigma_w2 for which c is a fixed point at variance q; its limit 1 / E phi'^2 at c = 1."""
    return 1 / phi.slopes(q, 1.0, 0.0) if d == 0 else q * d / phi.private(q, c, d)


def _newton(step: Callable[..., Array], start: Array, *parameters: Array) -> Array:
    """Iterate `step(x, *parameters)` elementwise, downwards from `start`, until x stands still; elements that have
    arrived drop out."""
    x = np.array(start, float)
    active = np.arange(len(x))
    for _ in range(100):
        if not len(active):
            break
        old = x[active]
        with np.errstate(divide="ignore", invalid="ignore"):
            new = step(old, *(parameter[active] for parameter in parameters))
        lower = new < old  # by convexity every step goes down; the first that does not is rounding
        x[active] = np.where(lower, np.maximum(new, 0.0), old)
        active = active[lower & (old - new > 1e-15 * old)]
    return x


def _depth_scale(slope: Array) -> Array:
    """-1 / ln |slope|, and inf from 1 on; a shifted ReLU can approach q* from alternating sides, with a slope below 0."""
    slope = np.abs(slope)
    with np.errstate(divide="ignore"):
        return np.where(slope >= 1 - ROUNDING, np.inf, -1 / np.log(np.minimum(slope, 1 - ROUNDING)))


@cache
def _coarse_tanh() -> Tanh:
    return Tanh(terms=10)
