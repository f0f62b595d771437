"""Any torch loss as one value per input, from which a probe takes the training signal.

A loss that is used in training returns a mean. The signal of a single input needs the values before it: a module is
asked with `reduction = "none"` for the moment, a function gets `reduction="none"` if it takes it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from igbviz.losses import Loss
from igbviz.spec import ConfigError, short


class ValuesOf:
    """`values_in_batch` of any callable of (logits, labels), for `training.metrics`."""

    def __init__(self, loss: Callable[..., Any]) -> None:
        self.loss = loss
        self.options = {"reduction": "none"} if _takes_reduction(loss) else {}

    def values_in_batch(self, logits: Tensor, labels: Tensor) -> Tensor:
        """(N,) values of logits (N, K) and labels (N,), with a gradient. ConfigError if the loss has no such values."""
        values = self._call(logits, labels)
        if not isinstance(values, Tensor) or values.shape != labels.shape:
            got = f"shape {tuple(values.shape)}" if isinstance(values, Tensor) else f"type {type(values).__name__}"
            problem = f"returns values of {got} for labels of shape {tuple(labels.shape)}, allowed: one per input"
            raise ConfigError((("loss",), problem))
        return values if values.requires_grad else values + 0 * logits.sum(1)  # constant on all of these inputs

    def reduces(self, logits: Tensor, labels: Tensor) -> bool:
        """Whether the loss returns nothing but a scalar: then there is no signal."""
        values = self._call(logits, labels)
        return isinstance(values, Tensor) and values.ndim == 0

    def _call(self, logits: Tensor, labels: Tensor) -> Any:
        if isinstance(self.loss, nn.NLLLoss) or self.loss is nn.functional.nll_loss:
            logits = logits.log_softmax(-1)  # changes no log-probabilities, but makes their gradient that of logits
        with _unreduced(self.loss):
            return self.loss(logits, labels, **self.options)


def values_of(loss: Any) -> Any:
    """What `training.metrics` asks for values: an igbviz loss itself, a torch loss in a `ValuesOf`, or None."""
    if loss is None or isinstance(loss, Loss):
        return loss
    if isinstance(loss, type) or not callable(loss):
        raise ConfigError((("loss",), f"is {short(loss)}, allowed: a function of (logits, labels), or None"))
    return ValuesOf(loss)


def _takes_reduction(loss: Callable[..., Any]) -> bool:
    if isinstance(loss, nn.Module):
        return False
    try:
        return "reduction" in inspect.signature(loss).parameters
    except (TypeError, ValueError):  # built in, without a signature
        return False


@contextmanager
def _unreduced(loss: Any) -> Iterator[None]:
    """Set `loss.reduction` to "none" for the moment, if it has one."""
    if not isinstance(getattr(loss, "reduction", None), str):
        yield
        return
    before = loss.reduction
    loss.reduction = "none"
    try:
        yield
    finally:
        loss.reduction = before
