"""What is measured on how many untrained networks: the description of an ensemble. Describing one imports no torch."""

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

# Raised whenever the same description would give other numbers than before.
NUMERICS = 1


class EnsembleConfig(Spec):
    """An ensemble, described. Whatever is left out has a default; `id` names it."""

    dataset: AnyDataset = GaussianNoise()
    model: AnyModel = Mlp()
    initialization: AnyInitialization = HeNormal()
    networks: int = Field(100, ge=2, le=100_000, description="Networks to draw; one alone has no law.")
    inputs: int = Field(
        1000, ge=10, le=1_000_000, description="Test images that every network is asked about, a seeded choice."
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Seed of all weights and of the choice of images.")
    batch_norm: Literal["eval", "batch", "after"] = Field(
        "eval",
        description="What BatchNorm divides by: its running statistics ('eval'; before any training they change "
        "nothing), those of the images at hand ('batch'), or its running statistics after some training batches "
        "have passed ('after').",
    )
    passes: int = Field(
        1, ge=1, le=10_000, description="Training batches, of up to 500 images, that pass before 'after' looks."
    )
    gradients: bool = Field(False, description="Also measure the gradient of cross-entropy in every layer.")
    pretrained: bool = Field(
        False,
        description="torchvision's trained weights below a new last layer, the only one that differs between networks.",
    )

    @model_validator(mode="after")
    def _only_torchvision_is_trained(self) -> Self:
        if self.pretrained and not isinstance(self.model, Torchvision):
            problem = f"is true with {self.model.name}, allowed: false, since only torchvision's networks come with trained weights"
            raise ConfigError((("pretrained",), problem))
        return self

    @model_validator(mode="after")
    def _no_neutral_bias(self) -> Self:
        if self.initialization.last_layer == "neutral-bias":
            problem = "is neutral-bias, allowed: same, zero or scaled, since an ensemble measures the bias that this takes away"
            raise ConfigError((("initialization", "last_layer"), problem))
        return self

    @property
    def id(self) -> str:
        """A short readable name and a hash of the canonical choices and the numerics' version."""
        words = (self.dataset.name, self.model.name, self.initialization.name, f"n{self.networks}", f"s{self.seed}")
        return f"{'-'.join(map(slug, words))}-{digest(['ensemble', NUMERICS, self.canonical()])}"


def require_room(config: EnsembleConfig, facts: Facts, free: float | None = None) -> None:
    """Raise ConfigError when there are too few test images, or when data, weights and the outputs of the widest layer
    (of every layer, with gradients) need more than `free` bytes (default: what the machine has left)."""
    if config.inputs > facts.test_size:
        allowed = f"at most the {facts.test_size} test images of {config.dataset.name}"
        raise ConfigError((("inputs",), f"is {config.inputs}, allowed: {allowed}"))
    free = free_memory() if free is None else free
    shape, classes = (facts.channels, facts.side, facts.side), len(facts.class_names)
    data = (facts.train_size + facts.test_size + config.inputs) * math.prod(shape)
    weights = config.model.weights(shape, classes) * (2 if config.gradients else 1)
    outputs = 0
    if isinstance(config.model, Mlp):
        # Three at a time: the layer below, this one and a temporary. Differentiation keeps about four a layer,
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
