"""States of networks and optimizers, so that a run can go on from them elsewhere."""

from __future__ import annotations

from typing import Any

import torch


def owned(value: Any) -> Any:
    """The same tensors, those that are a part of a larger one copied: a file would hold the whole."""
    if isinstance(value, torch.Tensor):
        return value.clone() if value.untyped_storage().nbytes() > value.nbytes else value
    if isinstance(value, dict):
        return {key: owned(part) for key, part in value.items()}
    return [owned(part) for part in value] if isinstance(value, list) else value


def restore(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Give an optimizer its memory back, in the order in which its parameters lie here: on a GPU kernels may have their
    channels last, and fused optimizers go through both without a look at strides."""
    optimizer.load_state_dict(state)
    for parameter, memory in optimizer.state.items():
        for name, value in memory.items():
            if isinstance(value, torch.Tensor) and value.shape == parameter.shape:
                memory[name] = torch.empty_like(parameter).copy_(value)
