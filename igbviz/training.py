"""Train as a stream: `for snapshot in train(config)`. No files, no page, no globals; what happens to a snapshot is the caller's choice.

Randomness is a function of (seed, what for, when): the weights, the order of every epoch, dropout of every step, wrong labels. Nothing
random needs to be stored to go on after a stop, and a resumed run repeats an undisturbed one bit for bit.
"""

from __future__ import annotations

import contextlib
import copy
import math
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import nn

from igbviz.config import RunConfig
from igbviz.datasets import Data, probe_indices
from igbviz.description import ConfigError
from igbviz.losses import wide
from igbviz.memory import one_thread, require_memory
from igbviz.metrics import measure
from igbviz.packing import packed
from igbviz.seeds import DROPOUT, MINORITY, ORDER, WRONG_LABELS, WRONG_PROBE, mixed
from igbviz.trajectory import WRONG_LABEL_SHARES, Trajectory, snapshot_dtype
from igbviz.untrained import PROBE_CHUNK, build_network, guarded, probing


class Diverged(ArithmeticError):
    """A loss or a logit is no longer a finite number. `step` is the optimizer step that met it."""

    def __init__(self, step: int) -> None:
        self.step = step
        super().__init__(f"The loss or the logits became infinite or NaN at step {step}: lower the learning rate or the input scale.")


def train(config: RunConfig | dict[str, Any], device: str | torch.device | None = None) -> Iterator[np.void]:
    """Train as described and yield a snapshot before any update and after every probe step.

    A snapshot is one record of `trajectory.snapshot_dtype`. `device` is 'cpu', 'cuda', 'mps' or None for the best one at hand.
    Raises ConfigError, ValueError for a device that is not here and DataError when the data cannot be had, all at once; later Diverged
    when the numbers are no longer finite.

    One at a time in a process: random numbers, the number of threads and tracing a network are the whole process's. For many at once
    take processes, or `submit_sweep`.
    """
    training = Training(RunConfig.model_validate(config), device_of(device))
    return (tick for tick in training.ticks() if tick is not None)


def device_of(device: str | torch.device | None) -> torch.device:
    """The device of this name, None for the best one at hand. Raises ValueError for one that is not on this machine."""
    if device is None:
        return best_device()
    try:
        found = torch.device(device)
        torch.empty(0, device=found)  # a good name may still be that of a device that is not here
    except (RuntimeError, AssertionError, TypeError, ValueError):
        found = None
    if found is None or found.type not in ("cpu", "cuda", "mps"):
        raise ValueError(f"device is {str(device)!r}, allowed: cpu, cuda or mps if this machine has it, or None for the best one at hand")
    return found


