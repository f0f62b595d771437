"""Every loss with several values of its hyperparameters, and logits to evaluate it on."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from igbviz.losses import LOSSES

A = math.log(1e-4)


DETACHED = [(name, {"detach_weight": True}) for name, cls in LOSSES.items() if "detach_weight" in cls.model_fields]


OTHERS = [
    ("focal", {"gamma": 0.5}),
    ("mmc", {"symmetric": True}),
    ("curriculum", {"noise_rate": 0.0}),
    ("logit-clip", {"tau": 4.0}),
    ("mixed", {"weight": 0.5, "loss": "gce"}),
    ("mixed", {"weight": 0.3, "loss": "anl-ce"}),
]


ATTACHED = [(name, {}) for name in LOSSES] + OTHERS


CASES = ATTACHED + DETACHED


def name_of(case):
    return (
        "-".join([case[0], *(f"{key}={value}" for key, value in case[1].items())])
        if isinstance(case, tuple)
        else str(case)
    )


def every(cases):
    return pytest.mark.parametrize("name, hyperparameters", cases, ids=map(name_of, cases))


every_p_only = pytest.mark.parametrize("name", [name for name, cls in LOSSES.items() if cls.depends_on_p_only])


def draw(batch=48, classes=10, scale=2.0, seed=0):
    random = np.random.default_rng(seed)
    return torch.tensor(scale * random.normal(size=(batch, classes))), torch.tensor(random.integers(0, classes, batch))


def value_and_gradient(loss, logits, labels):
    leaf = logits.clone().requires_grad_()
    values = loss(leaf, labels)
    return values.detach(), torch.autograd.grad(values.sum(), leaf)[0]


def own(table, y):
    return table[torch.arange(len(y)), y]


def worst_logits():
    """(n, 10) logits with one far above or below the rest, and (n,) labels: that class, then another. Some rows are
    constant."""
    rows = [
        torch.zeros(10),
        torch.full((10,), 1e4),
        torch.full((10,), -1e4),
        torch.linspace(-1e4, 1e4, 10),
        torch.linspace(-9, 9, 10),
    ]
    for gap in (1e-20, 1e-9, 16.0, 17.5, 40.0, 104.0, 120.0, 1e4):
        for sign in (1, -1):
            rows.append(sign * gap * torch.eye(10)[3])
            rows.append(sign * gap * (2 * torch.eye(10)[3] - 1))
    return torch.stack(rows + rows), torch.tensor([3] * len(rows) + [7] * len(rows))


OF_P = [name for name, kind in LOSSES.items() if kind.depends_on_p_only]
