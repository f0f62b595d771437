"""Guess fractions of untrained networks: two classes and more, regimes, and gamma estimated from samples."""

import itertools
import math

import numpy as np
import pytest
from scipy.special import ndtr

from igbviz import theory
from tests.support.numbers import PI, same

# --- guesses ---


def test_distribution_of_two_classes():
    p = np.array([0.01, 0.1, 0.25, 0.5, 0.9])
    same(theory.guess_pdf(p, 1), np.ones(5), 1e-14)
    same(theory.guess_cdf(p, 1), p, 1e-13)
    same(theory.guess_quantile(p, 1), p, 1e-13)
    for gamma in (0.1, 0.467, 1, 3, 20):
        c = gamma / (1 + gamma)
        # integrals over x = Phi^-1(g), where the integrand is bell-shaped; by symmetry over the left half, where g is
        # accurate
        x = np.arange(-36, 0.005, 0.01)
        g, width = ndtr(x), np.exp(-(x**2) / 2) / math.sqrt(2 * PI) * np.where(x < -0.005, 0.02, 0.01)
        mass = theory.guess_pdf(g, gamma) * width
        same([mass.sum(), mass @ (g - 0.5) ** 2], [1, math.asin(c) / (2 * PI)], 1e-9)
        same(theory.guess_pdf(1 - p, gamma), theory.guess_pdf(p, gamma), 1e-11)
        same(theory.guess_variance(gamma), math.asin(c) / (2 * PI), 1e-13)
        same(theory.guess_cdf(theory.guess_quantile(p[:4], gamma), gamma), p[:4], 1e-12)
        guesses = theory.guess_quantile((np.arange(200_000) + 0.5) / 200_000, gamma)
        same(guesses.mean(), 0.5, 1e-9)
        same(guesses.var(), theory.guess_variance(gamma), 1e-4)
        same(np.maximum(guesses, 1 - guesses).mean(), theory.expected_max_guess(gamma, 2), 1e-5)


def test_distribution_at_its_limits():
    inf, ends = np.inf, np.array([-0.1, 0, 0.3, 0.5, 1, 1.1])
    same(theory.guess_pdf(ends, 0), [0, 0, 0, inf, 0, 0])
    same(theory.guess_pdf(ends, inf), [0, inf, 0, 0, inf, 0])
    same(theory.guess_pdf(ends[[1, 4]], 0.5), [0, 0])
    same(theory.guess_pdf(ends[[1, 4]], 2), [inf, inf])
    same(theory.guess_cdf(ends, 0), [0, 0, 0, 1, 1, 1])
    same(theory.guess_cdf(ends, inf), [0, 0.5, 0.5, 0.5, 1, 1])
    same(theory.guess_quantile([0, 0.3, 0.5, 1], 0), [0.5] * 4)
    same(theory.guess_quantile([0, 0.3, 0.5, 1], inf), [0, 0, 0.5, 1])
    same(theory.guess_variance([0, 1e-9, inf]), [0, 1e-9 / (2 * PI), 0.25], 1e-8)


def test_fractions_of_several_classes():
    expected = [0.13780601335066114, 0.001978652995194892, 0.07937507826919896, 0.7808402553849451]
    same(theory.guess_fractions([0.5, -1.0, 0.25, 1.5], 2.0), expected, 1e-12)
    z = np.random.default_rng(0).normal(size=(5, 3, 7))
    shares = theory.guess_fractions(z, 4.0)
    assert shares.shape == z.shape
    same(shares.sum(axis=-1), np.ones((5, 3)), 1e-12)
    assert np.all(shares.argmax(axis=-1) == z.argmax(axis=-1))
    pairs = np.random.default_rng(1).normal(size=(50, 2))
    expected = ndtr(math.sqrt(3) * (pairs[:, 0] - pairs[:, 1]) / math.sqrt(2))
    same(theory.guess_fractions(pairs, 3.0)[:, 0], expected, 1e-8)
    same(theory.guess_fractions([1.0, 1.0, 0.0], np.inf), [0.5, 0.5, 0])
    same(theory.guess_fractions([1.0, 2.0, 0.0], 0), [1 / 3] * 3, 1e-13)


