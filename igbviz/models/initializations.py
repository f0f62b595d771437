"""Initialisations: how the weights of a built network are drawn anew, from torch's global random generator (the caller
seeds).

All but `torchvision` and `pytorch` treat every convolution and linear layer alike and touch nothing else: normalisation
layers stay at scale 1 and shift 0, position embeddings as their builder drew them. Fans are counted as in
`torch.nn.init`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from pydantic import Field

from igbviz.models.architectures import last_layer
from igbviz.spec import Spec, any_of, by_name


class Initialization(Spec):
    """One way to draw weights, and what to do with the last layer, whose size decides how confident the first guesses
    are."""

    title: ClassVar[str]
    help: ClassVar[str]
    last_layer: Literal["same", "zero", "scaled", "neutral-bias"] = Field(
        "same",
        description="Draw the last layer like the others, set it to zero (all classes exactly equal), multiply its "
        "weights, or draw it and choose its biases such that the mean prediction over training images is even.",
    )
    last_layer_scale: float = Field(
        0.1, ge=0, le=1000, description="What the last layer's weights are multiplied by when scaled."
    )

    def apply(self, module: Any, classes: int) -> None:
        """Draw the weights of a torch module with so many outputs, in place."""
        import torch

        with torch.no_grad():
            self.draw(module)
            if self.last_layer == "zero":
                for parameter in last_layer(module, classes).parameters():
                    parameter.zero_()
            elif self.last_layer == "scaled":
                last_layer(module, classes).weight.mul_(self.last_layer_scale)

    def draw(self, module: Any) -> None:
        """Draw all weights, the last layer like the others; gradients are off."""
        for weight, bias in _matrices(module):
            self.draw_weight(weight)
            if bias is not None:
                self.draw_bias(bias)

    def draw_weight(self, weight: Any) -> None:
        """Fill one matrix or convolution (outputs, inputs, ...)."""
        raise NotImplementedError

    def draw_bias(self, bias: Any) -> None:
        """Fill the biases of one layer: zero, unless an initialisation says otherwise."""
        bias.zero_()


class AsBuilt(Initialization):
    """The weights that the architecture starts from in torchvision: the ones in its paper, mostly."""

    name: Literal["torchvision"] = "torchvision"
    title: ClassVar[str] = "The architecture's own"
    help: ClassVar[str] = (
        "As the builder left it: torchvision's choice for its networks, PyTorch's layer defaults for mlp and cnn."
    )

    def draw(self, module: Any) -> None:
        pass


class PyTorch(Initialization):
    """What every layer of PyTorch does by itself: uniform, of variance 1/(3 fan_in), for weights and biases (after
    LeCun et al. 1998)."""

    name: Literal["pytorch"] = "pytorch"
    title: ClassVar[str] = "PyTorch's layer defaults"
    help: ClassVar[str] = (
        "Small weights and random biases: the signal fades with depth until the biases speak, the same for every image."
    )

    def draw(self, module: Any) -> None:
        module.apply(_reset)  # parts before the whole, as when built: attention has the last word on its output layer


class HeNormal(Initialization):
    """He et al. 2015 (arXiv 1502.01852): normal weights of variance 2/fan_in, which keep the size of a signal through
    ReLU."""

    name: Literal["he-normal"] = "he-normal"
    title: ClassVar[str] = "He normal"
    help: ClassVar[str] = "Variance 2/fan_in, zero biases: signals keep their size on the way forward through ReLU."

    def draw_weight(self, weight: Any) -> None:
        from torch import nn

        nn.init.kaiming_normal_(weight, mode="fan_in", nonlinearity="relu")


class HeFanOut(Initialization):
    """He et al. 2015 (arXiv 1502.01852), the other choice: variance 2/fan_out, which keeps the size of gradients."""

    name: Literal["he-fan-out"] = "he-fan-out"
    title: ClassVar[str] = "He normal, fan out"
    help: ClassVar[str] = (
        "Variance 2/fan_out, zero biases: gradients keep their size on the way back. The convolutions of ResNet "
        "start so."
    )

    def draw_weight(self, weight: Any) -> None:
        from torch import nn

        nn.init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu")


class Xavier(Initialization):
    """Glorot and Bengio 2010: normal weights of variance 2/(fan_in + fan_out)."""

    name: Literal["xavier"] = "xavier"
    title: ClassVar[str] = "Xavier normal"
    help: ClassVar[str] = (
        "Variance 2/(fan_in + fan_out), zero biases: made for tanh; through ReLU signals halve at every layer."
    )

    def draw_weight(self, weight: Any) -> None:
        from torch import nn

        nn.init.xavier_normal_(weight)


class Orthogonal(Initialization):
    """Saxe, McClelland and Ganguli 2014 (arXiv 1312.6120): random rotations, here times sqrt(2) for ReLU."""

    name: Literal["orthogonal"] = "orthogonal"
    title: ClassVar[str] = "Orthogonal"
    help: ClassVar[str] = (
        "Random rotations times sqrt(2), zero biases. Slow to draw for networks with layers of thousands of inputs."
    )

    def draw_weight(self, weight: Any) -> None:
        from torch import nn

        nn.init.orthogonal_(weight, gain=math.sqrt(2))


class Gaussian(Initialization):
    """The ensemble of mean-field theory (Poole et al. 2016, arXiv 1606.05340; Schoenholz et al. 2017, arXiv
    1611.01232)."""

    name: Literal["gaussian"] = "gaussian"
    sigma_w2: float = Field(2.0, ge=0, le=1000, description="Variance of the weights times fan_in; 2 is He normal.")
    sigma_b2: float = Field(0.0, ge=0, le=1000, description="Variance of the biases.")
    title: ClassVar[str] = "Gaussian"
    help: ClassVar[str] = (
        "Variances sigma_w2/fan_in of the weights and sigma_b2 of the biases: the two axes of the phase diagram."
    )

    def draw_weight(self, weight: Any) -> None:
        fan_in = weight[0].numel()
        weight.normal_(0, math.sqrt(self.sigma_w2 / fan_in))

    def draw_bias(self, bias: Any) -> None:
        bias.normal_(0, math.sqrt(self.sigma_b2))


def _matrices(module: Any) -> Iterator[tuple[Any, Any]]:
    """The weight and bias (or None) of every linear map in a module, in order."""
    from torch import nn

    for layer in module.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            yield layer.weight, layer.bias
        elif isinstance(layer, nn.MultiheadAttention):
            # Queries, keys and values lie stacked in one tensor, but are three maps: as one, fan_out would be three
            # times too large.
            yield from zip(layer.in_proj_weight.chunk(3), layer.in_proj_bias.chunk(3), strict=True)


def _reset(layer: Any) -> None:
    # MultiheadAttention alone spells it with an underscore.
    reset = getattr(layer, "reset_parameters", None) or getattr(layer, "_reset_parameters", None)
    if reset:
        reset()


INITIALIZATIONS = by_name(AsBuilt, PyTorch, HeNormal, HeFanOut, Xavier, Orthogonal, Gaussian)
AnyInitialization = any_of(INITIALIZATIONS)
