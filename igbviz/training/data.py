"""The training data of a run: class imbalance, label noise, and the batch of each step."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from igbviz.config import RunConfig
from igbviz.datasets import Data, probe_indices
from igbviz.spec import ConfigError
from igbviz.training.seeds import MINORITY, ORDER, WRONG_LABELS, WRONG_PROBE, derived_seed


class Batches:
    """The batch of each step. Every epoch visits all training images, in an order that depends on (seed, epoch)."""

    def __init__(self, data: Data, config: RunConfig) -> None:
        self.images, self.labels = data.train_images, data.train_labels
        self.size, self.seed = config.batch_size, config.seed
        self.per_epoch = config.steps_per_epoch(len(data.train_labels))
        self._epoch = -1

    def place(self, step: int) -> tuple[int, slice]:
        """The epoch of an optimizer step, and its slice of the epoch's order."""
        epoch, batch = divmod(step, self.per_epoch)
        return epoch, slice(batch * self.size, (batch + 1) * self.size)

    def order(self, epoch: int) -> Tensor:
        """(N,) row indices of the training images, in the order of this epoch."""
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(derived_seed(self.seed, ORDER, epoch))
            self._order = torch.randperm(len(self.labels), generator=generator).to(self.labels.device)
            self._epoch = epoch
        return self._order

    def rows(self, step: int) -> Tensor:
        """(B,) row indices of the training images of a step."""
        epoch, part = self.place(step)
        return self.order(epoch)[part]

    def at(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Images (B, C, H, W) and labels (B,) at these rows."""
        return self.images.index_select(0, rows), self.labels.index_select(0, rows)

    def of_step(self, step: int) -> tuple[Tensor, Tensor]:
        """Images (B, C, H, W) and labels (B,) of a step."""
        return self.at(self.rows(step))


def corrupt_training_data(data: Data, config: RunConfig, majority: int | None) -> tuple[Data, Tensor]:
    """Apply imbalance (in favour of class `majority`) and label noise to the training data.

    Returns the data, and the true labels (N,) of its training images.
    """
    device, source = data.train_labels.device, data.source
    if majority is not None:
        seed = derived_seed(config.seed, MINORITY, 0)
        rows = torch.from_numpy(config.imbalance.kept(data.train_labels.cpu().numpy(), majority, seed)).to(device)
        source += (
            f"; {len(rows)} left to train on, {config.imbalance.ratio}:1 in favour of {data.class_names[majority]}"
        )
        data = replace(data, train_images=data.train_images[rows], train_labels=data.train_labels[rows], source=source)
    true_labels = data.train_labels
    seed = derived_seed(config.seed, WRONG_LABELS, 0)
    labels = torch.from_numpy(config.label_noise.given(true_labels.cpu().numpy(), data.classes, seed)).to(device)
    if wrong := int((labels != true_labels).sum()):
        data = replace(data, train_labels=labels, source=f"{source}; {wrong} of {len(labels)} training labels wrong")
    return data, true_labels


def choose_wrong_labels(labels: Tensor, true_labels: Tensor, limit: int, seed: int) -> Tensor:
    """Row indices of the wrongly labelled training images to probe: a seeded choice of at most `limit`."""
    wrong = (labels != true_labels).nonzero().squeeze(1)
    chosen = probe_indices(true_labels[wrong].cpu(), limit, derived_seed(seed, WRONG_PROBE, 0))
    return wrong[chosen.to(wrong.device)]


def require_every_class(data: Data, probed: Tensor) -> None:
    """Raise ConfigError if a class is missing from the probed labels (N,)."""
    present = torch.bincount(probed.cpu(), minlength=data.classes)
    if not present.all():
        # A probe of at least one image per class has every class of the test set. Only Gaussian noise, whose labels are
        # random, can lack one, and which classes a seed draws is known no sooner.
        missing, drawn = int((present == 0).sum()), len(data.test_labels)
        problem = f"is {drawn}, allowed: more, since so few have no image of {missing} of the {data.classes} classes"
        raise ConfigError((("dataset", "test_examples"), problem))
