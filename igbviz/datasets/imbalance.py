"""One class with more training images than every other. Importing this imports no torch."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from igbviz.spec import ConfigError, Spec


class Imbalance(Spec):
    """The majority class keeps all its training images, every other class only a part. The test images stay as they
    are."""

    ratio: int = Field(
        1,
        ge=1,
        le=10_000,
        title="Class imbalance",
        description="How many times more training images the majority class has than it leaves the others: those "
        "keep 1 / ratio of theirs, a seeded choice, but at least one. 1 keeps all.",
    )
    majority: Annotated[int, Field(ge=0)] | Literal["favoured", "unfavoured"] = Field(
        "favoured",
        title="Majority class",
        description="'favoured': the class that the untrained network gives most probability to, averaged over the "
        "probe images; 'unfavoured': the one it gives least; or a class by its number, from 0.",
    )

    @model_validator(mode="after")
    def _equal_choices_are_one(self) -> Self:
        if self.ratio == 1:  # nobody is in the majority, whoever was named
            object.__setattr__(self, "majority", type(self).model_fields["majority"].default)
        return self

    @property
    def label(self) -> str:
        """A few words for titles and names; empty without imbalance."""
        who = f"class {self.majority}" if isinstance(self.majority, int) else self.majority
        return f"imbalance {self.ratio}:1 {who}" if self.ratio > 1 else ""

    def require_classes(self, classes: int) -> None:
        """Raise ConfigError where the majority is a class that is not there."""
        if isinstance(self.majority, int) and self.majority >= classes:
            problem = f"is {self.majority}, allowed: 'favoured', 'unfavoured' or a class from 0 to {classes - 1}"
            raise ConfigError((("majority",), problem))

    def train_size(self, images: int, classes: int) -> int:
        """Training images left of so many; exact for classes of equal size."""
        if self.ratio == 1:
            return images
        return round(images / classes + (classes - 1) * self._part(images / classes))

    def kept(self, labels: np.ndarray, majority: int, seed: int) -> np.ndarray:
        """Indices, ascending, of the training images that stay. With the same seed a higher ratio keeps some of those
        of a lower one."""
        rng, kept = np.random.default_rng(seed), []
        for k in np.unique(labels):
            images = rng.permutation(np.flatnonzero(labels == k))
            kept.append(images if k == majority else images[: self._part(len(images))])
        return np.sort(np.concatenate(kept))

    def _part(self, images: float) -> int:
        return max(1, math.floor(images / self.ratio + 0.5))
