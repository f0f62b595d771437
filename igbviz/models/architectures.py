"""Image classifiers: frozen specs that build a torch module and estimate the cost of its forward pass.

Weights are drawn from torch's global random generator, which the caller seeds. A spec imports no torch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from pydantic import Field

from igbviz.plugins.part import Part

Shape = tuple[int, int, int]  # channels, height, width

Activation = Literal["relu", "leaky-relu", "tanh", "gelu", "erf", "linear", "abs", "shifted-relu"]
ACTIVATION_HELP = (
    "Nonlinearity of every node. shifted-relu is relu(x) - 1/sqrt(2 pi), whose mean over standard normal inputs is "
    "zero: where the weights keep that variance, uncorrelated inputs meet no initial guessing bias."
)
MAX_SHIFT = 10.0  # beyond it every node is on one side of its bend


# Of a network that does not say, as many as a small ResNet needs. Rather too many than too few: a network that is taken
# for a tiny one would get a single thread, and too many of them would share the memory.
GUESSED_MACS_PER_PIXEL = 1e5


class Model(Part):
    """One architecture. A new one needs a `name` and `build`; its other fields are hyperparameters with a default each.

    In a plugin (`igbviz.plugins`), with torch imported inside the method, so that pages need not wait for it:

        class TwoLayers(Model):
            '''One hidden layer.'''

            name: Literal["two-layers"] = "two-layers"
            width: int = Field(64, ge=1, le=4096, description="Nodes of the hidden layer.")

            def build(self, shape, classes):
                from torch import nn

                hidden = nn.Linear(math.prod(shape), self.width)
                return nn.Sequential(nn.Flatten(), hidden, nn.ReLU(), nn.Linear(self.width, classes))

    `flops` make the estimates of time better than a guess, `weights` those of memory. A network with BatchNorm says so
    in `has_batch_norm`, one without a bias on its logits in `ends_in_bias`.

    >>> network = igbviz.models.Mlp(depth=2, width=16).build((1, 28, 28), classes=10)
    >>> network(torch.zeros(5, 1, 28, 28)).shape
    torch.Size([5, 10])
    """

    help: ClassVar[str] = ""
    channels_last_on_cpu: ClassVar[bool] = False  # memory layout; ResNet-50 was measured a fifth slower with it
    is_foreign: ClassVar[bool] = False  # of a module that somebody brings: its forward pass may do anything
    is_random: ClassVar[bool] = False  # whether a step draws random numbers, beyond what its layers say

    @property
    def has_batch_norm(self) -> bool:
        """Whether any layer normalizes over the batch: such a network needs at least two images per batch, and differs
        between train and eval mode."""
        return False

    @property
    def ends_in_bias(self) -> bool:
        """Whether the last layer has biases that are added to the logits."""
        return True

    def build(self, shape: Shape, classes: int) -> Any:
        """A new torch module that maps images (batch, *shape) to logits (batch, classes)."""
        raise NotImplementedError

    def flops(self, shape: Shape, classes: int) -> float:
        """Multiply-accumulates of one forward pass of one image, to estimate run times; by default a cautious guess."""
        return GUESSED_MACS_PER_PIXEL * shape[1] * shape[2]

    def weights(self, shape: Shape, classes: int) -> float:
        """Number of weights if hyperparameters can make it large; 0 for networks of a fixed and moderate size."""
        return 0.0

    def activations(self, shape: Shape, classes: int) -> float:
        """Values of one image that backpropagation keeps, at least."""
        # The torchvision networks have 8 (AlexNet) to 1,000 (VGG-19) multiply-accumulates for each value.
        return self.flops(shape, classes) / (1000 if self.name.startswith("vgg") else 500)

    def try_out(self) -> None:
        for estimate in (self.flops, self.weights, self.activations):
            estimate((1, 28, 28), 10)


class Mlp(Model):
    """Fully connected network, the subject of the theory of initial guessing bias (Francazi, Lucchi, Baity-Jesi 2024,
    arXiv 2306.00809).

    Its hidden layers and its head are its only `torch.nn.Linear`, in order.
    """

    name: Literal["mlp"] = "mlp"
    depth: int = Field(default=3, ge=1, le=100, description="Number of hidden layers.")
    width: int = Field(default=256, ge=1, le=8192, description="Outputs of a hidden layer.")
    activation: Activation = Field(default="relu", description=ACTIVATION_HELP)
    shift: float = Field(
        default=0.0,
        ge=-MAX_SHIFT,
        le=MAX_SHIFT,
        description="The activation acts on x - shift. It moves the mean of a node over the data, and the spread.",
    )
    offset: float = Field(
        default=0.0,
        ge=-MAX_SHIFT,
        le=MAX_SHIFT,
        description="Subtracted from every output of the activation. It moves the mean of a node over the data and "
        "nothing else: where the mean is zero, uncorrelated inputs and no biases meet no initial guessing bias.",
    )
    normalization: Literal["none", "batch", "layer", "rms"] = Field(
        default="none",
        description="batch: each node is normalized over the images of a batch; layer: each image over the nodes of "
        "the layer; rms: as layer, but rescaled without centring.",
    )
    placement: Literal["before", "after"] = Field(
        default="before", description="Normalize before the activation, or after activation and max pooling."
    )
    max_pool: int = Field(
        default=1, ge=1, le=64, description="Each output of a layer is the maximum of this many nodes; 1 is no pooling."
    )
    bias: bool = Field(default=True, description="Whether layers have biases.")
    title: ClassVar[str] = "Fully connected"
    help: ClassVar[str] = (
        "The pixels as one vector, through hidden layers of equal width: the network that theory describes exactly in "
        "the limit of infinite width."
    )

    @property
    def has_batch_norm(self) -> bool:
        return self.normalization == "batch"

    @property
    def ends_in_bias(self) -> bool:
        return self.bias

    def build(self, shape: Shape, classes: int) -> Any:
        from torch import nn

        from igbviz.models.layers import NORMALIZATIONS, shifted

        before, after = (self.normalization if self.placement == place else "none" for place in ("before", "after"))
        inputs, nodes = math.prod(shape), self.width * self.max_pool
        layers: list[nn.Module] = [nn.Flatten()]
        for _ in range(self.depth):
            layers += [
                nn.Linear(inputs, nodes, bias=self.bias),
                NORMALIZATIONS[before](nodes),
                shifted(self.activation, self.shift, self.offset),
                nn.MaxPool1d(self.max_pool) if self.max_pool > 1 else nn.Identity(),
                NORMALIZATIONS[after](self.width),
            ]
            inputs = self.width
        return nn.Sequential(*layers, nn.Linear(inputs, classes, bias=self.bias))

    def flops(self, shape: Shape, classes: int) -> float:
        hidden = (math.prod(shape) + (self.depth - 1) * self.width) * self.width * self.max_pool
        return float(hidden + self.width * classes)

    def weights(self, shape: Shape, classes: int) -> float:
        return self.flops(shape, classes)  # every weight is used once per image

    def activations(self, shape: Shape, classes: int) -> float:
        return float(math.prod(shape) + self.depth * self.width * self.max_pool)


class Cnn(Model):
    """Plain convolutional network (after LeCun et al. 1998 and, in its 3x3 blocks, Simonyan and Zisserman 2015, arXiv
    1409.1556)."""

    name: Literal["cnn"] = "cnn"
    depth: int = Field(default=3, ge=1, le=8, description="Number of 3x3 convolutions.")
    width: int = Field(
        default=32,
        ge=1,
        le=1024,
        description="Channels of the first convolution; every pooling doubles them, up to four times this.",
    )
    activation: Activation = Field(default="relu", description=ACTIVATION_HELP)
    normalization: Literal["none", "batch"] = Field(
        default="none", description="batch: BatchNorm between convolution and activation."
    )
    title: ClassVar[str] = "Convolutional"
    channels_last_on_cpu: ClassVar[bool] = True  # steps were measured a quarter faster
    help: ClassVar[str] = (
        "3x3 convolutions, each followed by 2x2 max pooling while the feature maps are at least 8 x 8, then the mean "
        "over the image."
    )

    @property
    def has_batch_norm(self) -> bool:
        return self.normalization == "batch"

    def _blocks(self, shape: Shape) -> Iterator[tuple[int, int, int, bool]]:
        """For each block: channels in, channels out, pixels, and whether it ends in pooling."""
        channels, height, width = shape
        filters = self.width
        for _ in range(self.depth):
            pooled = min(height, width) >= 8
            yield channels, filters, height * width, pooled
            channels = filters
            if pooled:
                height, width, filters = height // 2, width // 2, min(2 * filters, 4 * self.width)

    def build(self, shape: Shape, classes: int) -> Any:
        from torch import nn

        from igbviz.models.layers import ACTIVATIONS

        layers: list[nn.Module] = []
        for channels, filters, _, pooled in self._blocks(shape):
            # BatchNorm has a bias of its own.
            layers.append(nn.Conv2d(channels, filters, 3, padding=1, bias=not self.has_batch_norm))
            layers += [nn.BatchNorm2d(filters)] if self.has_batch_norm else []
            layers.append(ACTIVATIONS[self.activation]())
            layers += [nn.MaxPool2d(2)] if pooled else []
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(filters, classes))

    def flops(self, shape: Shape, classes: int) -> float:
        blocks = list(self._blocks(shape))
        return float(
            sum(9 * channels * filters * pixels for channels, filters, pixels, _ in blocks) + blocks[-1][1] * classes
        )

    def weights(self, shape: Shape, classes: int) -> float:
        return float(sum(9 * channels * filters for channels, filters, _, _ in self._blocks(shape)))

    def activations(self, shape: Shape, classes: int) -> float:
        return float(sum(filters * pixels for _, filters, pixels, _ in self._blocks(shape)))


class VitTiny(Model):
    """Vision transformer (Dosovitskiy et al. 2021, arXiv 2010.11929) on patches of 4x4 pixels.

    As wide as DeiT-tiny (Touvron et al. 2021, arXiv 2012.12877), but with 6 layers. Images are resized to the next
    multiple of 4.
    """

    name: Literal["vit_tiny"] = "vit_tiny"
    title: ClassVar[str] = "Small vision transformer"
    help: ClassVar[str] = (
        "Patches of 4x4 pixels, 6 layers of attention with 3 heads. torchvision initializes its head to zero: every "
        "class starts at exactly 1/K."
    )

    def build(self, shape: Shape, classes: int) -> Any:
        from igbviz._torchvision import torchvision
        from igbviz.models.layers import adapt_to_images

        side = next_multiple(4, max(shape[1:]))
        network = torchvision.models.VisionTransformer(
            image_size=side, patch_size=4, num_layers=6, num_heads=3, hidden_dim=192, mlp_dim=768, num_classes=classes
        )
        return adapt_to_images(network, shape, side)

    def flops(self, shape: Shape, classes: int) -> float:
        patches = (next_multiple(4, max(shape[1:])) // 4) ** 2
        tokens = patches + 1  # plus the class token
        # Query, key, value and output are four matrices, the two of the MLP count as eight; attention is two products.
        layer = 12 * 192**2 * tokens + 2 * 192 * tokens**2
        return float(16 * shape[0] * 192 * patches + 6 * layer + 192 * classes)


def last_layer(module: Any, classes: int) -> Any:
    """The layer that computes the logits: the last linear layer or convolution with one output per class.

    >>> network = torch.nn.Sequential(torch.nn.Linear(784, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))
    >>> igbviz.models.last_layer(network, classes=10)
    Linear(in_features=64, out_features=10, bias=True)
    """
    from torch import nn

    return [
        layer
        for layer in module.modules()
        if isinstance(layer, (nn.Linear, nn.Conv2d)) and len(layer.weight) == classes
    ][-1]


def next_multiple(step: int, side: int) -> int:
    """The smallest multiple of `step` that is at least `side`."""
    return math.ceil(side / step) * step