def test_expected_fraction_of_the_favourite():
    gamma = np.array([0, 0.1, 1, 10, 1e6, np.inf])
    same(theory.expected_max_guess(gamma, 2), 0.5 + np.arctan(np.sqrt(gamma)) / PI, 1e-14)
    for classes, table in {
        3: [0.447, 0.564, 0.642, 0.756, 0.855, 0.952],
        10: [0.200, 0.331, 0.432, 0.596, 0.752, 0.917],
    }.items():
        same(
            theory.expected_max_guess([0.1, 0.467, 1, 3, 10, 100], classes), table, 0, 4e-3
        )  # sampled, standard error 0.001 to 0.002
    for classes in (3, 10, 1000):
        values = theory.expected_max_guess(np.array([0, 1e-9, 0.01, 1, 100, 1e12, np.inf]), classes)
        assert np.all(np.diff(values) > 0) and values[0] == 1 / classes and values[-1] == 1
    z = np.random.default_rng(0).normal(size=(4000, 5))
    sampled = theory.guess_fractions(z, 2.0).max(axis=-1)
    assert abs(sampled.mean() - theory.expected_max_guess(2.0, 5)) < 4 * sampled.std() / math.sqrt(4000)


def test_cuts_of_phase_diagrams_are_medians_of_two_classes():
    cut = theory.DEEP_PREJUDICE_CUT
    same(cut, 11.896, 1e-4)
    for threshold, gamma in ((0.75, theory.PREJUDICE_CUT), (0.99, cut)):
        same(2 * theory.guess_cdf(1 - threshold, gamma), 0.5, 1e-12)


def test_regimes_follow_the_expected_largest_guess_fraction():
    names = [theory.regime(gamma, classes=2) for gamma in (0, 0.999, 1, 9.4, 9.5, np.inf)]
    assert names == ["neutral"] * 2 + ["prejudiced"] * 2 + ["deeply prejudiced"] * 2
    # ten classes: 42 % of the guesses at gamma = 0.9 are not neutral, and 77 % at gamma = 12 are not nearly all
    names = [theory.regime(gamma) for gamma in (0, 0.028, 0.9, 12, 70, 72)]
    assert names == ["neutral"] * 2 + ["prejudiced"] * 3 + ["deeply prejudiced"]
    same(theory.regime_cuts(2), (1, math.tan(0.4 * PI) ** 2))
    for classes in (3, 10, 100):
        same(theory.expected_max_guess(theory.regime_cuts(classes), classes), (1.5 / classes, 0.9), 1e-9)


# --- finite networks and data ---


def sampled_gammas(name, sigma_w2, depth, width=300, networks=40, inputs=400):
    """Squared node means, variances and mean cosines, (networks, depth) each, and guess fractions of pairs of nodes."""
    rng = np.random.default_rng(3)
    phi = theory.kernel(name)
    means, variances, guesses, cosines = (
        np.empty((networks, depth)),
        np.empty((networks, depth)),
        [],
        np.empty((networks, depth)),
    )
    for network in range(networks):
        x = rng.normal(size=(inputs, width))
        for layer in range(depth):
            y = x @ rng.normal(scale=math.sqrt(sigma_w2 / width), size=(width, width))
            means[network, layer], variances[network, layer] = (
                np.mean(y.mean(axis=0) ** 2),
                np.mean(y.var(axis=0, ddof=1)),
            )
            cosines[network, layer] = theory.mean_cosine(y)
            x = phi(y)
        guesses.extend(np.mean(y[:, 0:width:2] > y[:, 1:width:2], axis=0))
    return means, variances, cosines, np.array(guesses)


def ratio_of_means(means, variances):
    return theory.gamma_variance_ratio(means.mean(), variances.mean(), 400)


