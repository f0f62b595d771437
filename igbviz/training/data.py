"""What a run trains on: its batches, once labels are wrong or classes rare on purpose."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from igbviz.config import RunConfig
from igbviz.datasets import Data, probe_indices
from igbviz.spec import ConfigError
from igbviz.training.seeds import MINORITY, ORDER, WRONG_LABELS, WRONG_PROBE, mixed


class Batches:
    """The training images of every step. Each epoch takes all of them, in an order that depends on (seed, epoch)."""

    def __init__(self, data: Data, config: RunConfig) -> None:
        self.images, self.labels, self.size, self.seed = (
            data.train_images,
            data.train_labels,
            config.batch_size,
            config.seed,
        )
        self.per_epoch = config.steps_per_epoch(len(data.train_labels))
        self._epoch = -1

    def place(self, step: int) -> tuple[int, slice]:
        """The epoch of an optimizer step, and its part of the epoch's order."""
        epoch, batch = divmod(step, self.per_epoch)
        return epoch, slice(batch * self.size, (batch + 1) * self.size)

    def order(self, epoch: int) -> Tensor:
        """(N,) where the training images stand, in the order in which an epoch takes them."""
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(mixed(self.seed, ORDER, epoch))
            self._order = torch.randperm(len(self.labels), generator=generator).to(self.labels.device)
            self._epoch = epoch
        return self._order

    def rows(self, step: int) -> Tensor:
        """(B,) where the training images of a step stand."""
        epoch, part = self.place(step)
        return self.order(epoch)[part]

    def at(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Images (B, C, H, W) and labels (B,) at these rows."""
        return self.images.index_select(0, rows), self.labels.index_select(0, rows)

    def of_step(self, step: int) -> tuple[Tensor, Tensor]:
        """Images (B, C, H, W) and labels (B,) of a step."""
        return self.at(self.rows(step))


def corrupted(data: Data, config: RunConfig, majority: int | None) -> tuple[Data, Tensor]:
    """The data with the training images and labels that imbalance (in favour of class `majority`) and label noise
    leave, and the true labels (N,) of these images."""
    device, source = data.train_labels.device, data.source
    if majority is not None:
        seed = mixed(config.seed, MINORITY, 0)
        kept = torch.from_numpy(config.imbalance.kept(data.train_labels.cpu().numpy(), majority, seed)).to(device)
        source += (
            f"; {len(kept)} left to train on, {config.imbalance.ratio}:1 in favour of {data.class_names[majority]}"
        )
        data = replace(data, train_images=data.train_images[kept], train_labels=data.train_labels[kept], source=source)
    true_labels = data.train_labels
    seed = mixed(config.seed, WRONG_LABELS, 0)
    given = torch.from_numpy(config.label_noise.given(true_labels.cpu().numpy(), data.classes, seed)).to(device)
    if wrong := int((given != true_labels).sum()):
        data = replace(data, train_labels=given, source=f"{source}; {wrong} of {len(given)} training labels wrong")
    return data, true_labels


def probed_wrong(labels: Tensor, true_labels: Tensor, limit: int, seed: int) -> Tensor:
    """Rows of those training images with wrong labels that the probes show: a seeded choice, at most `limit`."""
    wrong = (labels != true_labels).nonzero().squeeze(1)
    chosen = probe_indices(true_labels[wrong].cpu(), limit, mixed(seed, WRONG_PROBE, 0))
    return wrong[chosen.to(wrong.device)]


def require_every_class(data: Data, probed: Tensor) -> None:
    """Raise ConfigError where a class is not among the probed labels (N,)."""
    present = torch.bincount(probed.cpu(), minlength=data.classes)
    if not present.all():
        # A probe of at least one image a class has each class that the test images have. Only noise, labelled at
        # random, may have missed one: what a seed draws is known no sooner.
        missing, drawn = int((present == 0).sum()), len(data.test_labels)
        problem = f"is {drawn}, allowed: more, since so few have no image of {missing} of the {data.classes} classes"
        raise ConfigError((("dataset", "test_examples"), problem))
