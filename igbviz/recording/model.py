"""What a model must be for a probe, and what it must return: logits."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from igbviz.recording.inputs import by_name
from igbviz.spec import ConfigError, short


def checked_model(model: Any) -> nn.Module:
    """The model without the wrappers of compilation and of data parallelism.

    To compile the look would take a minute, and a distributed forward pass would wait for processes that do not look.
    """
    if not isinstance(model, nn.Module):
        raise ConfigError((("model",), f"is {short(model)}, allowed: a torch.nn.Module"))
    while True:
        if isinstance(model, nn.parallel.DistributedDataParallel | nn.DataParallel):
            model = model.module
        elif isinstance(getattr(model, "_orig_mod", None), nn.Module):
            model = model._orig_mod
        else:
            break
    lazy = [name for name, parameter in model.named_parameters() if nn.parameter.is_lazy(parameter)]
    if lazy:
        problem = f"has weights without a shape ({lazy[0]}), allowed: a model that was called once, on a batch"
        raise ConfigError((("model",), problem))
    return model


def logits_of(model: nn.Module, positional: tuple[Tensor, ...], named: dict[str, Tensor]) -> Tensor:
    """(n, K) logits of n inputs. ConfigError if the model fails, or returns anything else."""
    inputs = by_name(positional, named)
    try:
        output = model(*positional, **named)
    except Exception as error:  # whatever a stranger's model may raise
        shapes = ", ".join(f"{name} {tuple(tensor.shape)} {tensor.dtype}" for name, tensor in inputs.items())
        raise ConfigError((("model",), f"fails on {shapes}: {first_line(error)}")) from error
    logits = output if isinstance(output, Tensor) else getattr(output, "logits", None)
    allowed = "allowed: logits (batch, classes), or an output with such logits"
    if not isinstance(logits, Tensor):
        raise ConfigError((("model",), f"returns a {type(output).__name__}, {allowed}"))
    count = len(next(iter(inputs.values())))
    if logits.shape in ((count,), (count, 1)):
        advice = "allowed: one per class; of a single logit x, return torch.stack([0 * x, x], 1)"
        raise ConfigError((("model",), f"returns one number per input, {advice}"))
    if logits.ndim != 2 or len(logits) != count or not logits.is_floating_point():
        problem = f"returns {logits.dtype} of shape {tuple(logits.shape)} for {count} inputs, {allowed}"
        raise ConfigError((("model",), problem))
    return logits


def first_line(error: Exception) -> str:
    """An error in one line: 'RuntimeError: out of memory'."""
    return f"{type(error).__name__}: {error}".splitlines()[0]
