"""A probe as a run of the cache: what is known of its training, in words, beside its trajectory."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

import igbviz
from igbviz.config import RecordedConfig
from igbviz.losses import Loss
from igbviz.recording.untouched import devices_of
from igbviz.runs.recorded import store
from igbviz.runs.run import DEFAULT_CACHE, Run
from igbviz.training.devices import machine

if TYPE_CHECKING:
    from igbviz.recording.probe import Probe


def save(probe: Probe, name: str, cache: str | Path | None, data: str, optimizer: str, seed: int | None) -> Run:
    """Store what a probe has recorded, see `Probe.save`."""
    config = described(probe, name).with_(optimizer={"name": optimizer}, seed=seed)
    if data:
        config = config.with_(dataset={"name": data})
    return store(probe.trajectory, config, DEFAULT_CACHE if cache is None else cache)


def described(probe: Probe, title: str) -> RecordedConfig:
    """What a probe knows of the training that it has watched."""
    facts = machine(device) if (device := next(iter(devices_of(probe.model)), None)) else {}
    return RecordedConfig(
        title=title,
        dataset={"name": probe.data},
        model={
            "name": type(probe.model).__name__,
            "parameters": sum(parameter.numel() for parameter in probe.model.parameters()),
        },
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
