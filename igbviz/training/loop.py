"""The training loop as a generator: `for snapshot in train(config)`.

This is the paper's method and nothing else: draw the weights, probe, step, probe, ... and yield every probe as a
snapshot. The loop writes no files and calls nothing back; the caller decides what happens to a snapshot. Everything
else has a module of its own: what a probe measures (`evaluation`), the training data (`data`), saving and resuming
(`checkpoints`), and the accelerations (`packed_inference`, `cuda_graphs`, `stacked`).

All randomness is a function of (seed, purpose, time): the weights, the order of each epoch, the dropout of each step,
the wrong labels. So a checkpoint stores no random state, and a resumed run is bit-identical to an uninterrupted one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from igbviz.config import RunConfig
from igbviz.config.missing import require_installed
from igbviz.datasets import Data
from igbviz.losses import Loss, upcast
from igbviz.models.layers import is_stochastic
from igbviz.training import checkpoints, cuda_graphs
from igbviz.training.data import Batches, choose_wrong_labels, corrupt_training_data
from igbviz.training.devices import compute_context, device_of
from igbviz.training.evaluation import Evaluation
from igbviz.training.memory import fits_one_thread, require_memory
from igbviz.training.network import build_network, guard_nonfinite, seeded_dropout, to_device
from igbviz.training.own import parts as own
from igbviz.training.pace import Pace
from igbviz.training.stream import TrainingStream
from igbviz.training.watched import Watched
from igbviz.trajectory import snapshot_dtype

CHECK_STEPS = 32  # steps between two checks for non-finite losses on a GPU, where reading a value back stalls the queue


class Diverged(ArithmeticError):
    """A loss or a logit became non-finite. `step` is the optimizer step at which this was detected.

    >>> config = igbviz.RunConfig(optimizer={"name": "sgd", "learning_rate": 100}, epochs=0.1)
    >>> snapshots = list(igbviz.train(config))
    Traceback (most recent call last):
    igbviz.training.loop.Diverged: The loss or the logits became infinite or NaN at step ...
    """

    def __init__(self, step: int) -> None:
        self.step = step
        super().__init__(
            f"The loss or the logits became infinite or NaN at step {step}: lower the learning rate or the input scale."
        )


def train(
    config: RunConfig | dict[str, Any],
    device: str | torch.device | None = None,
    *,
    model: own.Network | None = None,
    data: Sequence[Any] | None = None,
    loss: own.LossFunction | None = None,
    class_names: Sequence[str] = (),
) -> TrainingStream:
    """Train this configuration; yields a snapshot before the first update and at every later probe step.

    >>> stream = igbviz.train(igbviz.RunConfig(epochs=0.01))
    >>> [int(snapshot["step"]) for snapshot in stream]
    [0, 1, 2, 3]
    >>> x, y = torch.randn(64, 20), torch.arange(64) % 4
    >>> parts = {"model": torch.nn.Linear(20, 4), "data": (x, y, x, y), "loss": torch.nn.CrossEntropyLoss()}
    >>> igbviz.Trajectory.of(igbviz.train(igbviz.RunConfig(), **parts)).accuracy().shape
    (3, 4)

    A snapshot is one record of `trajectory.snapshot_dtype`; the stream has a length, and keeps in `stream.trajectory`
    what it has yielded. `device` is 'cpu', 'cuda', 'mps' or None for the best one available. Your own parts take the
    place of the configuration's; two calls with the same parts give the same snapshots.

    model: a torch module from samples to logits (batch, classes), or a function without arguments that makes one, which
        is called under the seed of the configuration. A module is copied, with its weights as the start:
        `stream.network` is the copy that is trained. `initialization` is not applied, but `torchvision` may change the
        last layer.
    data: tensors or arrays (x, y, x_test, y_test), samples (N, ...) and labels (N,) from 0 to K - 1. Floating-point
        samples are taken as they are, images of uint8 (N, C, H, W) are scaled to mean 0 and standard deviation 1 of
        each channel over x. `class_names` are the K names. Imbalance, wrong labels and probes work as ever.
    loss: a loss of torch or a function of (logits, labels), see `losses.PerSample`; of one that gives a scalar only,
        signal and silent are NaN. `schedule` holds for it, too.

    Raises at the call: ConfigError, also for parts that do not fit; ValueError for a device that is not available;
    DataError when the data cannot be loaded. Raises while iterating: Diverged when a loss or a logit becomes
    non-finite.

    Run one at a time per process, since torch's random state, its number of threads and module tracing are global to
    the process. For several runs at once use processes, or `submit_sweep`.
    """
    config, device = RunConfig.model_validate(config), device_of(device)
    config, loaded = own.with_own_parts(config, device, model, data, loss, class_names)
    return TrainingStream(Training(config, device, data=loaded))


class Training:
    """A run in progress. `ticks()` drives it; between two ticks `state()` returns a checkpoint to resume from."""

    doing = "Training ..."

    def __init__(
        self,
        config: RunConfig,
        device: str | torch.device | None = None,
        state: dict[str, Any] | None = None,
        data: Data | None = None,
    ) -> None:
        """`state` is a checkpoint to resume from. `data`, as loaded by `config.dataset`, may be shared with another
        training on the same device."""
        require_installed(config)
        self.config, self.device = config, device_of(device)
        facts = config.dataset.facts()
        require_memory(config, facts)
        config.require_fit(facts)
        self.clean_data = data or config.dataset.load(self.device)

        network = build_network(config, self.clean_data)
        self.network = to_device(network, self.device, config.model.channels_last_on_cpu, config.precision)
        self.parameters = list(self.network.parameters())
        self.is_stochastic = config.model.is_random or any(map(is_stochastic, self.network.modules()))
        single_threaded = self.device.type == "cpu" and fits_one_thread(config, facts)
        self.threads = 1 if single_threaded else torch.get_num_threads()
        self.evaluation = Evaluation(config, self.network, self.clean_data)

        # Part of the state: choosing again would cost a probe, and another device may round a tie the other way.
        self.majority: int | None = self._choose_majority() if state is None else state.get("majority")
        self.data, true_labels = corrupt_training_data(self.clean_data, config, self.majority)
        self.batches = Batches(self.data, config)
        wrong_rows = choose_wrong_labels(self.data.train_labels, true_labels, len(self.evaluation.labels), config.seed)
        self.evaluation.add_wrong_labels(*self.batches.at(wrong_rows), true_labels[wrong_rows])
        self.evaluation.watched = Watched(self.evaluation, wrong_rows)
        self.images: np.void | None = None  # of the last probe, the record of the watched images

        self.steps_per_epoch, train_size = self.batches.per_epoch, len(self.data.train_labels)
        self.steps = config.total_steps(train_size)
        self.probe_steps = config.probes.steps(self.steps, self.steps_per_epoch)
        self.dtype = snapshot_dtype(self.data.classes, noisy=len(wrong_rows) > 0)

        self.step = self.snapshots = self.loss_steps = 0
        dtype = torch.float32 if self.device.type == "mps" else torch.float64  # MPS has no float64
        self.loss_sum = torch.zeros((), dtype=dtype, device=self.device)  # over the steps since the last probe
        self.pace = Pace()
        cuda_graphs.accelerate(self)
        if state is not None:
            checkpoints.restore(self, state)

    @cached_property
    def optimizer(self) -> torch.optim.Optimizer:
        """Built on first use: torch's first optimizer costs a second of imports, and the first probe needs none."""
        return self.config.optimizer.build(self.parameters)

    def ticks(self) -> Iterator[np.void | None]:
        """Run to the end. Yields each snapshot, and None after every step and between the chunks of a probe, so that
        the caller can check the time, save `state()` or stop."""
        while True:
            yield from self.look()
            if self.step == self.steps:
                return
            self.advance()
            yield None

    def look(self) -> Iterator[np.void | None]:
        """Probe the network if a probe is due at this step: yields None between its chunks, then its snapshot."""
        if self.step != self.next_probe or self.snapshots == len(self.probe_steps):
            return
        self.require_finite()
        # The loss of the next step; after the last step, the loss of that step.
        loss = self.loss_at(min(self.step, self.steps - 1))
        probe = self.evaluation.ticks(loss, self.loss_sum)
        columns = yield from self.pace.timed_probe(probe, self.evaluation.size)
        if not np.isfinite(columns["mean_prob"]).all():
            raise Diverged(self.step)
        self.images = columns.pop("images")
        columns["train_loss"] = columns.pop("loss_sum") / self.loss_steps if self.loss_steps else math.nan
        columns |= {"step": self.step, "epoch": self.step / self.steps_per_epoch, "seconds": self.pace.seconds}
        self.loss_sum.zero_()
        self.loss_steps = 0
        self.snapshots += 1
        snapshot = np.zeros((), self.dtype)
        for name in self.dtype.names:
            snapshot[name] = columns[name]
        yield snapshot[()]

    def advance(self) -> None:
        """One optimizer step on the next batch."""
        started = time.perf_counter()
        self.set_learning_rate(self.optimizer)
        self.descend(self.batches.rows(self.step), self.loss_at(self.step))
        self.count_step(time.perf_counter() - started)
        if self.device.type == "cpu" or self.step % CHECK_STEPS == 0:
            self.require_finite()

    def descend(self, rows: Tensor, loss: Loss) -> None:
        """One update of the weights on the training images at `rows` (B,); adds the mean loss to `loss_sum`."""
        images, labels = self.batches.at(rows)
        # Gradients may be disabled in the caller's context.
        with torch.enable_grad(), compute_context(self.device, self.config.precision, self.threads):
            with seeded_dropout(self.config.seed, self.step, self.device) if self.is_stochastic else nullcontext():
                logits = upcast(self.network(images))
            nonfinite = guard_nonfinite(logits)
            self.optimizer.zero_grad(set_to_none=True)
            value = loss.descend(logits, labels, self.parameters)
            self.optimizer.step()
        # A loss can hide a NaN logit (piecewise-zero maps it to 0); `nonfinite` is NaN if any logit is, else 0.
        self.loss_sum += value if nonfinite is None else value + nonfinite

    def loss_at(self, step: int) -> Loss:
        """The loss that the schedule assigns to an optimizer step."""
        return self.config.schedule.at(step, self.steps_per_epoch, self.config.loss)

    def set_learning_rate(self, optimizer: torch.optim.Optimizer) -> None:
        """Set the learning rate of the next step, if it follows a schedule."""
        if self.config.optimizer.rate_changes:
            for group in optimizer.param_groups:
                group["lr"] = self.config.optimizer.rate_at(self.step, self.steps)

    def count_step(self, seconds: float) -> None:
        """Count one optimizer step and its wall-clock seconds."""
        self.step += 1
        self.loss_steps += 1
        self.pace.add_step(seconds)

    def require_finite(self) -> None:
        """Raise Diverged if any loss since the last probe was non-finite."""
        started = time.perf_counter()
        finite = math.isfinite(self.loss_sum.item())
        self.pace.add_step(time.perf_counter() - started, steps=0)  # a GPU finishes its queued steps first
        if not finite:
            raise Diverged(self.step)

    @property
    def next_probe(self) -> int:
        """The step before which the next probe is due; the last step if no probe is left."""
        return int(self.probe_steps[self.snapshots]) if self.snapshots < len(self.probe_steps) else self.steps

    def state(self) -> dict[str, Any]:
        """A checkpoint: everything the rest of the run depends on, as tensors and plain numbers."""
        return checkpoints.state_of(self)

    def progress(self) -> dict[str, Any]:
        """Progress so far, as the fields of `runs.status.Status`."""
        images = (len(self.probe_steps) - self.snapshots) * self.evaluation.size
        return {
            "step": self.step,
            "steps": self.steps,
            "epoch": self.step / self.steps_per_epoch,
            "snapshots": self.snapshots,
            "seconds": self.pace.seconds,
            "steps_per_second": 1 / self.pace.per_step if self.pace.steps else 0.0,
            "eta": (self.steps - self.step) * self.pace.per_step + images * self.pace.per_image,
        }

    def tensors(self) -> list[Tensor]:
        """All weights and buffers of the network."""
        return [*self.parameters, *self.network.buffers()]

    @property
    def watched(self) -> Watched | None:
        """The images that are watched one by one; None with more classes than are watched."""
        return self.evaluation.watched or None

    def thumbnails(self) -> np.ndarray:
        """(N, C, H, W) uint8, the watched images as they were before they were scaled."""
        return self.evaluation.watched.pixels(self.evaluation, self.data)

    def facts(self) -> dict[str, Any]:
        """Sizes that are known only once the data is loaded; stored beside the records."""
        return {
            "steps_per_epoch": self.steps_per_epoch,
            "steps": self.steps,
            "probe_images": len(self.evaluation.labels),
            "parameters": sum(parameter.numel() for parameter in self.parameters),
        }

    def _choose_majority(self) -> int | None:
        """The majority class of an imbalanced data set, None if balanced; the untrained network may decide it."""
        imbalance = self.config.imbalance
        if imbalance.ratio == 1:
            return None
        if isinstance(imbalance.majority, int):
            return imbalance.majority
        mean_prob = self.evaluation.predicted_probability(self.config.loss)
        return int(mean_prob.argmax() if imbalance.majority == "favoured" else mean_prob.argmin())