def best_device() -> torch.device:
    """A GPU if there is one, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


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
        """`state` is where to go on from; `data`, as `config.dataset` gives them, may be had from another training on the same device."""
        self.config = config
        self.device = device_of(device)
        facts = config.dataset.facts()
        require_memory(config, facts)
        config.require_fit(facts)
        self.data: Data = data or config.dataset.load(self.device)
        self.clean_data = self.data

        chosen = probe_indices(self.data.test_labels.cpu(), config.probes.size, config.seed).to(self.device)
        self.probe_images, self.probe_labels = self.data.test_images[chosen], self.data.test_labels[chosen]
        self._require_every_class()

        self.network = build_network(config, self.data).to(self.device)
        if self.device.type == "cuda" or config.model.channels_last_on_cpu:
            self.network = self.network.to(memory_format=torch.channels_last)
        asked = min(PROBE_CHUNK, len(self.probe_labels))
        small, small_probe = (self.device.type == "cpu" and one_thread(config, facts, images) for images in (0, asked))
        self.threads = 1 if small else torch.get_num_threads()
        self.probe_threads = 1 if small and small_probe else torch.get_num_threads()
        self.parameters = list(self.network.parameters())
        self.has_dropout = any(map(_draws, self.network.modules()))
        self.probe_precision = "bfloat16" if config.probes.precision == "bfloat16" else config.precision
        eval_on_cpu = self.device.type == "cpu" and config.probes.batch_norm == "eval"
        self.packed = packed(self.network, getattr(torch, self.probe_precision)) if eval_on_cpu else None
        exact = torch.float32 if self.device.type == "mps" else torch.float64
        self.loss_sum = torch.zeros((), dtype=exact, device=self.device)

        self.step = self.snapshots = self.loss_steps = 0
        self.seconds = self.step_seconds = self.probe_seconds = 0.0
        self._timed_steps = self._timed_images = 0  # since this process began
        self.stack: Any = None  # the `lanes.Lanes` that this training goes on in, if it does
        self._epoch = -1

        # Kept in the state: asking the untrained network again costs a probe, and another device might round a tie the other way.
        self.majority: int | None = self._choose_majority() if state is None else state.get("majority")
        self.data, true_labels = spoiled(self.data, config, self.majority)
        self._choose_wrong_images(true_labels)
        self.dtype = snapshot_dtype(self.data.classes, noisy=len(self.wrong_images) > 0)
        self.train_size = len(self.data.train_labels)
        self.steps_per_epoch = config.steps_per_epoch(self.train_size)
        self.steps = config.total_steps(self.train_size)
        self.probe_steps = config.probes.steps(self.steps, self.steps_per_epoch)
        if state is not None:
            self._restore(state)

    @cached_property
    def optimizer(self) -> torch.optim.Optimizer:
        """Built when first needed: making the first one costs torch a second of imports, which the first probe need not wait for."""
        return self.config.optimizer.build(self.parameters)

    def ticks(self) -> Iterator[np.void | None]:
        """Go on to the end. Yields a snapshot where there is one, else None: after every step and several times in a long probe,
        so that the caller can look at the clock, save `state()` or stop."""
        while True:
            yield from self._look()
            if self.step == self.steps:
                return
            if self.stack:
                yield from self.stack.turn(self)
            else:
                self.advance()
            if self.device.type == "cpu" or self.step % 32 == 0:  # reading a number back stalls a GPU
                self._check_finite()
            yield None

    def _look(self) -> Iterator[np.void | None]:
        """The probe that is due at this step, if one is: None while it goes on, then its snapshot."""
        if self.snapshots < len(self.probe_steps) and self.probe_steps[self.snapshots] == self.step:
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
        self._timed_steps += 1
        self.seconds += seconds
        self.step_seconds += seconds

    def rehearsal(self) -> Training:
        """A copy to try steps on; this one stays where it is."""
        other = copy.copy(self)
        other.stack = None
        other.__dict__.pop("optimizer", None)
        other.network, other.loss_sum = copy.deepcopy(self.network), self.loss_sum.clone()
        other.parameters = list(other.network.parameters())
        return other

    def state(self) -> dict[str, Any]:
        """Everything that the rest of the run depends on, as tensors and plain numbers."""
        return {
            "step": self.step,
            "snapshots": self.snapshots,
            "seconds": self.seconds,
            "loss_sum": self.loss_sum.item(),
            "loss_steps": self.loss_steps,
            "network": _owned(self.network.state_dict()),
            "optimizer": _owned(self.optimizer.state_dict()),
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
            "steps_per_second": 1 / self.pace()[0] if self.step_seconds else 0.0,
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
        return self.step_seconds / max(self._timed_steps, 1), self.probe_seconds / max(self._timed_images, 1)

    def remaining(self) -> float:
        """Expected seconds to the end."""
        step, image = self.pace()
        images = len(self.probe_labels) + len(self.wrong_images)
        lanes = len(self.stack.trainings) if self.stack else 1  # take their probes in turn
        return (self.steps - self.step) * step + (len(self.probe_steps) - self.snapshots) * images * image * lanes

    def _restore(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.snapshots, self.loss_steps = state["step"], state["snapshots"], state["loss_steps"]
        self.loss_sum.fill_(state["loss_sum"])
        self.seconds = state["seconds"]

    def _step(self) -> None:
        config, number = self.config, self.step
        images, labels = self.batch(number)
        if config.optimizer.moves:
            for group in self.optimizer.param_groups:
                group["lr"] = config.optimizer.rate_at(number, self.steps)
        with torch.enable_grad(), self.arithmetic():  # the caller may have turned gradients off for its own work
            with self._dropout(number):
                logits = wide(self.network(images))
            finite = guarded(logits)
            self.optimizer.zero_grad(set_to_none=True)
            loss = config.schedule.at(number, self.steps_per_epoch, config.loss).descend(logits, labels, self.parameters)
            self.optimizer.step()
        # A loss may hide a broken logit (piecewise-zero calls it 0): finite is 0, or NaN where any is broken.
        self.loss_sum += loss if finite is None else loss + finite

    def batch(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Images and labels of optimizer step `number`."""
        epoch, place = divmod(number, self.steps_per_epoch)
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(mixed(self.config.seed, ORDER, epoch))
            self._order, self._epoch = torch.randperm(self.train_size, generator=generator).to(self.device), epoch
        index = self._order[place * self.config.batch_size : (place + 1) * self.config.batch_size]
        return self.data.train_images.index_select(0, index), self.data.train_labels.index_select(0, index)

    def _probe(self) -> Iterator[None]:
        pieces: list[torch.Tensor] = []
        for piece in self._logits(self.probe_images, self.wrong_images):
            if pieces:
                yield None
            pieces.append(piece)
        started = time.perf_counter()
        logits, wrong_logits = torch.cat(pieces).clone().split([len(self.probe_images), len(self.wrong_images)])
        # The loss that drives the next step; after the last step, the one that drove it.
        loss = self.config.schedule.at(min(self.step, self.steps - 1), self.steps_per_epoch, self.config.loss)
        columns = measure(logits, self.probe_labels, loss)
        if not np.isfinite(columns["mean_prob"]).all():
            raise Diverged(self.step)
        snapshot = np.zeros((), self.dtype)
        for name, values in columns.items():
            snapshot[name] = values
        if len(wrong_logits):
            guess = wrong_logits.argmax(-1)
            memorised, resisted = (int((guess == labels).sum()) for labels in (self.wrong_labels, self.wrong_true_labels))
            for name, count in zip(WRONG_LABEL_SHARES, (memorised, resisted, len(guess) - memorised - resisted), strict=True):
                snapshot[name] = count / len(guess)
        snapshot["train_loss"] = self.loss_sum.item() / self.loss_steps if self.loss_steps else math.nan
        self.loss_sum.zero_()
        self.loss_steps = 0
        self._count_time("probe_seconds", started)
        snapshot["step"], snapshot["epoch"], snapshot["seconds"] = self.step, self.step / self.steps_per_epoch, self.seconds
        return snapshot[()]

    def _logits(self, *sets: torch.Tensor) -> Iterator[torch.Tensor]:
        """The network's answers to these sets of images without learning from them, one after the other, piece by piece."""
        forward = self.packed or self.network
        pieces = [piece for images in sets if len(images) for piece in images.tensor_split(math.ceil(len(images) / PROBE_CHUNK))]
        try:
            for piece in pieces:
                started = time.perf_counter()
                quickly = self.arithmetic(self.probe_precision, self.probe_threads)
                with torch.inference_mode(), quickly, probing(self.network, self.config.probes.batch_norm):
                    logits = wide(forward(piece))
                self._count_time("probe_seconds", started)
                self._timed_images += len(piece)
                yield logits
        finally:
            if self.packed:
                self.packed.refresh()  # what lay ready is as large as the network, or larger: the steps need not hold it

    def _choose_majority(self) -> int | None:
        """The class that keeps all its training images, if that is one; where the untrained network decides, it is asked as in a probe."""
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

    def _choose_wrong_images(self, true_labels: torch.Tensor) -> None:
        """The part of the wrongly labelled training images that the probes look at: a seeded choice, at most as many as test images."""
        wrong = (self.data.train_labels != true_labels).nonzero().squeeze(1)
        most, seed = len(self.probe_labels), mixed(self.config.seed, WRONG_PROBE, 0)
        chosen = wrong[probe_indices(true_labels[wrong].cpu(), most, seed).to(self.device)]
        self.wrong_images = self.data.train_images[chosen]
        self.wrong_labels, self.wrong_true_labels = self.data.train_labels[chosen], true_labels[chosen]

    def _check_finite(self) -> None:
        if not math.isfinite(self.loss_sum.item()):
            raise Diverged(self.step)

    def _count_time(self, what: str, started: float) -> None:
        passed = time.perf_counter() - started
        self.seconds += passed
        setattr(self, what, getattr(self, what) + passed)

    @contextlib.contextmanager
    def arithmetic(self, precision: str | None = None, threads: int | None = None) -> Iterator[None]:
        """The precision and, on a CPU, the threads of a step, or these; on a GPU kernels that give the same bits every time and full
        float32 products."""
        threads = threads or self.threads
        with contextlib.ExitStack() as stack:
            if (precision or self.config.precision) == "bfloat16":
                stack.enter_context(torch.autocast(self.device.type, torch.bfloat16))
            if self.device.type == "cuda":
                stack.enter_context(torch.backends.cudnn.flags(enabled=True, deterministic=True, benchmark=False, allow_tf32=False))
            if threads != (before := torch.get_num_threads()):
                torch.set_num_threads(threads)
                stack.callback(torch.set_num_threads, before)
            yield

    @contextlib.contextmanager
    def _dropout(self, number: int) -> Iterator[None]:
        if not self.has_dropout:
            yield
            return
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(mixed(self.config.seed, DROPOUT, number))
            yield

    def _require_every_class(self) -> None:
        present = torch.bincount(self.probe_labels.cpu(), minlength=self.data.classes)
        if not present.all():
            # A probe of at least one image a class has each class that the test images have. Only those of noise, labelled at random,
            # may have missed one: what a seed draws is known no sooner.
            missing, drawn = int((present == 0).sum()), len(self.data.test_labels)
            problem = f"is {drawn}, allowed: more, since so few have no image of {missing} of the {self.data.classes} classes"
            raise ConfigError((("dataset", "test_examples"), problem))


