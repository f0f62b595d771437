"""Guess fractions: which fraction of a data set an untrained network assigns to each class, and gamma from data.

For a wide network, the logit of class c on input a is a centre plus a fluctuation, O_c(a) = mu_c + Var_chi^(1/2)
xi_c(a). Over networks mu_c is N(0, Var_W); over inputs xi_c is N(0, 1). The argmax depends only on the ratio gamma =
Var_W / Var_chi. For two classes

    G_0 = P(O_0 > O_1 | W) = Phi(sqrt(gamma) z),   z ~ N(0, 1)

gamma < 1: unimodal around 1/2 (neutral), gamma = 1: uniform, gamma > 1: U-shaped (prejudiced). Arguments broadcast.
Sources: arXiv 2306.00809 (gamma, G_0), 2505.12096 (regimes of two classes); K classes and estimators follow from the
same decomposition.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri, owens_t

from igbviz.theory.kernels import Array, require

# gamma = 1 and gamma = 11.896, the lines drawn in phase diagrams. With two classes, half of all networks give the
# favoured class more than 75 % and more than 99 % of the guesses there: P(max > t) = 1/2 where sqrt(gamma) times the
# median of |z| is Phi^-1(t). Neither depends on the number of classes; `regime` does.
PREJUDICE_CUT = 1.0
DEEP_PREJUDICE_CUT = float((ndtri(0.99) / ndtri(0.75)) ** 2)  # 11.896

# The cuts of `regime`, ours: the expected guess fraction of the favoured class, relative to chance and to 1. For two
# classes they lie at gamma = 1, the boundary of arXiv 2505.12096, and at gamma = 9.47.
REGIMES = ("neutral", "prejudiced", "deeply prejudiced")
MAX_NEUTRAL_GUESS = 1.5  # in units of 1 / classes
MIN_DEEP_GUESS = 0.9


def regime(gamma: float, classes: int = 10) -> str:
    """One of `REGIMES`, by the expected guess fraction of the favoured class among that many classes.

    Neutral below 1.5 / classes, deeply prejudiced from 0.9 on, prejudiced in between. Raises ValueError for a negative
    gamma or fewer than two classes.

    >>> igbviz.theory.regime(0.01), igbviz.theory.regime(1.0), igbviz.theory.regime(100.0)
    ('neutral', 'prejudiced', 'deeply prejudiced')
    """
    guess = float(expected_max_guess(gamma, classes))
    return REGIMES[int(guess >= MAX_NEUTRAL_GUESS / classes) + int(guess >= MIN_DEEP_GUESS)]


@lru_cache(maxsize=64)
def regime_cuts(classes: int) -> tuple[float, float]:
    """The two gammas at which `regime` changes: (1, 9.47) for two classes, (0.0288, 70.9) for ten.

    Raises ValueError for fewer than two classes.

    >>> [round(gamma, 2) for gamma in igbviz.theory.regime_cuts(2)]
    [1.0, 9.47]
    """

    def cut(guess: float) -> float:
        return 10 ** brentq(lambda log_gamma: float(expected_max_guess(10**log_gamma, classes)) - guess, -12, 12)

    return cut(MAX_NEUTRAL_GUESS / classes), cut(MIN_DEEP_GUESS)


def guess_pdf(g: Array, gamma: Array) -> Array:
    """Density of G_0 at g: gamma^(-1/2) exp(x^2 (1 - 1/gamma) / 2), x = Phi^-1(g); 0 outside [0, 1].

    At the ends it is 0 for gamma < 1 and inf for gamma > 1. gamma = 0 and gamma = inf are point masses, at 1/2 and at
    both ends, where the density is inf. Raises ValueError for a negative gamma.

    >>> igbviz.theory.guess_pdf(np.array([0.1, 0.5]), gamma=4.0).round(3)
    array([0.926, 0.5  ])
    """
    _check_gamma(gamma)
    g, gamma = np.broadcast_arrays(np.asarray(g, float), np.asarray(gamma, float))
    x = ndtri(np.clip(g, 0, 1))
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        density = np.exp(x**2 / 2 * (1 - 1 / gamma) - np.log(gamma) / 2)
    density = np.where(gamma == 1, 1.0, density)  # also at the ends, where the exponent is inf * 0
    density = np.where(gamma == 0, np.where(g == 0.5, np.inf, 0.0), density)
    density = np.where(gamma == np.inf, np.where((g == 0) | (g == 1), np.inf, 0.0), density)
    return np.where((g < 0) | (g > 1), 0.0, density)[()]


def guess_cdf(g: Array, gamma: Array) -> Array:
    """P(G_0 <= g) = Phi(Phi^-1(g) / sqrt(gamma)).

    gamma = 0 gives a step at 1/2, gamma = inf a step of 1/2 at both ends. Raises ValueError for a negative gamma.

    >>> igbviz.theory.guess_cdf(np.array([0.1, 0.5]), gamma=4.0).round(3)
    array([0.261, 0.5  ])
    """
    _check_gamma(gamma)
    g, gamma = np.broadcast_arrays(np.asarray(g, float), np.asarray(gamma, float))
    x = ndtri(np.clip(g, 0, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        probability = ndtr(x / np.sqrt(gamma))
    probability = np.where((gamma == 0) & (g == 0.5), 1.0, probability)
    probability = np.where((gamma == np.inf) & (g >= 0), 0.5, probability)
    return np.where(g < 0, 0.0, np.where(g >= 1, 1.0, probability))[()]


def guess_quantile(p: Array, gamma: Array) -> Array:
    """The g below which a fraction p of all networks lies: Phi(sqrt(gamma) Phi^-1(p)).

    Raises ValueError for a negative gamma, or a p outside 0 to 1.

    >>> igbviz.theory.guess_quantile(np.array([0.25, 0.75]), gamma=4.0).round(3)
    array([0.089, 0.911])
    """
    _check_gamma(gamma)
    require((np.asarray(p) >= 0) & (np.asarray(p) <= 1), "p", p, "a probability from 0 to 1")
    p, gamma = np.broadcast_arrays(np.asarray(p, float), np.asarray(gamma, float))
    with np.errstate(invalid="ignore"):
        quantile = ndtr(np.sqrt(gamma) * ndtri(p))
    quantile = np.where((gamma == np.inf) & (p == 0.5), 0.5, quantile)
    return np.where((gamma == 0), 0.5, quantile)[()]


def guess_variance(gamma: Array) -> Array:
    """Var G_0 over networks: arcsin(c) / (2 pi), c = gamma / (1 + gamma); 0 for gamma = 0, 1/4 for inf.

    Raises ValueError for a negative gamma.

    >>> igbviz.theory.guess_variance(np.array([0.5, 1.0, np.inf])).round(3)
    array([0.054, 0.083, 0.25 ])
    """
    _check_gamma(gamma)
    gamma = np.minimum(gamma, 1e300)  # gamma = inf would give inf / inf
    # arcsin(c) from its tangent, which loses no digits near c = 1
    return np.arctan2(gamma, np.sqrt(1 + 2 * gamma)) / (2 * np.pi)


def expected_max_guess(gamma: Array, classes: int) -> Array:
    """The mean over networks of the favoured class's guess fraction: 1 / classes for gamma = 0, 1 for inf.

    The favoured class has the highest centre, so this is the probability that the same class is highest among centres
    and among logits: for K pairs of standard normals (z, o) with correlation sqrt(c), density phi_c and distribution
    function F,

        E max_k G_k = K int int phi_c(z, o) F(z, o)^(K - 1) dz do          = 1/2 + arctan(sqrt(gamma)) / pi  for K = 2

    F by Owen's T, the integral by the trapezoid rule in (z, t), o = sqrt(c) z + sqrt(1 - c) t. The integrand is
    analytic, so the error is below 1e-10. Raises ValueError for a negative gamma or fewer than two classes.

    >>> igbviz.theory.expected_max_guess(np.array([0.0, 1.0, np.inf]), classes=10).round(3)
    array([0.1  , 0.432, 1.   ])
    """
    _check_gamma(gamma)
    require(isinstance(classes, int | np.integer) and classes >= 2, "classes", classes, "a whole number of at least 2")
    gamma = np.asarray(gamma, float)
    if classes == 2:
        return (0.5 + np.arctan(np.sqrt(gamma)) / np.pi)[()]
    return _expected_max(gamma.ravel(), classes).reshape(gamma.shape)[()]


def guess_fractions(z: Array, gamma: float) -> Array:
    """(..., classes) guess fractions of networks with centres z (..., classes), in units of the centres' own spread.

        G_k = int phi(t) prod_{c != k} Phi(t + sqrt(gamma) (z_k - z_c)) dt

    by the trapezoid rule, exact to rounding. For gamma = inf the classes with the largest centre share all guesses
    equally. Raises ValueError for a negative gamma or fewer than two classes.

    >>> igbviz.theory.guess_fractions(np.array([1.0, 0.0, -1.0]), gamma=4.0).round(3)
    array([0.92 , 0.078, 0.001])
    """
    _check_gamma(gamma)
    z = np.asarray(z, float)
    require(z.ndim >= 1 and z.shape[-1] >= 2, "classes", z.shape[-1] if z.ndim else 0, "a whole number of at least 2")
    t = np.arange(-9, 9.01, 0.15)
    weights = np.exp(-(t**2) / 2)
    weights /= weights.sum()
    fractions = []
    for k in range(z.shape[-1]):
        lead = np.delete(z[..., k, None] - z, k, axis=-1)
        # a tie stays a tie at any gamma, inf included
        lead = np.multiply(lead, np.sqrt(gamma), where=lead != 0, out=np.zeros_like(lead))
        fractions.append(np.prod(ndtr(t + lead[..., None]), axis=-2) @ weights)
    return np.stack(fractions, axis=-1)


def gamma_variance_ratio(mu_sq_mean: Array, var_mean: Array, D: float) -> Array:
    """gamma from node means mu and variances over D inputs: mean mu^2 / mean variance - 1 / D.

    The outer means are over nodes or networks, and the variances must be unbiased (divided by D - 1). 1 / D corrects
    for the fluctuation of a mean over D inputs; pass D = inf where means are exactly 0 by construction (batch
    normalization after phi). Raises ValueError for a negative mean square or fewer than two inputs. Source: arXiv
    2306.00809.

    >>> round(float(igbviz.theory.gamma_variance_ratio(0.5, 0.25, D=1000)), 3)
    1.999
    """
    mu_sq_mean, var_mean = np.asarray(mu_sq_mean, float), np.asarray(var_mean, float)
    for field, value in (("mu_sq_mean", mu_sq_mean), ("var_mean", var_mean)):
        require(value >= 0, field, value, "a mean square, at least 0")
    check_inputs(D)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(mu_sq_mean == 0, 0.0, mu_sq_mean / var_mean)
    return (ratio - 1 / D)[()]


def gamma_from_cosine(c: Array) -> Array:
    """gamma = c / (1 - c) from the mean cosine between the outputs of different inputs; inf at 1.

    It does not depend on the outputs' norms. Raises ValueError for a value outside -1 to 1.

    >>> igbviz.theory.gamma_from_cosine(np.array([0.0, 0.5, 1.0]))
    array([ 0.,  1., inf])
    """
    c = np.asarray(c, float)
    require((c >= -1) & (c <= 1), "c", c, "a cosine from -1 to 1")
    with np.errstate(divide="ignore"):
        return (c / (1 - c))[()]


def mean_cosine(outputs: Array) -> Array:
    """(...,) mean cosine of all pairs a != b among outputs (..., inputs, nodes), without forming the pairs.

    |mean_a Y_a / |Y_a||^2 = (1 + (D - 1) c) / D for D inputs. An output of norm 0 counts as orthogonal to all others.
    Raises ValueError for fewer than two inputs.

    >>> float(igbviz.theory.mean_cosine(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])).round(3))
    0.333
    """
    outputs = np.asarray(outputs, float)
    inputs = outputs.shape[-2]
    check_inputs(inputs)
    norms = np.linalg.norm(outputs, axis=-1, keepdims=True)
    directions = np.divide(outputs, norms, where=norms > 0, out=np.zeros_like(outputs))
    together = np.sum(np.sum(directions, axis=-2) ** 2, axis=-1)
    alone = np.sum(norms[..., 0] > 0, axis=-1)
    return np.clip((together - alone) / (inputs * (inputs - 1)), -1, 1)


def jackknife(estimate: Callable[..., float], *per_network: Array) -> tuple[float, float]:
    """(value, standard error) of an estimate from arrays (networks, ...), by leaving one network out at a time.

        error^2 = (n - 1) / n  sum_i (estimate without i - their mean)^2

    Networks are left out, not inputs: inputs of one network share its centres and are not independent. For a ratio of
    means, pass both arrays and `lambda mu, var: gamma_variance_ratio(mu.mean(), var.mean(), D)`. Raises ValueError for
    fewer than two networks, or arrays of different lengths.

    >>> value, error = igbviz.theory.jackknife(np.mean, np.array([1.0, 2.0, 3.0, 6.0]))
    >>> round(value, 3), round(error, 3)
    (3.0, 1.08)
    """
    arrays = [np.asarray(values) for values in per_network]
    networks = len(arrays[0]) if arrays else 0
    require(networks >= 2, "networks", networks, "a whole number of at least 2")
    require(
        all(len(values) == networks for values in arrays),
        "networks",
        [len(values) for values in arrays],
        "the same number in every array",
    )
    without = np.array([estimate(*(np.delete(values, i, axis=0) for values in arrays)) for i in range(networks)])
    value = float(estimate(*arrays))
    if not np.all(np.isfinite(without)):
        return value, np.inf
    return value, float(np.sqrt((networks - 1) * np.mean((without - without.mean()) ** 2)))


def _expected_max(gammas: Array, classes: int) -> Array:
    """(gammas,) values of the integral in expected_max_guess."""
    step = 0.2 if classes <= 100 else 0.1  # F^(K - 1) gets steeper with K
    half_steps = np.arange(step / 2, 7.8, step)  # never 0: the formula divides by the first argument of Owen's T
    nodes = np.concatenate([-half_steps[::-1], half_steps])
    z, t = (axis.ravel() for axis in np.meshgrid(nodes, nodes, indexing="ij"))
    near = z**2 + t**2 < 60
    z, t = z[near], t[near]
    weights = np.exp(-(z**2 + t**2) / 2)
    weights *= classes / weights.sum()
    same_for_all = ndtr(z) / 2 - owens_t(z, t / z)
    values = np.where(gammas == 0, 1 / classes, 1.0)  # exact at both ends, gamma = 0 and inf
    for i in np.flatnonzero((gammas > 0) & (gammas < np.inf)):
        rho, rest = np.sqrt(gammas[i] / (1 + gammas[i])), np.sqrt(1 / (1 + gammas[i]))
        o = rho * z + rest * t
        o = np.where(o == 0, 1e-300, o)
        below = same_for_all + (ndtr(o) - ((z < 0) != (o < 0))) / 2 - owens_t(o, (rest * z - rho * t) / o)
        values[i] = weights @ np.clip(below, 0, 1) ** (classes - 1)
    return values


def _check_gamma(gamma: Array) -> None:
    require(np.asarray(gamma) >= 0, "gamma", gamma, "a ratio of variances, at least 0")


def check_inputs(number: float) -> None:
    require(number >= 2, "D", number, "at least 2 inputs")
