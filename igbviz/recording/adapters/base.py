"""What the callbacks have in common: they take the arguments of `Probe`, and their probe begins with the training."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from igbviz.recording.probe import Probe
from igbviz.recording.schedule import Schedule
from igbviz.spec import ConfigError
from igbviz.trajectory import Trajectory


class Recorder:
    """A callback's probe: `probe` after the training has begun, `trajectory` what it has seen.

    Takes the arguments of `Probe` but the model, which the training library has. Tensors are moved to its device.
    """

    # Named as scikit-learn does: what a training makes ends with an underscore, and a clone begins without it.
    probe_: Probe | None = None
    model_: nn.Module | None = None
    trajectory_: Trajectory | None = None

    def __init__(
        self,
        inputs: Any,
        labels: Any = None,
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
        self.inputs: Any = inputs
        self.labels: Any = labels
        self.class_names: Sequence[str] | None = class_names
        self.loss: Callable[..., Any] | None = loss
        self.schedule: Schedule = schedule
        self.batch_norm: Literal["eval", "batch"] = batch_norm
        self.steps_per_epoch: int | None = steps_per_epoch
        self.images: int = images
        self.seed: int = seed
        self.batch_size: int = batch_size

    @property
    def probe(self) -> Probe:
        """The probe of the latest training; RuntimeError before the first, and in all processes but the main one."""
        if self.probe_ is None:
            raise RuntimeError("there is no probe yet: it begins with the training, in its main process")
        return self.probe_

    @property
    def trajectory(self) -> Trajectory:
        """What has been recorded so far, in a copy that was pickled, too."""
        return self.trajectory_ if self.probe_ is None and self.trajectory_ is not None else self.probe.trajectory

    def __getstate__(self) -> dict[str, Any]:
        """A pickled callback keeps the trajectory, but not the probe, which may hold a function and the model."""
        state = {name: value for name, value in vars(self).items() if name not in ("probe_", "model_")}
        return state | ({"trajectory_": self.probe_.trajectory} if self.probe_ is not None else {})

    def _begin(
        self, model: nn.Module, step: int, evaluated: nn.Module | None = None, steps_per_epoch: int | None = None
    ) -> None:
        """Look at the model after `step` optimizer steps: at the beginning, or where a training goes on.

        Another model, or a step before those recorded, is a new training and has a new probe. `evaluated` is what
        gives logits, if it is not the model itself.
        """
        probe, per_epoch = self.probe_, self.steps_per_epoch or steps_per_epoch
        if probe is None or self.model_ is not model or step < probe.step:
            probe = Probe(
                model if evaluated is None else evaluated, self._placed(self.inputs, model), self.labels,
                self.class_names, self.loss, self.schedule, self.batch_norm, steps_per_epoch=per_epoch,
                images=self.images, seed=self.seed, batch_size=self.batch_size,
            )  # fmt: skip
        probe(step=step)
        self.probe_, self.model_ = probe, model

    def _placed(self, inputs: Any, model: nn.Module) -> Any:
        """Tensors and arrays, also in a dict or a tuple, on the device of the model; anything else as it is."""
        if isinstance(inputs, np.ndarray) and inputs.dtype.kind in "biuf":
            inputs = torch.as_tensor(inputs)
        if isinstance(inputs, Tensor):
            return inputs.to(next((weight.device for weight in model.parameters()), inputs.device))
        if isinstance(inputs, tuple):
            return tuple(self._placed(value, model) for value in inputs)
        if isinstance(inputs, dict):
            return {name: self._placed(value, model) for name, value in inputs.items()}
        return inputs

    def _end(self) -> None:
        """The last look, due or not."""
        if self.probe_ is not None:
            self.probe_.look()


def require_whole(model: nn.Module) -> None:
    """ConfigError for a model whose weights are split among processes: one process alone cannot evaluate it."""
    kinds = {type(module).__name__ for module in model.modules()} | {type(w).__name__ for w in model.parameters()}
    is_split = kinds & {"FullyShardedDataParallel", "DTensor"} or any(hasattr(w, "ds_id") for w in model.parameters())
    if is_split:
        allowed = "a model that every process has as a whole, as in DDP"
        raise ConfigError((("model",), f"has weights that are split among processes, allowed: {allowed}"))


def callback_of(library: str, module: str, callback: str, extra: str) -> type:
    """The class `Callback` of a training library, or one that cannot be made, whose error says what `callback` lacks.

    Nothing is raised here, whatever may be wrong with the library: `help(igbviz)` and completion ask for every name.
    """
    module, _, name = module.rpartition(".")
    try:
        with contextlib.suppress(ImportError):
            import_module("igbviz._torchvision")  # before the library, whose plain import of it may fail
        return getattr(import_module(module), name)
    except Exception as error:
        return _unusable(error, library, callback, extra)


def _unusable(error: Exception, library: str, callback: str, extra: str) -> type:
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == library:
        problem = ModuleNotFoundError(f"igbviz.{callback} needs {library}: pip install igbviz[{extra}]", name=library)
    else:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        problem = ImportError(f"igbviz.{callback} needs {library}, which cannot be imported here: {reason}")

    def refuse(cls: type, *_: Any, **__: Any) -> Any:
        raise problem from error

    return type("Unusable", (), {"__new__": refuse})