def _owned(value: Any) -> Any:
    """The same tensors, those that are a part of a larger one copied: a file would hold the whole."""
    if isinstance(value, torch.Tensor):
        return value.clone() if value.untyped_storage().nbytes() > value.nbytes else value
    if isinstance(value, dict):
        return {key: _owned(part) for key, part in value.items()}
    return [_owned(part) for part in value] if isinstance(value, list) else value


def _draws(layer: nn.Module) -> bool:
    """Whether a layer throws dice in training: dropout of nodes, of attention, or of whole branches (torchvision's StochasticDepth)."""
    return any(getattr(layer, name, 0.0) for name in ("p", "dropout") if isinstance(getattr(layer, name, 0.0), float))


def spoiled(data: Data, config: RunConfig, majority: int | None) -> tuple[Data, torch.Tensor]:
    """The data with the training images and labels that imbalance (in favour of class `majority`) and label noise leave, and the true
    labels (N,) of these images."""
    device, source = data.train_labels.device, data.source
    if majority is not None:
        seed = mixed(config.seed, MINORITY, 0)
        kept = torch.from_numpy(config.imbalance.kept(data.train_labels.cpu().numpy(), majority, seed)).to(device)
        source += f"; {len(kept)} left to train on, {config.imbalance.ratio}:1 in favour of {data.class_names[majority]}"
        data = replace(data, train_images=data.train_images[kept], train_labels=data.train_labels[kept], source=source)
    truth = data.train_labels
    seed = mixed(config.seed, WRONG_LABELS, 0)
    given = torch.from_numpy(config.label_noise.given(truth.cpu().numpy(), data.classes, seed)).to(device)
    if wrong := int((given != truth).sum()):
        data = replace(data, train_labels=given, source=f"{source}; {wrong} of {len(given)} training labels wrong")
    return data, truth
