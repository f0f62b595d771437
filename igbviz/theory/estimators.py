"""gamma from many networks at once: functions of means over networks, so that leaving each network out costs one
subtraction.

gamma = c / (1 - c), where c is the correlation of two inputs' logits over networks. Three things tell c, with different
weaknesses: the ratio of variances (the definition, but norms that differ between inputs lower it), cosines (blind to
norms) and guesses (which see nothing but the argmax). Source of the definition: Francazi, Lucchi and Baity-Jesi 2024,
arXiv 2306.00809.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.special import gammaln, hyp2f1

from igbviz.theory.guess_fractions import expected_max_guess
from igbviz.theory.kernels import Array

Inverse = Callable[[Array], Array]


def jackknife_of_means(estimate: Callable[..., Array], *per_network: Array) -> tuple[Array, Array]:
    """(value, standard error) of `estimate(mean, mean, ...)`, by leaving one network out at a time.

    Arrays are (networks, ...) and `estimate` works elementwise on means of shape (...) and on (networks, ...) of them.
    It is `jackknife` of guessing.py for the case that all is in the means, in linear instead of quadratic time. One
    network has no error: it is infinite.
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
    """The correlation c of Gaussian vectors of so many independent components whose cosine has this mean.

        E cos = A c F(1/2, 1/2; m/2 + 1; c^2),   A = Gamma((m+1)/2)^2 / (Gamma(m/2) Gamma(m/2 + 1)),   m components

    The mean of a sample correlation (Fisher; Muirhead 1982, section 5.1.2) with known means. With few components the
    cosine falls short of c: for one, cos is a sign and E cos = 2 arcsin(c) / pi; for nine (ten classes), 5 % near c =
    0; for many, nothing.
    """
    cosine = np.clip(np.asarray(cosine, float), -1, 1)
    with np.errstate(divide="ignore"):
        return (np.sign(cosine) * -np.expm1(_log_rest_from_cosine(dimensions)(np.log1p(-np.abs(cosine)))))[()]


def correlation_from_agreement(agreement: Array, classes: int) -> Array:
    """The correlation c of two inputs' logits from the chance that both get the same guess; below 0 where they agree
    less than at random.

    Two inputs agree as a network's logits and its centres do, but with correlation c in place of sqrt(c). For two
    classes it is c = sin(pi (agreement - 1/2)).
    """
    agreement = np.asarray(agreement, float)
    angle, slope = _angle_from_agreement(classes)
    below = slope * (agreement - 1 / classes)
    return np.sin(
        np.where(agreement < 1 / classes, np.maximum(below, -np.pi / 2), angle(np.clip(agreement, 1 / classes, 1)))
    )[()]


def agreement_of_guesses(counts: Array) -> Array:
    """(...,) share of all pairs of different inputs with the same guess, from (..., classes) counts; unbiased for any
    number of inputs."""
    counts = np.asarray(counts, float)
    inputs = counts.sum(-1)
    return (counts * (counts - 1)).sum(-1) / (inputs * (inputs - 1))


@lru_cache(maxsize=64)
def _log_rest_from_cosine(dimensions: int) -> Inverse:
    """From log(1 - E cos) to log(1 - c): straight lines at both ends, so interpolation keeps the digits of large
    gammas."""
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
    """arcsin(c), in which the agreement is nearly (for two classes: exactly) a straight line, and the slope where it is
    random."""
    angle = np.linspace(0, np.pi / 2, 129)
    with np.errstate(divide="ignore"):
        agreement = expected_max_guess(np.append(np.tan(angle[:-1]) ** 2, np.inf), classes)
    curve = PchipInterpolator(agreement, angle)
    return curve, float(curve(1 / classes, 1))
