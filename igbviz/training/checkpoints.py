"""Save and restore the state of a training, as tensors and plain numbers.

No random state is stored, since randomness is a function of the seed and the step. A resumed run is bit-identical to an
uninterrupted one.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import torch

if TYPE_CHECKING:
    from igbviz.training.loop import Training


VERSION = 1  # of the file; to be raised when the content of a state changes


def write(state: dict[str, Any], owner: str, path: Path) -> None:
    """Write the state of the run with this name into a file."""
    torch.save({"version": VERSION, "owner": owner, "state": state}, path)


def read(file: BinaryIO, owner: str) -> dict[str, Any]:
    """The state in a file; an exception of any type if the file is damaged, of another run or of another version."""
    stored = torch.load(file, map_location="cpu", weights_only=True)
    if stored["version"] != VERSION or stored["owner"] != owner:
        raise ValueError("it is of another run or of another version of the program")
    return stored["state"]


def state_of(training: Training) -> dict[str, Any]:
    """Everything the rest of the run depends on."""
    return {
        "step": training.step,
        "snapshots": training.snapshots,
        "seconds": training.pace.seconds,
        "loss_sum": training.loss_sum.item(),
        "loss_steps": training.loss_steps,
        "network": compact(training.network.state_dict()),
        "optimizer": compact(training.optimizer.state_dict()),
        "majority": training.majority,
    }


def restore(training: Training, state: dict[str, Any]) -> None:
    """Restore the state that `state_of` took of a training with the same configuration.

    ValueError if it is not at a step of this training. `majority` is not restored here: it decides the training data,
    so `Training` reads it first.
    """
    if not (0 <= state["step"] <= training.steps and 0 <= state["snapshots"] <= len(training.probe_steps)):
        raise ValueError(f"the state is at step {state['step']}, allowed: 0 to {training.steps}")
    weights = OrderedDict(state["network"])
    weights._metadata = training.network.state_dict()._metadata  # the versions of its layers: MNASNet asks for its own
    training.network.load_state_dict(weights)
    load_optimizer_state(training.optimizer, state["optimizer"])
    training.step, training.snapshots, training.loss_steps = state["step"], state["snapshots"], state["loss_steps"]
    training.loss_sum.fill_(state["loss_sum"])
    training.pace.seconds = state["seconds"]


def load_optimizer_state(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load an optimizer's state, with each moment in the memory format of its parameter on this device.

    On a GPU convolution kernels may be channels-last, and fused optimizers ignore strides.
    """
    optimizer.load_state_dict(state)
    for parameter, moments in optimizer.state.items():
        for name, value in moments.items():
            if isinstance(value, torch.Tensor) and value.shape == parameter.shape:
                moments[name] = torch.empty_like(parameter).copy_(value)


def compact(value: Any) -> Any:
    """Clone every tensor that is a view of a larger storage, which a file would hold as a whole."""
    if isinstance(value, torch.Tensor):
        return value.clone() if value.untyped_storage().nbytes() > value.nbytes else value
    if isinstance(value, dict):
        return {key: compact(part) for key, part in value.items()}
    return [compact(part) for part in value] if isinstance(value, list) else value
