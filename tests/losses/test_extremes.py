"""Every loss at the limits of its hyperparameters, of the precision, and of what a network can produce."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from igbviz.losses import LOSSES, LossOfP
from igbviz.losses.base import LossOfProbabilities
from tests.support.losses import (
    CASES,
    draw,
    every,
    value_and_gradient,
    worst_logits,
)


@every(CASES)
@pytest.mark.parametrize(
    "dtype, tolerance", [(torch.float64, 1e-12), (torch.float32, 1e-4), (torch.float16, 4e-3), (torch.bfloat16, 2e-2)]
)
def test_values_have_the_dtype_of_the_logits_and_gradients_too(name, hyperparameters, dtype, tolerance):
    logits, labels = draw()
    rounded = logits.to(dtype)
    values, gradient = value_and_gradient(LOSSES[name](**hyperparameters), rounded, labels)
    exact, slope = value_and_gradient(LOSSES[name](**hyperparameters), rounded.double(), labels)
    assert values.dtype == gradient.dtype == dtype
    torch.testing.assert_close(values.double(), exact, rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(
        gradient.double(), slope, rtol=tolerance, atol=tolerance * max(1.0, slope.abs().max().item())
    )


@every(CASES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_value_and_gradient_are_finite_for_the_worst_logits(name, hyperparameters, dtype):
    logits, labels = worst_logits()
    values, gradient = value_and_gradient(LOSSES[name](**hyperparameters), logits.to(dtype), labels)
    assert values.isfinite().all() and gradient.isfinite().all()


def hopeless_logits():
    """Rows whose true class has log p = -inf: masked out, or so low that single precision overflows."""
    rows = [[0.0, -math.inf, 0.0], [3e38, -3e38, 0.0], [-3e38, -3e38, 3e38], [1.0, 2.0, 3.0]]
    return torch.tensor(rows), torch.tensor([1, 1, 1, 1])


OF_PROBABILITIES = [case for case in CASES if issubclass(LOSSES[case[0]], (LossOfP, LossOfProbabilities))]


INFINITE = [
    *OF_PROBABILITIES, ("blurry", {"gamma": 10}), ("piecewise-zero", {"cutoff": 0.1}), ("sce", {"alpha": 0}),
    ("mixed", {}), ("mixed", {"weight": 1, "loss": "mae"}), ("piecewise-zero-soft", {"steepness": 1000}),
]  # fmt: skip


@every(INFINITE)
def test_an_infinite_logit_makes_no_nan_gradient(name, hyperparameters):
    loss, (logits, labels) = LOSSES[name](**hyperparameters), hopeless_logits()
    values, gradient = value_and_gradient(loss, logits, labels)
    assert not values.isnan().any() and gradient.isfinite().all()
    leaf = logits.clone().requires_grad_()
    value = loss.descend(leaf, labels)
    assert not value.isnan() and leaf.grad.isfinite().all()
    last = value_and_gradient(loss, logits[3:], labels[3:])
    torch.testing.assert_close((values[3:], gradient[3:]), last, rtol=0, atol=0)
    assert np.isfinite(loss.gradient(logits.numpy()[[0, 3]], labels.numpy()[[0, 3]])).all()


@pytest.mark.parametrize("name", ["piecewise-zero", "blurry"])
def test_a_sample_of_probability_zero_has_zero_gradient_where_the_improbable_are_ignored(name):
    logits, labels = hopeless_logits()
    values, gradient = value_and_gradient(LOSSES[name](), logits[:3], labels[:3])
    assert not values.any() and not gradient.any()


LIMITS = [
    ("phuber-ce", {"tau": 1e12}), ("logit-clip", {"tau": 1e6}), ("agce", {"a": 1e-9}), ("agce", {"a": 1e-9, "q": 0.1}),
    ("agce", {"a": 1e-9, "q": 5}), ("ael", {"a": 1000}), ("anl-ce", {"p_min": 1e-2}), ("anl-fl", {"p_min": 1e-2}),
    ("label-smoothing", {"epsilon": 1}), ("nce-agce", {"a": 1e-9, "q": 0.1}), ("nce-ael", {"a": 1000}),
    ("phuber-gce", {"q": 0.01, "tau": 1e12}), ("piecewise-zero-soft", {"steepness": 0.01}),
    ("piecewise-zero-soft", {"cutoff": 1e-300, "steepness": 0.01}),
]  # fmt: skip


@every(LIMITS)
def test_the_ends_of_the_hyperparameters_are_finite_and_as_exact_in_single_precision(name, hyperparameters):
    loss, (logits, labels) = LOSSES[name](**hyperparameters), worst_logits()
    values, gradient = value_and_gradient(loss, logits, labels)
    assert values.isfinite().all() and gradient.isfinite().all()
    values, gradient = value_and_gradient(loss, draw(scale=5)[0].float(), draw()[1])
    exact, slope = value_and_gradient(loss, draw(scale=5)[0].float().double(), draw()[1])
    torch.testing.assert_close(values.double(), exact, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(gradient.double(), slope, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "name", ["cross-entropy", "focal", "sce", "label-smoothing", "bootstrapping-hard", "curriculum"]
)
def test_a_very_improbable_sample_still_has_full_force(name):
    """No hidden clamp: at p = exp(-1e4) the gradient is what the formula says, not zero."""
    logits, labels = torch.zeros(1, 10), torch.tensor([7])
    logits[0, 3] = 1e4
    assert value_and_gradient(LOSSES[name](), logits, labels)[1][0, 7] < -0.05
