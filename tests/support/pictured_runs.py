"""Short trainings whose images are recorded at every probe, by hand, and kept beside the records as pictures.npz."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from igbviz.config import RunConfig
from igbviz.runs.run import Run
from igbviz.training.loop import Training
from igbviz.trajectory import Trajectory
from tests.support.pictured_scenes import EACH, WRONG
from tests.support.stored_runs import stored


def pictured(config: RunConfig, cache: Path) -> Run:
    """Train in this process; with label noise, some of the wrongly labelled training images are recorded, too."""
    training = Training(config, "cpu")
    probe = training.evaluation
    rows = torch.cat([(probe.labels == k).nonzero()[:EACH, 0] for k in range(training.data.classes)])
    images = torch.cat([probe.images[rows], probe.wrong_images[:WRONG]])
    shown = torch.cat([probe.labels[rows], probe.wrong_labels[:WRONG]])  # the label whose p is recorded
    labels = torch.cat([probe.labels[rows], probe.true_labels[:WRONG]])
    given = torch.where(torch.arange(len(images)) < len(rows), -1, shown)

    records, p, guess = [], [], []
    for snapshot in training.ticks():
        if snapshot is None:
            continue
        records.append(snapshot)
        logits = torch.cat(list(probe.logits(images)))
        p.append(logits.softmax(1).gather(1, shown[:, None])[:, 0].numpy())
        guess.append(logits.argmax(1).numpy())
    run = stored(config, cache, Trajectory(np.array(records)), names=list(training.data.class_names))
    np.savez(
        run.path / "pictures.npz",
        steps=[record["step"] for record in records],
        p=np.round(255 * np.sqrt(p)).astype(np.uint8),
        guess=np.array(guess, np.uint8),
        labels=labels,
        given=given,
        images=images[:, 0].numpy().astype(np.uint8),
    )
    return run
