"""Draw networks, evaluate them on the inputs, and measure. Fully connected networks run stacked, others one by one.

A network's randomness is a function of (seed, its index), so its record is the same in every batch of networks and in
every ensemble that contains it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from igbviz.datasets import Data, probe_indices
from igbviz.ensembles.config import EnsembleConfig, require_room
from igbviz.ensembles.measures import measure_layer, measure_logits, to_double
from igbviz.ensembles.records import ensemble_dtype
from igbviz.ensembles.stacked_mlp import StackedMlp
from igbviz.models import Mlp, last_layer
from igbviz.models.layers import Resize
from igbviz.spec import ConfigError
from igbviz.training.devices import compute_context, device_of
from igbviz.training.network import evaluation_mode, to_device
from igbviz.training.seeds import ENSEMBLE_ORDER, ENSEMBLE_WEIGHTS, derived_seed

# Images per forward pass of a network that is not stacked, and per training batch; part of the results of BatchNorm.
BATCH_SIZE = 500
MAX_BATCH_PIXELS = BATCH_SIZE * 32 * 32  # fewer images if they are larger: the memory of convolutions is proportional

# Limit on the outputs of a layer in a stack. On a CPU two megabytes, so that they are still in a core's cache when
# the activation and the measures are computed. On a GPU enough to keep it busy.
MAX_STACK_OUTPUTS = {"cpu": 2**19, "cuda": 2**26, "mps": 2**24}
MAX_STACK_WEIGHTS = 2**24  # 64 megabytes: with few inputs the weights of a stack dominate its memory
MAX_STACK_NETWORKS = 256

# Multiply-accumulates per batch of networks below which one thread is used: two gain little on such short operations,
# and wait for each other whenever another program needs one of two cores.
SINGLE_THREAD_MACS = 1e9


class Overflow(ArithmeticError):
    """The outputs of a network are non-finite. `network` is its index."""

    def __init__(self, network: int) -> None:
        self.network = network
        super().__init__(
            f"The outputs of network {network} became infinite or NaN: lower the depth, the weights or the input scale."
        )


def network_sampler(config: EnsembleConfig, device: torch.device, data: Data | None = None) -> NetworkSampler:
    """What draws and measures the networks of this ensemble. Raises ConfigError if memory or test images lack.

    `data` is the data set of the configuration, if it has been loaded already.
    """
    require_room(config, config.dataset.facts())
    return (StackedNetworks if isinstance(config.model, Mlp) else SingleNetworks)(config, device, data)


def record_batches(
    config: EnsembleConfig, device: str | torch.device | None = None, max_batch: int | None = None
) -> Iterator[np.ndarray]:
    """Records (n,) of `ensemble_dtype`, n = 1, 1, 2, 4, ... up to `max_batch` (default: the fastest), config.networks
    in total."""
    yield from network_sampler(config, device_of(device)).record_batches(max_batch)


class NetworkSampler:
    """What all networks of an ensemble share: inputs, labels, training batches, and the dtype of their records."""

    max_batch = 1  # networks drawn and measured at once
    measures_layers = False

    def __init__(self, config: EnsembleConfig, device: torch.device, data: Data | None = None) -> None:
        self.config, self.device = config, device
        self.data: Data = data or config.dataset.load(device)
        self.shape, self.classes = self.data.shape, self.data.classes
        chosen = probe_indices(self.data.test_labels.cpu(), config.inputs, config.seed).to(device)
        self.images, self.labels = self.data.test_images[chosen], self.data.test_labels[chosen]

    def record_batches(self, max_batch: int | None = None, start: int = 0) -> Iterator[np.ndarray]:
        """The records of the networks from index `start` on, in batches of growing size."""
        max_batch = max_batch or self.max_batch
        while start < self.config.networks:
            indices = range(start, min(start + min(max(start, 1), max_batch), self.config.networks))
            with compute_context(self.device, "float32", self.threads):
                columns = self.columns(indices)
            yield self._records(columns, indices)
            start = indices.stop

    @cached_property
    def threads(self) -> int:
        """Fixed for the ensemble, since the last bits of a sum depend on the number of threads."""
        macs = self.max_batch * self.config.inputs * self.config.model.flops(self.shape, self.classes)
        return 1 if self.device.type == "cpu" and macs < SINGLE_THREAD_MACS else torch.get_num_threads()

    @cached_property
    def dtype(self) -> np.dtype:
        """The dtype of a record; known before a network is drawn."""
        with torch.device("meta"):
            network = self.config.model.build(self.shape, self.classes)
        weights = sum(1 for _ in _weights(network))
        return ensemble_dtype(
            self.classes, weights if self.measures_layers else 0, weights if self.config.gradients else 0
        )

    def _records(self, columns: dict[str, Tensor], indices: range) -> np.ndarray:
        records = np.zeros(len(indices), self.dtype)
        records["network"] = indices
        for name, values in columns.items():
            records[name] = values.detach().cpu().numpy()
            nonfinite = ~np.isfinite(records[name].reshape(len(indices), -1)).all(1)
            if nonfinite.any():
                raise Overflow(indices[int(nonfinite.argmax())])
        return records

    def columns(self, indices: range) -> dict[str, Tensor]:
        """The columns of these networks' records, each (len(indices), ...)."""
        raise NotImplementedError

    def seeds(self, indices: range) -> list[int]:
        return [derived_seed(self.config.seed, ENSEMBLE_WEIGHTS, index) for index in indices]

    def training_batches(self, size: int) -> Iterator[Tensor]:
        """config.passes batches of training images, the same for every network, in a new order each epoch."""
        size, passed, epoch = min(size, len(self.data.train_labels)), 0, 0
        while passed < self.config.passes:
            generator = torch.Generator().manual_seed(derived_seed(self.config.seed, ENSEMBLE_ORDER, epoch))
            order = torch.randperm(len(self.data.train_labels), generator=generator).to(self.device)
            for rows in order[: len(order) // size * size].split(size)[: self.config.passes - passed]:
                yield self.data.train_images[rows]
                passed += 1
            epoch += 1


class StackedNetworks(NetworkSampler):
    """Fully connected networks, measured layer by layer."""

    measures_layers = True

    def __init__(self, config: EnsembleConfig, device: torch.device, data: Data | None = None) -> None:
        super().__init__(config, device, data)
        outputs = config.inputs * config.model.width * config.model.max_pool
        weights = int(config.model.weights(self.shape, self.classes))
        self.max_batch = max(
            1, min(MAX_STACK_OUTPUTS[device.type] // outputs, MAX_STACK_WEIGHTS // weights, MAX_STACK_NETWORKS)
        )
        self.stack = StackedMlp(config.model, self.shape, self.classes, device, in_place=not config.gradients)

    def columns(self, indices: range) -> dict[str, Tensor]:
        config, stack = self.config, self.stack
        stack.draw(config.initialization, self.seeds(indices))
        if config.batch_norm == "after" and config.model.has_batch_norm:
            stack.set_batch_norm("train")
            with torch.no_grad():
                for images in self.training_batches(BATCH_SIZE):
                    stack(images, lambda outputs: None)
        stack.set_batch_norm("batch" if config.batch_norm == "batch" else "eval")
        nodes, layers, layer_outputs = [], [], []

        def observe(outputs: Tensor) -> None:
            nodes.append(outputs.shape[-1])
            layers.append(measure_layer(outputs))
            if config.gradients:
                layer_outputs.append(outputs)

        with torch.set_grad_enabled(config.gradients):
            for weight in stack.weights:
                weight.requires_grad_(config.gradients)
            logits = stack(self.images, observe)
            gradients = self._gradients(logits, layer_outputs) if config.gradients else {}
        by_layer = {f"layer_{name}": torch.stack([layer[name] for layer in layers], dim=1) for name in layers[0]}
        return measure_logits(logits) | by_layer | {"nodes": torch.tensor(nodes).expand(len(indices), -1)} | gradients

    def _gradients(self, logits: Tensor, layer_outputs: list[Tensor]) -> dict[str, Tensor]:
        inputs, weights = len(self.labels), self.stack.weights
        # Networks are independent, so the gradient of the sum of their losses contains the gradient of each.
        loss = cross_entropy(logits.flatten(0, 1), self.labels.repeat(len(logits)), reduction="sum") / inputs
        gradients = torch.autograd.grad(loss, weights + layer_outputs)
        by_weight, by_output = gradients[: len(weights)], gradients[len(weights) :]
        return {
            "gradient": torch.stack([to_double(gradient).flatten(1).norm(dim=1) for gradient in by_weight], dim=1),
            "backward": torch.stack(
                [to_double(gradient).flatten(1).norm(dim=1) * math.sqrt(inputs) for gradient in by_output], dim=1
            ),
        }


class SingleNetworks(NetworkSampler):
    """All other networks, one by one: a convolution of a hundred images already keeps the device busy."""

    def __init__(self, config: EnsembleConfig, device: torch.device, data: Data | None = None) -> None:
        super().__init__(config, device, data)
        side = config.model.side(self.shape) if hasattr(config.model, "side") else max(self.shape[1:])
        self.batch_size = max(1, min(BATCH_SIZE, MAX_BATCH_PIXELS // side**2))
        self.pretrained_weights = _pretrained_weights(config.model.name) if config.pretrained else None

    def columns(self, indices: range) -> dict[str, Tensor]:
        networks = [self._measure(seed) for seed in self.seeds(indices)]
        return {name: torch.cat([columns[name] for columns in networks]) for name in networks[0]}

    def _measure(self, seed: int) -> dict[str, Tensor]:
        config, network = self.config, self._network(seed)
        if config.batch_norm == "after":
            self._pass_training_batches(network)
        weights = list(_weights(network))
        gradients: list[Tensor] = []
        chunks = math.ceil(len(self.labels) / self.batch_size)
        logits = []
        for images, labels in zip(self.images.tensor_split(chunks), self.labels.tensor_split(chunks), strict=True):
            with (
                torch.set_grad_enabled(config.gradients),
                evaluation_mode(network, "batch" if config.batch_norm == "batch" else "eval"),
            ):
                logits.append(network(images))
            if config.gradients:
                loss = cross_entropy(logits[-1], labels, reduction="sum") / len(self.labels)
                # Attention in torch hides one layer from autograd: its gradient counts as 0.
                new = torch.autograd.grad(loss, weights, allow_unused=True, materialize_grads=True)
                gradients = [sum(pair) for pair in zip(gradients, new, strict=True)] if gradients else list(new)
                logits[-1] = logits[-1].detach()  # frees the graph of this chunk
        columns = measure_logits(torch.cat(logits)[None])
        return columns | (
            {"gradient": torch.stack([to_double(gradient).norm() for gradient in gradients])[None]} if gradients else {}
        )

    def _network(self, seed: int) -> nn.Module:
        config = self.config
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            network = config.model.build(self.shape, self.classes)
            head = last_layer(network, self.classes)
            if self.pretrained_weights is not None:
                _load_all_but(head, network, self.pretrained_weights, config.model.name)
            config.initialization.apply(head if config.pretrained else network, self.classes)
        return to_device(network, self.device, config.model.channels_last_on_cpu, "float32")

    def _pass_training_batches(self, network: nn.Module) -> None:
        network.eval()  # except BatchNorm: dropout would only add noise to its statistics
        for layer in network.modules():
            layer.training = isinstance(layer, nn.modules.batchnorm._BatchNorm)
        with torch.no_grad():
            for images in self.training_batches(self.batch_size):
                network(images)


def _weights(network: nn.Module) -> Iterator[Tensor]:
    """The weights of all linear and convolutional layers, from first to last."""
    return (layer.weight for layer in network.modules() if isinstance(layer, (nn.Linear, nn.Conv2d)))


def trained_file(name: str) -> tuple[Path, str]:
    """Where torch hub keeps torchvision's default trained weights of a network, and from where they come."""
    from igbviz._torchvision import torchvision

    url = torchvision.models.get_model_weights(name).DEFAULT.url
    return Path(torch.hub.get_dir()) / "checkpoints" / url.rsplit("/", 1)[-1], url


def _pretrained_weights(name: str) -> dict[str, Tensor]:
    """torchvision's default trained weights, from torch hub's folder; downloads nothing."""
    from igbviz._torchvision import torchvision

    file, url = trained_file(name)
    if not file.is_file():
        raise ConfigError((("pretrained",), f"is true, but {file.parent} has no {file.name}: put it there, from {url}"))
    weights: Any = torchvision.models.get_model_weights(name).DEFAULT
    return torchvision.models.get_model(name, weights=weights).state_dict()


def _load_all_but(head: nn.Module, network: nn.Module, pretrained: dict[str, Tensor], name: str) -> None:
    """Copy the trained weights into all layers but the head; the network may start with a Resize, and have fewer
    color channels."""
    head_parameters = {id(parameter) for parameter in head.parameters()}
    prefix = "1." if isinstance(network, nn.Sequential) and isinstance(network[0], Resize) else ""
    with torch.no_grad():
        for key, own in network.state_dict(keep_vars=True).items():
            if id(own) in head_parameters:
                continue
            values = pretrained.get(key.removeprefix(prefix))
            if values is not None and values.ndim == 4 and own.shape[1] < values.shape[1]:
                # Grey images meet the filters of the first color channel, as they do without training.
                values = values[:, : own.shape[1]]
            if values is None or values.shape != own.shape:
                problem = (
                    f"is true, but the trained {name} has another {key.removeprefix(prefix)}: choose a data set with "
                    "images of the size it was trained on"
                )
                raise ConfigError((("pretrained",), problem))
            own.copy_(values)
