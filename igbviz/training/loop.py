"""Train as a stream: `for snapshot in train(config)`. No files, no page, no globals; what happens to a snapshot is the
caller's choice.

Randomness is a function of (seed, what for, when): the weights, the order of every epoch, dropout of every step, wrong
labels. Nothing random needs to be stored to go on after a stop, and a resumed run repeats an undisturbed one bit for
bit.
"""

from __future__ import annotations

import contextlib
import copy
import math
import time
import weakref
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import torch

from igbviz.config import RunConfig
from igbviz.datasets import Data, probe_indices
from igbviz.losses import wide
from igbviz.models.layers import throws_dice
from igbviz.training.checkpoints import owned, restore
from igbviz.training.cuda_graphs import Captured, can_capture, remembered, set_rate, update
from igbviz.training.data import probed_wrong, require_every_class, spoiled
from igbviz.training.devices import arithmetic, device_of
from igbviz.training.memory import one_thread, require_memory
from igbviz.training.metrics import measure, named, reduced
from igbviz.training.network import build_network, guarded, laid_out, probe_chunk, probing
from igbviz.training.packed_inference import packed
from igbviz.training.seeds import DROPOUT, ORDER, mixed
from igbviz.trajectory import Trajectory, snapshot_dtype
from igbviz.trajectory.trajectory import WRONG_LABEL_SHARES

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
        self.config = config
        self.device = device_of(device)
        facts = config.dataset.facts()
        require_memory(config, facts)
        config.require_fit(facts)
        self.data: Data = data or config.dataset.load(self.device)
        self.clean_data = self.data

        chosen = probe_indices(self.data.test_labels.cpu(), config.probes.size, config.seed).to(self.device)
        self.probe_images, self.probe_labels = self.data.test_images[chosen], self.data.test_labels[chosen]
        require_every_class(self.data, self.probe_labels)

        untrained = build_network(config, self.data)
        self.network = laid_out(untrained, config.model.channels_last_on_cpu, self.device, config.precision)
        self.chunk = probe_chunk(config, facts, self.device)
        asked = min(self.chunk, len(self.probe_labels))
        small, small_probe = (self.device.type == "cpu" and one_thread(config, facts, images) for images in (0, asked))
        self.threads = 1 if small else torch.get_num_threads()
        self.probe_threads = 1 if small and small_probe else torch.get_num_threads()
        self.parameters = list(self.network.parameters())
        self.has_dropout = any(map(throws_dice, self.network.modules()))
        self.probe_precision = "bfloat16" if config.probes.precision == "bfloat16" else config.precision
        packs = self.device.type == "cpu" and config.probes.batch_norm == "eval"
        self.packed = packed(self.network, getattr(torch, self.probe_precision)) if packs else None
        self.loss_sum = torch.zeros(
            (), dtype=torch.float32 if self.device.type == "mps" else torch.float64, device=self.device
        )
        self.rows = torch.zeros(
            config.batch_size, dtype=torch.int64, device=self.device
        )  # where a captured step finds its batch,
        self.rate = torch.zeros((), device=self.device)  # and its learning rate

        self.step = self.snapshots = self.loss_steps = 0
        self.seconds = self.step_seconds = self.probe_seconds = 0.0
        self.timed_steps = self._timed_images = 0  # since this process began
        self.stack: Any = None  # the `lanes.Lanes` that this training goes on in, if it does
        self._epoch = -1

        # Kept in the state: asking the untrained network again costs a probe, and another device might round a tie the
        # other way.
        self.majority: int | None = self._choose_majority() if state is None else state.get("majority")
        self.data, truth = spoiled(self.data, config, self.majority)
        wrong = probed_wrong(self.data.train_labels, truth, len(self.probe_labels), config.seed)
        self.wrong_images, self.wrong_labels = self.examples(wrong)
        self.wrong_true_labels = truth[wrong]
        self.dtype = snapshot_dtype(self.data.classes, noisy=len(self.wrong_images) > 0)
        self.train_size = len(self.data.train_labels)
        self.steps_per_epoch = config.steps_per_epoch(self.train_size)
        self.steps = config.total_steps(self.train_size)
        self.probe_steps = config.probes.steps(self.steps, self.steps_per_epoch)
        if state is not None:
            self._restore(state)

    @cached_property
    def optimizer(self) -> torch.optim.Optimizer:
        """Built when first needed: making the first one costs torch a second of imports, which the first probe need not
        wait for."""
        return self.config.optimizer.build(self.parameters)

    @cached_property
    def captured_step(self) -> Captured | None:
        """The step on the batch at `rows`, where the device can capture it: not with dropout, whose dice are seeded
        between steps."""
        if not can_capture(self.device) or self.has_dropout:
            return None
        own = weakref.proxy(self)  # a ring of references would keep the data of a finished run
        return Captured(lambda loss: own._learn(own.rows, loss), self.device, lambda: own._changed())

    @cached_property
    def captured_probe(self) -> Captured | None:
        """All of a probe but its way to the host, where the device can capture it."""
        if not can_capture(self.device):
            return None
        own = weakref.proxy(self)
        return Captured(
            lambda loss: own._measured(torch.cat(list(own._logits(own.probe_images, own.wrong_images))), loss),
            self.device,
        )

    def ticks(self) -> Iterator[np.void | None]:
        """Go on to the end. Yields a snapshot where there is one, else None: after every step and several times in a
        long probe, so that the caller can look at the clock, save `state()` or stop. On a GPU a probe is one piece, and
        a step of lanes up to `CHECK_STEPS`."""
        while True:
            yield from self._look()
            if self.step == self.steps:
                return
            if self.stack:
                yield from self.stack.turn(self)
            else:
                self.advance()
            if self.device.type == "cpu" or self.step % CHECK_STEPS == 0:
                self._check_finite()
            yield None

    @property
    def next_look(self) -> int:
        """The step before which the next probe is due; after the last one the last step."""
        return int(self.probe_steps[self.snapshots]) if self.snapshots < len(self.probe_steps) else self.steps

    def _look(self) -> Iterator[np.void | None]:
        """The probe that is due at this step, if one is: None while it goes on, then its snapshot."""
        if self.snapshots < len(self.probe_steps) and self.next_look == self.step:
            self._check_finite()
            snapshot = yield from self._probe()
            self.snapshots += 1
            yield snapshot

    def advance(self) -> None:
        """One optimizer step."""
        started = time.perf_counter()
        self._step()
        self.count_step(time.perf_counter() - started)

    def count_step(self, seconds: float) -> None:
        """Note that a step was taken, and how long that took."""
        self.loss_steps += 1
        self.step += 1
        self.timed_steps += 1
        self.seconds += seconds
        self.step_seconds += seconds

    def rehearsal(self) -> Training:
        """A copy to try steps on; this one stays where it is."""
        other = copy.copy(self)
        other.stack = None
        other.__dict__.pop("optimizer", None)
        other.forget_captured()
        other.network, other.loss_sum = copy.deepcopy(self.network), self.loss_sum.clone()
        other.parameters = list(other.network.parameters())
        return other

    def forget_captured(self) -> None:
        """Capture anew: the network lies elsewhere now."""
        for made in ("captured_step", "captured_probe"):
            self.__dict__.pop(made, None)

    def state(self) -> dict[str, Any]:
        """Everything that the rest of the run depends on, as tensors and plain numbers."""
        return {
            "step": self.step,
            "snapshots": self.snapshots,
            "seconds": self.seconds,
            "loss_sum": self.loss_sum.item(),
            "loss_steps": self.loss_steps,
            "network": owned(self.network.state_dict()),
            "optimizer": owned(self.optimizer.state_dict()),
            "majority": self.majority,
        }

    def progress(self) -> dict[str, Any]:
        """How far it is, in the words of `status.Status`."""
        return {
            "step": self.step,
            "steps": self.steps,
            "epoch": self.step / self.steps_per_epoch,
            "snapshots": self.snapshots,
            "seconds": self.seconds,
            "steps_per_second": 1 / self.pace()[0] if self.timed_steps else 0.0,
            "eta": self.remaining(),
        }

    def facts(self) -> dict[str, Any]:
        """Sizes that are known only now, kept beside the records."""
        return {
            "steps_per_epoch": self.steps_per_epoch,
            "steps": self.steps,
            "probe_images": len(self.probe_labels),
            "parameters": sum(parameter.numel() for parameter in self.parameters),
        }

    def pace(self) -> tuple[float, float]:
        """Seconds a step and seconds a probed image, as measured so far in this process."""
        return self.step_seconds / max(self.timed_steps, 1), self.probe_seconds / max(self._timed_images, 1)

    def remaining(self) -> float:
        """Expected seconds to the end."""
        step, image = self.pace()
        images = len(self.probe_labels) + len(self.wrong_images)
        lanes = len(self.stack.trainings) if self.stack else 1  # take their probes in turn
        return (self.steps - self.step) * step + (len(self.probe_steps) - self.snapshots) * images * image * lanes

    def _restore(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        restore(self.optimizer, state["optimizer"])
        self.step, self.snapshots, self.loss_steps = state["step"], state["snapshots"], state["loss_steps"]
        self.loss_sum.fill_(state["loss_sum"])
        self.seconds = state["seconds"]

    def _step(self) -> None:
        config, number = self.config, self.step
        rows = self.batch_rows(number)
        loss = config.schedule.at(number, self.steps_per_epoch, config.loss)
        if config.optimizer.moves:
            set_rate(self.optimizer, config.optimizer.rate_at(number, self.steps), self.rate)
        if self.captured_step and len(rows) == len(self.rows):
            self.rows.copy_(rows)
            self.captured_step(loss)
        else:
            self._learn(rows, loss)

    def _learn(self, rows: torch.Tensor, loss: Any) -> torch.Tensor:
        """Descend this loss on the training images at `rows` (B,), and add it to the sum, which is returned."""
        images, labels = self.examples(rows)
        # The caller may have turned gradients off for its own work.
        with torch.enable_grad(), arithmetic(self.device, self.config.precision, self.threads):
            with self._dropout(self.step):
                logits = wide(self.network(images))
            finite = guarded(logits)
            self.optimizer.zero_grad(set_to_none=True)
            value = loss.descend(logits, labels, self.parameters)
            update(self.optimizer, self.device)
        # A loss may hide a broken logit (piecewise-zero calls it 0): finite is 0, or NaN where any is broken.
        self.loss_sum += value if finite is None else value + finite
        return self.loss_sum

    def _changed(self) -> list[torch.Tensor]:
        """All that a step changes."""
        return [*self.parameters, *self.network.buffers(), *remembered(self.optimizer), self.loss_sum]

    def order(self, epoch: int) -> torch.Tensor:
        """Where the training images of an epoch stand, in the order in which it takes them."""
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(mixed(self.config.seed, ORDER, epoch))
            self._order, self._epoch = torch.randperm(self.train_size, generator=generator).to(self.device), epoch
        return self._order

    def batch_rows(self, number: int) -> torch.Tensor:
        """Where the training images of optimizer step `number` stand."""
        epoch, places = self.places(number)
        return self.order(epoch)[places]

    def places(self, number: int) -> tuple[int, slice]:
        """The epoch of optimizer step `number`, and its part of the epoch's order."""
        epoch, batch = divmod(number, self.steps_per_epoch)
        return epoch, slice(batch * self.config.batch_size, (batch + 1) * self.config.batch_size)

    def examples(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Training images and labels at `rows` (B,)."""
        return self.data.train_images.index_select(0, rows), self.data.train_labels.index_select(0, rows)

    def _probe(self) -> Iterator[None]:
        # The loss that drives the next step; after the last step, the one that drove it.
        loss = self.config.schedule.at(min(self.step, self.steps - 1), self.steps_per_epoch, self.config.loss)
        started = time.perf_counter()
        if self.captured_probe:
            row = self.captured_probe(loss)
            self._timed_images += len(self.probe_images) + len(self.wrong_images)
        else:
            pieces: list[torch.Tensor] = []
            for piece in self._logits(self.probe_images, self.wrong_images):
                self._timed_images += len(piece)
                if pieces:
                    self.count_time("probe_seconds", started)
                    yield None
                    started = time.perf_counter()
                pieces.append(piece)
            row = self._measured(torch.cat(pieces), loss)
        snapshot = self._snapshot(row.cpu().numpy())  # the one copy
        self.count_time("probe_seconds", started)
        snapshot["seconds"] = self.seconds
        return snapshot[()]

    def _measured(self, logits: torch.Tensor, loss: Any) -> torch.Tensor:
        """All numbers of a probe in a row: `metrics.reduced`, how many wrong labels are guessed and how many true ones
        instead, and the sum of the losses since the last probe."""
        logits, wrong_logits = logits.clone().split([len(self.probe_images), len(self.wrong_images)])
        guess = wrong_logits.argmax(-1)
        counts = [(guess == labels).sum() for labels in (self.wrong_labels, self.wrong_true_labels)]
        return torch.cat(
            [reduced(logits, self.probe_labels, loss), torch.stack([*counts, self.loss_sum]).to(self.loss_sum.dtype)]
        )

    def _snapshot(self, row: np.ndarray) -> np.ndarray:
        """The record of a probe's numbers, but for what it took; the losses are counted anew."""
        *_, memorised, resisted, loss_sum = row.tolist()
        columns = named(row[:-3], self.data.classes)
        if not np.isfinite(columns["mean_prob"]).all():
            raise Diverged(self.step)
        snapshot = np.zeros((), self.dtype)
        for name, values in columns.items():
            snapshot[name] = values
        if total := len(self.wrong_images):
            for name, count in zip(
                WRONG_LABEL_SHARES, (memorised, resisted, total - memorised - resisted), strict=True
            ):
                snapshot[name] = count / total
        snapshot["train_loss"] = loss_sum / self.loss_steps if self.loss_steps else math.nan
        self.loss_sum.zero_()
        self.loss_steps = 0
        snapshot["step"], snapshot["epoch"] = self.step, self.step / self.steps_per_epoch
        return snapshot

    def _logits(self, *sets: torch.Tensor) -> Iterator[torch.Tensor]:
        """The network's answers to these sets of images without learning from them, one after the other, piece by
        piece."""
        forward = self.packed or self.network
        pieces = [
            piece
            for images in sets
            if len(images)
            for piece in images.tensor_split(math.ceil(len(images) / self.chunk))
        ]
        try:
            for piece in pieces:
                quickly = arithmetic(self.device, self.probe_precision, self.probe_threads)
                with torch.inference_mode(), quickly, probing(self.network, self.config.probes.batch_norm):
                    logits = wide(forward(piece))
                yield logits
        finally:
            if self.packed:
                # what lay ready is as large as the network, or larger: the steps need not hold it
                self.packed.refresh()

    def _choose_majority(self) -> int | None:
        """The class that keeps all its training images, if that is one; where the untrained network decides, it is
        asked as in a probe."""
        imbalance = self.config.imbalance
        if imbalance.ratio == 1:
            return None
        if isinstance(imbalance.majority, int):
            return imbalance.majority
        columns = measure(torch.cat(list(self._logits(self.probe_images))).clone(), self.probe_labels, self.config.loss)
        first = np.zeros(1, snapshot_dtype(self.data.classes))
        first["mean_prob"], first["confusion"] = columns["mean_prob"], columns["confusion"]
        belief = Trajectory(first).predicted_probability()[0]
        return int(belief.argmax() if imbalance.majority == "favoured" else belief.argmin())

    def _check_finite(self) -> None:
        started = time.perf_counter()
        finite = math.isfinite(self.loss_sum.item())
        self.count_time("step_seconds", started)  # a GPU gives the number when it is done with the steps
        if not finite:
            raise Diverged(self.step)

    def count_time(self, what: str, started: float) -> None:
        """Add what has passed since then to "step_seconds" or "probe_seconds"."""
        passed = time.perf_counter() - started
        self.seconds += passed
        setattr(self, what, getattr(self, what) + passed)

    @contextlib.contextmanager
    def _dropout(self, number: int) -> Iterator[None]:
        if not self.has_dropout:
            yield
            return
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(mixed(self.config.seed, DROPOUT, number))
            yield
