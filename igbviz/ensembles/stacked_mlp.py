"""Many fully connected networks of one shape as a stack: a layer of all of them is one batched matrix product.

The networks are those of `igbviz.models.Mlp`, drawn by the same code; only the forward pass is written anew. Small
networks gain most, since the cost of launching an operation is paid once for all. Shapes: B networks, D inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from igbviz.models import Mlp
from igbviz.models.architectures import Shape
from igbviz.models.initializations import AsBuilt, Initialization, PyTorch
from igbviz.models.layers import shifted

LayerObserver = Callable[[Tensor], None]


class StackedBatchNorm:
    """`nn.BatchNorm1d` for every network of a stack, with scale 1, shift 0, and its default epsilon and momentum."""

    epsilon, momentum = 1e-5, 0.1

    def __init__(self) -> None:
        # running statistics; batch statistics; batch statistics that also update the running ones
        self.mode: Literal["eval", "batch", "train"] = "eval"
        self.mean: Tensor | float = 0.0
        self.variance: Tensor | float = 1.0

    def __call__(self, outputs: Tensor) -> Tensor:
        if self.mode == "eval":
            return (outputs - self.mean) * (self.variance + self.epsilon) ** -0.5
        variance, mean = torch.var_mean(outputs, dim=1, correction=0, keepdim=True)
        if self.mode == "train":
            inputs, decay = outputs.shape[1], 1 - self.momentum
            self.mean = decay * self.mean + self.momentum * mean
            self.variance = decay * self.variance + self.momentum * variance * (inputs / (inputs - 1))
        return (outputs - mean) * (variance + self.epsilon) ** -0.5


class StackedMlp:
    """A stack of networks, one per seed given to `draw`."""

    def __init__(self, model: Mlp, shape: Shape, classes: int, device: torch.device, in_place: bool = False) -> None:
        """`in_place` lets layers and activations overwrite earlier outputs, which rules out backpropagation."""
        self.model, self.classes, self.device = model, classes, device
        with torch.random.fork_rng(devices=[]):
            self.template = model.build(shape, classes)
        self.parameters = [
            parameter for layer in self.template if isinstance(layer, nn.Linear) for parameter in layer.parameters()
        ]
        self.drawn: list[Tensor] = []  # on the CPU, since every device has a random generator of its own
        self.weights: list[Tensor] = []
        self.biases: list[Tensor] = []
        self.in_place, self.buffers = in_place, [torch.empty(0)]
        self.activation = shifted(model.activation, model.shift, model.offset)
        for layer in self.activation.modules():
            if hasattr(layer, "inplace"):
                layer.inplace = in_place
        self.reset_batch_norm()

    def draw(self, initialization: Initialization, seeds: Sequence[int]) -> None:
        """Draw new weights. Those of a network depend on its seed alone; torch's global random state is kept."""
        if isinstance(initialization, AsBuilt):  # it draws nothing: a built network has PyTorch's defaults
            initialization = PyTorch(**initialization.model_dump(exclude={"name"}))
        # Memory is reused: allocating it anew costs as much as measuring.
        if not self.drawn or len(self.drawn[0]) != len(seeds):
            self.drawn = [torch.empty(len(seeds), *parameter.shape) for parameter in self.parameters]
        with torch.random.fork_rng(devices=[]):
            for i, seed in enumerate(seeds):
                for parameter, values in zip(self.parameters, self.drawn, strict=True):
                    parameter.data = values[i]  # drawn in place, without a copy
                torch.default_generator.manual_seed(seed)
                initialization.apply(self.template, self.classes)
        self.weights = [values.to(self.device).detach() for values in self.drawn if values.ndim == 3]
        self.biases = [values.to(self.device) for values in self.drawn if values.ndim == 2]
        self.reset_batch_norm()

    def reset_batch_norm(self) -> None:
        """Reset the running statistics."""
        self.batch_norms = [StackedBatchNorm() for _ in range(self.model.depth)]

    def set_batch_norm(self, mode: Literal["eval", "batch", "train"]) -> None:
        for norm in self.batch_norms:
            norm.mode = mode

    def __call__(self, images: Tensor, observe: LayerObserver) -> Tensor:
        """Logits (B, D, K) of images (D, channels, height, width). `observe` is called with the pre-activations (B, D,
        nodes) of every linear layer, the logits included, before they are overwritten."""
        model, values = self.model, images.flatten(1).expand(len(self.weights[0]), -1, -1)
        for layer, norm in enumerate(self.batch_norms):
            values = self._linear(layer, values)
            observe(values)
            if model.placement == "before":
                values = self._normalized(values, norm)
            values = self.activation(values)
            if model.max_pool > 1:
                values = values.unflatten(-1, (model.width, model.max_pool)).amax(-1)
            if model.placement == "after":
                values = self._normalized(values, norm)
        logits = self._linear(model.depth, values)
        observe(logits)
        return logits

    def _linear(self, layer: int, values: Tensor) -> Tensor:
        weights = self.weights[layer].mT
        if self.in_place and layer < self.model.depth:
            outputs = torch.bmm(
                values, weights, out=self._buffer(layer, (len(values), values.shape[1], weights.shape[2]))
            )
        else:
            outputs = torch.bmm(values, weights)
        if self.biases and self.biases[layer].any():  # adding zeros takes as long as an activation
            outputs += self.biases[layer][:, None]
        return outputs

    def _buffer(self, layer: int, shape: tuple[int, int, int]) -> Tensor:
        """The output buffer of a hidden layer: two alternate, since a layer reads the outputs of the one below."""
        if self.buffers[0].shape != shape:
            self.buffers = [torch.empty(shape, device=self.device) for _ in range(2)]
        return self.buffers[layer % 2]

    def _normalized(self, values: Tensor, norm: StackedBatchNorm) -> Tensor:
        kind = self.model.normalization
        if kind == "batch":
            return norm(values)
        nodes = values.shape[-1:]
        return {"none": lambda v, _: v, "layer": functional.layer_norm, "rms": functional.rms_norm}[kind](values, nodes)
