"""Predictions: the theory's own curves where it has them, real ensembles where it does not, and silence where there is
no theory."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from igbviz import theory
from igbviz.ensembles import Ensemble, EnsembleConfig, initialize
from igbviz.ensembles.predictions import (
    MONOTONIC_SLOPES,
    VARIANCES,
    layer_variances,
    measured_first_layer,
    pooled,
    predicted_gamma,
)
from igbviz.models import INITIALIZATIONS
from igbviz.theory import kernel
from igbviz.theory.signal_propagation import Layer

INPUTS = 300
NOISE = {"name": "gaussian-noise", "size": 20, "train_examples": 10, "test_examples": INPUTS}


def config(
    init: dict | None = None, batch_norm: str = "eval", dataset: dict = NOISE, **model: object
) -> EnsembleConfig:
    model = {"name": "mlp", "width": 400, "depth": 3} | model
    initialization = {"name": "gaussian"} | (init or {})
    return EnsembleConfig(
        dataset=dataset,
        model=model,
        initialization=initialization,
        networks=20,
        inputs=INPUTS,
        batch_norm=batch_norm,
        seed=1,
    )


def at(gamma: float, q: float = 1.0) -> Layer:
    return Layer(np.float64(q), np.float64(gamma / (1 + gamma)), np.float64(1 / (1 + gamma)))


class TestTheory:
    @pytest.mark.parametrize("activation", theory.ACTIVATIONS)
    @pytest.mark.parametrize(("w", "b"), [(2.0, 0.0), (0.5, 0.0), (1.5, 0.1), (3.0, 0.01)])
    def test_plain_networks_are_the_recursion(self, activation: str, w: float, b: float) -> None:
        found = predicted_gamma(config({"sigma_w2": w, "sigma_b2": b}, activation=activation, depth=9))
        np.testing.assert_allclose(found.gamma, theory.gamma_by_depth(activation, w, b, 10), rtol=1e-9, atol=1e-15)
        assert found.basis == f"wide-network theory at σ²w = {w:g}, σ²b = {b:g}, uncorrelated inputs"

    @pytest.mark.parametrize("activation", ["relu", "tanh", "gelu"])
    def test_shifted_networks(self, activation: str) -> None:
        found = predicted_gamma(config({"sigma_w2": 1.5}, activation=activation, shift=0.3, offset=-0.2, depth=4))
        curve = theory.shift_curve(activation, 0.3, -0.2, sigma_w2=1.5, depth=4)
        np.testing.assert_allclose(found.gamma[[1, -1]], [curve.gamma, curve.logit_gamma], rtol=1e-9)
        assert predicted_gamma(config(activation=activation, shift=0.3, max_pool=2)) is None

    @pytest.mark.parametrize("activation", ["relu", "tanh", "gelu"])
    @pytest.mark.parametrize("placement", theory.PLACEMENTS[1:])
    def test_normalised_networks(self, activation: str, placement: str) -> None:
        kind, where = placement.split("-")
        model = {"normalization": kind, "placement": where, "activation": activation, "depth": 6}
        found = predicted_gamma(config({"sigma_w2": 1.5, "sigma_b2": 0.05}, "batch", **model))
        np.testing.assert_allclose(found.gamma, theory.normalized_gamma(placement, 7, activation, 1.5, 0.05), rtol=1e-9)

    @pytest.mark.parametrize("activation", MONOTONIC_SLOPES)
    def test_pooling(self, activation: str) -> None:
        phi, slope = kernel(activation), MONOTONIC_SLOPES[activation]
        for k in (2, 4, 9):
            mean, shared, private = pooled(phi, slope, k, at(0))
            assert shared == 0 and mean**2 / private == pytest.approx(theory.max_pool_gamma(activation, k), rel=1e-9)
        for gamma in (1e-3, 0.5, 10, 1e4, 1e10):  # pooling over one node is no pooling
            layer = at(gamma, 2.0)
            np.testing.assert_allclose(
                pooled(phi, slope, 1, layer),
                (phi.mean(layer.q), phi.covariance(*layer), phi.private(*layer)),
                rtol=1e-6,
                atol=1e-12,
            )

    def test_pooling_against_samples(self) -> None:
        rng = np.random.default_rng(0)
        common, own = rng.standard_normal((2, 3, 400_000))
        for activation, q, gamma in (("relu", 1.0, 1.0), ("tanh", 4.0, 9.0)):
            phi, c = kernel(activation), gamma / (1 + gamma)
            h, g = (phi(np.sqrt(q) * u).max(0) for u in (common, c * common + np.sqrt(1 - c**2) * own))
            sampled = h.mean(), np.cov(h, g)[0, 1], ((h - g) ** 2).mean() / 2
            np.testing.assert_allclose(
                pooled(phi, MONOTONIC_SLOPES[activation], 3, at(gamma, q)), sampled, rtol=0.01
            )  # 5 standard errors

    def test_a_measured_first_layer_replaces_the_first_layer(self) -> None:
        expected = theory.gamma_by_depth("tanh", 1.5, 0.05, 4, c0=0.6)
        init, variance = {"sigma_w2": 1.5, "sigma_b2": 0.05}, float(theory.variance_by_depth("tanh", 1.5, 0.05, 1)[0])
        found = predicted_gamma(config(init, activation="tanh"), float(expected[0]), variance)
        np.testing.assert_allclose(found.gamma, expected, rtol=1e-9)
        assert "from the first layer's measured γ = 1.58" in found.basis
        np.testing.assert_array_equal(predicted_gamma(config(), -0.01).gamma, predicted_gamma(config(), 0.0).gamma)
        assert (predicted_gamma(config(), np.inf).gamma == np.inf).all()


class TestTranslation:
    @pytest.mark.parametrize("name", INITIALIZATIONS)
    @pytest.mark.parametrize("last", ["same", "scaled", "zero"])
    @pytest.mark.parametrize("shape", [{"width": 30, "max_pool": 3}, {"width": 500}])
    def test_variances_are_those_of_the_weights_drawn(self, name: str, last: str, shape: dict) -> None:
        chosen = config({"name": name, "last_layer": last, "last_layer_scale": 0.5}, depth=2, **shape)
        networks = []
        for seed in range(12):
            torch.manual_seed(seed)
            networks.append(chosen.model.build((1, 20, 20), 10))
            chosen.initialization.apply(networks[-1], 10)
        for place, expected in zip((1, 6, 11), layer_variances(chosen), strict=True):
            weights = torch.stack([network[place].weight.detach() for network in networks])
            biases = torch.stack([network[place].bias.detach() for network in networks])
            found = float(weights.var(correction=0)) * weights.shape[-1], float(biases.var(correction=0))
            np.testing.assert_allclose(
                found[0], expected[0], rtol=4 * (2 / weights.numel()) ** 0.5
            )  # 4 standard errors
            np.testing.assert_allclose(found[1], expected[1], rtol=4 * (2 / biases.numel()) ** 0.5)

    def test_every_initialization_is_known(self) -> None:
        assert set(VARIANCES) == set(INITIALIZATIONS)

    def test_layers_that_differ_are_named(self) -> None:
        basis = predicted_gamma(config({"name": "xavier"}, max_pool=2)).basis
        assert "σ²w = 0.667, 0.667, 1.95 (first, hidden, last layer), σ²b = 0," in basis
        assert "σ²w = 1, 1.95 (first, last layer)" in predicted_gamma(config({"name": "xavier"}, depth=1)).basis
        assert "σ²b = 0," in predicted_gamma(config({"name": "pytorch"}, bias=False)).basis

    def test_without_weights(self) -> None:
        zero = predicted_gamma(config({"last_layer": "zero"}))
        assert (
            np.isfinite(zero.gamma[:3]).all() and np.isnan(zero.gamma[3]) and zero.basis.endswith("; all logits are 0")
        )
        assert (predicted_gamma(config({"sigma_w2": 0, "sigma_b2": 1})).gamma == np.inf).all()
        assert np.isnan(predicted_gamma(config({"sigma_w2": 0})).gamma).all()

    def test_batch_norm_in_eval_mode_has_no_effect(self) -> None:
        found = predicted_gamma(config(normalization="batch", placement="after"))
        np.testing.assert_array_equal(found.gamma, predicted_gamma(config()).gamma)
        assert found.basis.endswith("BatchNorm in eval mode, which has no effect before training")

    @pytest.mark.parametrize(
        "outside",
        [
            config(batch_norm="after", normalization="batch"),
            config(activation="gelu", max_pool=2),
            config(activation="abs", max_pool=2),
            config(dataset={"name": "fashion-mini"}),
            EnsembleConfig(dataset=NOISE, model={"name": "cnn"}, inputs=INPUTS),
            EnsembleConfig(dataset=NOISE, model={"name": "resnet18"}, inputs=INPUTS),
        ],
        ids=lambda config: f"{config.dataset.name} {config.model.name} {config.batch_norm}",
    )
    def test_no_prediction_where_the_theory_does_not_apply(self, outside: EnsembleConfig) -> None:
        assert predicted_gamma(outside) is None


class TestExperiment:
    """20 networks of width 400 on 300 inputs: gamma within 4 standard errors, plus 2 % and 1/400 for finite
    width.

    Batch statistics after the activation make every mean over the inputs exactly 0, so the estimator's - 1 / D is left
    over there.
    """

    @pytest.mark.parametrize(
        ("init", "batch_norm", "model"),
        [
            ({"name": "pytorch"}, "eval", {"activation": "gelu"}),
            ({"name": "xavier"}, "eval", {"activation": "erf", "max_pool": 2}),
            ({"name": "orthogonal"}, "eval", {"activation": "leaky-relu"}),
            ({"sigma_w2": 1.5, "sigma_b2": 0.05}, "eval", {"activation": "tanh", "max_pool": 2}),
            ({"sigma_w2": 2.93388}, "eval", {"activation": "shifted-relu"}),
            ({"name": "he-fan-out"}, "batch", {"normalization": "batch", "max_pool": 2}),
            ({"name": "pytorch"}, "batch", {"normalization": "batch", "placement": "after"}),
            ({"name": "he-normal"}, "eval", {"normalization": "layer", "placement": "after", "max_pool": 3}),
            ({"name": "pytorch", "last_layer": "scaled"}, "eval", {"depth": 2}),
        ],
        ids=str,
    )
    def test_networks_agree_with_the_prediction(self, init: dict, batch_norm: str, model: dict) -> None:
        chosen = config(init, batch_norm, **model)
        left_over = 1 / INPUTS if model.get("placement") == "after" and batch_norm == "batch" else 0
        predicted = predicted_gamma(chosen).gamma
        expected = predicted - np.append(0, np.full(len(predicted) - 1, left_over))
        value, error = measured(chosen).gamma_by_depth("cosine").T
        assert (np.abs(value - expected) < 4 * error + 0.02 * expected + 1 / 400).all(), (value, error, expected)

    def test_real_images_start_from_what_was_measured(self) -> None:
        """Their correlations differ, which the theory ignores: 10 % are allowed for that."""
        chosen = config({"name": "pytorch"}, dataset={"name": "fashion-mini"}, activation="tanh")
        ensemble = measured(chosen)
        expected = predicted_gamma(chosen, **measured_first_layer(ensemble)).gamma
        value, error = ensemble.gamma_by_depth("cosine").T
        assert value[0] == pytest.approx(expected[0]) and expected[0] > 0.2
        assert (np.abs(value - expected) < 4 * error + 0.1 * expected).all(), (value, error, expected)


def measured(chosen: EnsembleConfig) -> Ensemble:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return Ensemble.of(initialize(chosen, "cpu"))
    finally:
        torch.set_num_threads(before)
