"""igbviz.theory against high-precision references, sampled networks, identities and limits."""

import itertools
import math

import mpmath
import numpy as np
import pytest
from scipy import integrate

from igbviz import theory
from tests.support.numbers import EXTREMES, MATCHED, NAMES, PI, same

# gamma^1 to gamma^21, from an independent computation
RELU_HE = [
    0.0,
    0.4669422069242593,
    0.9752348616386118,
    1.5305290624830377,
    2.1343396794768412,
    2.787109181702009,
    3.4889085639417265,
    4.239663559906361,
    5.039241879828883,
    5.887490520182635,
    6.784252651242494,
    7.729375389004744,
    8.722713251302954,
    9.764129494344434,
    10.853496391974772,
    11.990694992728072,
    13.17561463166393,
    14.408152342520085,
    15.688212246636,
    17.015704957994437,
    18.3905470235139,
]
TANH_ORDERED = [
    0.03333333333333333,
    0.1024182911313203,
    0.20213244254375118,
    0.32728993348839747,
    0.4742685964448096,
    0.6407782109783965,
    0.8255021806760985,
    1.0278168387531132,
    1.24759501930221,
    1.4850720344618853,
    1.7407547053149424,
    2.0153600067935353,
    2.3097743104305777,
    2.6250270639746303,
    2.962274604389261,
    3.3227910710947555,
    3.707964290352056,
    4.119295154559383,
    4.5583994895922375,
    5.027011736063943,
    5.526990002382203,
]
TANH_ORDERED_CHI = [0.5842784522820855, 0.7709234964074378, 0.852848487013744, 0.8931319666777348, 0.9140498826648783]


# --- independent references ---


def correlated_moment(name, q, s):
    """E phi(u) phi(v) with 40 digits: variance q, covariance s."""
    pi = mpmath.pi
    if name == "erf":
        return 2 / pi * mpmath.asin(2 * s / (1 + 2 * q))
    if name == "gelu":
        x = 1 + q
        return (
            s / 4
            + s * mpmath.asin(s / x) / (2 * pi)
            + (q * (q * x - s * s) + s * s) / (2 * pi * x * mpmath.sqrt(x * x - s * s))
        )
    phi = theory.kernel(name)
    odd, even, shift = mpmath.mpf(phi.odd), mpmath.mpf(phi.even), mpmath.mpf(phi.shift)
    c = s / q
    both = 2 * q / pi * (mpmath.sqrt(1 - c * c) + c * mpmath.asin(c))
    return odd**2 * s + even**2 * both + 2 * even * shift * mpmath.sqrt(2 * q / pi) + shift**2


def gamma_reference(name, sigma_w2, sigma_b2, depth, c0=0.0, q0=1.0):
    """The recursion in 60 digits, with 1 - c by subtraction."""
    with mpmath.workdps(60):
        w, b = mpmath.mpf(sigma_w2), mpmath.mpf(sigma_b2)
        q, s = w * mpmath.mpf(q0) + b, w * mpmath.mpf(q0) * mpmath.mpf(c0) + b
        gammas = [s / (q - s)]
        for _ in range(depth - 1):
            q, s = b + w * correlated_moment(name, q, q), b + w * correlated_moment(name, q, s)
            gammas.append(s / (q - s))
        return np.array([float(gamma) for gamma in gammas])


def tanh_reference(sigma_w2, sigma_b2, depth):
    """Mean and variance over each input's own fluctuation, on a grid: exact to rounding for the q used here."""
    z = np.arange(-10, 10.01, 0.08)
    weights = np.exp(-(z**2) / 2)
    weights /= weights.sum()
    q, gamma, gammas = sigma_w2 + sigma_b2, sigma_b2 / sigma_w2, []
    for _ in range(depth):
        gammas.append(gamma)
        outputs = np.tanh(np.sqrt(q) * (np.sqrt(gamma / (1 + gamma)) * z[:, None] + np.sqrt(1 / (1 + gamma)) * z))
        centre = outputs @ weights
        shared, private = weights @ centre**2, weights @ ((outputs - centre[:, None]) ** 2 @ weights)
        q, gamma = sigma_b2 + sigma_w2 * (shared + private), (sigma_b2 + sigma_w2 * shared) / (sigma_w2 * private)
    return np.array(gammas)


# --- layer by layer ---


