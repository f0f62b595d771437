"""Invalid arguments raise one sentence with argument, value and what is allowed."""

from __future__ import annotations

import numpy as np
import pytest

from igbviz import theory


@pytest.mark.parametrize(
    "call, sentence",
    [
        (
            lambda: theory.gamma_by_depth("swish", 2, 0, 5),
            "activation is 'swish', allowed: relu, leaky-relu, tanh, erf, gelu",
        ),
        (lambda: theory.gamma_by_depth("relu", -2.0, 0, 5), "sigma_w2 is -2.0, allowed: a variance, at least 0"),
        (lambda: theory.fixed_point("relu", 2, -0.1), "sigma_b2 is -0.1, allowed"),
        (lambda: theory.edge_of_chaos("tanh", np.float64(-0.1)), "sigma_b2 is -0.1, allowed"),
        (lambda: theory.phase_map("tanh", [1.0, -3.0], [0.1], "c_star"), "sigma_w2 is -3.0, allowed"),
        (
            lambda: theory.phase_map("tanh", [1.0], [0.1], "q"),
            "quantity is 'q', allowed: gamma_star, c_star, chi_1, depth_scale",
        ),
        (lambda: theory.gamma_by_depth("relu", float("nan"), 0, 5), "sigma_w2 is nan, allowed"),
        (lambda: theory.variance_by_depth("relu", 2, 0, 0), "depth is 0, allowed: a whole number of at least 1"),
        (lambda: theory.gradient_gain("relu", 2, 0, 2.5), "depth is 2.5, allowed"),
        (lambda: theory.correlation_by_depth("relu", 2, 0, 5, c0=1.5), "c0 is 1.5, allowed: a correlation from 0 to 1"),
        (lambda: theory.gamma_by_depth("relu", 2, 0, 5, q0=0), "q0 is 0, allowed"),
        (lambda: theory.guess_pdf(0.5, [1.0, -1.0]), "gamma is -1.0, allowed: a ratio of variances, at least 0"),
        (lambda: theory.iso_gamma("tanh", -1, 0.1), "gamma is -1, allowed"),
        (lambda: theory.regime(float("nan")), "gamma is nan, allowed"),
        (lambda: theory.expected_max_guess(1.0, 1), "classes is 1, allowed: a whole number of at least 2"),
        (lambda: theory.guess_fractions([1.0], 1.0), "classes is 1, allowed"),
        (lambda: theory.guess_quantile(1.5, 1.0), "p is 1.5, allowed: a probability from 0 to 1"),
        (lambda: theory.max_pool_gamma("relu", 0), "k is 0, allowed"),
        (lambda: theory.normalized_gamma("batch", 5), "placement is 'batch', allowed: none, batch-before"),
        (lambda: theory.gamma_from_guesses([0.2, 1.2], 10), "G is 1.2, allowed: fractions from 0 to 1"),
        (lambda: theory.gamma_from_guesses([[0.2, 0.3, 0.1]], 10), "G.sum(axis=1) is 0.6, allowed: 1, the fractions"),
        (lambda: theory.gamma_from_guesses([[0.2], [0.3]], 10), "classes is 1, allowed"),
        (lambda: theory.gamma_from_guesses(np.zeros((2, 2, 2)), 10), "G.ndim is 3, allowed: 1 for one of two classes"),
        (lambda: theory.regime(1.0, 1), "classes is 1, allowed"),
        (lambda: theory.gamma_from_guesses([0.2], 1), "D is 1, allowed: at least 2"),
        (lambda: theory.gamma_variance_ratio(-1.0, 1.0, 10), "mu_sq_mean is -1.0, allowed"),
        (lambda: theory.gamma_from_cosine(2.0), "c is 2.0, allowed"),
        (lambda: theory.jackknife(np.mean, [1.0]), "networks is 1, allowed"),
        (lambda: theory.leaky_relu(2), "slope is 2, allowed: 0 to 1"),
    ],
)
def test_wrong_arguments_are_explained(call, sentence):
    with pytest.raises(ValueError) as caught:
        call()
    assert str(caught.value).startswith(sentence) and "\n" not in str(caught.value)
