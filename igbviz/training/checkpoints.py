"""How a run goes on elsewhere: its state as tensors and plain numbers, and the way back.

Nothing random is stored, since randomness is a function of the seed and the step; a run that goes on from a state
repeats an undisturbed one bit for bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from igbviz.training.loop import Training


def state_of(training: Training) -> dict[str, Any]:
    """Everything that the rest of the run depends on."""
    return {
        "step": training.step,
        "snapshots": training.snapshots,
        "seconds": training.pace.seconds,
        "loss_sum": training.loss_sum.item(),
        "loss_steps": training.loss_steps,
        "network": owned(training.network.state_dict()),
        "optimizer": owned(training.optimizer.state_dict()),
        "majority": training.majority,
    }


def restore(training: Training, state: dict[str, Any]) -> None:
    """Put a training where `state_of` found one with the same configuration. (`majority` decides what is trained on:
    whoever builds the training needs it sooner.)"""
    training.network.load_state_dict(state["network"])
    restore_optimizer(training.optimizer, state["optimizer"])
    training.step, training.snapshots, training.loss_steps = state["step"], state["snapshots"], state["loss_steps"]
    training.loss_sum.fill_(state["loss_sum"])
    training.pace.seconds = state["seconds"]


def restore_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Give an optimizer its moments back, in the order in which its parameters lie here: on a GPU kernels may have
    their channels last, and fused optimizers go through both without a look at strides."""
    optimizer.load_state_dict(state)
    for parameter, moments in optimizer.state.items():
        for name, value in moments.items():
            if isinstance(value, torch.Tensor) and value.shape == parameter.shape:
                moments[name] = torch.empty_like(parameter).copy_(value)


def owned(value: Any) -> Any:
    """The same tensors, those that are a view of a larger one copied: a file would hold the whole."""
    if isinstance(value, torch.Tensor):
        return value.clone() if value.untyped_storage().nbytes() > value.nbytes else value
    if isinstance(value, dict):
        return {key: owned(part) for key, part in value.items()}
    return [owned(part) for part in value] if isinstance(value, list) else value
