"""Phases of random initialization: the limits at large depth, the lines between phases, and the depth scales.

    q* = sigma_b2 + sigma_w2 V(q*)              the variance at large depth
    chi_1 = sigma_w2 E phi'^2 at q*             growth of the mean square gradient per layer
    f(c) = 1 - sigma_w2 S(q*, c) / q*           the map of the correlation; c* is its stable fixed point

phi's Hermite series shows that all derivatives of f are >= 0, so f is convex with f(1) = 1 and f'(1) = chi_1. Hence
chi_1 <= 1 leads to c* = 1 and gamma* = inf (ordered, vanishing gradients), chi_1 > 1 to one stable c* < 1 and a finite
gamma* = c*/(1 - c*) (chaotic, exploding gradients); chi_1 = 1 is the edge of chaos.

Results where there is no such fixed point, always for data with q0 = 1 and c0 = 0:

    q* = 0      the signal vanishes: tanh or erf with sigma_b2 = 0 and sigma_w2 phi'(0)^2 <= 1, ReLU with sigma_b2 = 0
                and sigma_w2 < 2
    q* = inf    it explodes: ReLU with sigma_w2 > 2, or with sigma_w2 = 2 and a bias
    c*, gamma*  are the limits of the recursion: 0 for tanh, erf and linear without bias, which keep uncorrelated data
                uncorrelated; c* = 1 for every kinked phi, where gamma grows as a power of depth and only chi_1
                distinguishes the phases
    chi_1       its limit at that q
    xi_q, xi_c  inf where nothing is approached exponentially

ReLU at (2, 0) preserves every q: the result is q* = sigma_w2, where normalized data start. GELU can have several q*:
the result is the one that normalized data converge to, so never an unstable one. For a shifted ReLU the result is its
stable q* wherever one exists, even if normalized data diverge.

Sources: arXiv 1606.05340, 1611.01232, 1902.06853 (phases and depth scales), 2505.12096 (their reading as prejudice).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

from igbviz.theory.kernels import Activation, Array, ErfMixture, PiecewiseLinear, Tanh, kernel, require
from igbviz.theory.signal_propagation import LARGEST, MIN_VARIANCE, Layer, check_variances, first_layer, next_layer

QUANTITIES = ("gamma_star", "c_star", "chi_1", "depth_scale")
ROUNDING = 1e-14  # slopes this close to 1 count as 1
BLOCK = 1000  # points of a map computed together


class FixedPoint(NamedTuple):
    """The limits at large depth: variance, gradient growth per layer, correlation.

    >>> round(igbviz.theory.fixed_point("tanh", 1.5, 0.1).q_star, 3)
    0.52
    """

    q_star: float
    chi_1: float
    c_star: float


def fixed_point(activation: str | Activation, sigma_w2: float, sigma_b2: float) -> FixedPoint:
    """(q*, chi_1, c*); the module docstring gives the results where they do not exist.

    Raises ValueError for an unknown activation or a negative variance.

    >>> limit = igbviz.theory.fixed_point("tanh", 1.5, 0.1)
    >>> round(limit.chi_1, 3), round(limit.c_star, 3)
    (0.878, 1.0)
    """
    phi = kernel(activation)
    end = deep_limit(phi, sigma_w2, sigma_b2)
    return FixedPoint(float(end.q), float(gradient_growth(phi, sigma_w2, end)), float(end.c))


def gamma_star(activation: str | Activation, sigma_w2: Array, sigma_b2: Array) -> Array:
    """The limit of gamma^l at large depth, elementwise: finite in the chaotic phase, else inf.

    Exceptions, such as kinked activations with exploding variance, are in the module docstring. Raises ValueError for
    an unknown activation or a negative variance.

    >>> igbviz.theory.gamma_star("tanh", np.array([1.0, 2.0, 3.0]), 0.05).round(3)
    array([  inf, 2.908, 0.427])
    """
    end = deep_limit(kernel(activation), sigma_w2, sigma_b2)
    with np.errstate(divide="ignore"):
        return (end.c / end.d)[()]


def depth_scales(activation: str | Activation, sigma_w2: float, sigma_b2: float) -> tuple[float, float]:
    """(xi_q, xi_c): the numbers of layers over which the distances to q* and to c* shrink by a factor e.

        xi_q = -1 / ln chi_q,   chi_q = sigma_w2 dV/dq at q*
        xi_c = -1 / ln chi_c,   chi_c = sigma_w2 E phi'(u) phi'(v) at c*

    In the ordered phase chi_c is chi_1; in the chaotic one it is not. inf means that the limit is approached slower
    than exponentially or not at all: at the edge of chaos, and where q* is 0 or inf, so that correlations are preserved
    (tanh) or change like a power of depth (ReLU). Raises ValueError for an unknown activation or a negative variance.

    >>> [round(scale, 2) for scale in igbviz.theory.depth_scales("tanh", 1.5, 0.1)]
    [1.34, 7.65]
    """
    phi = kernel(activation)
    end = deep_limit(phi, sigma_w2, sigma_b2)
    chi_q = sigma_w2 * phi.moment_slope(np.clip(end.q, MIN_VARIANCE, LARGEST))
    return float(_depth_scale(np.where(end.q == np.inf, 1.0, chi_q))), float(
        _depth_scale(correlation_slope(phi, sigma_w2, end))
    )


def phase_name(chi_1: float) -> str:
    """The phase of networks with this chi_1; within 0.005 of 1 they are on the edge.

    >>> from igbviz.theory.phases import phase_name
    >>> phase_name(0.8), phase_name(1.001), phase_name(1.2)
    ('ordered', 'on the edge of chaos', 'chaotic')
    """
    return "on the edge of chaos" if abs(chi_1 - 1) < 0.005 else "ordered" if chi_1 < 1 else "chaotic"


def edge_of_chaos(activation: str | Activation, sigma_b2: Array) -> Array:
    """The weight variance at which chi_1 = 1, for each bias variance.

    The line is parametric in q, without iterating layers: sigma_w2 = 1 / E phi'^2, sigma_b2 = q - sigma_w2 V. For
    piecewise-linear phi it is the same for every sigma_b2, 2 for ReLU. tanh leaves (1, 0) with a vertical tangent,
    sigma_w2 - 1 ~ 2 (3 sigma_b2 / 4)^(1/3): draw it densely there. GELU's line starts at (4, 0), but up to (1.983058,
    0.172922) its q is unstable, and networks reach it only beyond. Raises ValueError for an unknown activation or a
    negative variance.

    >>> igbviz.theory.edge_of_chaos("tanh", np.array([0.0, 0.05, 0.1])).round(3)
    array([1.   , 1.761, 1.986])
    """
    return iso_gamma(activation, np.inf, sigma_b2)


def iso_gamma(activation: str | Activation, gamma: float, sigma_b2: Array) -> Array:
    """The weight variance at which gamma* has the given value, for each bias variance; inf gives the edge of chaos.

        sigma_w2 = q (1 - c) / S(q, c),   sigma_b2 = q - sigma_w2 V(q),   c = gamma / (1 + gamma)

    inf where no weight variance has it: ReLU has gamma* = inf everywhere. GELU has two for some biases; the smaller one
    is returned. Without bias all lines of tanh and erf meet in one point, the end of the edge of chaos, which is
    returned. Raises ValueError for an unknown activation, a negative gamma or a negative variance. Source: arXiv
    2505.12096.

    >>> igbviz.theory.iso_gamma("tanh", 1.0, np.array([0.05, 0.1])).round(3)
    array([2.378, 2.925])
    """
    phi = kernel(activation)
    require(gamma >= 0, "gamma", gamma, "a ratio of variances, at least 0")
    check_variances(0.0, sigma_b2)
    sigma_b2 = np.asarray(sigma_b2, float)
    c, d = (1.0, 0.0) if gamma == np.inf else (gamma / (1 + gamma), 1 / (1 + gamma))
    line = _iso_gamma_piecewise_linear if isinstance(phi, PiecewiseLinear) else _iso_gamma_by_variance
    return line(phi, gamma, c, d, sigma_b2.ravel()).reshape(sigma_b2.shape)[()]


def phase_map(activation: str | Activation, sigma_w2_grid: Array, sigma_b2_grid: Array, quantity: str) -> Array:
    """(len(sigma_b2_grid), len(sigma_w2_grid)) values of one of QUANTITIES; each row has one bias variance.

    "gamma_star", "c_star" and "chi_1" as above, "depth_scale" is xi_c. tanh is computed with 10 instead of 32 error
    functions: on 100 x 100 points of [0, 5] x [0, 0.5] the relative error of gamma* is at most 2e-8, and no point
    changes its phase. Raises ValueError for another quantity, an unknown activation or a negative variance.

    >>> igbviz.theory.phase_map("tanh", np.array([1.0, 2.0]), np.array([0.0, 0.1]), "chi_1").round(3)
    array([[1.   , 1.106],
           [0.689, 1.003]])
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
    # blocks of a few rows fit into the processor's cache, which is faster than the whole map at once
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
    q = np.clip(layer.q, MIN_VARIANCE, LARGEST)
    return sigma_w2 * phi.slopes(q, np.ones_like(q), np.zeros_like(q))


