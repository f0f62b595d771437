"""What a probe knows of the training that it watches, in words."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from torch import nn

import igbviz
from igbviz.config import RecordedConfig
from igbviz.losses import Loss
from igbviz.recording.untouched import devices_of
from igbviz.training.devices import machine

if TYPE_CHECKING:
    from igbviz.recording.probe import Probe


def described(probe: Probe) -> RecordedConfig:
    """The model, the loss, the data and the machine of a probe; its title is the class of the model."""
    model, device = type(probe.model).__name__, next(iter(devices_of(probe.model)), None)
    facts = machine(device) if device else {}
    return RecordedConfig(
        title=model[:100],
        dataset={"name": probe.data},
        model={"name": model, "parameters": sum(parameter.numel() for parameter in probe.model.parameters())},
        loss={"name": loss_name(probe.loss)},
        probes={"size": len(probe.labels), "batch_norm": probe.batch_norm},
        igbviz=igbviz.__version__,
        **{key: facts[key] for key in ("device", "torch", "python", "date") if key in facts},
    )


def loss_name(loss: Any) -> str:
    """A loss in a few words: 'piecewise-zero, cutoff 0.3', 'CrossEntropyLoss', 'cross_entropy'; empty without one."""
    if loss is None:
        return ""
    if isinstance(loss, Loss):
        return ", ".join(filter(None, (loss.name, loss.changed_hyperparameters(dict(loss)))))
    while isinstance(loss, functools.partial):
        loss = loss.func
    name = type(loss).__name__ if isinstance(loss, nn.Module) else getattr(loss, "__name__", type(loss).__name__)
    return "" if name == "<lambda>" else name
