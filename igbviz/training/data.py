"""What a run trains on once labels are wrong or classes rare on purpose, and what of it the probes look at."""

from __future__ import annotations

from dataclasses import replace

import torch

from igbviz.config import RunConfig
from igbviz.datasets import Data, probe_indices
from igbviz.spec import ConfigError
from igbviz.training.seeds import MINORITY, WRONG_LABELS, WRONG_PROBE, mixed


def spoiled(data: Data, config: RunConfig, majority: int | None) -> tuple[Data, torch.Tensor]:
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
    truth = data.train_labels
    seed = mixed(config.seed, WRONG_LABELS, 0)
    given = torch.from_numpy(config.label_noise.given(truth.cpu().numpy(), data.classes, seed)).to(device)
    if wrong := int((given != truth).sum()):
        data = replace(data, train_labels=given, source=f"{source}; {wrong} of {len(given)} training labels wrong")
    return data, truth


def probed_wrong(labels: torch.Tensor, truth: torch.Tensor, most: int, seed: int) -> torch.Tensor:
    """Where those training images with wrong labels stand that the probes look at: a seeded choice, at most so many."""
    wrong = (labels != truth).nonzero().squeeze(1)
    return wrong[probe_indices(truth[wrong].cpu(), most, mixed(seed, WRONG_PROBE, 0)).to(wrong.device)]


def require_every_class(data: Data, probed: torch.Tensor) -> None:
    """Raise ConfigError where a class is not among the probed labels."""
    present = torch.bincount(probed.cpu(), minlength=data.classes)
    if not present.all():
        # A probe of at least one image a class has each class that the test images have. Only those of noise, labelled
        # at random, may have missed one: what a seed draws is known no sooner.
        missing, drawn = int((present == 0).sum()), len(data.test_labels)
        problem = f"is {drawn}, allowed: more, since so few have no image of {missing} of the {data.classes} classes"
        raise ConfigError((("dataset", "test_examples"), problem))