def correlation_slope(phi: Activation, sigma_w2: Array, end: Layer) -> Array:
    """chi_c at c*; 1 where q* is 0 or inf, where 1 - c shrinks no faster than q changes."""
    has_fixed_point = (end.q > 0) & (end.q < np.inf)
    return np.where(has_fixed_point, sigma_w2 * phi.slopes(np.where(has_fixed_point, end.q, 1.0), end.c, end.d), 1.0)


def variance_limit(phi: Activation, sigma_w2: Array, sigma_b2: Array) -> Array:
    """q*, elementwise; 0 or inf where the signal vanishes or explodes."""
    sigma_w2, sigma_b2 = np.broadcast_arrays(np.asarray(sigma_w2, float), np.asarray(sigma_b2, float))
    if isinstance(phi, PiecewiseLinear):
        return _variance_limit_piecewise_linear(phi, sigma_w2, sigma_b2)
    if isinstance(phi, ErfMixture):
        return _variance_limit_erf(phi, sigma_w2, sigma_b2)
    return _variance_limit_by_search(phi, sigma_w2, sigma_b2)


def _variance_limit_piecewise_linear(phi: PiecewiseLinear, sigma_w2: Array, sigma_b2: Array) -> Array:
    """The stable root of gap r^2 + linear_term r - source = 0, r = sqrt(q), in a form without cancellation."""
    gap = 1 - sigma_w2 * phi.mean_square_slope
    gap = np.where(np.abs(gap) < ROUNDING, 0.0, gap)
    if phi.shift == 0:
        with np.errstate(divide="ignore", invalid="ignore"):
            q = np.where(gap > 0, sigma_b2 / gap, np.inf)
        return np.where((gap == 0) & (sigma_b2 == 0), sigma_w2, q)
    source = sigma_b2 + sigma_w2 * phi.shift**2
    linear_term = -2 * sigma_w2 * phi.even * phi.shift * np.sqrt(2 / np.pi)
    discriminant = linear_term**2 + 4 * gap * source
    # exactly zero for weights that match the shift
    discriminant = np.where(np.abs(discriminant) < ROUNDING * linear_term**2, 0.0, discriminant)
    with np.errstate(invalid="ignore", divide="ignore"):
        root = 2 * source / (linear_term + np.sqrt(discriminant))
    return np.where(discriminant < 0, np.inf, np.where(source == 0, 0.0, root**2))


