"""Torch modules for `igbviz.models`: layers that torch lacks, and the adaptation of ImageNet networks to small or grey
images."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from igbviz.spec import ConfigError


class Elementwise(nn.Module):
    """An elementwise function as a module."""

    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.function(inputs)

    def extra_repr(self) -> str:
        return self.function.__name__


class Resize(nn.Module):
    """Bilinear resizing of images to side x side pixels."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return nn.functional.interpolate(images, (self.side, self.side), mode="bilinear", align_corners=False)

    def extra_repr(self) -> str:
        return f"{self.side}"


def shifted_relu(inputs: torch.Tensor) -> torch.Tensor:
    """ReLU minus its mean over standard normal inputs: its outputs have mean zero over such inputs."""
    return inputs.relu() - 1 / math.sqrt(2 * math.pi)


ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky-relu": nn.LeakyReLU,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "erf": partial(Elementwise, torch.erf),
    "linear": nn.Identity,
    "abs": partial(Elementwise, torch.abs),
    "shifted-relu": partial(Elementwise, shifted_relu),
}


class Shifted(nn.Module):
    """An activation phi as phi(x - shift) - offset."""

    def __init__(self, activation: nn.Module, shift: float, offset: float) -> None:
        super().__init__()
        self.activation, self.shift, self.offset = activation, shift, offset

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.activation(inputs - self.shift if self.shift else inputs) - self.offset

    def extra_repr(self) -> str:
        return f"shift={self.shift:g}, offset={self.offset:g}"


def shifted(activation: str, shift: float = 0.0, offset: float = 0.0) -> nn.Module:
    """The activation of that name; without a shift or an offset it is torch's own, to the bit."""
    layer = ACTIVATIONS[activation]()
    return Shifted(layer, shift, offset) if shift or offset else layer


# For vectors of features; Identity ignores the number of features that the others need.
NORMALIZATIONS: dict[str, Callable[[int], nn.Module]] = {
    "none": nn.Identity,
    "batch": nn.BatchNorm1d,
    "layer": nn.LayerNorm,
    "rms": nn.RMSNorm,
}


def adapt_to_images(network: nn.Module, shape: tuple[int, int, int], side: int) -> nn.Module:
    """A network for colour images of side x side pixels, adapted to images of `shape` (channels, height, width).

    Raises ConfigError for more channels than the network has.
    """
    channels, *size = shape
    stem = next(layer for layer in network.modules() if isinstance(layer, nn.Conv2d))
    if channels > stem.in_channels:
        raise ConfigError(
            (
                ("name",),
                f"is a network for 1 to {stem.in_channels} colour channels, but these images have {channels}",
            )
        )
    if channels < stem.in_channels:
        # A slice of the drawn weights, not new ones: every architecture has its own distribution, and grey and colour
        # networks of the same seed share all other weights.
        stem.in_channels, stem.weight = channels, nn.Parameter(stem.weight.detach()[:, :channels].clone())
    return network if size == [side, side] else nn.Sequential(Resize(side), network)


def compact_vgg(constructor: Callable[..., nn.Module], classes: int) -> nn.Module:
    """A VGG whose 4096-wide head is replaced by global average pooling and one linear layer.

    The weights are drawn as in torchvision.
    """
    # On "meta" the original head is never allocated: filling its 120 million weights would take seconds.
    with torch.device("meta"):
        network = constructor(weights=None, init_weights=False)
        network.avgpool, network.classifier = nn.AdaptiveAvgPool2d(1), nn.Linear(512, classes)
    network.to_empty(device=torch.get_default_device())
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d):
            layer.reset_parameters()
        elif isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, 0, 0.01)
            nn.init.zeros_(layer.bias)
    return network


def is_stochastic(layer: nn.Module) -> bool:
    """Whether a layer is random in train mode: dropout of nodes or attention, or torchvision's StochasticDepth."""
    return any(getattr(layer, name, 0.0) for name in ("p", "dropout") if isinstance(getattr(layer, name, 0.0), float))
