"""Losses from elsewhere: `torch.nn.CrossEntropyLoss()`, `torch.nn.functional.cross_entropy` or a function of one's own.

Training needs one number for a batch, a probe one number per sample. Most losses for torch give either, by their
`reduction`: the number of a batch is theirs, with whatever weights they have, and the values of the samples are those
of `reduction="none"`. Importing this module does not import torch.
"""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from igbviz.losses.base import Loss
from igbviz.spec import ConfigError, short

if TYPE_CHECKING:
    from torch import Tensor


class PerSample:
    """A callable `(logits, labels)` with the methods of a `Loss` that training and probes call.

    >>> logits, labels = torch.zeros(5, 3), torch.tensor([0, 1, 2, 0, 1])
    >>> smoothed = igbviz.losses.PerSample(torch.nn.CrossEntropyLoss(label_smoothing=0.1))
    >>> smoothed.values_in_batch(logits, labels).shape
    torch.Size([5])

    `loss` is a module or an object with an attribute `reduction`, a function with a parameter `reduction`, or any
    function whose result is one value per sample. All get logits (N, K) in floating point and labels (N,) int64. A
    function that gives nothing but a scalar can be trained with, but what it does to a sample is unknown: its values
    are NaN. Raises ConfigError, naming `loss`, for anything else.
    """

    selection_note = ""

    def __init__(self, loss: Callable[..., Tensor]) -> None:
        if not callable(loss):
            allowed = f"a function of (logits, labels), a loss of torch, or one of igbviz, as in {_built_in(loss)}"
            raise _problem(f"is {short(loss)}, allowed: {allowed}")
        if isinstance(loss, type):
            raise _problem(f"is the class {loss.__name__}, allowed: an instance of it, such as {loss.__name__}()")
        self.loss = loss

    def __repr__(self) -> str:
        return f"PerSample({getattr(self.loss, '__name__', self.loss)})"

    def values_in_batch(self, logits: Tensor, labels: Tensor) -> Tensor:
        """(N,) the loss of each sample, differentiable in the logits; NaN, as is its gradient, for a scalar loss."""
        values = self._checked(self._unreduced(logits, labels), logits)
        return values if values.ndim else logits.sum(-1) * math.nan

    values = values_in_batch

    def batch_loss(self, logits: Tensor, labels: Tensor, parameters: Iterable[Any] = ()) -> Tensor:
        """The scalar that a training step minimizes: what the loss itself makes of a batch, else the mean."""
        return self._checked(self.loss(logits, labels), logits).mean()

    descend: ClassVar[Callable[..., Any]] = Loss.descend

    def require_fit(self, logits: Tensor, labels: Tensor) -> None:
        """Raise ConfigError if the loss cannot be used with such logits (N, K) and labels (N,)."""
        import torch

        with torch.enable_grad():
            leaf = logits.detach().requires_grad_()
            try:
                results = self.values_in_batch(leaf, labels), self.batch_loss(leaf, labels)
            except ConfigError:
                raise
            except Exception as error:  # whatever a stranger's function may raise
                shapes = f"logits of shape {tuple(logits.shape)} and labels of shape {tuple(labels.shape)}"
                raise _problem(
                    f"fails with {shapes}, allowed: a function of the two; {type(error).__name__}: "
                    f"{(str(error).splitlines() or ['no message'])[0]}"
                ) from error
        if not all(result.requires_grad for result in results):
            raise _problem("has no gradient, allowed: values that torch computes from the logits")

    def _unreduced(self, logits: Tensor, labels: Tensor) -> Any:
        if isinstance(getattr(self.loss, "reduction", None), str):
            # A copy that shares its weights: the loss itself is never changed, not for a moment and not by an error.
            each = copy.copy(self.loss)
            each.reduction = "none"
            return each(logits, labels)
        return self.loss(logits, labels, reduction="none") if self._has_parameter else self.loss(logits, labels)

    @property
    def _has_parameter(self) -> bool:
        try:
            return "reduction" in inspect.signature(self.loss).parameters
        except (TypeError, ValueError):  # a builtin function without a signature
            return False

    @staticmethod
    def _checked(result: Any, logits: Tensor) -> Tensor:
        """The result, if it is a scalar or one value per sample."""
        import torch

        if not isinstance(result, torch.Tensor):
            raise _problem(f"gives a value of type {type(result).__name__}, allowed: a tensor")
        if result.shape not in ((), logits.shape[:1]):
            raise _problem(
                f"gives a tensor of shape {tuple(result.shape)} for {len(logits)} samples, allowed: a scalar or one "
                f"value per sample, ({len(logits)},)"
            )
        return result


def per_sample(loss: Any) -> Any:
    """The loss itself if it has `values_in_batch`, as those of igbviz have; any other one as `PerSample`.

    Raises ConfigError, naming `loss`, for what is no loss.

    >>> igbviz.losses.per_sample(torch.nn.functional.cross_entropy)
    PerSample(cross_entropy)
    """
    return loss if hasattr(loss, "values_in_batch") and not isinstance(loss, type) else PerSample(loss)


def _built_in(name: Any) -> str:
    """How the loss of this name is made in Python, or an example if there is none."""
    from igbviz.losses import LOSSES  # the package imports this module

    cls = LOSSES.get(name, LOSSES["cross-entropy"]) if isinstance(name, str) else LOSSES["cross-entropy"]
    return f"{'igbviz.losses' if cls.__module__.startswith('igbviz.') else cls.__module__}.{cls.__name__}()"


def _problem(text: str) -> ConfigError:
    return ConfigError((("loss",), text))
