"""Every loss against plain float64 formulas, known numbers, and other losses at the ends of its hyperparameters."""

import math

import numpy as np
import pytest
import torch

from igbviz.losses import LOSSES
from igbviz.losses.of_logits import simplex_corners
from tests.support.losses import (
    CASES,
    A,
    draw,
    every,
    name_of,
    own,
    value_and_gradient,
)


def nce(z, y):
    return own(z.log_softmax(1), y) / z.log_softmax(1).sum(1)


def focal_terms(z, g, detached=False, p_min=0.0):
    p = z.softmax(1).clamp(min=p_min)
    return (1 - (p.detach() if detached else p)) ** g * -p.log()


def nfl(z, y, g, detached=False):
    terms = focal_terms(z, g, detached)
    return own(terms, y) / terms.sum(1)


def negative(terms, y, worst):
    return 1 - own(worst - terms, y) / (worst - terms).sum(1)


def soft_hinge(z, y):
    rows = []
    for row, label in zip(z, y, strict=True):
        rival = torch.cat([row[:label], row[label + 1 :]]).max()
        rows.append((1 - row[label] + (rival if row[label] > rival else row.exp().sum().log())).clamp(min=0))
    return torch.stack(rows)


def far_corner(z, y, symmetric):
    return ((z - 10 * torch.tensor(simplex_corners(z.shape[1], symmetric))[y]) ** 2).sum(1)


def bootstrapped(z, y, b):
    return -b * own(z.log_softmax(1), y) - (1 - b) * z.log_softmax(1).max(1).values


def huberized(curve, p, tau, threshold):
    """The curve above the threshold, and below it the tangent there, a straight line of slope -tau."""
    threshold = torch.tensor(threshold, dtype=p.dtype)
    return torch.where(p > threshold, curve(p), curve(threshold) + tau * (threshold - p))


REFERENCE = {  # of logits z, labels y, p = p_y and hyperparameters k: the printed formula, no guards
    "cross-entropy": lambda z, y, p, k: -p.log(),
    "blurry": lambda z, y, p, k: -((p.detach() if k.detach_weight else p) ** k.gamma) * p.log(),
    "piecewise-zero": lambda z, y, p, k: -p.log() * (p > k.cutoff),
    "label-smoothing": lambda z, y, p, k: torch.nn.functional.cross_entropy(
        z, y, label_smoothing=k.epsilon, reduction="none"
    ),
    "focal": lambda z, y, p, k: own(focal_terms(z, k.gamma, k.detach_weight), y),
    "mae": lambda z, y, p, k: 1 - p,
    "gce": lambda z, y, p, k: (1 - p**k.q) / k.q,
    "truncated-gce": lambda z, y, p, k: (1 - p.clamp(min=k.k) ** k.q) / k.q,
    "rce": lambda z, y, p, k: -A * (1 - p),
    "sce": lambda z, y, p, k: -k.alpha * p.log() - k.beta * A * (1 - p),
    "nce": lambda z, y, p, k: nce(z, y),
    "nfl": lambda z, y, p, k: nfl(z, y, k.gamma, k.detach_weight),
    "nce-rce": lambda z, y, p, k: k.alpha * nce(z, y) - k.beta * A * (1 - p),
    "nce-mae": lambda z, y, p, k: k.alpha * nce(z, y) + k.beta * (1 - p),
    "nfl-rce": lambda z, y, p, k: k.alpha * nfl(z, y, k.gamma, k.detach_weight) - k.beta * A * (1 - p),
    "anl-ce": lambda z, y, p, k: (
        k.alpha * nce(z, y) + k.beta * negative(focal_terms(z, 0.0, p_min=k.p_min), y, -math.log(k.p_min))
    ),
    "anl-fl": lambda z, y, p, k: (
        k.alpha * nfl(z, y, k.gamma, k.detach_weight)
        + k.beta
        * negative(
            focal_terms(z, k.gamma, k.detach_weight, k.p_min), y, -((1 - k.p_min) ** k.gamma) * math.log(k.p_min)
        )
    ),
    "agce": lambda z, y, p, k: ((k.a + 1) ** k.q - (k.a + p) ** k.q) / k.q,
    "aul": lambda z, y, p, k: ((k.a - p) ** k.q - (k.a - 1) ** k.q) / k.q,
    "ael": lambda z, y, p, k: (-p / k.a).exp(),
    "nce-agce": lambda z, y, p, k: k.alpha * nce(z, y) + k.beta * ((k.a + 1) ** k.q - (k.a + p) ** k.q) / k.q,
    "nce-aul": lambda z, y, p, k: k.alpha * nce(z, y) + k.beta * ((k.a - p) ** k.q - (k.a - 1) ** k.q) / k.q,
    "nce-ael": lambda z, y, p, k: k.alpha * nce(z, y) + k.beta * (-p / k.a).exp(),
    "curriculum": lambda z, y, p, k: soft_hinge(z, y),
    "phuber-ce": lambda z, y, p, k: torch.where(p > 1 / k.tau, -p.log(), 1 + math.log(k.tau) - k.tau * p),
    "mmc": lambda z, y, p, k: far_corner(z, y, k.symmetric),
    "bootstrapping-soft": lambda z, y, p, k: (
        -k.beta * p.log() - (1 - k.beta) * (z.softmax(1) * z.softmax(1).log()).sum(1)
    ),
    "bootstrapping-hard": lambda z, y, p, k: bootstrapped(z, y, k.beta),
    "logit-norm": lambda z, y, p, k: -own((z / (z.norm(dim=1, keepdim=True) + 1e-7) / k.tau).log_softmax(1), y),
    "logit-clip": lambda z, y, p, k: -own((z * (k.tau / z.norm(dim=1, keepdim=True)).clamp(max=1)).log_softmax(1), y),
    "piecewise-zero-soft": lambda z, y, p, k: (
        ((1 + k.cutoff**k.steepness) / (p**k.steepness + k.cutoff**k.steepness)).log() / k.steepness
    ),
    "phuber-gce": lambda z, y, p, k: huberized(lambda p: (1 - p**k.q) / k.q, p, k.tau, k.tau ** (1 / (k.q - 1))),
    "mixed": lambda z, y, p, k: -k.weight * p.log() + (1 - k.weight) * REFERENCE[k.loss.name](z, y, p, k.loss),
    "custom": lambda z, y, p, k: -(p ** k.parameters["g"]) * p.log(),
}


