"""The probe: evaluate the network on a fixed set of images, and reduce its logits to the columns of a snapshot.

The images are a seeded, class-balanced subset of the test set; with label noise, also some of the training images with
wrong labels. A few of all these are also watched one by one. A probe changes nothing: the network is in evaluation
mode, and running statistics are not updated.
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
from igbviz.training.devices import compute_context
from igbviz.training.memory import fits_one_thread
from igbviz.training.metrics import measure, reduce_logits, split_columns
from igbviz.training.network import evaluation_mode, probe_chunk
from igbviz.training.watched import Watched
from igbviz.trajectory import Trajectory, snapshot_dtype
from igbviz.trajectory.trajectory import WRONG_LABEL_FRACTIONS


class Evaluation:
    """The probe images and how to evaluate the network on them; `ticks()` runs one probe."""

    def __init__(self, config: RunConfig, network: nn.Module, data: Data) -> None:
        facts, self.device = config.dataset.facts(), data.test_images.device
        self.network, self.classes = network, data.classes
        self.test_rows = rows = probe_indices(data.test_labels.cpu(), config.probes.size, config.seed).to(self.device)
        self.images, self.labels = data.test_images[rows], data.test_labels[rows]
        require_every_class(data, self.labels)
        self.wrong_images, self.wrong_labels, self.true_labels = self.images[:0], self.labels[:0], self.labels[:0]
        self.watched: Watched | None = None

        self.batch_norm = config.probes.batch_norm
        self.precision = "bfloat16" if config.probes.precision == "bfloat16" else config.precision
        self.chunk = probe_chunk(config, facts, self.device)
        images_per_pass = min(self.chunk, len(self.labels))
        single_threaded = self.device.type == "cpu" and all(
            fits_one_thread(config, facts, images) for images in (0, images_per_pass)
        )
        self.threads = 1 if single_threaded else torch.get_num_threads()

        # The forward pass of a chunk, and what releases its buffers after a probe.
        self.forward, self.release = network, lambda: None
        # A module that somebody brings may keep tensors for its next step, or change weights in hooks.
        self.without_gradients = torch.no_grad if config.model.is_foreign else torch.inference_mode
        if not config.model.is_foreign:
            packed_inference.accelerate(self)

    @property
    def size(self) -> int:
        """Images per probe."""
        return len(self.images) + len(self.wrong_images)

    def add_wrong_labels(self, images: Tensor, labels: Tensor, true_labels: Tensor) -> None:
        """Also probe these W training images (W, C, H, W) with their wrong labels (W,) and their true ones (W,)."""
        self.wrong_images, self.wrong_labels, self.true_labels = images, labels, true_labels

    def ticks(self, loss: Loss, loss_sum: Tensor) -> Generator[None, None, dict[str, np.ndarray]]:
        """Run a probe, yielding between chunks; returns the columns of a snapshot, with the signal of `loss`.

        The scalar tensor `loss_sum` is returned as a column too, so that all values are copied to the host at once.
        """
        chunks: list[Tensor] = []
        for logits in self.logits(self.images, self.wrong_images):
            if chunks:
                yield
            chunks.append(logits)
        return self.columns(self.reduce(torch.cat(chunks), loss, loss_sum).cpu().numpy())

    def logits(self, *sets: Tensor) -> Iterator[Tensor]:
        """Logits (n, K) of these sets of images, chunk by chunk."""
        chunks = [
            chunk
            for images in sets
            if len(images)
            for chunk in images.tensor_split(math.ceil(len(images) / self.chunk))
        ]
        try:
            for chunk in chunks:
                with (
                    self.without_gradients(),
                    compute_context(self.device, self.precision, self.threads),
                    evaluation_mode(self.network, self.batch_norm),
                ):
                    logits = upcast(self.forward(chunk))
                yield logits
        finally:
            self.release()

    def reduce(self, logits: Tensor, loss: Loss, loss_sum: Tensor) -> Tensor:
        """All values of a probe as one vector on the device of the logits (N + W, K).

        It holds `metrics.reduce_logits`, `Watched.reduce`, the number of images guessed as their wrong label, as their
        true label, and `loss_sum`.
        """
        logits = logits.clone()
        watched = [self.watched.reduce(logits).to(loss_sum.dtype)] if self.watched else []
        logits, wrong_logits = logits.split([len(self.images), len(self.wrong_images)])
        guess = wrong_logits.argmax(-1)
        counts = [(guess == labels).sum() for labels in (self.wrong_labels, self.true_labels)]
        scalars = torch.stack([*counts, loss_sum]).to(loss_sum.dtype)
        return torch.cat([reduce_logits(logits, self.labels, loss), *watched, scalars])

    def columns(self, vector: np.ndarray) -> dict[str, np.ndarray]:
        """The columns in a vector of `reduce`, by name; the record of the watched images is "images"."""
        watched = self.watched
        tables, images, scalars = np.split(vector, [-3 - (2 * len(watched) if watched else 0), -3])
        memorised, resisted, loss_sum = scalars.tolist()
        columns = split_columns(tables, self.classes) | {"loss_sum": loss_sum}
        columns["images"] = watched.record(images) if watched else None
        if wrong := len(self.wrong_images):
            counts = (memorised, resisted, wrong - memorised - resisted)
            columns |= {name: count / wrong for name, count in zip(WRONG_LABEL_FRACTIONS, counts, strict=True)}
        return columns

    def predicted_probability(self, loss: Loss) -> np.ndarray:
        """(K,) mean softmax over the probe's test images, rounded as in a snapshot."""
        columns = measure(torch.cat(list(self.logits(self.images))).clone(), self.labels, loss)
        record = np.zeros(1, snapshot_dtype(self.classes))
        record["mean_prob"], record["confusion"] = columns["mean_prob"], columns["confusion"]
        return Trajectory(record).predicted_probability()[0]
