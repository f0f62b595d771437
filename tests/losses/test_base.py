"""Common behaviour of all losses: the gradient without torch, numpy arrays, the weight of a loss of p, a step."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from igbviz.losses import LOSSES
from igbviz.spec import ConfigError
from tests.support.losses import (
    ATTACHED,
    CASES,
    draw,
    every,
    every_p_only,
    own,
    value_and_gradient,
    worst_logits,
)


@every(ATTACHED)
def test_the_gradient_is_the_slope_of_the_value(name, hyperparameters):
    logits, labels = draw(batch=4, classes=5, seed=3)
    assert torch.autograd.gradcheck(lambda z: LOSSES[name](**hyperparameters)(z, labels), logits.requires_grad_())


@every(CASES)
def test_the_gradient_without_torch_is_that_of_autograd(name, hyperparameters):
    loss = LOSSES[name](**hyperparameters)
    for logits, labels in (draw(), draw(classes=3, scale=10), (worst_logits()[0].double(), worst_logits()[1])):
        expected = value_and_gradient(loss, logits, labels)[1].numpy()
        scale = np.abs(expected).max(1, keepdims=True)
        assert np.abs(loss.gradient(logits.numpy(), labels.numpy()) - expected).max() <= 1e-9 * max(1.0, scale.max())


@every(CASES)
def test_values_of_numpy_arrays_are_those_of_tensors(name, hyperparameters):
    logits, labels = draw()
    loss = LOSSES[name](**hyperparameters)
    np.testing.assert_allclose(loss(logits.numpy(), labels.numpy()), loss(logits, labels), rtol=1e-12, atol=1e-14)


@every_p_only
def test_the_weight_is_the_slope_of_f(name):
    loss, log_p = LOSSES[name](), np.log(np.array([1e-9, 1e-4, 0.03, 0.12, 0.3, 0.4999, 0.51, 0.8, 0.99, 0.999999]))
    step = 1e-6 * np.maximum(1e-3, -log_p)
    slope = -(loss.f(log_p + step, np) - loss.f(log_p - step, np)) / (2 * step)
    np.testing.assert_allclose(loss.weight(log_p, np), slope, rtol=1e-5, atol=1e-7)


@every_p_only
def test_f_and_weight_are_the_same_in_numpy_and_torch(name):
    loss, log_p = LOSSES[name](), np.concatenate([-np.geomspace(1e-12, 1e4, 200), [0.0]])
    last_digit = 1e-15 if name == "custom" else 1e-300  # a typed 1 - p is evaluated as written, with the rounding of 1
    for curve in (loss.f, loss.weight):
        np.testing.assert_allclose(
            curve(log_p, np), curve(torch.tensor(log_p), torch).numpy(), rtol=1e-12, atol=last_digit
        )
        narrow = curve(torch.tensor(log_p, dtype=torch.float32), torch)
        assert narrow.dtype == torch.float32 and narrow.isfinite().all()


@every_p_only
def test_a_loss_of_p_is_cross_entropy_with_one_weight_per_sample(name):
    loss = LOSSES[name]()
    logits, labels = draw()
    gradient, plain = (
        value_and_gradient(loss, logits, labels)[1],
        value_and_gradient(LOSSES["cross-entropy"](), logits, labels)[1],
    )
    weight = loss.weight(own(logits.log_softmax(1), labels), torch)
    torch.testing.assert_close(gradient, weight[:, None] * plain)


@every([(name, {}) for name in LOSSES if name != "curriculum"])
def test_a_step_descends_the_mean(name, hyperparameters):
    logits, labels = draw()
    torch.testing.assert_close(LOSSES[name]().batch_loss(logits, labels), LOSSES[name]()(logits, labels).mean())


@every(CASES)
def test_a_step_goes_down_the_gradient_of_the_batch(name, hyperparameters):
    """`descend` may skip autograd: the same value, and the same gradients of logits and parameters."""
    loss, (logits, labels) = LOSSES[name](**hyperparameters), draw()
    found = []
    for shorter in (False, True):
        leaf = logits.clone().requires_grad_()
        parameters = [torch.tensor([1.0, -2.0, 0.0]).requires_grad_(), torch.ones(2, 2).requires_grad_()]
        used = leaf + 0 * parameters[0].sum()  # one parameter has a gradient already, the other none
        if shorter:
            value = loss.descend(used, labels, parameters)
            assert not value.requires_grad
        else:
            value = loss.batch_loss(used, labels, parameters)
            value.backward()
        found.append([value.detach(), leaf.grad, *(torch.zeros(1) if p.grad is None else p.grad for p in parameters)])
    for plain, short in zip(*found, strict=True):
        torch.testing.assert_close(short, plain)


def test_checks_find_zero_gradients_and_wrong_pushes():
    def found(name, **hyperparameters):
        return [
            (kind, round(low, 2), round(high, 2)) for kind, low, high, _ in LOSSES[name](**hyperparameters).checks()
        ]

    assert found("cross-entropy") == found("mae") == found("blurry", detach_weight=True) == []
    assert found("piecewise-zero") == [("silent", 0, 0.1)]
    assert found("truncated-gce") == [("silent", 0, 0.5)]
    assert found("blurry") == [("wrong way", 0, round(math.exp(-1 / 0.7), 2))]


@pytest.mark.parametrize(
    "logits, labels, sentence",
    [
        (torch.zeros(3, 4), torch.tensor([0, 1]), "do not fit"),
        (torch.zeros(4), torch.tensor([0, 1, 2, 3]), "do not fit"),
        (torch.zeros(2, 4), torch.tensor([0, 4]), "labels run from 0 to 4, allowed: 0 to 3"),
        (torch.zeros(2, 4), torch.tensor([-1, 0]), "labels run from -1 to 0, allowed: 0 to 3"),
        (torch.zeros(2, 4), torch.tensor([0.0, 1.0]), "labels are of type torch.float32, allowed: integers"),
        (torch.zeros(2, 1), torch.tensor([0, 0]), "logits have 1 classes, allowed: at least 2"),
    ],
)
def test_wrong_labels_are_named(logits, labels, sentence):
    for ask in (
        lambda: LOSSES["nce"]()(logits, labels),
        lambda: LOSSES["nce"]().gradient(logits.numpy(), labels.numpy()),
    ):
        with pytest.raises(ConfigError) as problem:
            ask()
        assert sentence.replace("torch.", "") in str(problem.value).replace("torch.", "")


@every(CASES)
def test_small_label_types_are_accepted(name, hyperparameters):
    logits, labels = draw()
    torch.testing.assert_close(
        LOSSES[name](**hyperparameters)(logits, labels.to(torch.uint8)), LOSSES[name](**hyperparameters)(logits, labels)
    )
