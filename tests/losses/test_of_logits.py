"""Losses of the whole batch or of all logits: active negative, curriculum, centres, and cutoffs at 1/K."""

import numpy as np
import pytest
import torch

from igbviz.losses import LOSSES
from igbviz.losses.of_logits import simplex_corners
from tests.support.losses import draw, value_and_gradient


@pytest.mark.parametrize("name", ["anl-ce", "anl-fl"])
def test_active_negative_losses_charge_for_all_parameters(name):
    logits, labels = draw()
    parameters = [torch.tensor([1.0, -2.0], requires_grad=True), torch.tensor([[-3.0]], requires_grad=True)]
    loss = LOSSES[name](l1=0.5).batch_loss(logits, labels, iter(parameters))
    assert loss.item() == pytest.approx(LOSSES[name]()(logits, labels).mean().item() + 3.0)
    loss.backward()
    assert parameters[0].grad.tolist() == [0.5, -0.5]


@pytest.mark.parametrize("name", ["anl-ce", "anl-fl"])
def test_where_no_class_is_above_p_min_the_negative_part_has_zero_gradient(name):
    """As with hundreds of classes before the first step: the formula is 0 / 0."""
    loss = LOSSES[name](p_min=1e-2)
    for logits in (torch.zeros(1, 100), draw(classes=200, scale=0.1)[0][:1].float()):
        values, gradient = value_and_gradient(loss, logits, torch.tensor([3]))
        active, pull = value_and_gradient(loss.with_(beta=0), logits, torch.tensor([3]))
        assert values.item() == pytest.approx(active.item() + loss.beta) and torch.equal(gradient, pull)
        assert np.isfinite(loss.gradient(logits.double().numpy(), np.array([3]))).all()


def selected(logits, labels, noise_rate):
    """The selection of the curriculum loss, one sample after the other."""
    hinges, wrong = [], 0
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        rival = max(row[:label] + row[label + 1 :])
        hinges.append(max(0.0, 1 - row[label] + rival))
        wrong += row[label] <= rival
    budget = (1 - noise_rate) ** 2 * len(hinges) + (1 - noise_rate) * wrong
    chosen, spent = [], 0.0
    for sample in sorted(range(len(hinges)), key=hinges.__getitem__):
        if spent + hinges[sample] > budget - len(chosen):
            return chosen + [sample] * (spent <= budget - len(chosen))
        chosen.append(sample)
        spent += hinges[sample]
    return chosen


@pytest.mark.parametrize("noise_rate", [0.0, 0.2, 0.45, 0.9])
@pytest.mark.parametrize("scale", [0.1, 1.0, 4.0, 30.0])
def test_the_curriculum_takes_the_easiest_samples_that_fit_its_budget(noise_rate, scale):
    loss = LOSSES["curriculum"](noise_rate=noise_rate)
    for seed in range(5):
        logits, labels = draw(scale=scale, seed=seed)
        logits[:20, :].scatter_add_(1, labels[:20, None], torch.full((20, 1), 2 * scale, dtype=torch.float64))
        chosen = selected(logits, labels, noise_rate)
        assert sorted(chosen) == loss.selected(logits, labels).nonzero().flatten().tolist()
        torch.testing.assert_close(loss.batch_loss(logits, labels), loss(logits, labels)[chosen].mean())


@pytest.mark.parametrize("samples", [1, 5])
def test_a_batch_too_hard_for_the_curriculum_keeps_its_easiest_sample(samples):
    logits = torch.zeros(samples, 10)
    logits[:, 3] = torch.linspace(1e4, 9e3, samples)
    logits.requires_grad_()
    value = LOSSES["curriculum"](noise_rate=0.9).batch_loss(logits, torch.full((samples,), 7))
    value.backward()
    assert value.isfinite() and logits.grad.isfinite().all()
    assert logits.grad.any(1).tolist() == [False] * (samples - 1) + [True]


@pytest.mark.parametrize("name, knob", [("piecewise-zero", "cutoff"), ("truncated-gce", "k")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_even_guess_is_at_a_cutoff_of_one_in_k(name, knob, dtype):
    for classes in (2, 3, 8, 10, 19, 29, 31, 100, 1000):
        loss = LOSSES[name](**{knob: 1 / classes})
        for level in (0.0, 3.7):
            logits, labels = torch.full((1, classes), level, dtype=dtype), torch.tensor([0])
            assert not value_and_gradient(loss, logits, labels)[1].any(), classes
            logits[0, 0] += 1e-4  # slightly more is above it
            assert value_and_gradient(loss, logits, labels)[1].any(), classes


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("classes", [2, 3, 10, 100])
def test_the_centres_are_a_regular_simplex_and_each_is_guessed_as_itself(classes, symmetric):
    centres = simplex_corners(classes, symmetric)
    cosines = np.full((classes, classes), -1 / (classes - 1))
    np.fill_diagonal(cosines, 1)
    np.testing.assert_allclose(centres @ centres.T, cosines, atol=1e-12)
    assert centres.argmax(1).tolist() == list(range(classes))
