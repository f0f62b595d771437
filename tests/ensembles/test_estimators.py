"""The estimators of gamma: closed forms, many dimensions, and ideal logits."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from igbviz.ensembles import Ensemble, ensemble_dtype
from igbviz.ensembles.measures import measure_logits
from igbviz.theory import (
    gamma_from_cosine,
    gamma_from_guesses,
    gamma_variance_ratio,
    jackknife,
)
from igbviz.theory.estimators import (
    agreement_of_guesses,
    correlation_from_agreement,
    correlation_from_cosine,
    jackknife_of_means,
)
from tests.support.untrained import ESTIMATORS


class TestEstimators:
    def test_jackknife_equals_that_of_the_theory(self) -> None:
        squares, variances = np.random.default_rng(0).random((2, 12))
        ours = jackknife_of_means(lambda mu, var: gamma_variance_ratio(mu, var, 100), squares, variances)
        np.testing.assert_allclose(
            ours, jackknife(lambda mu, var: gamma_variance_ratio(mu.mean(), var.mean(), 100), squares, variances)
        )
        assert jackknife_of_means(lambda mean: mean, [1.0])[1] == np.inf

    def test_two_classes_agree_with_the_closed_forms(self) -> None:
        counts = np.random.default_rng(0).binomial(100, 0.3, 50)
        agreement = agreement_of_guesses(np.stack([counts, 100 - counts], 1)).mean()
        assert gamma_from_cosine(correlation_from_agreement(agreement, 2)) == pytest.approx(
            gamma_from_guesses(counts / 100, 100), rel=1e-6
        )
        cosine = np.linspace(-1, 1, 41)
        np.testing.assert_allclose(correlation_from_cosine(cosine, 1), np.sin(np.pi * cosine / 2), atol=1e-5)
        np.testing.assert_allclose(correlation_from_cosine(cosine, 10**6), cosine, atol=1e-5)

    @pytest.mark.parametrize("gamma", [0.0, 0.5, 1e4])
    def test_many_dimensions_keep_the_digits(self, gamma: float) -> None:
        c = gamma / (1 + gamma)
        assert gamma_from_cosine(correlation_from_cosine(c, 1000)) == pytest.approx(gamma, rel=2e-3)

    @pytest.mark.parametrize("classes", [2, 3, 10])
    @pytest.mark.parametrize("gamma", [0.0, 0.467, 3.0, 20.0])
    def test_all_find_the_gamma_of_ideal_logits(self, classes: int, gamma: float) -> None:
        generator = torch.Generator().manual_seed(classes)
        networks, inputs = 1500, 60
        centres = gamma**0.5 * torch.randn(networks, 1, classes, generator=generator)
        shift = 3 * torch.randn(
            networks, inputs, 1, generator=generator
        )  # common to all logits: no guess depends on it
        columns = measure_logits(centres + torch.randn(networks, inputs, classes, generator=generator) + shift)
        records = np.zeros(networks, ensemble_dtype(classes))
        for name, values in columns.items():
            records[name] = values
        for estimator in ESTIMATORS:
            value, error = Ensemble(records).gamma(estimator)
            assert abs(value - gamma) < 4 * error and error < 0.02 + 0.15 * gamma, estimator