@every(CASES)
def test_value_and_gradient_are_those_of_the_plain_formula(name, hyperparameters):
    loss = LOSSES[name](**hyperparameters)
    for classes, scale in ((10, 0.3), (10, 2.0), (2, 1.0), (100, 4.0)):
        logits, labels = draw(classes=classes, scale=scale)
        values, gradient = value_and_gradient(loss, logits, labels)
        plain, slope = value_and_gradient(
            lambda z, y: REFERENCE[name](z, y, own(z.softmax(1), y), loss), logits, labels
        )
        torch.testing.assert_close(values, plain, rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(gradient, slope, rtol=1e-8, atol=1e-10)


LOGITS, LABEL = [0.31, -1.27, 0.84, 1.92, -0.45, 1.36, -2.03, 0.07, -0.66, 0.59], 5
# value, and slope in the true logit, at these logits (p_y = 0.2068), where published code and exact arithmetic agree
NUMBERS = {
    "cross-entropy": (1.5759869, -0.79319664),
    "blurry": (0.52292922, 0.027158905),
    "label-smoothing": (1.7051869, None),
    "focal": (0.99154935, None),
    "gce": (0.95455622, None),
    "truncated-gce": (0.54918256, 0.0),
    "rce": (7.305611, None),
    "sce": (7.4632097, None),
    "nce": (0.05495098, None),
    "nfl": (0.05063684, None),
    "anl-ce": (4.7260006, None),
    "anl-fl": (4.7019227, None),
    "agce": (0.74439398, None),
    "aul": (19.059806, None),
    "ael": (0.92060764, None),
    "nce-agce": (8.2068613, None),
    "curriculum": (2.5759869, None),
    "phuber-ce": (1.2795405, None),
    "phuber-gce": (0.95455622, -0.26319109),
    "mmc": (91.831884, None),
    "bootstrapping-soft": (1.5891793, None),
    "bootstrapping-hard": (1.4639869, None),
    "logit-norm": (3.8948306, None),
    "logit-clip": (1.9935761, None),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_known_numbers(name):
    value, slope = NUMBERS[name]
    values, gradient = value_and_gradient(
        LOSSES[name](), torch.tensor([LOGITS], dtype=torch.float64), torch.tensor([LABEL])
    )
    assert values.item() == pytest.approx(value, rel=1e-7)
    assert slope is None or gradient[0, LABEL].item() == pytest.approx(slope, rel=1e-7)


@pytest.mark.parametrize(
    "name, hyperparameters, forces",  # at p = 1e-6, 0.1, 0.9
    [
        ("blurry", {}, (-5.5e-4, -0.122, 0.860)),
        ("blurry", {"detach_weight": True}, (6.3e-5, 0.200, 0.929)),
        ("focal", {}, (1.0, 1.22, 0.029)),
        ("focal", {"gamma": 0.5}, (1.0, 1.07, 0.466)),
        ("truncated-gce", {}, (0.0, 0.0, 0.929)),
        ("sce", {}, (0.1, 1.02, 8.39)),
        ("aul", {}, (2.0e-5 * 1.51, 2.92, 19.0)),
        ("ael", {}, (4e-7, 0.038, 0.251)),
        ("phuber-ce", {}, (2e-6, 0.2, 1.0)),
        ("phuber-gce", {}, (1e-5, 0.200, 0.929)),
        ("piecewise-zero-soft", {}, (1e-10, 0.5, 0.988)),
    ],
)
def test_known_forces(name, hyperparameters, forces):
    assert LOSSES[name](**hyperparameters).weight(np.log([1e-6, 0.1, 0.9]), np) == pytest.approx(forces, rel=0.02)


@pytest.mark.parametrize(
    "left, right, tolerance",
    [
        (("blurry", {"gamma": 0}), ("cross-entropy", {}), 1e-12),
        (("focal", {"gamma": 0}), ("cross-entropy", {}), 1e-12),
        (("piecewise-zero", {"cutoff": 0}), ("cross-entropy", {}), 1e-12),
        (("gce", {"q": 1e-9}), ("cross-entropy", {}), 1e-7),
        (("gce", {"q": 1}), ("mae", {}), 1e-12),
        (("truncated-gce", {"k": 0}), ("gce", {}), 1e-12),
        (("phuber-ce", {"tau": 1e12}), ("cross-entropy", {}), 1e-12),
        (("agce", {"a": 1e-9, "q": 0.7}), ("gce", {"q": 0.7}), 1e-7),
        (("logit-clip", {"tau": 1e6}), ("cross-entropy", {}), 1e-12),
        (("nce-agce", {"a": 1e-9, "alpha": 0, "beta": 1, "q": 0.7}), ("gce", {"q": 0.7}), 1e-7),
        (("phuber-ce", {"tau": 1}), ("mae", {}), 1e-12),
        (("phuber-gce", {"tau": 1}), ("mae", {}), 1e-12),
        (("phuber-gce", {"q": 1}), ("mae", {}), 1e-12),
        (("phuber-gce", {"tau": 1e12}), ("gce", {}), 1e-12),
        (("phuber-gce", {"q": 1e-9, "tau": 3}), ("phuber-ce", {"tau": 3}), 1e-7),
        (("piecewise-zero-soft", {"cutoff": 1e-9}), ("cross-entropy", {}), 1e-7),
        (("mixed", {"weight": 1, "loss": "mmc"}), ("cross-entropy", {}), 0),
        (("mixed", {"weight": 1, "loss": "gce"}), ("cross-entropy", {}), 0),
        (("mixed", {"weight": 0, "loss": "anl-ce"}), ("anl-ce", {}), 0),
        (("mixed", {"weight": 0}), ("piecewise-zero", {}), 0),
        (("mixed", {"weight": 0.1, "loss": "rce"}), ("sce", {"alpha": 0.1, "beta": 0.9}), 1e-12),
        (("mixed", {"weight": 0.3, "loss": "cross-entropy"}), ("cross-entropy", {}), 1e-12),
        (("label-smoothing", {"epsilon": 0}), ("cross-entropy", {}), 1e-12),
        (("bootstrapping-soft", {"beta": 1}), ("cross-entropy", {}), 1e-12),
        (("bootstrapping-hard", {"beta": 1}), ("cross-entropy", {}), 1e-12),
        (("logit-clip", {"tau": 1000}), ("cross-entropy", {}), 1e-12),
        (("sce", {"alpha": 1, "beta": 0}), ("cross-entropy", {}), 1e-12),
        (("sce", {"alpha": 0, "beta": 1}), ("rce", {}), 1e-12),
        (("aul", {"q": 1}), ("mae", {}), 1e-12),
        (("agce", {"q": 1}), ("mae", {}), 1e-12),
        (("nfl", {"gamma": 0}), ("nce", {}), 1e-12),
        (("nce-rce", {"beta": 0}), ("nce", {}), 1e-12),
        (("nce-rce", {"alpha": 0}), ("rce", {}), 1e-12),
        (("nfl-rce", {"gamma": 0}), ("nce-rce", {}), 1e-12),
        (("anl-ce", {"alpha": 1, "beta": 0}), ("nce", {}), 1e-12),
        (("anl-fl", {"gamma": 0}), ("anl-ce", {}), 1e-12),
        (("custom", {"formula": "-log(p)"}), ("cross-entropy", {}), 1e-9),
        (("custom", {}), ("blurry", {}), 1e-9),
    ],
    ids=name_of,
)
def test_a_loss_at_the_end_of_its_range_is_another_loss(left, right, tolerance):
    logits, labels = draw()
    for ours, theirs in zip(
        value_and_gradient(LOSSES[left[0]](**left[1]), logits, labels),
        value_and_gradient(LOSSES[right[0]](**right[1]), logits, labels),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance)


def test_a_detached_blurry_loss_trains_exactly_as_gce():
    logits, labels = draw()
    detached = value_and_gradient(LOSSES["blurry"](gamma=0.7, detach_weight=True), logits, labels)[1]
    torch.testing.assert_close(detached, value_and_gradient(LOSSES["gce"](q=0.7), logits, labels)[1])


@every([case for case in CASES if case != ("mmc", {})])  # its published centres give each class its own coordinates
def test_classes_may_be_numbered_in_any_order(name, hyperparameters):
    logits, labels = draw()
    order = torch.randperm(10, generator=torch.Generator().manual_seed(1))
    values, gradient = value_and_gradient(LOSSES[name](**hyperparameters), logits, labels)
    again, turned = value_and_gradient(LOSSES[name](**hyperparameters), logits[:, order], order.argsort()[labels])
    torch.testing.assert_close(values, again)
    torch.testing.assert_close(gradient[:, order], turned)
