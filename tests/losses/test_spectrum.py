"""Mixtures with cross-entropy, the soft cutoff, and the point at which PHuber-GCE changes from a line to a curve."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from igbviz.losses import LOSSES, Mixed, PHuberGCE, PiecewiseZero, SoftPiecewiseZero, force
from igbviz.spec import ConfigError
from tests.support.losses import draw, value_and_gradient


def test_a_steep_cutoff_has_the_gradient_of_piecewise_zero() -> None:
    logits, labels = draw(batch=400)
    p = logits.softmax(1)[torch.arange(400), labels]
    values, gradient = value_and_gradient(SoftPiecewiseZero(steepness=1000), logits, labels)
    _, sharp = value_and_gradient(PiecewiseZero(), logits, labels)
    clear = (p.log() - math.log(0.1)).abs() > 0.03  # where the sigmoid has become a step
    assert 350 < clear.sum() < 400
    torch.testing.assert_close(gradient[clear], sharp[clear], rtol=0, atol=1e-12)
    torch.testing.assert_close(values[clear], -p.clamp(min=0.1).log()[clear], rtol=0, atol=1e-12)


@pytest.mark.parametrize("steepness", [0.25, 1.0, 4.0, 60.0])
def test_the_value_of_a_soft_cutoff_is_the_integral_of_its_force(steepness: float) -> None:
    """Between p and 1 in log p, by the trapezoidal rule."""
    loss, log_p = SoftPiecewiseZero(steepness=steepness), np.linspace(-12, 0, 240_001)
    force = loss.weight(log_p, np)
    steps = (force[1:] + force[:-1]) / 2 * np.diff(log_p)
    integral = np.append(np.cumsum(steps[::-1])[::-1], 0)
    np.testing.assert_allclose(loss.f(log_p, np), integral, atol=1e-6)
    far = loss.weight(np.log([1e-8]), np)[0]
    assert far == pytest.approx(1e-7**steepness / (1 + 1e-7**steepness))


@pytest.mark.parametrize("q, tau", [(0.7, 10.0), (0.2, 3.0), (0.9, 1.5)])
def test_value_and_slope_of_phuber_gce_do_not_jump(q: float, tau: float) -> None:
    loss, threshold = PHuberGCE(q=q, tau=tau), tau ** (1 / (q - 1))
    below, above = np.log(threshold * (1 + np.array([-1e-9, 1e-9])))
    assert loss.f(below, np) == pytest.approx(loss.f(above, np), rel=1e-7)
    assert loss.weight(below, np) == pytest.approx(loss.weight(above, np), rel=1e-7)
    p = np.array([0.1, 0.9]) * threshold
    slopes = loss.weight(np.log(p), np) / p
    np.testing.assert_allclose(slopes, tau)
    np.testing.assert_allclose(np.diff(loss.f(np.log(p), np)) / np.diff(p), -tau)


def test_a_mixture_keeps_its_weight_of_the_force_where_the_other_loss_has_none() -> None:
    for weight in (0.001, 0.3):
        for p in (1e-93, 1e-4, 0.09):
            assert force.force_at(Mixed(weight=weight), p, 10) == pytest.approx(weight, rel=1e-12)
        assert force.force_at(Mixed(weight=weight), 0.5, 10) == pytest.approx(1)
    assert [zone.kind for zone in force.zones(Mixed(weight=0.1).of_p)] == ["right"]
    assert [zone.kind for zone in force.zones(Mixed(weight=0.001).of_p)] == ["silent", "right"]
    assert Mixed(loss="nce").of_p is None and Mixed().of_p.weight(np.log([0.05]), np) == pytest.approx(0.1)


@pytest.mark.parametrize("name", ["curriculum", "anl-ce", "gce"])
def test_a_batch_of_a_mixture_is_the_mixture_of_the_batches(name: str) -> None:
    """Also for a loss that drops samples, and for one with a term over all parameters."""
    logits, labels = draw()
    parameters = [torch.ones(3, dtype=torch.float64)]
    other, mixed = LOSSES[name](), Mixed(weight=0.3, loss=name)
    plain = LOSSES["cross-entropy"]()
    for method in ("batch_loss", "descend"):
        leaf = logits.clone().requires_grad_()
        used = iter(parameters) if name == "anl-ce" else ()
        value = getattr(mixed, method)(leaf, labels, used)
        expected = 0.3 * plain.batch_loss(logits, labels) + 0.7 * other.batch_loss(logits, labels, parameters)
        torch.testing.assert_close(value.detach(), expected.detach())
    dropped = other.values_in_batch(logits, labels)
    torch.testing.assert_close(
        mixed.values_in_batch(logits, labels), 0.3 * plain.values(logits, labels) + 0.7 * dropped
    )
    assert mixed.selection_note == other.selection_note


@pytest.mark.parametrize(
    "loss, sentence",
    [
        ("mixed", "loss is 'mixed', allowed: one of cross-entropy, "),
        (Mixed(), "loss is 'mixed', allowed: one of cross-entropy, "),
        ({"name": "blury"}, "loss is 'blury', allowed: .*did you mean 'blurry'"),
        ({"q": 1}, "loss is 'without a name', allowed: one of "),
        ({"name": "gce", "q": 7}, "loss.q is 7, allowed: a number above 0 and at most 1"),
        (True, "loss is True, allowed: one of "),
        (None, "loss is None, allowed: one of "),
        ({"name": ["gce"]}, r"loss is \['gce'\], allowed: one of "),
    ],
)
def test_what_cannot_be_mixed_is_one_sentence(loss: object, sentence: str) -> None:
    with pytest.raises(ConfigError, match=f"^{sentence}"):
        Mixed(loss=loss)


def test_a_mixture_is_named_by_its_loss() -> None:
    def words(mixed: Mixed) -> str:
        return Mixed.changed_hyperparameters(mixed.model_dump())

    assert words(Mixed()) == "loss piecewise-zero" and words(Mixed(weight=0.3)) == "weight 0.3, loss piecewise-zero"
    assert words(Mixed(loss={"name": "gce", "q": 0.5})) == "loss gce (q 0.5)"
    assert Mixed.changed_hyperparameters({"loss": 7}) == "loss 7"
    assert Mixed.from_json(Mixed(loss="custom").to_json()) == Mixed(loss=LOSSES["custom"]())