def _variance_limit_erf(phi: ErfMixture, sigma_w2: Array, sigma_b2: Array) -> Array:
    """|phi| <= 1 and V is concave: Newton's method descends from the bound sigma_w2 + sigma_b2 to the positive root."""
    positive = (sigma_b2 > 0) | (sigma_w2 * phi.moment_slope(np.float64(0)) > 1 + ROUNDING)
    q = np.zeros(sigma_w2.shape)

    def step(q: Array, w: Array, b: Array) -> Array:
        slope = phi.moment_slope(q)
        return (b + w * (phi.moment(q) - q * slope)) / (1 - w * slope)

    w, b = sigma_w2[positive], sigma_b2[positive]
    q[positive] = _newton(step, w + b, w, b)
    return q


def _variance_limit_by_search(phi: Activation, sigma_w2: Array, sigma_b2: Array) -> Array:
    """For any increasing V: the variance moves monotonically from q^1 to the nearest root (grid, then bisection)."""
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
    """(c*, 1 - c*) where chi_1 > 1: the root below 1 of the convex f(c) - c, by Newton's method from c = 0.

    By convexity the iterates rise and never pass the root.
    """

    def step(d: Array, q: Array, w: Array) -> Array:
        c = 1 - d
        return d - (d - w * phi.private(q, c, d) / q) / (1 - w * phi.slopes(q, c, d))

    d = _newton(step, np.ones_like(q), q, sigma_w2)
    # c from f instead of 1 - d is accurate however small it is
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
        return np.zeros_like(q), np.ones_like(q)  # an odd phi keeps uncorrelated inputs uncorrelated
    c, d = np.ones_like(q), np.zeros_like(q)  # kinked phi: correlations slowly approach 1
    vanishing = (q == 0) & (not isinstance(phi, PiecewiseLinear))
    if vanishing.any():
        # a smooth phi is linear for a vanishing signal, so the correlation stays constant while q falls
        w, layer = sigma_w2[vanishing], first_layer(sigma_w2[vanishing], 0.0)
        for _ in range(3000):
            layer = next_layer(phi, w, 0.0, layer)
            if np.all(layer.q < 1e-18):
                break
        c[vanishing], d[vanishing] = layer.c, layer.d
    return c, d


