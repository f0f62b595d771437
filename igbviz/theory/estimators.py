"""gamma estimated from many networks: functions of means over networks, so that the jackknife takes linear time.

gamma = c / (1 - c), where c is the correlation of two inputs' logits over networks. c has three estimators with
different weaknesses: the ratio of variances (the definition, but lowered by norms that differ between inputs), cosines
(independent of norms) and guesses (they use the argmax alone). Source of the definition: Francazi, Lucchi and
Baity-Jesi 2024, arXiv 2306.00809.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.special import gammaln, hyp2f1

from igbviz.theory.guess_fractions import check_inputs, expected_max_guess, gamma_from_cosine
from igbviz.theory.kernels import Array, require

Inverse = Callable[[Array], Array]


def jackknife_of_means(estimate: Callable[..., Array], *per_network: Array) -> tuple[Array, Array]:
    """(value, standard error) of `estimate(mean, mean, ...)`, by leaving one network out at a time.

    Arrays are (networks, ...); `estimate` works elementwise on means of shape (...) and (networks, ...). This is
    `guess_fractions.jackknife` for estimates that depend on means alone, in linear instead of quadratic time. The
    error of a single network is infinite.
    """
    arrays = [np.asarray(values, float) for values in per_network]
    networks = len(arrays[0])
    value = estimate(*(values.mean(0) for values in arrays))
    if networks < 2:
        return value, np.full_like(value, np.inf)
    without = estimate(*((values.sum(0) - values) / (networks - 1) for values in arrays))
    with np.errstate(invalid="ignore"):
        error = np.sqrt((networks - 1) * np.mean((without - without.mean(0)) ** 2, axis=0))
    return value, np.where(np.isfinite(error), error, np.inf)[()]


def correlation_from_cosine(cosine: Array, dimensions: int) -> Array:
    """The correlation c of Gaussian vectors with that many independent components, from their mean cosine.

        E cos = A c F(1/2, 1/2; m/2 + 1; c^2),   A = Gamma((m+1)/2)^2 / (Gamma(m/2) Gamma(m/2 + 1)),   m components

    This is the mean of a sample correlation with known means (Fisher; Muirhead 1982, section 5.1.2). With few
    components the mean cosine is below c: with one, the cosine is a sign and E cos = 2 arcsin(c) / pi; with nine (ten
    classes) it is 5 % lower near c = 0; with many, the difference vanishes.
    """
    cosine = np.clip(np.asarray(cosine, float), -1, 1)
    with np.errstate(divide="ignore"):
        return (np.sign(cosine) * -np.expm1(_log_rest_from_cosine(dimensions)(np.log1p(-np.abs(cosine)))))[()]


def correlation_from_agreement(agreement: Array, classes: int) -> Array:
    """The correlation c of two inputs' logits from the probability that both get the same guess; negative below chance.

    Two inputs agree like a network's logits and its centres, but with correlation c in place of sqrt(c). For two
    classes c = sin(pi (agreement - 1/2)).
    """
    agreement = np.asarray(agreement, float)
    angle, slope = _angle_from_agreement(classes)
    below = slope * (agreement - 1 / classes)
    return np.sin(
        np.where(agreement < 1 / classes, np.maximum(below, -np.pi / 2), angle(np.clip(agreement, 1 / classes, 1)))
    )[()]


def agreement_of_guesses(counts: Array) -> Array:
    """(...,) fraction of all pairs of different inputs with equal guesses, from (..., classes) counts.

    Unbiased for any number of inputs.
    """
    counts = np.asarray(counts, float)
    inputs = counts.sum(-1)
    return (counts * (counts - 1)).sum(-1) / (inputs * (inputs - 1))


def gamma_from_guesses(G: Array, D: int) -> float:
    """gamma from guess fractions G, each counted over D inputs: (networks,) of one of two classes, or (networks, K).

        A = mean sum_k (G_k^2 - G_k (1 - G_k) / (D - 1)),   c = sin(pi (A - 1/2)) for K = 2,   gamma = c / (1 - c)

    A is the probability that two inputs get the same guess; the second term removes the counting noise, so A is
    unbiased and the result can be negative near gamma = 0. For more than two classes c is `correlation_from_agreement`
    of A. Guesses do not depend on the logits' size, hence not on the norms of inputs, which lower the ratio of
    variances in deep ReLU networks. Raises ValueError for fractions outside 0 to 1 or of another shape, and for fewer
    than two inputs.

    >>> round(igbviz.theory.gamma_from_guesses([0.9, 0.2, 0.65, 0.99], D=100), 2)
    2.52
    """
    G = np.atleast_1d(np.asarray(G, float))
    require(G.size > 0, "networks", G.size, "at least 1")
    require(G.ndim <= 2, "G.ndim", G.ndim, "1 for one of two classes, (networks,), or 2 for all, (networks, classes)")
    require((G >= 0) & (G <= 1), "G", G, "fractions from 0 to 1")
    check_inputs(D)
    if G.ndim == 1:
        G = np.stack([G, 1 - G], axis=1)
    classes, totals = G.shape[1], G.sum(axis=1)
    require(classes >= 2, "classes", classes, "a whole number of at least 2")
    require(np.abs(totals - 1) < 1e-3, "G.sum(axis=1)", totals, "1, the fractions of all classes of a network")
    agreement = float(np.mean((G**2 - G * (1 - G) / (D - 1)).sum(axis=1)))
    if classes == 2:
        return float(gamma_from_cosine(np.sin(np.pi * (agreement - 0.5))))
    return float(gamma_from_cosine(correlation_from_agreement(agreement, classes)))


@lru_cache(maxsize=64)
def _log_rest_from_cosine(dimensions: int) -> Inverse:
    """From log(1 - E cos) to log(1 - c): linear at both ends, so interpolation keeps the digits of large gammas."""
    rest = np.concatenate([np.logspace(-9, -1, 200), np.linspace(0.1, 1, 200)[1:]])
    c, m = 1 - rest, dimensions
    if m > 100:  # E cos = c - c (1 - c^2) / (2 m) + ..., within 3e-4 from here on, where scipy's F begins to fail
        cosine_rest = rest + c * (1 + c) * rest / (2 * m)
    else:
        factor = np.exp(2 * gammaln((m + 1) / 2) - gammaln(m / 2) - gammaln(m / 2 + 1))
        cosine_rest = 1 - factor * c * hyp2f1(0.5, 0.5, m / 2 + 1, c**2)
    curve = PchipInterpolator(np.log(cosine_rest), np.log(rest))
    lowest, slope = curve.x[0], curve(curve.x[0], 1)

    def inverse(log_rest: Array) -> Array:
        within = curve(np.maximum(log_rest, lowest))
        return np.where(log_rest < lowest, within + slope * (np.maximum(log_rest, -700) - lowest), within)

    return inverse


@lru_cache(maxsize=64)
def _angle_from_agreement(classes: int) -> tuple[Inverse, float]:
    """arcsin(c) as a function of the agreement, and its slope at chance.

    The function is nearly linear, and exactly linear for two classes.
    """
    angle = np.linspace(0, np.pi / 2, 129)
    with np.errstate(divide="ignore"):
        agreement = expected_max_guess(np.append(np.tan(angle[:-1]) ** 2, np.inf), classes)
    curve = PchipInterpolator(agreement, angle)
    return curve, float(curve(1 / classes, 1))
