"""The torch side of `igbviz.ensembles`: draw networks, show them the inputs, measure. Fully connected ones run stacked,
others in turn.

A network's randomness is a function of (seed, its number), so its record is the same in every block and in every
ensemble that has it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from igbviz.datasets import Data, probe_indices
from igbviz.ensembles.config import EnsembleConfig, require_room
from igbviz.ensembles.measures import exact, measure_layer, measure_logits
from igbviz.ensembles.records import ensemble_dtype
from igbviz.ensembles.stacked_mlp import StackedMlp
from igbviz.models import Mlp, last_layer
from igbviz.models.layers import Resize
from igbviz.spec import ConfigError
from igbviz.training.devices import compute_context, device_of
from igbviz.training.network import to_device, evaluation_mode
from igbviz.training.seeds import ENSEMBLE_ORDER, ENSEMBLE_WEIGHTS, mixed

# images in one pass of a network that is not stacked, and in a training batch; part of the numbers of BatchNorm
BATCH = 500
BATCH_PIXELS = BATCH * 32 * 32  # fewer images where they are larger: what convolutions keep is a multiple of this

# Outputs of a layer that a stack may hold. On a CPU two megabytes: a stack then still lies in the cache of a core when
# its activation and its measures are computed. On a GPU enough to keep it busy.
STACK_OUTPUTS = {"cpu": 2**19, "cuda": 2**26, "mps": 2**24}
STACK_WEIGHTS = 2**24  # 64 megabytes: with few inputs it is the weights of a stack that take the room
LARGEST_STACK = 256

# Multiply-accumulates of a block below which one thread is used: two have little to gain from so short steps, and wait
# for each other whenever another program wants one of two cores.
SMALL_BLOCK = 1e9


class Overflow(ArithmeticError):
    """The outputs of a network are infinite or not a number. `network` is its number."""

    def __init__(self, network: int) -> None:
        self.network = network
        super().__init__(
            f"The outputs of network {network} are too large to be numbers: lower the depth, the weights or the input "
            "scale."
        )


def subject(config: EnsembleConfig, device: torch.device) -> Subject:
    """What draws and measures the networks of this ensemble. Raises ConfigError when there is no room for them."""
    require_room(config, config.dataset.facts())
    return (StackedNetworks if isinstance(config.model, Mlp) else SingleNetworks)(config, device)


def blocks(
    config: EnsembleConfig, device: str | torch.device | None = None, largest: int | None = None
) -> Iterator[np.ndarray]:
    """Records (n,) of `ensemble_dtype`, n = 1, 1, 2, 4, ... up to `largest` (default: what is fastest), together
    config.networks."""
    yield from subject(config, device_of(device)).blocks(largest)


class Subject:
    """What all networks of an ensemble share: inputs, labels, training batches and the shapes of data and answers."""

    largest = 1  # networks in a block
    layered = False  # whether every layer is measured

    def __init__(self, config: EnsembleConfig, device: torch.device) -> None:
        self.config, self.device = config, device
        self.data: Data = config.dataset.load(device)
        self.shape, self.classes = self.data.shape, self.data.classes
        chosen = probe_indices(self.data.test_labels.cpu(), config.inputs, config.seed).to(device)
        self.images, self.labels = self.data.test_images[chosen], self.data.test_labels[chosen]

    def blocks(self, largest: int | None = None, done: int = 0) -> Iterator[np.ndarray]:
        """The records of the networks from number `done` on."""
        largest = largest or self.largest
        while done < self.config.networks:
            numbers = range(done, min(done + min(max(done, 1), largest), self.config.networks))
            with compute_context(self.device, "float32", self.threads):
                columns = self.columns(numbers)
            yield self._records(columns, numbers)
            done = numbers.stop

    @cached_property
    def threads(self) -> int:
        """Chosen once: how a sum is split between threads decides its last bits."""
        work = self.largest * self.config.inputs * self.config.model.flops(self.shape, self.classes)
        return 1 if self.device.type == "cpu" and work < SMALL_BLOCK else torch.get_num_threads()

    @cached_property
    def dtype(self) -> np.dtype:
        """The record of a network; known before one is drawn."""
        with torch.device("meta"):
            network = self.config.model.build(self.shape, self.classes)
        weights = sum(1 for _ in _weights(network))
        return ensemble_dtype(self.classes, weights if self.layered else 0, weights if self.config.gradients else 0)

    def _records(self, columns: dict[str, Tensor], numbers: range) -> np.ndarray:
        records = np.zeros(len(numbers), self.dtype)
        records["network"] = numbers
        for name, values in columns.items():
            records[name] = values.detach().cpu().numpy()
            broken = ~np.isfinite(records[name].reshape(len(numbers), -1)).all(1)
            if broken.any():
                raise Overflow(numbers[int(broken.argmax())])
        return records

    def columns(self, numbers: range) -> dict[str, Tensor]:
        """The columns of these networks' records, each (len(numbers), ...)."""
        raise NotImplementedError

    def seeds(self, numbers: range) -> list[int]:
        return [mixed(self.config.seed, ENSEMBLE_WEIGHTS, number) for number in numbers]

    def training_batches(self, size: int) -> Iterator[Tensor]:
        """config.passes batches of training images, the same for every network; a new order every epoch."""
        size, given, epoch = min(size, len(self.data.train_labels)), 0, 0
        while given < self.config.passes:
            generator = torch.Generator().manual_seed(mixed(self.config.seed, ENSEMBLE_ORDER, epoch))
            order = torch.randperm(len(self.data.train_labels), generator=generator).to(self.device)
            for index in order[: len(order) // size * size].split(size)[: self.config.passes - given]:
                yield self.data.train_images[index]
                given += 1
            epoch += 1


class StackedNetworks(Subject):
    """Fully connected networks, measured layer by layer."""

    layered = True

    def __init__(self, config: EnsembleConfig, device: torch.device) -> None:
        super().__init__(config, device)
        outputs = config.inputs * config.model.width * config.model.max_pool
        weights = int(config.model.weights(self.shape, self.classes))
        self.largest = max(1, min(STACK_OUTPUTS[device.type] // outputs, STACK_WEIGHTS // weights, LARGEST_STACK))
        self.stack = StackedMlp(config.model, self.shape, self.classes, device, in_place=not config.gradients)

    def columns(self, numbers: range) -> dict[str, Tensor]:
        config, stack = self.config, self.stack
        stack.draw(config.initialization, self.seeds(numbers))
        if config.batch_norm == "after" and config.model.has_batch_norm:
            stack.set_batch_norm("train")
            with torch.no_grad():
                for images in self.training_batches(BATCH):
                    stack(images, lambda outputs: None)
        stack.set_batch_norm("batch" if config.batch_norm == "batch" else "eval")
        nodes, layers, watched = [], [], []

        def watch(outputs: Tensor) -> None:
            nodes.append(outputs.shape[-1])
            layers.append(measure_layer(outputs))
            if config.gradients:
                watched.append(outputs)

        with torch.set_grad_enabled(config.gradients):
            for weight in stack.weights:
                weight.requires_grad_(config.gradients)
            logits = stack(self.images, watch)
            slopes = self._slopes(logits, watched) if config.gradients else {}
        whole = {f"layer_{name}": torch.stack([layer[name] for layer in layers], dim=1) for name in layers[0]}
        return measure_logits(logits) | whole | {"nodes": torch.tensor(nodes).expand(len(numbers), -1)} | slopes

    def _slopes(self, logits: Tensor, watched: list[Tensor]) -> dict[str, Tensor]:
        inputs, weights = len(self.labels), self.stack.weights
        # Networks do not touch each other, so the gradient of the sum of their losses holds the gradients of all of
        # them.
        loss = cross_entropy(logits.flatten(0, 1), self.labels.repeat(len(logits)), reduction="sum") / inputs
        found = torch.autograd.grad(loss, weights + watched)
        by_weight, by_output = found[: len(weights)], found[len(weights) :]
        return {
            "gradient": torch.stack([exact(slope).flatten(1).norm(dim=1) for slope in by_weight], dim=1),
            "backward": torch.stack(
                [exact(slope).flatten(1).norm(dim=1) * math.sqrt(inputs) for slope in by_output], dim=1
            ),
        }


class SingleNetworks(Subject):
    """Any other network, one after the other: a convolution of a hundred images keeps a machine as busy as those of
    many networks."""

    def __init__(self, config: EnsembleConfig, device: torch.device) -> None:
        super().__init__(config, device)
        side = config.model.side(self.shape) if hasattr(config.model, "side") else max(self.shape[1:])
        self.batch = max(1, min(BATCH, BATCH_PIXELS // side**2))
        self.trained = _trained_weights(config.model.name) if config.pretrained else None

    def columns(self, numbers: range) -> dict[str, Tensor]:
        found = [self._measured(seed) for seed in self.seeds(numbers)]
        return {name: torch.cat([columns[name] for columns in found]) for name in found[0]}

    def _measured(self, seed: int) -> dict[str, Tensor]:
        config, network = self.config, self._network(seed)
        if config.batch_norm == "after":
            self._pass_training_batches(network)
        weights = list(_weights(network))
        slopes: list[Tensor] = []
        pieces = math.ceil(len(self.labels) / self.batch)
        logits = []
        for images, labels in zip(self.images.tensor_split(pieces), self.labels.tensor_split(pieces), strict=True):
            with (
                torch.set_grad_enabled(config.gradients),
                evaluation_mode(network, "batch" if config.batch_norm == "batch" else "eval"),
            ):
                logits.append(network(images))
            if config.gradients:
                loss = cross_entropy(logits[-1], labels, reduction="sum") / len(self.labels)
                new = torch.autograd.grad(
                    loss, weights, allow_unused=True, materialize_grads=True
                )  # torch's attention hides one layer
                slopes = [sum(pair) for pair in zip(slopes, new, strict=True)] if slopes else list(new)
                logits[-1] = logits[-1].detach()  # lets go of what this piece kept for its gradient
        columns = measure_logits(torch.cat(logits)[None])
        return columns | ({"gradient": torch.stack([exact(slope).norm() for slope in slopes])[None]} if slopes else {})

    def _network(self, seed: int) -> nn.Module:
        config = self.config
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            network = config.model.build(self.shape, self.classes)
            head = last_layer(network, self.classes)
            if self.trained is not None:
                _load_all_but(head, network, self.trained, config.model.name)
            config.initialization.apply(head if config.pretrained else network, self.classes)
        return to_device(network, self.device, config.model.channels_last_on_cpu, "float32")

    def _pass_training_batches(self, network: nn.Module) -> None:
        network.eval()  # all but BatchNorm: dropout would only add noise to what it learns
        for layer in network.modules():
            layer.training = isinstance(layer, nn.modules.batchnorm._BatchNorm)
        with torch.no_grad():
            for images in self.training_batches(self.batch):
                network(images)


def _weights(network: nn.Module) -> Iterator[Tensor]:
    """The weights of every linear and convolutional layer, from the first to the last."""
    return (layer.weight for layer in network.modules() if isinstance(layer, (nn.Linear, nn.Conv2d)))


def _trained_weights(name: str) -> dict[str, Tensor]:
    """torchvision's default trained weights, from torch hub's folder only: nothing is downloaded."""
    from pathlib import Path

    from igbviz._torchvision import torchvision

    weights: Any = torchvision.models.get_model_weights(name).DEFAULT
    folder, file = Path(torch.hub.get_dir()) / "checkpoints", weights.url.rsplit("/", 1)[-1]
    if not (folder / file).is_file():
        raise ConfigError((("pretrained",), f"is true, but {folder} has no {file}: put it there, from {weights.url}"))
    return torchvision.models.get_model(name, weights=weights).state_dict()


def _load_all_but(head: nn.Module, network: nn.Module, trained: dict[str, Tensor], name: str) -> None:
    """Copy the trained weights into a network that may have a Resize in front, fewer colour channels, and other
    classes."""
    kept = {id(parameter) for parameter in head.parameters()}
    prefix = "1." if isinstance(network, nn.Sequential) and isinstance(network[0], Resize) else ""
    with torch.no_grad():
        for key, own in network.state_dict(keep_vars=True).items():
            if id(own) in kept:
                continue
            values = trained.get(key.removeprefix(prefix))
            if values is not None and values.ndim == 4 and own.shape[1] < values.shape[1]:
                values = values[
                    :, : own.shape[1]
                ]  # grey images meet the first colour channel, as they do without training
            if values is None or values.shape != own.shape:
                problem = f"is true, but the trained {name} has another {key.removeprefix(prefix)}: take images of the size it knows"
                raise ConfigError((("pretrained",), problem))
            own.copy_(values)
