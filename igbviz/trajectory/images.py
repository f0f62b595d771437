"""The images that a run watches one by one: their probability and their guess at every probe.

They are 12 test images of each class and, with wrong labels, some training images that have one. Three bytes an image
make at most 1,008 bytes a probe. Shapes: T probes, N images.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from igbviz.trajectory.records import Comparable

PER_CLASS, MAX_TEST = 12, 240  # test images: fewer a class with more than 20 classes, none with more than 240
MAX_WRONG = 96  # wrongly labelled training images


def images_dtype(count: int) -> np.dtype:
    """The dtype of one probe's record of so many images."""
    return np.dtype([("p", "<f2", (count,)), ("guess", "u1", (count,))])


@dataclass(frozen=True, eq=False)
class WatchedImages(Comparable):
    """The watched images of a run: `records` (T,) of `images_dtype(N)`, and which images they are.

    First the test images, class by class, then the wrongly labelled training images.
    """

    records: np.ndarray
    index: np.ndarray  # (N,) place among the test images, or among the images trained on
    labels: np.ndarray  # (N,) true classes
    given: np.ndarray  # (N,) the wrong label in training; -1 for a test image

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, probes: slice | np.ndarray) -> WatchedImages:
        """The same images at some of the probes."""
        return replace(self, records=self.records[probes])

    @property
    def count(self) -> int:
        """How many images are watched."""
        return len(self.labels)

    @property
    def probability(self) -> np.ndarray:
        """(T, N) the probability of the label: of the true class, or of the wrong label where one was given."""
        return self.records["p"].astype(np.float32)

    @property
    def guess(self) -> np.ndarray:
        """(T, N) the class with the highest logit."""
        return self.records["guess"]


def probability_bytes(p: np.ndarray) -> np.ndarray:
    """p as bytes b with p = (b / 255)^2, a scale that is finer near 0: from 0.000004 on, p is not 0."""
    return np.round(255 * np.sqrt(p)).astype(np.uint8)


def probabilities_of_bytes() -> np.ndarray:
    """(256,) the p of every byte."""
    return (np.arange(256) / 255) ** 2
