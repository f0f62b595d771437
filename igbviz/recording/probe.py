"""Record the class dynamics of any PyTorch model in any training loop, with two lines.

import torch, torchvision, igbviz

images, labels = torch.randn(50, 3, 32, 32), torch.arange(50) % 10
model = torchvision.models.resnet18(num_classes=10)
optimizer, loss = torch.optim.SGD(model.parameters(), 0.01), torch.nn.CrossEntropyLoss()
probe = igbviz.Probe(model, images, labels, loss=loss)
probe()
for batch in torch.randperm(50).split(10):
    optimizer.zero_grad()
    loss(model(images[batch]), labels[batch]).backward()
    optimizer.step()
    probe()
igbviz.charts.curves(probe.trajectory).show()
"""

from __future__ import annotations

import contextlib
import math
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from igbviz.config import RecordedConfig
from igbviz.losses import PerSample, per_sample, upcast
from igbviz.recording.description import described
from igbviz.recording.inputs import probe_set, require_every_class
from igbviz.recording.model import checked_model, first_line, logits_of
from igbviz.recording.schedule import Schedule, looks_of
from igbviz.recording.untouched import evaluating
from igbviz.spec import ConfigError, short
from igbviz.training.metrics import measure
from igbviz.trajectory import Trajectory, snapshot_dtype

if TYPE_CHECKING:
    from igbviz.runs.run import Run

BUFFER_BYTES = 2**24  # of the first buffer for records


