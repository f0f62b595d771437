"""The tables of a probe against loops over samples."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from igbviz.config.schedules import Mixture
from igbviz.losses import Blurry, CrossEntropy, Curriculum, PiecewiseZero
from igbviz.training.metrics import measure
from igbviz.trajectory.trajectory import P_EDGES

LOSSES = [CrossEntropy(), PiecewiseZero(cutoff=0.1), Blurry(), Blurry(detach_weight=True)]


def by_loop(logits: torch.Tensor, labels: torch.Tensor, loss) -> dict[str, np.ndarray]:
    n, k = logits.shape
    out = {"mean_prob": np.zeros((k, k)), "confusion": np.zeros((k, k)), "signal": np.zeros(k), "silent": np.zeros(k)}
    out["p_hist"] = np.zeros((k, len(P_EDGES) - 1))
    sizes = np.bincount(labels, minlength=k)
    for z, y in zip(logits.double(), labels.tolist(), strict=True):
        p = torch.softmax(z, 0)
        leaf = z.clone().requires_grad_()
        loss.values(leaf[None], torch.tensor([y])).sum().backward()
        norm = leaf.grad.norm().item()
        onehot = torch.zeros(k, dtype=torch.float64)
        onehot[y] = 1
        out["mean_prob"][y] += p.numpy() / sizes[y]
        out["confusion"][y, int(z.argmax())] += 1
        out["signal"][y] += norm / sizes[y]
        out["silent"][y] += (norm < 0.01 * (p - onehot).norm().item()) / sizes[y]
        upper = next(i for i in range(1, len(P_EDGES)) if p[y] <= P_EDGES[i] or i == len(P_EDGES) - 1)
        out["p_hist"][y, upper - 1] += 1
    return out


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
@pytest.mark.parametrize("spread", [0.5, 5.0, 60.0])
def test_against_a_loop(loss, spread: float) -> None:
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(97, 4, generator=generator) * spread
    labels = torch.arange(97) % 4
    expected, measured = by_loop(logits, labels, loss), measure(logits, labels, loss)
    for name, values in expected.items():
        np.testing.assert_allclose(measured[name], values, rtol=2e-5, atol=2e-6, err_msg=name)


@pytest.mark.parametrize("scale", [1e-12, 1e-30])
def test_a_guess_is_the_largest_logit_however_small(scale: float) -> None:
    """MobileNets and EfficientNets as torchvision draws them begin with logits of 1e-11, and guess all the same."""
    logits, labels = torch.randn(97, 4, generator=torch.Generator().manual_seed(1)), torch.arange(97) % 4
    small, large = (measure(numbers, labels, CrossEntropy())["confusion"] for numbers in (scale * logits, logits))
    assert (small == large).all() and (large.sum(0) > 0).all()


def mixture(fraction: float) -> Mixture:
    return Mixture(Curriculum(noise_rate=0.4), fraction)


@pytest.mark.parametrize("loss", [Curriculum(), Curriculum(noise_rate=0.6), mixture(0.5)], ids=["", "0.6", "mixed"])
def test_samples_that_the_curriculum_drops_have_no_signal(loss) -> None:
    logits, labels = torch.randn(97, 4, generator=torch.Generator().manual_seed(1)) * 5, torch.arange(97) % 4
    selection = loss.loss if isinstance(loss, Mixture) else loss
    leaf = logits.clone().requires_grad_()
    selection(leaf, labels).sum().backward()
    kept = selection.selected(logits, labels)
    assert 0 < kept.sum() < 97
    gradient = leaf.grad * kept[:, None]
    if isinstance(loss, Mixture):
        gradient = loss.share * gradient + (1 - loss.share) * (logits.softmax(1) - torch.eye(4)[labels])
    measured = measure(logits, labels, loss)
    expected = [gradient[labels == k].norm(dim=1).mean() for k in range(4)]
    np.testing.assert_allclose(measured["signal"], expected, rtol=1e-5)
    if loss is selection:
        silent = [1 - kept[labels == k].double().mean() for k in range(4)]
        assert (measured["silent"] >= np.array(silent)).all(), (
            "dropped samples have zero gradient, and so do hinges at 0"
        )


def test_tables_add_up() -> None:
    logits, labels = torch.randn(50, 5) * 30, torch.arange(50) % 5
    measured = measure(logits, labels, CrossEntropy())
    np.testing.assert_allclose(measured["mean_prob"].sum(1), 1, rtol=1e-6)
    assert measured["confusion"].sum() == measured["p_hist"].sum() == 50
    assert (measured["silent"] == 0).all(), "cross-entropy has no zero gradient"


def test_piecewise_zero_is_silent_exactly_at_and_below_the_cutoff() -> None:
    probability = torch.tensor([0.05, 0.0999, 0.1001, 0.5], dtype=torch.float64)
    logits = torch.stack([probability.log(), (1 - probability).log()], 1)
    logits = torch.cat([logits, logits.flip(1)])
    measured = measure(logits, torch.tensor([0] * 4 + [1] * 4), PiecewiseZero(cutoff=0.1))
    np.testing.assert_allclose(measured["silent"], [0.5, 0.5])


def test_half_precision_logits() -> None:
    logits, labels = (torch.randn(40, 4) * 10).bfloat16(), torch.arange(40) % 4
    np.testing.assert_allclose(measure(logits, labels, CrossEntropy())["mean_prob"].sum(1), 1, rtol=1e-5)
