"""Class imbalance: one class with more training images than the others. Imports no torch."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from igbviz.spec import ConfigError, Spec


class Imbalance(Spec):
    """The majority class keeps all its training images, every other class a fraction. The test set is unchanged."""

    ratio: int = Field(
        default=1,
        ge=1,
        le=10_000,
        title="Class imbalance",
        description="Ratio of the training images of the majority class to those of every other class, which keeps a "
        "seeded choice of 1 / ratio of its images, at least one. 1 keeps all.",
    )
    majority: Annotated[int, Field(ge=0)] | Literal["favoured", "unfavoured"] = Field(
        default="favoured",
        title="Majority class",
        description="'favoured': the class with the highest probability of the untrained network, averaged over the "
        "probe images; 'unfavoured': the class with the lowest; or the number of a class, from 0.",
    )

    @model_validator(mode="after")
    def _equal_choices_are_one(self) -> Self:
        if self.ratio == 1:  # no class is in the majority, whatever the field says
            object.__setattr__(self, "majority", type(self).model_fields["majority"].default)
        return self

    @property
    def label(self) -> str:
        """A short text for titles and run names; empty without imbalance."""
        majority = f"class {self.majority}" if isinstance(self.majority, int) else self.majority
        return f"imbalance {self.ratio}:1 {majority}" if self.ratio > 1 else ""

    def require_classes(self, classes: int) -> None:
        """Raise ConfigError if the majority is not one of `classes` classes."""
        if isinstance(self.majority, int) and self.majority >= classes:
            problem = f"is {self.majority}, allowed: 'favoured', 'unfavoured' or a class from 0 to {classes - 1}"
            raise ConfigError((("majority",), problem))

    def train_size(self, images: int, classes: int) -> int:
        """Training images that are left of `images`; exact for classes of equal size."""
        if self.ratio == 1:
            return images
        return round(images / classes + (classes - 1) * self._minority_size(images / classes))

    def kept(self, labels: np.ndarray, majority: int, seed: int) -> np.ndarray:
        """Ascending indices of the training images that are kept.

        With the same seed, a higher ratio keeps a subset of those of a lower one.
        """
        rng, kept = np.random.default_rng(seed), []
        for k in np.unique(labels):
            images = rng.permutation(np.flatnonzero(labels == k))
            kept.append(images if k == majority else images[: self._minority_size(len(images))])
        return np.sort(np.concatenate(kept))

    def _minority_size(self, images: float) -> int:
        return max(1, math.floor(images / self.ratio + 0.5))
