"""A configuration with somebody's own parts in place of its own: what `train(config, model=..., data=..., loss=...)`
trains."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from igbviz.config import RunConfig
from igbviz.datasets import Data
from igbviz.losses import Loss, PerSample, per_sample
from igbviz.models import Mlp
from igbviz.models.initializations import AsBuilt, Initialization
from igbviz.spec import ConfigError, short
from igbviz.training.memory import require_memory
from igbviz.training.own.data import OwnDataset, own_data
from igbviz.training.own.model import OwnModel

Network = nn.Module | Callable[[], nn.Module]
LossFunction = Loss | Callable[[Tensor, Tensor], Tensor]


def with_own_parts(
    config: RunConfig,
    device: torch.device,
    model: Network | None,
    data: Sequence[Any] | None,
    loss: LossFunction | None,
    class_names: Sequence[str],
) -> tuple[RunConfig, Data | None]:
    """The configuration with these parts, and the data if it had to be loaded for checking them.

    Such a configuration can be trained, but it has no id: what is not described cannot be told apart. Raises
    ConfigError, naming the part, if parts do not fit each other or the rest of the configuration.
    """
    if model is None and data is None and loss is None and not class_names:
        return config, None
    parts: dict[str, Any] = {}
    loaded: Data | None = None
    if data is not None:
        loaded = own_data(data, class_names, device)
        parts["dataset"] = OwnDataset(loaded)
    elif class_names:
        raise ConfigError((("class_names",), "are given without data, allowed: the names of the classes in data"))
    if model is not None:
        parts["model"], parts["initialization"] = OwnModel(model), _start(config.initialization)
    if loss is not None:
        parts["loss"] = _own_loss(loss, device)
    fields = {name: getattr(config, name) for name in RunConfig.model_fields}
    config = RunConfig.model_construct(**fields | parts)

    config.require_fit(facts := config.dataset.facts())
    if model is not None:
        if loaded is None:
            require_memory(config, facts)
            loaded = config.dataset.load(device)
        config.model.measure(config, loaded)
    elif loaded is not None:
        _require_images(config, loaded)
    if isinstance(config.loss, PerSample):
        _try_loss(config.loss, len(facts.class_names), device)
    return config, loaded


def _start(initialization: Initialization) -> Initialization:
    """How the weights of an own model begin: as they are, but for the last layer if `torchvision` changes it."""
    if isinstance(initialization, AsBuilt):
        return initialization
    if initialization != RunConfig.model_fields["initialization"].default:
        problem = f"is {short(initialization.canonical())}, which would overwrite the weights of your model, allowed: "
        raise ConfigError((("initialization",), f"{problem}nothing, or torchvision, which leaves them as they are"))
    return AsBuilt()


def _own_loss(loss: LossFunction, device: torch.device) -> Any:
    """The loss as a training calls it; a module is copied, as its buffers may change."""
    if isinstance(loss, nn.Module):
        if any(weight.requires_grad for weight in loss.parameters()):
            raise ConfigError((("loss",), "has weights to train, allowed: none, since only those of the model are"))
        loss = copy.deepcopy(loss).to(device)
    return per_sample(loss)


def _require_images(config: RunConfig, data: Data) -> None:
    """Raise ConfigError if the samples are nothing for an architecture of igbviz."""
    if not data.train_images.is_floating_point():
        problem = f"has whole numbers, allowed with {config.model.name}: floating-point numbers, or images of uint8"
        raise ConfigError((("data", "x"), problem))
    if len(data.shape) != 3 and not isinstance(config.model, Mlp):
        problem = f"has samples of shape {data.shape}, allowed with {config.model.name}: (channels, height, width)"
        raise ConfigError((("data", "x"), problem))


def _try_loss(loss: PerSample, classes: int, device: torch.device) -> None:
    """Try the loss on logits that nobody trains: one more sample than classes, so that no axis looks like another."""
    labels = torch.arange(classes + 1, device=device) % classes
    logits = torch.zeros(classes + 1, classes, device=device)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        before = torch.get_rng_state()
        loss.require_fit(logits, labels)
        if not torch.equal(before, torch.get_rng_state()):
            raise ConfigError((("loss",), "draws random numbers, allowed: the same value whenever it is computed"))