def test_sampled_relu_networks():
    means, variances, cosines, guesses = sampled_gammas("relu", 2.0, 4)
    expected = theory.gamma_by_depth("relu", 2, 0, 4)
    for layer in range(4):
        gamma, error = theory.jackknife(ratio_of_means, means[:, layer], variances[:, layer])
        assert (
            abs(gamma - expected[layer]) < 4 * error + 0.03 * expected[layer]
        )  # finite width lowers it by about 1 % per layer
        gamma, error = theory.jackknife(lambda c: theory.gamma_from_cosine(c.mean()), cosines[:, layer])
        assert abs(gamma - expected[layer]) < 4 * error + 0.02 * expected[layer]
    assert abs(theory.gamma_from_guesses(guesses, 400) / expected[-1] - 1) < 0.1


def test_sampled_tanh_networks_have_no_bias():
    means, variances, cosines, guesses = sampled_gammas("tanh", 2.0, 3)
    gamma, error = theory.jackknife(ratio_of_means, means[:, -1], variances[:, -1])
    assert abs(gamma) < 5 * error + 1e-4 and error < 1e-4
    assert (
        abs(theory.gamma_from_cosine(cosines[:, -1].mean())) < 3e-4
        and abs(theory.gamma_from_guesses(guesses, 400)) < 2e-3
    )


def test_gamma_from_sampled_guesses_is_unbiased():
    rng = np.random.default_rng(0)
    for gamma in (0.0, 0.1, 2.0, 30.0):
        guesses = theory.guess_quantile(rng.uniform(size=40_000), gamma)
        counted = rng.binomial(50, guesses) / 50  # few inputs: the counting noise is large
        assert theory.gamma_from_guesses(counted, 50) == pytest.approx(gamma, rel=0.05, abs=0.005)
        both = np.stack([counted, 1 - counted], axis=1)
        same(theory.gamma_from_guesses(both, 50), theory.gamma_from_guesses(counted, 50), 1e-12, 1e-12)
        variance = np.mean((counted - 0.5) ** 2 - counted * (1 - counted) / 49)  # of G_0: the closed form
        c = math.sin(2 * PI * variance)
        same(theory.gamma_from_guesses(counted, 50), c / (1 - c), 1e-9, 1e-12)
    assert theory.gamma_from_guesses(np.array([0.0, 1.0, 1.0]), 100) == np.inf


@pytest.mark.parametrize("classes", [3, 10])
def test_gamma_from_sampled_guesses_of_many_classes(classes):
    rng = np.random.default_rng(1)
    for gamma in (0.0, 0.5, 8.6):
        fractions = theory.guess_fractions(rng.normal(size=(6000, classes)), gamma)
        counted = np.stack([rng.multinomial(50, row / row.sum()) for row in fractions]) / 50
        assert theory.gamma_from_guesses(counted, 50) == pytest.approx(gamma, rel=0.06, abs=0.005)
    assert theory.gamma_from_guesses(np.eye(classes), 100) == np.inf


def test_estimators_at_their_limits():
    same(theory.gamma_variance_ratio(0.3, 0.2, 100), 1.49, 1e-14)
    assert theory.gamma_variance_ratio(0.0, 0.0, np.inf) == 0 and theory.gamma_variance_ratio(1.0, 0.0, 10) == np.inf
    same(theory.gamma_from_cosine([0, 0.5, 1]), [0, 1, np.inf])
    outputs = np.random.default_rng(0).normal(size=(6, 4)) + 1
    units = outputs / np.linalg.norm(outputs, axis=1, keepdims=True)
    same(
        theory.mean_cosine(outputs),
        np.mean([units[a] @ units[b] for a, b in itertools.permutations(range(6), 2)]),
        1e-12,
    )
    assert theory.mean_cosine(np.ones((3, 5, 2))).shape == (3,) and np.all(theory.mean_cosine(np.zeros((5, 2))) == 0)
    values = np.random.default_rng(0).normal(size=30)
    same(theory.jackknife(np.mean, values), (values.mean(), values.std(ddof=1) / math.sqrt(30)), 1e-12)