def test_gamma_of_the_reference_networks():
    same(theory.gamma_by_depth("relu", 2, 0, 21), RELU_HE, 1e-13)
    same(theory.gamma_by_depth("tanh", 1.5, 0.05, 21), TANH_ORDERED, 1e-12)
    same(theory.gradient_gain("tanh", 1.5, 0.05, 5), TANH_ORDERED_CHI, 1e-13)
    same(theory.gradient_gain("relu", 2, 0, 21), np.ones(21), 1e-14)
    same(theory.gradient_gain("shifted-relu", MATCHED, 0, 21, q0=1 / MATCHED), np.full(21, PI / (PI - 1)), 1e-12)
    assert np.all(theory.gamma_by_depth("shifted-relu", MATCHED, 0, 21, q0=1 / MATCHED) < 1e-28)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "tanh"])
@pytest.mark.parametrize(
    "sigma_w2, sigma_b2, c0, q0",
    [(2, 0, 0, 1), (1.2, 0.1, 0, 1), (1 / 3, 1 / 3000, 0, 1), (3.5, 0.02, 0.3, 2), (2.1, 1e-12, 1e-9, 1)],
)
def test_gamma_against_sixty_digits(name, sigma_w2, sigma_b2, c0, q0):
    """As deep as gamma = 1e12 and beyond, where 1 - c is below float64's resolution of c."""
    expected = gamma_reference(name, sigma_w2, sigma_b2, 40, c0, q0)
    within = expected < 1e25  # the reference itself loses its digits beyond
    same(theory.gamma_by_depth(name, sigma_w2, sigma_b2, 40, c0, q0)[within], expected[within], 1e-11, 1e-40)


@pytest.mark.parametrize("sigma_w2, sigma_b2", [(0.9, 0.1), (1 / 3, 1 / 3000), (2.4, 0.05), (4.0, 1e-8)])
def test_gamma_of_tanh_against_a_grid(sigma_w2, sigma_b2):
    same(theory.gamma_by_depth("tanh", sigma_w2, sigma_b2, 25), tanh_reference(sigma_w2, sigma_b2, 25), 1e-10)


