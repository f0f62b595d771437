"""Initializations: redraw the weights of a network from torch's global random generator, which the caller seeds.

All but `torchvision` and `pytorch` treat every convolution and linear layer alike and change nothing else:
normalization layers keep scale 1 and shift 0, position embeddings stay as built. Fans are counted as in
`torch.nn.init`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from pydantic import Field

from igbviz.models.architectures import last_layer
from igbviz.spec import Spec, any_of, by_name


class Initialization(Spec):
    """A distribution of weights, and the treatment of the last layer, whose scale sets how confident the first guess
    is.

    >>> network = torch.nn.Linear(784, 10)
    >>> igbviz.initializations.HeNormal(last_layer="zero").apply(network, classes=10)
    >>> network.weight.abs().max().item()
    0.0
    """

    title: ClassVar[str]
    help: ClassVar[str]
    last_layer: Literal["same", "zero", "scaled", "neutral-bias"] = Field(
        default="same",
        description="same: draw the last layer like the others; zero: set it to zero, so that every class starts at "
        "exactly 1/K; scaled: multiply its weights; neutral-bias: choose its biases such that the mean prediction over "
        "training images is even.",
    )
    last_layer_scale: float = Field(
        default=0.1, ge=0, le=1000, description="Factor on the weights of the last layer if scaled."
    )

    def apply(self, module: Any, classes: int) -> None:
        """Draw the weights of a torch module with `classes` outputs, in place."""
        import torch

        with torch.no_grad():
            self.draw(module)
            if self.last_layer == "zero":
                for parameter in last_layer(module, classes).parameters():
                    parameter.zero_()
            elif self.last_layer == "scaled":
                last_layer(module, classes).weight.mul_(self.last_layer_scale)

    def draw(self, module: Any) -> None:
        """Draw all weights, the last layer like the others; called with gradients disabled."""
        for weight, bias in _matrices(module):
            self.draw_weight(weight)
            if bias is not None:
                self.draw_bias(bias)

    def draw_weight(self, weight: Any) -> None:
        """Fill one matrix or convolution (outputs, inputs, ...)."""
        raise NotImplementedError

    def draw_bias(self, bias: Any) -> None:
        """Fill the biases of one layer: zero, unless a subclass draws them."""
        bias.zero_()


class AsBuilt(Initialization):
    """The initialization of the architecture in torchvision, mostly that of its paper."""

    name: Literal["torchvision"] = "torchvision"
    title: ClassVar[str] = "The architecture's own"
    help: ClassVar[str] = "As built: torchvision's choice for its networks, PyTorch's layer defaults for mlp and cnn."

    def draw(self, module: Any) -> None:
        pass


class PyTorch(Initialization):
    """The default of PyTorch's layers (after LeCun et al. 1998): uniform, of variance 1/(3 fan_in), biases included."""

    name: Literal["pytorch"] = "pytorch"
    title: ClassVar[str] = "PyTorch's layer defaults"
    help: ClassVar[str] = (
        "Small weights and random biases: where no layer normalizes, signals fade with depth until the biases, the "
        "same for every image, dominate."
    )

    def draw(self, module: Any) -> None:
        module.apply(
            _reset
        )  # children first, as when built: attention resets its output layer after that has reset itself


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
        "Variance 2/fan_out, zero biases: gradients keep their size on the way back through ReLU. torchvision uses it "
        "for the convolutions of ResNet."
    )

    def draw_weight(self, weight: Any) -> None:
        from torch import nn

        nn.init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu")


class Xavier(Initialization):
    """Glorot and Bengio 2010: normal weights of variance 2/(fan_in + fan_out)."""

    name: Literal["xavier"] = "xavier"
    title: ClassVar[str] = "Xavier normal"
    help: ClassVar[str] = (
        "Variance 2/(fan_in + fan_out), zero biases: made for tanh. Through ReLU the mean square of signals halves at "
        "every layer of equal width."
    )

    def draw_weight(self, weight: Any) -> None:
        from torch import nn

        nn.init.xavier_normal_(weight)


class Orthogonal(Initialization):
    """Saxe, McClelland and Ganguli 2014 (arXiv 1312.6120): random orthogonal matrices, here times sqrt(2) for ReLU."""

    name: Literal["orthogonal"] = "orthogonal"
    title: ClassVar[str] = "Orthogonal"
    help: ClassVar[str] = (
        "Random orthogonal matrices times sqrt(2), zero biases. Slow to draw for layers with thousands of inputs."
    )

    def draw_weight(self, weight: Any) -> None:
        from torch import nn

        nn.init.orthogonal_(weight, gain=math.sqrt(2))


class Gaussian(Initialization):
    """The ensemble of mean-field theory (Poole et al. 2016, arXiv 1606.05340; Schoenholz et al. 2017, arXiv
    1611.01232)."""

    name: Literal["gaussian"] = "gaussian"
    sigma_w2: float = Field(
        default=2.0, ge=0, le=1000, description="Variance of the weights times fan_in; 2 is He normal."
    )
    sigma_b2: float = Field(default=0.0, ge=0, le=1000, description="Variance of the biases.")
    title: ClassVar[str] = "Gaussian"
    help: ClassVar[str] = (
        "Variance sigma_w2/fan_in of the weights and sigma_b2 of the biases: the two axes of the phase diagram."
    )

    def draw_weight(self, weight: Any) -> None:
        fan_in = weight[0].numel()
        weight.normal_(0, math.sqrt(self.sigma_w2 / fan_in))

    def draw_bias(self, bias: Any) -> None:
        bias.normal_(0, math.sqrt(self.sigma_b2))


def _matrices(module: Any) -> Iterator[tuple[Any, Any]]:
    """The weight and bias (or None) of every linear map of a module, in order."""
    from torch import nn

    for layer in module.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            yield layer.weight, layer.bias
        elif isinstance(layer, nn.MultiheadAttention):
            # Queries, keys and values are stacked in one tensor, but are three maps: as one, fan_out would be three
            # times too large.
            yield from zip(layer.in_proj_weight.chunk(3), layer.in_proj_bias.chunk(3), strict=True)


def _reset(layer: Any) -> None:
    # Only MultiheadAttention spells it with an underscore.
    reset = getattr(layer, "reset_parameters", None) or getattr(layer, "_reset_parameters", None)
    if reset:
        reset()


INITIALIZATIONS = by_name(AsBuilt, PyTorch, HeNormal, HeFanOut, Xavier, Orthogonal, Gaussian)
if TYPE_CHECKING:  # one of the registry, or its fields as a mapping
    AnyInitialization: TypeAlias = Any
else:
    AnyInitialization = any_of(INITIALIZATIONS)
