"""The images that a probe watches one by one: which ones, and how their logits become a record.

They are among the images that the probe evaluates anyway, so that they need no forward pass of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from igbviz.datasets import Data, first_of_each_class
from igbviz.losses import upcast
from igbviz.trajectory.images import MAX_TEST, MAX_WRONG, PER_CLASS, images_dtype

if TYPE_CHECKING:
    from igbviz.training.evaluation import Evaluation


class Watched:
    """N images of a probe. `index`, `labels` and `given` are those of `trajectory.images.WatchedImages`."""

    def __init__(self, evaluation: Evaluation, wrong_rows: Tensor) -> None:
        """Choose them among the images of a probe; `wrong_rows` (W,) are its wrong labels' rows in the training set."""
        tests, classes = len(evaluation.labels), evaluation.classes
        true_labels = torch.cat([evaluation.labels, evaluation.true_labels]).cpu().numpy()
        given_labels = torch.cat([evaluation.labels, evaluation.wrong_labels])
        rows = np.empty(0, np.int64)
        is_shown = evaluation.images.ndim == 4  # as a picture
        if is_shown and (per_class := min(PER_CLASS, MAX_TEST // classes)):
            wrong = _class_by_class(true_labels[tests:], max(1, MAX_WRONG // classes))[:MAX_WRONG]
            rows = np.concatenate([_class_by_class(true_labels[:tests], per_class), tests + wrong])
        self.dtype = images_dtype(len(rows))
        self.rows = torch.from_numpy(rows).to(given_labels.device)
        self.label_of = given_labels[self.rows]
        self.index = torch.cat([evaluation.test_rows, wrong_rows])[self.rows].cpu().numpy()
        self.labels = true_labels[rows]
        self.given = np.where(rows < tests, -1, self.label_of.cpu().numpy())

    def __len__(self) -> int:
        return len(self.labels)

    def reduce(self, logits: Tensor) -> Tensor:
        """(2 N,) the probability of the label and the guess of each image, from the logits of all images of a probe."""
        logits = upcast(logits[self.rows])
        p = logits.softmax(-1).gather(1, self.label_of[:, None]).squeeze(1)
        return torch.cat([p, logits.argmax(-1).to(p.dtype)])

    def record(self, values: np.ndarray) -> np.void:
        """The record of what `reduce` has returned."""
        record = np.zeros((), self.dtype)
        p, guess = values.reshape(2, -1)
        record["p"], record["guess"] = np.nan_to_num(p), guess  # only a diverged network has NaN
        return record[()]

    def pixels(self, evaluation: Evaluation, data: Data) -> np.ndarray:
        """(N, C, H, W) uint8, the images as they were before they were scaled."""
        tests, wrong = self.rows.split([int((self.given < 0).sum()), int((self.given >= 0).sum())])
        images = evaluation.images[tests], evaluation.wrong_images[wrong - len(evaluation.images)]
        return data.pixels(torch.cat(images))


def _class_by_class(labels: np.ndarray, per_class: int) -> np.ndarray:
    rows = first_of_each_class(labels, per_class) if len(labels) else np.empty(0, np.int64)
    return rows[labels[rows].argsort(kind="stable")]
