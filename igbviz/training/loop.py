"""Train as a stream: `for snapshot in train(config)`.

This is the method of the paper and nothing else: draw the weights, look, step, look, ... and yield what was seen. There
are no files here, no pages and no callbacks; what happens to a snapshot is the caller's choice. Behind one seam each:
what a look measures (`evaluation`), what is trained on (`data`), how a run goes on elsewhere (`checkpoints`), and what
makes it faster (`packed_inference`, `cuda_graphs`, `stacked`).

Randomness is a function of (seed, purpose, time): the weights, the order of every epoch, dropout of every step, wrong
labels. Nothing random needs to be stored to go on after a stop, and a resumed run repeats an undisturbed one bit for
bit.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import nullcontext
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from igbviz.config import RunConfig
from igbviz.datasets import Data
from igbviz.losses import Loss, upcast
from igbviz.models.layers import is_stochastic
from igbviz.training import checkpoints, cuda_graphs
from igbviz.training.data import Batches, corrupted, probed_wrong
from igbviz.training.devices import arithmetic, device_of
from igbviz.training.evaluation import Evaluation
from igbviz.training.memory import one_thread, require_memory
from igbviz.training.network import build_network, guarded, placed, seeded_dropout
from igbviz.training.pace import Pace
from igbviz.trajectory import snapshot_dtype

CHECK_STEPS = 32  # after so many a GPU is asked whether its numbers are still finite: reading one back stalls it


class Diverged(ArithmeticError):
    """A loss or a logit is no longer a finite number. `step` is the optimizer step that met it."""

    def __init__(self, step: int) -> None:
        self.step = step
        super().__init__(
            f"The loss or the logits became infinite or NaN at step {step}: lower the learning rate or the input scale."
        )


def train(config: RunConfig | dict[str, Any], device: str | torch.device | None = None) -> Iterator[np.void]:
    """Train as described and yield a snapshot before any update and after every probe step.

    A snapshot is one record of `trajectory.snapshot_dtype`. `device` is 'cpu', 'cuda', 'mps' or None for the best one
    at hand. Raises ConfigError, ValueError for a device that is not here and DataError when the data cannot be had, all
    at once; later Diverged when the numbers are no longer finite.

    One at a time in a process: random numbers, the number of threads and tracing a network are the whole process's. For
    many at once take processes, or `submit_sweep`.
    """
    training = Training(RunConfig.model_validate(config), device_of(device))
    return (tick for tick in training.ticks() if tick is not None)


class Training:
    """A run in progress. `ticks()` drives it; between ticks `state()` is all that is needed to go on elsewhere."""

    doing = "Training ..."

    def __init__(
        self,
        config: RunConfig,
        device: str | torch.device | None = None,
        state: dict[str, Any] | None = None,
        data: Data | None = None,
    ) -> None:
        """`state` is where to go on from; `data`, as `config.dataset` gives them, may be had from another training on
        the same device."""
        self.config, self.device = config, device_of(device)
        facts = config.dataset.facts()
        require_memory(config, facts)
        config.require_fit(facts)
        self.clean_data = data or config.dataset.load(self.device)

        network = build_network(config, self.clean_data)
        self.network = placed(network, self.device, config.model.channels_last_on_cpu, config.precision)
        self.parameters = list(self.network.parameters())
        self.is_stochastic = any(map(is_stochastic, self.network.modules()))
        small = self.device.type == "cpu" and one_thread(config, facts)
        self.threads = 1 if small else torch.get_num_threads()
        self.evaluation = Evaluation(config, self.network, self.clean_data)

        # Kept in the state: asking the untrained network again costs a probe, and another device may round a tie the
        # other way.
        self.majority: int | None = self._choose_majority() if state is None else state.get("majority")
        self.data, true_labels = corrupted(self.clean_data, config, self.majority)
        self.batches = Batches(self.data, config)
        wrong = probed_wrong(self.data.train_labels, true_labels, len(self.evaluation.labels), config.seed)
        self.evaluation.watch_wrong_labels(*self.batches.at(wrong), true_labels[wrong])

        self.steps_per_epoch, train_size = self.batches.per_epoch, len(self.data.train_labels)
        self.steps = config.total_steps(train_size)
        self.probe_steps = config.probes.steps(self.steps, self.steps_per_epoch)
        self.dtype = snapshot_dtype(self.data.classes, noisy=len(wrong) > 0)

        self.step = self.snapshots = self.loss_steps = 0
        exact = torch.float32 if self.device.type == "mps" else torch.float64
        self.loss_sum = torch.zeros((), dtype=exact, device=self.device)  # of the steps since the last probe
        self.pace = Pace()
        cuda_graphs.accelerate(self)
        if state is not None:
            checkpoints.restore(self, state)

    @cached_property
    def optimizer(self) -> torch.optim.Optimizer:
        """Built when first needed: the first one costs torch a second of imports, and the first probe can do
        without."""
        return self.config.optimizer.build(self.parameters)

    def ticks(self) -> Iterator[np.void | None]:
        """Go on to the end. Yields a snapshot where there is one, else None: after every step, and several times in a
        long probe, so that the caller can look at the clock, save `state()` or stop."""
        while True:
            yield from self.look()
            if self.step == self.steps:
                return
            self.advance()
            yield None

    def look(self) -> Iterator[np.void | None]:
        """The probe that is due at this step, if one is: None while it goes on, then its snapshot."""
        if self.step != self.next_probe or self.snapshots == len(self.probe_steps):
            return
        self.require_finite()
        # The loss that drives the next step; after the last step, the one that drove it.
        loss = self.loss_at(min(self.step, self.steps - 1))
        probe = self.evaluation.ticks(loss, self.loss_sum)
        columns = yield from self.pace.timed_probe(probe, self.evaluation.size)
        if not np.isfinite(columns["mean_prob"]).all():
            raise Diverged(self.step)
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
        """Descend this loss on the training images at `rows` (B,), and add it to `loss_sum`."""
        images, labels = self.batches.at(rows)
        # The caller may have turned gradients off for its own work.
        with torch.enable_grad(), arithmetic(self.device, self.config.precision, self.threads):
            with seeded_dropout(self.config.seed, self.step, self.device) if self.is_stochastic else nullcontext():
                logits = upcast(self.network(images))
            finite = guarded(logits)
            self.optimizer.zero_grad(set_to_none=True)
            value = loss.descend(logits, labels, self.parameters)
            self.optimizer.step()
        # A loss may hide a broken logit (piecewise-zero calls it 0): finite is 0, or NaN where any is broken.
        self.loss_sum += value if finite is None else value + finite

    def loss_at(self, step: int) -> Loss:
        """The loss that drives an optimizer step."""
        return self.config.schedule.at(step, self.steps_per_epoch, self.config.loss)

    def set_learning_rate(self, optimizer: torch.optim.Optimizer) -> None:
        """Give the optimizer the learning rate of the next step, where it moves."""
        if self.config.optimizer.moves:
            for group in optimizer.param_groups:
                group["lr"] = self.config.optimizer.rate_at(self.step, self.steps)

    def count_step(self, seconds: float) -> None:
        """Note that a step was taken, and how long it took."""
        self.step += 1
        self.loss_steps += 1
        self.pace.add_step(seconds)

    def require_finite(self) -> None:
        """Raise Diverged where a loss since the last probe was not finite."""
        started = time.perf_counter()
        finite = math.isfinite(self.loss_sum.item())
        self.pace.add_step(time.perf_counter() - started, steps=0)  # a GPU gives the number when it is done with them
        if not finite:
            raise Diverged(self.step)

    @property
    def next_probe(self) -> int:
        """The step before which the next probe is due; after the last one the last step."""
        return int(self.probe_steps[self.snapshots]) if self.snapshots < len(self.probe_steps) else self.steps

    def state(self) -> dict[str, Any]:
        """Everything that the rest of the run depends on, as tensors and plain numbers."""
        return checkpoints.state_of(self)

    def progress(self) -> dict[str, Any]:
        """How far it is: the fields of `runs.status.Status`."""
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

    def facts(self) -> dict[str, Any]:
        """Sizes that are known only now, kept beside the records."""
        return {
            "steps_per_epoch": self.steps_per_epoch,
            "steps": self.steps,
            "probe_images": len(self.evaluation.labels),
            "parameters": sum(parameter.numel() for parameter in self.parameters),
        }

    def _choose_majority(self) -> int | None:
        """The class that keeps all its training images, if one does; the untrained network may decide."""
        imbalance = self.config.imbalance
        if imbalance.ratio == 1:
            return None
        if isinstance(imbalance.majority, int):
            return imbalance.majority
        belief = self.evaluation.predicted_probability(self.config.loss)
        return int(belief.argmax() if imbalance.majority == "favoured" else belief.argmin())
