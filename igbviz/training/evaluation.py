"""The probe: fixed images are shown to the network as it is, and its answers reduced to the columns of a snapshot.

The images are a seeded part of the test set with the same number of each class, and where labels are wrong on purpose
some of the wrongly labelled training images. A probe changes nothing: the network is in evaluation mode, and whatever
BatchNorm sees it forgets.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from igbviz.config import RunConfig
from igbviz.datasets import Data, probe_indices
from igbviz.losses import Loss, upcast
from igbviz.training import packed_inference
from igbviz.training.data import require_every_class
from igbviz.training.devices import arithmetic
from igbviz.training.memory import one_thread
from igbviz.training.metrics import measure, named, reduced
from igbviz.training.network import probe_chunk, probing
from igbviz.trajectory import Trajectory, snapshot_dtype
from igbviz.trajectory.trajectory import WRONG_LABEL_SHARES


class Evaluation:
    """Everything that a probe needs to know; `ticks()` makes one."""

    def __init__(self, config: RunConfig, network: nn.Module, data: Data) -> None:
        facts, self.device = config.dataset.facts(), data.test_images.device
        self.network, self.classes = network, data.classes
        chosen = probe_indices(data.test_labels.cpu(), config.probes.size, config.seed).to(self.device)
        self.images, self.labels = data.test_images[chosen], data.test_labels[chosen]
        require_every_class(data, self.labels)
        self.wrong_images, self.wrong_labels, self.true_labels = self.images[:0], self.labels[:0], self.labels[:0]

        self.batch_norm = config.probes.batch_norm
        self.precision = "bfloat16" if config.probes.precision == "bfloat16" else config.precision
        self.chunk = probe_chunk(config, facts, self.device)
        shown = min(self.chunk, len(self.labels))
        small = self.device.type == "cpu" and all(one_thread(config, facts, images) for images in (0, shown))
        self.threads = 1 if small else torch.get_num_threads()

        self.forward, self.forget = network, lambda: None  # logits of a chunk; to be called when a probe is over
        packed_inference.accelerate(self)

    @property
    def size(self) -> int:
        """Images shown in a probe."""
        return len(self.images) + len(self.wrong_images)

    def watch_wrong_labels(self, images: Tensor, labels: Tensor, true_labels: Tensor) -> None:
        """Also show these training images (W, C, H, W), whose labels (W,) are wrong."""
        self.wrong_images, self.wrong_labels, self.true_labels = images, labels, true_labels

    def ticks(self, loss: Loss, loss_sum: Tensor) -> Generator[None, None, dict[str, np.ndarray]]:
        """Show all images, chunk by chunk, and give the columns of a snapshot; `loss` is the one whose signal is
        measured. `loss_sum` (), a number on the device, comes along as "loss_sum": everything is copied at once."""
        chunks: list[Tensor] = []
        for logits in self.logits(self.images, self.wrong_images):
            if chunks:
                yield
            chunks.append(logits)
        return self.columns(self.reduce(torch.cat(chunks), loss, loss_sum).cpu().numpy())

    def logits(self, *sets: Tensor) -> Iterator[Tensor]:
        """Logits of these sets of images, one after the other, chunk by chunk, without learning from them."""
        chunks = [
            chunk
            for images in sets
            if len(images)
            for chunk in images.tensor_split(math.ceil(len(images) / self.chunk))
        ]
        try:
            for chunk in chunks:
                with (
                    torch.inference_mode(),
                    arithmetic(self.device, self.precision, self.threads),
                    probing(self.network, self.batch_norm),
                ):
                    logits = upcast(self.forward(chunk))
                yield logits
        finally:
            self.forget()

    def reduce(self, logits: Tensor, loss: Loss, loss_sum: Tensor) -> Tensor:
        """All numbers of a probe in a row, where the logits lie: `metrics.reduced`, how many wrong labels are guessed,
        how many true ones instead, and the sum of the losses."""
        logits, wrong_logits = logits.clone().split([len(self.images), len(self.wrong_images)])
        guess = wrong_logits.argmax(-1)
        counts = [(guess == labels).sum() for labels in (self.wrong_labels, self.true_labels)]
        ends = torch.stack([*counts, loss_sum]).to(loss_sum.dtype)
        return torch.cat([reduced(logits, self.labels, loss), ends])

    def columns(self, row: np.ndarray) -> dict[str, np.ndarray]:
        """The columns of a row of `reduce`, by name."""
        *_, memorised, resisted, loss_sum = row.tolist()
        columns = named(row[:-3], self.classes) | {"loss_sum": loss_sum}
        if wrong := len(self.wrong_images):
            counts = (memorised, resisted, wrong - memorised - resisted)
            columns |= {name: count / wrong for name, count in zip(WRONG_LABEL_SHARES, counts, strict=True)}
        return columns

    def predicted_probability(self, loss: Loss) -> np.ndarray:
        """(K,) mean softmax over the test images of a probe, as a snapshot would have it."""
        columns = measure(torch.cat(list(self.logits(self.images))).clone(), self.labels, loss)
        record = np.zeros(1, snapshot_dtype(self.classes))
        record["mean_prob"], record["confusion"] = columns["mean_prob"], columns["confusion"]
        return Trajectory(record).predicted_probability()[0]
