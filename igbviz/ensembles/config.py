"""The configuration of an ensemble of untrained networks. Imports no torch."""

from __future__ import annotations

import math
from typing import Literal, Self

from pydantic import Field, model_validator

from igbviz.config.run import digest, slug
from igbviz.datasets import AnyDataset, Facts, GaussianNoise
from igbviz.models import AnyInitialization, AnyModel, Mlp, Torchvision
from igbviz.models.initializations import HeNormal
from igbviz.spec import ConfigError, Spec
from igbviz.training.memory import free_memory

# Measured with MLPs on two cores of an AMD EPYC: multiply-accumulates per second, and seconds per network for the rest.
RATE, OVERHEAD = 1.6e10, 5e-3

# Raised whenever the same configuration would give other values than before.
NUMERICS = 1


class EnsembleConfig(Spec):
    """The configuration of an ensemble. Every field has a default; `id` identifies the configuration.

    >>> igbviz.EnsembleConfig(model={"name": "mlp", "depth": 10}, networks=200).id
    'gaussian-noise-mlp-he-normal-n200-s0-ba67a6efd1'
    """

    dataset: AnyDataset = GaussianNoise()
    model: AnyModel = Mlp()
    initialization: AnyInitialization = HeNormal()
    networks: int = Field(
        default=100, ge=2, le=100_000, description="Networks to draw; a distribution needs at least two."
    )
    inputs: int = Field(
        default=1000,
        ge=10,
        le=1_000_000,
        description="Test images that every network is evaluated on, a seeded choice.",
    )
    seed: int = Field(default=0, ge=0, le=2**31 - 1, description="Seed of all weights and of the choice of images.")
    batch_norm: Literal["eval", "batch", "after"] = Field(
        default="eval",
        description="Statistics that BatchNorm normalizes with: its running statistics ('eval'; before training they "
        "are mean 0 and variance 1), those of the batch of images ('batch'), or its running statistics after some "
        "forward passes of training batches ('after').",
    )
    passes: int = Field(
        default=1,
        ge=1,
        le=10_000,
        description="With batch_norm 'after': training batches, of up to 500 images, passed through the network first.",
    )
    gradients: bool = Field(default=False, description="Also measure the gradient of cross-entropy in every layer.")
    pretrained: bool = Field(
        default=False,
        description="torchvision's trained weights below a new last layer, which alone differs between networks.",
    )

    @model_validator(mode="after")
    def _only_torchvision_is_trained(self) -> Self:
        if self.pretrained and not isinstance(self.model, Torchvision):
            reason = "only torchvision's networks come with trained weights"
            problem = f"is true with {self.model.name}, allowed: false, since {reason}"
            raise ConfigError((("pretrained",), problem))
        return self

    @model_validator(mode="after")
    def _no_neutral_bias(self) -> Self:
        if self.initialization.last_layer == "neutral-bias":
            reason = "it would remove the bias that an ensemble measures"
            problem = f"is neutral-bias, allowed: same, zero or scaled, since {reason}"
            raise ConfigError((("initialization", "last_layer"), problem))
        return self

    @property
    def id(self) -> str:
        """A short readable name and a hash of the canonical configuration and the numerics' version."""
        parts = (self.dataset.name, self.model.name, self.initialization.name, f"n{self.networks}", f"s{self.seed}")
        return f"{'-'.join(map(slug, parts))}-{digest(['ensemble', NUMERICS, self.canonical()])}"


def expected_seconds(config: EnsembleConfig, facts: Facts) -> float:
    """A rough guess of how long the ensemble takes: the forward passes of all networks, three times with gradients.

    >>> config = igbviz.EnsembleConfig()
    >>> igbviz.ensembles.expected_seconds(config, config.dataset.facts()) < 60
    True
    """
    images = config.inputs * (3 if config.gradients else 1) + (
        500 * config.passes if config.batch_norm == "after" else 0
    )
    flops = config.model.flops((facts.channels, facts.side, facts.side), len(facts.class_names))
    return config.networks * (OVERHEAD + flops * images / RATE)


def require_room(config: EnsembleConfig, facts: Facts, free: float | None = None) -> None:
    """Raise ConfigError if there are too few test images or too little memory.

    Data, weights and the outputs of the widest layer (of every layer, with gradients) may take up to `free` bytes
    (default: the memory available now).

    >>> config = igbviz.EnsembleConfig()
    >>> igbviz.ensembles.require_room(config, config.dataset.facts())  # nothing: there is room
    """
    if config.inputs > facts.test_size:
        allowed = f"at most the {facts.test_size} test images of {config.dataset.name}"
        raise ConfigError((("inputs",), f"is {config.inputs}, allowed: {allowed}"))
    free = free_memory() if free is None else free
    shape, classes = (facts.channels, facts.side, facts.side), len(facts.class_names)
    data = (facts.train_size + facts.test_size + config.inputs) * math.prod(shape)
    weights = config.model.weights(shape, classes) * (2 if config.gradients else 1)
    outputs = 0
    if isinstance(config.model, Mlp):
        # Three at a time: the layer below, this one and a temporary. Backpropagation keeps about four per layer,
        # gradients included.
        nodes = config.model.width * config.model.max_pool
        outputs = config.inputs * nodes * (4 * config.model.depth if config.gradients else 3)
    needed = 4.0 * (data + weights + outputs)
    if needed > free:
        raise ConfigError(
            (
                ("model",),
                f"needs about {needed / 1e9:,.1f} GB of memory with {config.inputs} inputs, "
                f"allowed: at most the {free / 1e9:,.1f} GB that are free here; lower its width or depth, or inputs",
            )
        )
