"""What a formula does to arrays, where torch and numpy spell it differently: the same functions take both."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

LOG_P_FLOOR = -1e30  # replaces log p = -inf, where p^q log p would be 0 * inf


def upcast(logits: Any) -> Any:
    """Logits in at least float32, since half precision is too coarse for a log-softmax.

    >>> igbviz.losses.upcast(torch.zeros(2, 4, dtype=torch.bfloat16)).dtype
    torch.float32
    """
    return logits if logits.dtype.itemsize >= 4 else logits.float()


def library(array: Any) -> ModuleType:
    """The module whose functions work on this array: numpy or torch."""
    if isinstance(array, np.ndarray):
        return np
    import torch

    return torch


def detached(array: Any) -> Any:
    """The values without derivatives: detached in torch, the real part in a complex step."""
    return array.real if isinstance(array, np.ndarray) else array.detach()


def clamp_log_p(log_p: Any) -> Any:
    """log p clamped at `LOG_P_FLOOR`: an infinite or overflowing logit makes it minus infinity."""
    return library(log_p).clip(log_p, LOG_P_FLOOR, None)


def gradient_only(log_p: Any) -> Any:
    """Zero with the derivative of log p; constant where log p is infinite, since inf - inf is not a number."""
    here, xp = detached(log_p), library(log_p)
    with np.errstate(invalid="ignore"):
        return xp.where(xp.isinf(here), 0.0, log_p - here)


def log_softmax(logits: Any) -> Any:
    """(batch, classes) log-probabilities, finite where softmax itself would underflow."""
    if not isinstance(logits, np.ndarray):
        return logits.log_softmax(-1)
    below = logits - logits.real.max(-1, keepdims=True)
    return below - np.log(np.exp(below).sum(-1, keepdims=True))


def gather_labels(table: Any, labels: Any) -> Any:
    """(batch,) the entry at the label of each row."""
    if isinstance(table, np.ndarray):
        return np.take_along_axis(table, labels[:, None], -1)[:, 0]
    from torch.nn.functional import nll_loss

    # nll_loss is an exact gather whose backward pass needs no scatter
    return -nll_loss(table, labels.long(), reduction="none")


def one_hot(table: Any, labels: Any) -> Any:
    """(batch, classes) one-hot labels, in the dtype of the table."""
    if isinstance(table, np.ndarray):
        return (labels[:, None] == np.arange(table.shape[-1])).astype(table.dtype)
    return table.new_zeros(table.shape).scatter_(-1, labels.long()[:, None], 1.0)


def true_log_probability(logits: Any, labels: Any) -> Any:
    """(batch,) log p_y.

    >>> igbviz.losses.true_log_probability(torch.zeros(2, 4), torch.tensor([0, 3])).exp()
    tensor([0.2500, 0.2500])
    """
    if isinstance(logits, np.ndarray):
        return gather_labels(log_softmax(logits), labels)
    from torch.nn.functional import cross_entropy

    # one fused kernel for the log-softmax and the gather, forward and backward
    return -cross_entropy(logits, labels.long(), reduction="none")


def clamp_min(array: Any, floor: float) -> Any:
    """The maximum of array and floor, elementwise; zero derivative at or below the floor."""
    return library(array).where(detached(array) > floor, array, floor)