class Probe:
    """Looks at a model while anybody's loop trains it; `trajectory` is what it has seen.

    >>> model = torch.nn.Linear(20, 3)
    >>> test_inputs, test_labels = torch.randn(60, 20), torch.arange(60) % 3
    >>> probe = igbviz.Probe(model, test_inputs, test_labels, loss=torch.nn.CrossEntropyLoss())
    >>> probe()                          # before training, and after every optimizer step
    >>> figure = igbviz.charts.curves(probe.trajectory)
    >>> run = probe.save("my run")       # for the pages

    Call it once before training and after every optimizer step. When a look is due it evaluates the model on a fixed
    set of inputs (one forward pass) and stores a snapshot; the model's modes, weights, buffers and gradients and all
    random states are left as they were, so the training is the same with and without it. A call that is not due costs
    a tenth of a microsecond, two microseconds with a loss.

    Args:
        model: Any module that returns logits (batch, classes), or an output with such `logits`. A compiled or
            distributed model is evaluated without its wrapper, so one process of several may probe alone.
        inputs: A tensor (N, ...); a dict of tensors, for `model(**inputs)`; a tuple, for `model(*inputs)`; or a Dataset
            or DataLoader, best one of test data without augmentation, to draw `images` samples from. Tensors must be on
            the device of the model; drawn samples are moved there. They are not copied.
        labels: (N,) whole numbers, 0 to K - 1, with at least one input of each class. None if `inputs` brings them.
        class_names: K names; by default those of the data set, or numbers.
        loss: A torch loss of (logits, labels), or one of `igbviz.losses`. With it, the training signal and the fraction
            of ignored inputs are recorded; they are NaN without it, and for a function that returns nothing but a mean.
        schedule: "log", evenly spaced in log time; "batch", after every step of the first epoch, then after every
            epoch, or after every step without `steps_per_epoch`; the steps themselves; or a function of the step. The
            first call always looks.
        batch_norm: What BatchNorm normalizes by in a look: running statistics ("eval") or those of a pass ("batch").
        steps_per_epoch: For charts in epochs. Without it their time axis is in steps, and `trajectory.epoch` is NaN.
        images: The number of samples drawn from a Dataset, equally many per class.
        seed: Of the draw.
        batch_size: Inputs per forward pass; with `batch_norm="batch"` it is part of the result.

    Raises:
        ConfigError: At construction and at the first look, one sentence on what does not fit. Whatever goes wrong in a
            later look ends the recording with a warning (`error` keeps it), and never the training.

    A snapshot takes 4 kB of memory for 10 classes, and 8 MB for 1,000.
    """

    model: nn.Module
    loss: Callable[..., Any] | None
    schedule: Schedule
    batch_norm: Literal["eval", "batch"]
    steps_per_epoch: int | None
    batch_size: int
    step: int  # optimizer steps so far, as the calls have told; -1 before the first
    error: str | None  # why the recording ended early

    def __init__(
        self,
        model: nn.Module,
        inputs: Tensor | np.ndarray | Mapping[str, Tensor] | tuple[Tensor, ...] | Dataset[Any] | DataLoader[Any],
        labels: Tensor | np.ndarray | Sequence[int] | None = None,
        class_names: Sequence[str] | None = None,
        loss: Callable[..., Any] | None = None,
        schedule: Schedule = "log",
        batch_norm: Literal["eval", "batch"] = "eval",
        *,
        steps_per_epoch: int | None = None,
        images: int = 2000,
        seed: int = 0,
        batch_size: int = 500,
    ) -> None:
        self.model = checked_model(model)
        if batch_norm not in ("eval", "batch"):
            raise ConfigError((("batch_norm",), f"is {short(batch_norm)}, allowed: 'eval' or 'batch'"))
        if steps_per_epoch is not None:
            steps_per_epoch = _whole("steps_per_epoch", steps_per_epoch, 1)
        images, seed = _whole("images", images, 2), _whole("seed", seed, 0)
        self.batch_norm, self.steps_per_epoch = batch_norm, steps_per_epoch
        self.batch_size = _whole("batch_size", batch_size, 1)
        self.loss, self._values = loss, _values_of(loss)
        self.schedule, self._looks = schedule, looks_of(schedule, steps_per_epoch)
        self._set = probe_set(inputs, labels, class_names, images, seed)

        self.step, self.error = -1, None
        self._next: float = 0  # the next step at which a look may be due
        self._loss_sum: float | Tensor = 0.0  # over the steps since the last look
        self._loss_steps = 0
        self._has_warned = False
        self._started = math.nan
        self._count = 0
        dtype = snapshot_dtype(len(self.class_names))
        self._records = np.empty(max(1, min(256, BUFFER_BYTES // dtype.itemsize)), dtype)

    def __call__(self, train_loss: float | Tensor | None = None, *, step: int | None = None) -> None:
        """Count an optimizer step, and look if it is time.

        `train_loss` is the mean loss of the step's batch, recorded as its mean since the last look; a tensor need not
        be detached, and what is no number is ignored with a warning. `step` is the number of steps so far, for a loop
        that counts them itself or resumes.
        """
        try:
            if train_loss is not None:
                self._add(train_loss)
            if step is None:
                self.step += 1
            else:
                self._set_step(step)
            if self.step >= self._next:
                self._look_if_due()
        except Exception as error:
            if not self._count:
                self.step = -1  # so that the call can be repeated, with the model on another device, say
                raise
            self._end(error)

    def look(self) -> None:
        """Look now, due or not, unless this step is recorded: at the end of a training, say."""
        try:
            self.step = max(self.step, 0)
            if self.error is None and not (self._count and self._records["step"][self._count - 1] == self.step):
                self._record()
        except Exception as error:
            if not self._count:
                self.step = -1  # so that the call can be repeated, with the model on another device, say
                raise
            self._end(error)

    @property
    def trajectory(self) -> Trajectory:
        """What has been recorded so far: a view, at any time and from any thread."""
        count = self._count
        return Trajectory(self._records[:count], self.class_names)

    @property
    def class_names(self) -> tuple[str, ...]:
        """(K,) the names of the classes."""
        return self._set.class_names

    @property
    def labels(self) -> Tensor:
        """(N,) the labels of the inputs, in the order in which they are evaluated."""
        return self._set.labels

    @property
    def data(self) -> str:
        """The class of the Dataset that the inputs were drawn from; empty if they were given."""
        return self._set.source

    @property
    def config(self) -> RecordedConfig:
        """What is known of the training, as a run that is saved describes it; the title is the class of the model."""
        return described(self)

    @property
    def version(self) -> int:
        """A number that grows with every look and with an early end: unchanged, there is nothing new to draw."""
        return self._count + (self.error is not None)

    def save(
        self,
        name: str,
        cache: str | Path | None = None,
        *,
        data: str = "",
        optimizer: str = "",
        seed: int | None = None,
    ) -> Run:
        """Store the trajectory as a run of kind "recorded", which the pages show, compare, export and share.

            run = probe.save("my run", optimizer="SGD 0.01", seed=0)

        It is marked as recorded outside igbviz. `cache` is the folder of the runs, by default that of the program;
        `data`, `optimizer` and `seed` describe the training in its own words: runs of one name and setting that differ
        in their seed are drawn as one band. Saved twice, it is the same run; saved later, with more looks, another one.
        Raises ConfigError for a name that is empty or longer than 100 characters, RunError before the first look, for
        a recording that does not begin at step 0, and if the cache cannot be written.
        """
        from igbviz.runs.recorded import store  # a loop that saves nothing needs no cache
        from igbviz.runs.run import DEFAULT_CACHE

        about = {"title": name, "optimizer": {"name": optimizer}, "seed": seed}
        try:
            config = self.config.with_(**about | ({"dataset": {"name": data}} if data else {}))
        except ConfigError as error:
            arguments = {"title": "name", "dataset": "data"}
            raise ConfigError(*(((arguments.get(at, at),), text) for (at, *_), text in error.problems)) from None
        return store(self.trajectory, config, DEFAULT_CACHE if cache is None else cache)

    def __len__(self) -> int:
        """The number of looks."""
        return self._count

    def __bool__(self) -> bool:
        return True  # also before the first look

    def __repr__(self) -> str:
        looks = f"{self._count} look{'s' * (self._count != 1)}"
        if self._count:
            looks += f" to step {self.trajectory.step[-1]:,}"
        ended = f", ended early: {self.error}" if self.error else ""
        return (
            f"<Probe of {type(self.model).__name__} on {len(self._set):,} inputs of {len(self.class_names)} classes: "
            f"{looks}{ended}>"
        )

    def _add(self, train_loss: float | Tensor) -> None:
        """Add to the sum where the loss is: nothing is read back from a device before a look."""
        if isinstance(train_loss, Tensor):
            if train_loss.numel() != 1 or train_loss.is_complex():
                self._ignore(f"is a {train_loss.dtype} tensor of shape {tuple(train_loss.shape)}")
                return
            train_loss = train_loss.detach().reshape(())
            if not isinstance(self._loss_sum, Tensor):
                self._loss_sum = torch.full((), self._loss_sum, dtype=torch.float32, device=train_loss.device)
        elif not isinstance(train_loss, float):
            try:
                train_loss = float(train_loss)
            except (TypeError, ValueError, OverflowError):
                self._ignore(f"is {short(train_loss)}")
                return
        self._loss_sum += train_loss  # at once: a captured step may overwrite its loss
        self._loss_steps += 1

    def _ignore(self, problem: str) -> None:
        """Warn of a loss that is no number, once; everything else is recorded as before."""
        if not self._has_warned:
            self._has_warned = True
            problem += ", allowed: a number, or a tensor of one"
            _warn(f"igbviz.Probe ignores the loss of step {self.step + 1}: train_loss {problem}", above=4)

    def _set_step(self, step: int) -> None:
        step = _whole("step", step, 0)
        if step < self.step:
            raise ConfigError((("step",), f"is {step}, allowed: at least {self.step}, that of the call before"))
        self.step = step

    def _look_if_due(self) -> None:
        if self.error is not None:
            return
        self._started = time.perf_counter() if not self._count else self._started
        if not self._count or self._looks.due(self.step):
            self._record()
        self._next = self._looks.after(self.step)

    def _record(self) -> None:
        """Look and keep the snapshot."""
        columns = self._measured()
        loss = float(self._loss_sum) / self._loss_steps if self._loss_steps else math.nan
        self._loss_sum, self._loss_steps = 0.0, 0
        columns |= {
            "step": self.step,
            "epoch": self.step / (self.steps_per_epoch or math.nan),
            "seconds": time.perf_counter() - self._started,
            "train_loss": loss,
        }
        if self._count == len(self._records):
            grown = np.empty(2 * self._count, self._records.dtype)  # memory is taken only where something is written
            grown[: self._count] = self._records
            self._records = grown
        for name, values in columns.items():
            self._records[name][self._count] = values
        self._count += 1  # last: a reader in another thread sees complete records only

    def _measured(self) -> dict[str, np.ndarray]:
        """The columns of a snapshot, see `training.metrics.measure`."""
        self._set = self._set.for_model(self.model)
        stateful = [self.loss] if isinstance(self.loss, nn.Module) else []
        with evaluating(self.model, self.batch_norm, *stateful):
            logits = torch.cat([logits_of(self.model, *chunk) for chunk in self._set.chunks(self.batch_size)])
            labels = self._set.labels.to(logits.device)
            if not self._count:
                self._check_first(logits, labels)
            elif logits.shape[1] != (classes := len(self.class_names)):
                problem = (
                    f"returns logits of {logits.shape[1]} classes at step {self.step}, allowed: {classes} as before"
                )
                raise ConfigError((("model",), problem))
            with torch.autocast(logits.device.type, enabled=False):
                columns = measure(logits, labels, self._values)
        if not np.isfinite(columns["mean_prob"]).all():
            raise ConfigError((("model",), f"returns NaN or infinity at step {self.step}, allowed: finite logits"))
        return columns

    def _check_first(self, logits: Tensor, labels: Tensor) -> None:
        """Whether the logits (N, K) and the loss fit the labels (N,): what is known no sooner than here."""
        classes, names = logits.shape[1], self.class_names
        if classes > len(names) and names == tuple(map(str, range(len(names)))):  # names that only count the labels
            require_every_class(labels, tuple(map(str, range(classes))))
        if classes != len(names):
            problem = f"returns logits of {classes} classes, allowed: {len(names)}, as in labels and class_names"
            raise ConfigError((("model",), problem))
        if isinstance(self._values, PerSample):
            self._values.require_fit(upcast(logits), labels)

    def _end(self, error: Exception) -> None:
        """End the recording with one warning."""
        if self.error is not None:
            return
        self.error, self._next = str(error) if isinstance(error, ConfigError) else first_line(error), math.inf
        _warn(f"igbviz.Probe records no more after step {self.step}, the training goes on: {self.error}", above=3)


def _warn(message: str, above: int) -> None:
    """Warn whoever calls the probe, in a function so far above."""
    with contextlib.suppress(Warning):  # a warning that is made an error would stop the training after all
        warnings.warn(message, RuntimeWarning, stacklevel=1 + above)
        return
    print(message, file=sys.stderr)


def _values_of(loss: Any) -> Any:
    """The loss with its values for each input, for `training.metrics`."""
    if loss is None:
        return per_sample(lambda logits, labels: logits.sum())  # of no input alone: signal and ignored fraction are NaN
    if isinstance(loss, nn.NLLLoss) or loss is nn.functional.nll_loss:
        # Its model returns log-probabilities. A softmax more leaves them as they are, but gives the gradient of logits.
        values = per_sample(loss).values_in_batch
        return per_sample(lambda log_p, labels: values(log_p.log_softmax(-1), labels))
    return per_sample(loss)


def _whole(name: str, value: Any, least: int) -> int:
    try:
        number = index(value)
    except TypeError:
        number = least - 1
    if number < least or isinstance(value, bool):
        raise ConfigError(((name,), f"is {short(value)}, allowed: a whole number of at least {least}"))
    return number
