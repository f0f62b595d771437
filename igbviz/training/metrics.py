"""Reduce the logits of a probe to its tables, on the device of the logits, with one copy to the host."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from igbviz.losses import upcast
from igbviz.losses.arrays import one_hot
from igbviz.losses.force import ZERO_GRADIENT_FRACTION
from igbviz.trajectory.trajectory import P_EDGES

BINS = len(P_EDGES) - 1


def measure(logits: Tensor, labels: Tensor, loss) -> dict[str, np.ndarray]:
    """The columns of a snapshot: mean_prob, confusion, signal, silent, p_hist.

    `logits` (N, K) and `labels` (N,) are on one device; `loss` has `values_in_batch(logits, labels) -> (N,)`. Every
    class must be present. Signal and silent treat the probed images as one batch: samples that the loss would drop from
    such a batch have zero gradient.
    """
    return split_columns(reduce_logits(logits, labels, loss).cpu().numpy(), logits.shape[1])


@torch.no_grad()
def reduce_logits(logits: Tensor, labels: Tensor, loss) -> Tensor:
    """The columns of `measure` as one vector, on the device of the logits.

    Copies nothing to the host, and nothing from it after the first call.
    """
    logits = upcast(logits)
    classes = logits.shape[1]
    dtype = torch.float64 if logits.device.type != "mps" else torch.float32  # MPS has no float64
    log_prob = logits.log_softmax(-1)
    prob = log_prob.exp().to(dtype)
    truth = one_hot(prob, labels)  # (N, K); a product with it sums over each class, deterministically
    class_sizes = truth.sum(0)
    guess = logits.argmax(-1)  # not of log p, which rounds to one value for all classes if logits are below 1e-7
    p_true = prob.gather(1, labels[:, None]).squeeze(1)

    signal = _logit_gradient(logits, labels, loss).to(dtype).norm(dim=1)
    reference = (prob - truth).norm(dim=1)  # d cross-entropy / d logits = p - one-hot
    silent = (signal < ZERO_GRADIENT_FRACTION * reference).to(dtype)
    silent = silent.where(~signal.isnan(), signal)  # unknown if the loss has a value of the batch only
    p_bin = torch.bucketize(p_true, _edges(dtype, logits.device))  # lower < p <= upper

    columns = (
        truth.T @ prob / class_sizes[:, None],
        _count(labels * classes + guess, classes * classes, dtype),
        truth.T @ signal / class_sizes,
        truth.T @ silent / class_sizes,
        _count(labels * BINS + p_bin, classes * BINS, dtype),
    )
    return torch.cat([column.reshape(-1) for column in columns])


def split_columns(vector: np.ndarray, classes: int) -> dict[str, np.ndarray]:
    """The columns in a vector of `reduce_logits`, by name."""
    shapes = {
        "mean_prob": (classes, classes),
        "confusion": (classes, classes),
        "signal": (classes,),
        "silent": (classes,),
        "p_hist": (classes, BINS),
    }
    values = np.split(vector, np.cumsum([math.prod(shape) for shape in shapes.values()])[:-1])
    return {name: column.reshape(shape) for (name, shape), column in zip(shapes.items(), values, strict=True)}


@lru_cache
def _edges(dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.as_tensor(P_EDGES[1:-1], dtype=dtype, device=device)


def _logit_gradient(logits: Tensor, labels: Tensor, loss) -> Tensor:
    """(N, K) gradient of each sample's loss with respect to its logits.

    A sample's loss depends on other samples only through a selection without gradient, so one backward pass of the sum
    gives all of them.
    """
    with torch.enable_grad():
        leaf = logits.detach().requires_grad_()
        return torch.autograd.grad(loss.values_in_batch(leaf, labels).sum(), leaf)[0]


def _count(index: Tensor, length: int, dtype: torch.dtype) -> Tensor:
    """Counts (length,) of the values 0 to length - 1. Integer sums are deterministic, on a GPU too."""
    return (
        torch.zeros(length, dtype=torch.int64, device=index.device)
        .scatter_add_(0, index, torch.ones_like(index))
        .to(dtype)
    )