def _iso_gamma_piecewise_linear(phi: PiecewiseLinear, gamma: float, c: float, d: float, sigma_b2: Array) -> Array:
    """For piecewise-linear phi q (1 - c) / S does not depend on q; it remains to check that a q* exists."""
    sigma_w2 = np.full_like(sigma_b2, _weight_variance(phi, np.float64(1), c, d))
    if not phi.asymptotically_kinked:
        # a linear network explodes beyond sigma_w2 = 1, with a gamma that settles at sigma_b2 / (sigma_w2 - 1)
        return sigma_w2 + (sigma_b2 / gamma if gamma else np.where(sigma_b2 == 0, 0.0, np.inf))
    if gamma == np.inf:
        return sigma_w2
    return np.where(np.isfinite(_variance_limit_piecewise_linear(phi, sigma_w2, sigma_b2)), sigma_w2, np.inf)


def _iso_gamma_by_variance(phi: Activation, gamma: float, c: float, d: float, sigma_b2: Array) -> Array:
    """Find the q whose bias variance on the line is sigma_b2: on a grid, then by the secant method within its cell."""

    def bias(q: Array) -> Array:
        if d == 0:
            return q - phi.moment(q) / phi.slopes(q, 1.0, 0.0)
        # q - sigma_w2 V = q (S - d V) / S, and S - d V = c V - B: use the form with the smaller terms
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
    # below the first cell, sigma_b2 < 1e-18, the line has reached the axis, where the signal vanishes
    sigma_w2 = _weight_variance(phi, np.where(first == 0, MIN_VARIANCE, right), c, d)
    return np.where(reached.any(axis=1), sigma_w2, np.inf)


def _weight_variance(phi: Activation, q: Array, c: float, d: float) -> Array:
    """sigma_w2 for which c is a fixed point at variance q; its limit 1 / E phi'^2 at c = 1."""
    return 1 / phi.slopes(q, 1.0, 0.0) if d == 0 else q * d / phi.private(q, c, d)


def _newton(step: Callable[..., Array], start: Array, *parameters: Array) -> Array:
    """Iterate `step(x, *parameters)` elementwise, downwards from `start`, until x no longer changes.

    Converged elements are dropped from the iteration.
    """
    x = np.array(start, float)
    active = np.arange(len(x))
    for _ in range(100):
        if not len(active):
            break
        old = x[active]
        with np.errstate(divide="ignore", invalid="ignore"):
            new = step(old, *(parameter[active] for parameter in parameters))
        lower = new < old  # by convexity every step decreases x; one that does not is due to rounding
        x[active] = np.where(lower, np.maximum(new, 0.0), old)
        active = active[lower & (old - new > 1e-15 * old)]
    return x


def _depth_scale(slope: Array) -> Array:
    """-1 / ln |slope|, inf for |slope| >= 1; a shifted ReLU can have a negative slope, alternating around q*."""
    slope = np.abs(slope)
    with np.errstate(divide="ignore"):
        return np.where(slope >= 1 - ROUNDING, np.inf, -1 / np.log(np.minimum(slope, 1 - ROUNDING)))


@cache
def _coarse_tanh() -> Tanh:
    return Tanh(terms=10)
