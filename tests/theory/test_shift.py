"""Shifted activations: their integrals on a fine grid and of drawn nodes, and the rule of the mean."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import erf
from scipy.stats import norm

from igbviz import theory

FUNCTIONS = {
    "relu": lambda u: np.maximum(u, 0),
    "leaky-relu": lambda u: np.where(u > 0, u, 0.01 * u),
    "tanh": np.tanh,
    "erf": erf,
    "gelu": lambda u: u * (1 + erf(u / np.sqrt(2))) / 2,
    "abs": np.abs,
    "linear": lambda u: u,
}


def on_a_grid(phi, q: float, c: float, points: int = 801) -> tuple[float, float, float, float]:
    """Mean, moment, covariance and private part of phi over pairs of inputs, by the trapezoid rule."""
    s = np.linspace(-9, 9, points)
    bell = np.exp(-(s**2) / 2)
    bell /= bell.sum()
    weights = bell[:, None] * bell
    u = np.sqrt(q) * s[:, None] + 0 * s
    v = np.sqrt(q) * (c * s[:, None] + np.sqrt(1 - c**2) * s)
    first, second = phi(u), phi(v)
    mean, moment = (weights * first).sum(), (weights * first**2).sum()
    half_difference = (weights * (first - second) ** 2).sum() / 2
    return mean, moment, (weights * (first - mean) * (second - mean)).sum(), half_difference


@pytest.mark.parametrize("activation", FUNCTIONS)
@pytest.mark.parametrize(("shift", "offset", "q", "c"), [(0.7, 0.2, 2.0, 0.6), (-1.3, 0.0, 0.5, 0.95)])
def test_the_integrals_are_those_of_a_fine_grid(
    activation: str, shift: float, offset: float, q: float, c: float
) -> None:
    phi = theory.Shifted(activation, shift, offset)
    expected = on_a_grid(lambda u: FUNCTIONS[activation](u - shift) - offset, q, c)
    layer = np.float64(q), np.float64(c), np.float64(1 - c)
    found = phi.mean(q), phi.moment(q), phi.covariance(*layer), phi.private(*layer)
    assert np.allclose(found, expected, rtol=3e-4, atol=1e-6)  # of the grid, at a kink


def test_derivatives_and_the_shift_of_zero() -> None:
    for activation in FUNCTIONS:
        phi, plain = theory.Shifted(activation, 0.4, 0.1), theory.kernel(activation)
        step = 1e-4
        slope = (phi.moment(1.5 + step) - phi.moment(1.5 - step)) / (2 * step)
        assert phi.moment_slope(1.5) == pytest.approx(slope, rel=1e-6)
        u = np.array([-1.2, 0.9, 2.0])
        assert np.allclose(phi.slope(u), (phi(u + step) - phi(u - step)) / (2 * step), atol=1e-7)
        nearly = theory.Shifted(activation, 1e-13)  # by quadrature, where the closed forms are known
        for d in (0.3, 1e-6, 1e-13, 1e-20):
            layer = np.float64(2.0), np.float64(1 - d), np.float64(d)
            for part in ("covariance", "private", "slopes"):
                assert getattr(nearly, part)(*layer) == pytest.approx(getattr(plain, part)(*layer), rel=1e-7), part
        curve = theory.shift_curve(activation, depth=5)
        assert curve.logit_gamma == pytest.approx(theory.gamma_by_depth(activation, 2.0, 0.0, 6)[-1], rel=1e-8)


def test_a_relu_lowered_by_its_mean_is_the_shifted_relu() -> None:
    lowered = theory.Shifted("relu", offset=1 / np.sqrt(2 * np.pi))
    own, other = (theory.gamma_by_depth(phi, 1.7, 0.1, 12) for phi in (lowered, "shifted-relu"))
    assert np.allclose(own, other, rtol=1e-8)


def test_the_rule_no_bias_if_and_only_if_the_mean_is_zero() -> None:
    for activation, of in [("relu", "offset"), ("tanh", "offset"), ("abs", "offset"), ("tanh", "shift"),
                           ("gelu", "shift")]:  # fmt: skip
        zero = theory.zero_mean_shift(activation, 2.0, of)
        curve = theory.shift_curve(activation, **{of: zero + np.array([-0.4, 0.0, 0.4])})
        assert abs(curve.mean[1]) < 1e-9 and curve.gamma[1] < 1e-15
        assert (np.abs(curve.mean[[0, 2]]) > 0.01).all() and (curve.gamma[[0, 2]] > 1e-3).all()
    assert theory.zero_mean_shift("relu", 2.0, "shift") is theory.zero_mean_shift("abs", 2.0, "shift") is None
    assert theory.zero_mean_shift("relu", 2.0) == pytest.approx(np.sqrt(2 / (2 * np.pi)), rel=1e-8)
    # Random biases leave a bias even there.
    assert theory.shift_curve("tanh", sigma_b2=0.1).gamma > 0.05


@pytest.mark.parametrize("q", [0.05, 0.5, 1.0, 5.0])
def test_a_flat_side_is_not_taken_for_a_mean_of_zero(q: float) -> None:
    """Far to the right of all pre-activations ReLU and GELU are 0 in floating point, whatever the variance."""
    assert theory.zero_mean_shift("relu", q, "shift") is None

    def mean(shift: float) -> float:  # of GELU, with y = u - shift: E y Phi(y) = E y E Phi(y) + q E Phi'(y)
        z = shift / np.sqrt(1 + q)
        return -shift * norm.cdf(-z) + q / np.sqrt(1 + q) * norm.pdf(z)

    assert theory.zero_mean_shift("gelu", q, "shift") == pytest.approx(brentq(mean, 0, 2 * q), abs=1e-9)


def test_the_curve_is_what_drawn_networks_have() -> None:
    """Nodes of two layers that numpy draws: gamma of the second, and the mean of a node of the first."""
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((400, 500))
    nodes = np.sqrt(2 / 400) * rng.standard_normal((1500, 400)) @ inputs
    for shift, offset in ((0.6, 0.0), (-0.8, 0.3)):
        hidden = np.maximum(nodes - shift, 0) - offset
        second = np.sqrt(2 / 1500) * rng.standard_normal((1500, 1500)) @ hidden
        means, variances = second.mean(1), second.var(1, ddof=1)
        gamma = (means**2).mean() / variances.mean() - 1 / 500
        curve = theory.shift_curve("relu", shift, offset)
        assert gamma == pytest.approx(curve.gamma, rel=0.12)  # 1500 nodes: 4 % of standard error
        assert hidden.mean() == pytest.approx(curve.mean, abs=0.01)


def test_a_wrong_argument_is_named() -> None:
    for arguments, words in (({"shift": np.inf}, "shift is inf"), ({"depth": 0}, "depth is 0"),
                             ({"sigma_w2": -1.0}, "sigma_w2 is -1.0")):  # fmt: skip
        with pytest.raises(ValueError, match=words):
            theory.shift_curve("relu", **arguments)
    with pytest.raises(ValueError, match="activation is 'sine'"):
        theory.Shifted("sine")