def test_tanh_variance_and_gradient_by_adaptive_quadrature():
    phi = theory.kernel("tanh")
    for q in (0.01, 1.0, 30.0, 1000.0):
        expectations = {
            phi.moment(q): lambda u: math.tanh(u) ** 2,
            phi.slopes(q, 1.0, 0.0): lambda u: math.cosh(min(u, 100)) ** -4,
        }
        for value, f in expectations.items():
            density = 2 / math.sqrt(2 * PI * q)
            expected, _ = integrate.quad(
                lambda u, f=f, q=q, density=density: density * f(u) * math.exp(-(u**2) / (2 * q)),
                0,
                12 * math.sqrt(q),
                points=[1],
                epsabs=0,
            )
            same(value, expected, 1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_correlation_is_gamma_over_one_plus_gamma(name):
    gamma = theory.gamma_by_depth(name, 1.7, 0.03, 12, c0=0.2)
    same(theory.correlation_by_depth(name, 1.7, 0.03, 12, c0=0.2), gamma / (1 + gamma), 1e-14)


def test_first_steps_in_closed_form():
    same(theory.gamma_by_depth("relu", 0.7, 0, 2)[1], 1 / (PI - 1), 1e-14)
    same(theory.gamma_by_depth("abs", 3, 0, 2)[1], 2 / (PI - 2), 1e-14)
    for slope in (0.01, 0.2, 1.0):
        expected = (1 - slope) ** 2 / (PI * (1 + slope**2) - (1 - slope) ** 2)
        same(theory.gamma_by_depth(theory.leaky_relu(slope), 2, 0, 2)[1], expected, 1e-13)
    same(
        theory.gamma_by_depth("linear", 1.5, 0.3, 30),
        [0.3 / 1.5 * sum(1.5**-k for k in range(layer)) for layer in range(1, 31)],
        1e-13,
    )
    for name in NAMES:
        same(theory.gamma_by_depth(name, 1.5, 0.3, 1), [0.2], 1e-15)


def test_relu_without_bias_has_one_curve_for_every_weight_variance():
    for sigma_w2 in (0.0, 1e-3, 1.0, 2.5, 40.0):
        same(theory.gamma_by_depth("relu", sigma_w2, 0, 2000), theory.gamma_by_depth("relu", 2, 0, 2000), 1e-9)
    gamma = theory.gamma_by_depth("relu", 2, 0, 2000)
    assert abs(gamma[99] / 100**2 - 0.0274) < 1e-4 and np.all(np.diff(gamma) > 0)  # towards 2 l^2 / (9 pi^2), slowly


def test_default_initialization_of_torch():
    """U(-1/sqrt n, 1/sqrt n) weights and biases, n = 1000: the most prejudiced initialization here."""
    relu, tanh = (theory.gamma_by_depth(name, 1 / 3, 1 / 3000, 10) for name in ("relu", "tanh"))
    same(relu[[1, 4, 9]], [0.4768, 6.746, 4.48e4], 1e-3)
    same(tanh[[4, 9]], [0.2249, 56.3], 1e-3)


def test_gelu_first_gains_then_loses_prejudice():
    gamma = theory.gamma_by_depth("gelu", 2, 0, 60)
    assert np.argmax(gamma) == 12 and abs(gamma[12] - 1.7503) < 1e-4 and abs(gamma[-1] - 1.65) < 1e-2


@pytest.mark.parametrize("name, sigma", list(itertools.product(NAMES, EXTREMES)))
def test_very_deep_networks_never_give_nan(name, sigma):
    for values in (theory.gamma_by_depth(name, *sigma, 500), theory.gradient_gain(name, *sigma, 500, cumulative=True)):
        assert values.shape == (500,) and not np.any(np.isnan(values)) and np.all(values >= 0)


def test_mean_zero_activations_stay_at_zero():
    for name, sigma_w2 in itertools.product(("tanh", "erf", "linear"), (0.5, 1.0, 3.0)):
        assert np.all(theory.gamma_by_depth(name, sigma_w2, 0, 200) == 0)
    # but preserve the correlation of the data
    for c0, expected in ((0.5, 0.4828), (0.9, 0.8915)):
        assert abs(theory.correlation_by_depth("tanh", 0.5, 0, 200, c0)[-1] - expected) < 1e-4
    assert np.all(np.isinf(theory.gamma_by_depth("tanh", 2, 0, 5, c0=1)))


def test_cumulative_gain_is_the_product():
    gain = theory.gradient_gain("tanh", 3, 0.05, 20)
    total = theory.gradient_gain("tanh", 3, 0.05, 20, cumulative=True)
    same(total, np.concatenate([[1], np.cumprod(gain[:-1])]), 1e-14)
    assert abs(math.log(total[-1]) - 3.113) < 2e-2  # measured in sampled networks of width 1000: 3.111 +- 0.016


# --- pooling and normalization ---


def test_max_pooling():
    same([theory.max_pool_gamma("linear", k) for k in (2, 4, 9)], [1 / (PI - 1), 2.155, 6.171], 1e-4)
    same([theory.max_pool_gamma("relu", k) for k in (1, 2, 4, 9)], [1 / (PI - 1), 1.04147, 2.4293, 6.187], 3e-5)
    same([theory.max_pool_gamma("tanh", k) for k in (2, 4, 9)], [0.4972, 3.741, 27.98], 2e-4)
    for name in NAMES:
        same(theory.max_pool_gamma(name, 1), theory.gamma_by_depth(name, 1, 0, 2)[1], 1e-10, 1e-25)
        series = [theory.max_pool_gamma(name, k) for k in (1, 2, 3, 5, 20, 100)]
        assert np.all(np.diff(series) > 0)


@pytest.mark.parametrize("name", ["gelu", "abs"])
def test_max_pooling_of_non_monotonic_activations(name):
    best = theory.kernel(name)(np.random.default_rng(0).normal(size=(400_000, 3))).max(axis=1)
    assert abs(best.mean() ** 2 / best.var() / theory.max_pool_gamma(name, 3) - 1) < 0.01


def test_normalized_relu():
    plain = theory.gamma_by_depth("relu", 2, 0, 8)
    for placement in ("none", "layer-before", "rms-before", "rms-after"):
        same(theory.normalized_gamma(placement, 8), plain, 1e-12)
    same(theory.normalized_gamma("batch-before", 8), [0] + [1 / (PI - 1)] * 7, 1e-13)
    assert np.all(theory.normalized_gamma("batch-after", 8) == 0) and np.all(
        theory.normalized_gamma("layer-after", 8) == 0
    )
    same(theory.normalized_gamma("batch-after", 8, sigma_b2=0.1), np.full(8, 0.05), 1e-14)
    # correlated data: layer normalization after phi reduces gamma by pi / (2 (pi - 1)) per layer, batch normalization
    # removes it at once
    gamma = theory.normalized_gamma("layer-after", 60, c0=0.5)
    same(gamma[-1] / gamma[-2], PI / (2 * (PI - 1)), 1e-6)
    same(theory.normalized_gamma("batch-before", 3, c0=0.5)[1:], np.full(2, 1 / (PI - 1)), 1e-13)
    assert set(theory.PLACEMENTS) == {"none"} | {
        f"{kind}-{where}" for kind in ("batch", "layer", "rms") for where in ("before", "after")
    }
