"""Gradients by layer: the prediction against networks of our own in float64, and what is said of measured ones."""

from __future__ import annotations

import numpy as np
import pytest

from igbviz.ensembles import Ensemble, EnsembleConfig, ensemble_dtype, initialize
from igbviz.ensembles.gradients import change, predicted_factors, predicted_squares, squared_gradients

NOISE = {"name": "gaussian-noise", "size": 8, "train_examples": 10, "test_examples": 50}
SLOPES = {
    "relu": (lambda u: np.maximum(u, 0), lambda u: (u > 0).astype(float)),
    "tanh": (np.tanh, lambda u: 1 - np.tanh(u) ** 2),
}


def config(activation: str, depth: int, sigma_w2: float, sigma_b2: float = 0.0, **others) -> EnsembleConfig:
    start = {"name": "gaussian", "sigma_w2": sigma_w2, "sigma_b2": sigma_b2}
    model = {"name": "mlp", "depth": depth, "width": 64, "activation": activation} | others
    return EnsembleConfig(dataset=NOISE, model=model, initialization=start, inputs=50, networks=20, gradients=True)


def of(backward: np.ndarray) -> Ensemble:
    """Networks of two classes with these gradients of layers, (N, L)."""
    records = np.zeros(len(backward), ensemble_dtype(2, backward.shape[1], backward.shape[1]))
    records["guesses"], records["backward"], records["gradient"] = [5, 5], backward, 1
    return Ensemble(records)


@pytest.mark.parametrize(("activation", "sigma_w2", "sigma_b2"), [("relu", 1.5, 0.1), ("tanh", 2.5, 0.2)])
def test_the_prediction_is_that_of_wide_networks_in_float64(activation: str, sigma_w2: float, sigma_b2: float) -> None:
    """Three hidden layers of 400 nodes, with a random gradient on ten logits."""
    rng, (phi, slope), ratios = np.random.default_rng(0), SLOPES[activation], []
    for _ in range(40):
        sizes, values, outputs, weights = [64, 400, 400, 400, 10], rng.standard_normal((64, 5)), [], []
        for n, m in zip(sizes, sizes[1:], strict=False):
            weights.append(rng.standard_normal((m, n)) * (sigma_w2 / n) ** 0.5)
            outputs.append(weights[-1] @ (phi(outputs[-1]) if outputs else values))
            outputs[-1] = outputs[-1] + sigma_b2**0.5 * rng.standard_normal((m, 1))
        deltas = [rng.standard_normal((10, 5))]
        for layer in (2, 1, 0):
            deltas.insert(0, slope(outputs[layer]) * (weights[layer + 1].T @ deltas[0]))
        squares = np.array([(delta**2).sum() for delta in deltas])
        ratios.append(squares / squares[-1])
    measured, error = np.mean(ratios, 0), np.std(ratios, 0, ddof=1) / 40**0.5
    predicted = predicted_squares(predicted_factors(config(activation, 3, sigma_w2, sigma_b2)))
    assert predicted[-1] == 1 and (np.abs(measured - predicted)[:-1] < 4 * error[:-1] + 0.005 * predicted[:-1]).all()
    assert (error[:-1] < 0.1 * predicted[:-1]).all(), "narrow enough to fail"


def test_known_factors() -> None:
    """ReLU halves the variance of the weights; tanh without biases has E tanh'^2 of the variance of each layer."""
    np.testing.assert_allclose(predicted_factors(config("relu", 4, 1.6)), 0.8)
    grid = np.linspace(-12, 12, 4001)
    bell = np.exp(-(grid**2) / 2) / np.exp(-(grid**2) / 2).sum()
    q, expected = 2.0, []
    for _ in range(3):
        expected.append(2 * bell @ (1 - np.tanh(q**0.5 * grid) ** 2) ** 2)
        q = 2 * bell @ np.tanh(q**0.5 * grid) ** 2
    np.testing.assert_allclose(predicted_factors(config("tanh", 3, 2.0)), expected, rtol=1e-6)


def test_no_theory_for_what_it_does_not_cover() -> None:
    assert predicted_factors(config("relu", 2, 2.0, max_pool=2)) is None
    assert predicted_factors(config("relu", 2, 2.0, normalization="layer")) is None
    batch = config("relu", 2, 2.0, normalization="batch")
    assert predicted_factors(batch.with_(batch_norm="batch")) is None
    np.testing.assert_allclose(predicted_factors(batch), 1, err_msg="in eval mode it does nothing")
    assert predicted_factors(EnsembleConfig(model={"name": "cnn"})) is None


def test_errors_are_those_of_leaving_one_network_out() -> None:
    backward = np.random.default_rng(1).uniform(0.5, 2, (7, 3))
    rows = squared_gradients(of(backward))
    means = [np.delete(backward**2, i, axis=0).mean(0) for i in range(7)]
    ratios = np.array([mean / mean[-1] for mean in means])
    np.testing.assert_allclose(rows[:, 0], (backward**2).mean(0) / (backward[:, -1] ** 2).mean())
    np.testing.assert_allclose(rows[:, 1], (6 * ratios.var(0)) ** 0.5, atol=1e-12)
    factors = ratios[:, 0] ** 0.5
    assert change(of(backward)).error == pytest.approx((6 * factors.var()) ** 0.5)


@pytest.mark.parametrize(
    ("factor", "name"), [(0.5, "vanishes"), (1.3, "explodes"), (1.02, "neither vanishes nor explodes")]
)
def test_what_becomes_of_it_is_named(factor: float, name: str) -> None:
    backward = np.tile(factor ** (np.arange(10, -1, -1) / 2), (3, 1))
    found = change(of(backward))
    assert found.name == name and found.factor == pytest.approx(factor) and found.total == pytest.approx(factor**10)
    assert change(of(np.zeros((3, 4)))) is None and change(of(np.ones((3, 1)))) is None


def test_what_noise_could_do_is_no_explosion() -> None:
    backward = np.array([[1.3, 1.0], [0.9, 1.0], [1.4, 1.0]])
    assert change(of(backward)).factor > 1.4 and change(of(backward)).name.startswith("neither")


def test_drawn_networks_follow_the_prediction() -> None:
    described = config("tanh", 5, 2.5)
    ensemble = Ensemble.of(initialize(described, "cpu"))
    rows, predicted = squared_gradients(ensemble), predicted_squares(predicted_factors(described, ensemble))
    assert (np.abs(rows[:, 0] - predicted) < 4 * rows[:, 1] + 0.1 * predicted).all()
