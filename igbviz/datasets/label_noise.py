"""Label noise: which fraction of the training labels is corrupted, and to which classes. Imports no torch.

The fractions are exact, not sampled: of the n training images of a class, n times the probability of a wrong label get
one, rounded, and the wrong labels are divided among the other classes in the same way. So a rate of 0.4 is 40 % in
every class, however small, and only the choice of images is random.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

import numpy as np
from pydantic import Field, field_validator

from igbviz.spec import ConfigError, Spec, any_of, by_name


class LabelNoise(Spec):
    """A corruption of the training labels; the test labels stay true."""

    title: ClassVar[str]

    @property
    def label(self) -> str:
        """A short text for titles and run names; empty if all labels are true."""
        return ""

    def transition(self, classes: int) -> np.ndarray:
        """(K, K) probability of a label [true class, label]; rows sum to 1."""
        raise NotImplementedError

    def require_classes(self, classes: int) -> None:
        """Raise ConfigError if this noise is defined for another number of classes."""

    def wrong_fraction(self, classes: int) -> float:
        """The fraction of wrong labels if all classes have equal sizes."""
        return 1 - float(np.trace(self.transition(classes))) / classes

    def given(self, labels: np.ndarray, classes: int, seed: int) -> np.ndarray:
        """(N,) the labels to train on, from the true labels (N,).

        With the same seed, labels that are wrong at a lower rate are also wrong at a higher one.
        """
        corrupted, rng = labels.copy(), np.random.default_rng(seed)
        for k, row in enumerate(self.transition(classes)):
            images, offset = rng.permutation(np.flatnonzero(labels == k)), rng.random()
            wrong = math.floor(len(images) * (1 - row[k]) + 0.5)
            if wrong:
                # Evenly spaced points on an interval that the other classes divide in proportion (systematic sampling):
                # the random offset decides whether the count of a class is rounded up or down.
                ends = np.where(np.arange(classes) == k, 0, row).cumsum()
                points = np.minimum((np.arange(wrong) + offset) / wrong * ends[-1], np.nextafter(ends[-1], 0))
                corrupted[images[:wrong]] = np.searchsorted(ends, points, side="right")
        return corrupted


class TrueLabels(LabelNoise):
    """Every training image has its true label."""

    name: Literal["none"] = "none"
    title: ClassVar[str] = "no wrong labels"

    def transition(self, classes: int) -> np.ndarray:
        return np.eye(classes)

    def given(self, labels: np.ndarray, classes: int, seed: int) -> np.ndarray:
        return labels


class Symmetric(LabelNoise):
    """A fraction of the training images gets a label drawn uniformly from the other classes."""

    name: Literal["symmetric"] = "symmetric"
    rate: float = Field(
        default=0.4, ge=0, le=1, description="Fraction of the training labels that are wrong, the same in every class."
    )
    title: ClassVar[str] = "symmetric: any other class"

    @property
    def label(self) -> str:
        return f"symmetric noise {100 * self.rate:g} %"

    def transition(self, classes: int) -> np.ndarray:
        others = self.rate / (classes - 1)
        return np.where(np.eye(classes) == 1, 1 - self.rate, others)


class PairFlip(LabelNoise):
    """A fraction of the images of each class gets the label of the next class; the last class that of the first."""

    name: Literal["pair-flip"] = "pair-flip"
    rate: float = Field(
        default=0.4,
        ge=0,
        le=1,
        description="Fraction of the training labels that are wrong; above 0.5 most labels are wrong.",
    )
    title: ClassVar[str] = "pair flip: always the next class"

    @property
    def label(self) -> str:
        return f"pair-flip noise {100 * self.rate:g} %"

    def transition(self, classes: int) -> np.ndarray:
        return (1 - self.rate) * np.eye(classes) + self.rate * np.roll(np.eye(classes), 1, axis=1)


class Matrix(LabelNoise):
    """A full transition matrix: row k has the probabilities of the labels of images of class k."""

    name: Literal["matrix"] = "matrix"
    matrix: tuple[tuple[float, ...], ...] = Field(
        default=(),
        description="One row per true class, as in [[0.9, 0.1], [0.2, 0.8]]: the probability of each label. Rows sum "
        "to 1.",
    )
    title: ClassVar[str] = "matrix: class by class"

    @field_validator("matrix", mode="before")
    @classmethod
    def _probabilities(cls, value: Any) -> tuple[tuple[float, ...], ...]:
        """Parse rows of numbers; as text, with brackets, semicolons or line breaks between the rows."""
        try:
            rows = (
                [part.replace(",", " ").split() for part in re.split(r"[][();\n]", value)]
                if isinstance(value, str)
                else value
            )
            rows = tuple(tuple(float(number) for number in row) for row in rows)
        except (TypeError, ValueError):
            rows = ()
        rows = tuple(row for row in rows if row)
        if len(rows) < 2:
            raise ConfigError(
                ((), f"is {value!r:.80}, allowed: a row of numbers for each class, as in [[0.9, 0.1], [0.2, 0.8]]")
            )
        for k, row in enumerate(rows):
            if len(row) != len(rows):
                raise ConfigError(
                    ((), f"has {len(row)} numbers for class {k}, allowed: {len(rows)}, as many as it has rows")
                )
            if not all(0 <= number <= 1 for number in row):
                raise ConfigError(
                    ((), f"has {', '.join(f'{n:g}' for n in row)} for class {k}, allowed: probabilities from 0 to 1")
                )
            if abs(sum(row) - 1) > 1e-6:
                raise ConfigError(((), f"has a row for class {k} that sums to {sum(row):.7g}, allowed: 1"))
        return rows

    @property
    def label(self) -> str:
        return f"matrix noise {100 * self.wrong_fraction(len(self.matrix)):.3g} %"

    def transition(self, classes: int) -> np.ndarray:
        rows = np.array(self.matrix)
        return rows / rows.sum(1, keepdims=True)

    def require_classes(self, classes: int) -> None:
        if len(self.matrix) != classes:
            raise ConfigError(
                (("matrix",), f"has {len(self.matrix)} rows, allowed: {classes}, one for each class of the data")
            )


LABEL_NOISE = by_name(TrueLabels, Symmetric, PairFlip, Matrix)
if TYPE_CHECKING:  # one of the registry, or its fields as a mapping
    AnyLabelNoise: TypeAlias = Any
else:
    AnyLabelNoise = any_of(LABEL_NOISE)
