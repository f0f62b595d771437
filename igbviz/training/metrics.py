"""From the logits of one probe to its tables: everything is reduced where the logits lie, and copied to the host once."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from igbviz.losses import upcast
from igbviz.losses.base import one_hot
from igbviz.losses.force import ZERO_GRADIENT_FRACTION
from igbviz.trajectory.trajectory import P_EDGES

BINS = len(P_EDGES) - 1


def measure(logits: Tensor, labels: Tensor, loss) -> dict[str, np.ndarray]:
    """The probe's columns of a snapshot: mean_prob, confusion, signal, silent, p_hist.

    `logits` (N, K) and `labels` (N,) on one device; `loss` has `in_batch(logits, labels) -> (N,)`. Every class must be
    present. Signal and silent take the probed images as one batch: a loss that drops samples from a batch gets no pull
    from those that it would drop among these.
    """
    return named(reduced(logits, labels, loss).cpu().numpy(), logits.shape[1])


@torch.no_grad()
def reduced(logits: Tensor, labels: Tensor, loss) -> Tensor:
    """The columns of `measure` in a row, where the logits lie; nothing is copied to the host, or from there after the
    first time."""
    logits = upcast(logits)
    classes = logits.shape[1]
    exact = torch.float64 if logits.device.type != "mps" else torch.float32  # MPS has no float64
    log_prob = logits.log_softmax(-1)
    prob = log_prob.exp().to(exact)
    truth = one_hot(prob, labels)  # (N, K); sums over a class are products with it: deterministic
    sizes = truth.sum(0)
    guess = logits.argmax(-1)  # log p of logits below 1e-7 is the same number for all classes
    p_true = prob.gather(1, labels[:, None]).squeeze(1)

    signal = _logit_gradient(logits, labels, loss).to(exact).norm(dim=1)
    yardstick = (prob - truth).norm(dim=1)  # d cross-entropy / d logits = p - one-hot
    silent = (signal < ZERO_GRADIENT_FRACTION * yardstick).to(exact)
    p_bin = torch.bucketize(p_true, _edges(exact, logits.device))  # lower < p <= upper

    parts = (
        truth.T @ prob / sizes[:, None],
        _count(labels * classes + guess, classes * classes, exact),
        truth.T @ signal / sizes,
        truth.T @ silent / sizes,
        _count(labels * BINS + p_bin, classes * BINS, exact),
    )
    return torch.cat([part.reshape(-1) for part in parts])


def named(row: np.ndarray, classes: int) -> dict[str, np.ndarray]:
    """The columns that stand in a row of `reduced`."""
    shapes = {
        "mean_prob": (classes, classes),
        "confusion": (classes, classes),
        "signal": (classes,),
        "silent": (classes,),
        "p_hist": (classes, BINS),
    }
    pieces = np.split(row, np.cumsum([math.prod(shape) for shape in shapes.values()])[:-1])
    return {name: piece.reshape(shape) for (name, shape), piece in zip(shapes.items(), pieces, strict=True)}


@lru_cache
def _edges(dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.as_tensor(P_EDGES[1:-1], dtype=dtype, device=device)


def _logit_gradient(logits: Tensor, labels: Tensor, loss) -> Tensor:
    """(N, K) d loss / d logits, sample by sample: the values are independent but for a selection that has no gradient,
    so their sum has all gradients at once."""
    with torch.enable_grad():
        leaf = logits.detach().requires_grad_()
        return torch.autograd.grad(loss.in_batch(leaf, labels).sum(), leaf)[0]


def _count(index: Tensor, length: int, dtype: torch.dtype) -> Tensor:
    """How often each of 0..length-1 occurs. Whole numbers add up the same in any order, so this is deterministic on a
    GPU, too."""
    return (
        torch.zeros(length, dtype=torch.int64, device=index.device)
        .scatter_add_(0, index, torch.ones_like(index))
        .to(dtype)
    )
