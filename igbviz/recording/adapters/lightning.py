"""`Probe` as a callback of Lightning: `Trainer(callbacks=[igbviz.LightningProbe(images, labels)])`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from torch import Tensor, nn

from igbviz.recording.adapters.base import Recorder, callback_of, require_whole
from igbviz.recording.schedule import Schedule

if TYPE_CHECKING:
    from lightning.pytorch import Callback
else:
    Callback = callback_of("lightning", "lightning.pytorch.Callback", "LightningProbe", "lightning")

__all__ = ["LightningProbe", "ProbeCallback"]


class LightningProbe(Recorder, Callback):
    """Record the class dynamics of a LightningModule: `probe` (an `igbviz.Probe`) and `trajectory` while it trains.

        dynamics = igbviz.LightningProbe(images, labels, loss=torch.nn.CrossEntropyLoss())
        lightning.Trainer(max_epochs=3, callbacks=[dynamics]).fit(module, loader)
        igbviz.charts.curves(dynamics.trajectory)

    The module's `forward` returns logits; `submodule` names the part of it that does, as in `"network"`, if it does
    not. Steps are Lightning's `global_step`, so gradients may be accumulated over batches. On several devices the main
    process alone looks. A `fit` that goes on, with the same trainer or from a checkpoint, is recorded in the same
    probe; one that begins again at step 0 has a new one. All other arguments are those of `igbviz.Probe`; the epoch
    of each look comes from the trainer. Raises ConfigError like it, when the training begins.
    """

    def __init__(
        self,
        inputs: Any,
        labels: Any = None,
        class_names: Sequence[str] | None = None,
        loss: Callable[..., Any] | None = None,
        schedule: Schedule = "log",
        batch_norm: Literal["eval", "batch"] = "eval",
        *,
        submodule: str = "",
        steps_per_epoch: int | None = None,
        images: int = 2000,
        seed: int = 0,
        batch_size: int = 500,
    ) -> None:
        super().__init__(
            inputs, labels, class_names, loss, schedule, batch_norm, steps_per_epoch=steps_per_epoch, images=images,
            seed=seed, batch_size=batch_size,
        )  # fmt: skip
        self.submodule = submodule
        self._loss: Tensor | None = None  # of the batches since the last step

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin or go on with the probe. Raises ConfigError for a model that no process has as a whole."""
        require_whole(pl_module)
        if trainer.is_global_zero:
            self._loss = None
            batches, accumulated = trainer.num_training_batches, trainer.accumulate_grad_batches
            per_epoch = math.ceil(batches / accumulated) if math.isfinite(batches) else None
            self._convert = trainer.precision_plugin.convert_input
            evaluated = pl_module.get_submodule(self.submodule)
            self._begin(pl_module, trainer.global_step, evaluated, per_epoch)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if not trainer.is_global_zero:
            return
        if isinstance(outputs, dict) and pl_module.automatic_optimization and "loss" in outputs:
            # Already divided by the number of batches that a step accumulates.
            self._loss = outputs["loss"].detach() + (0 if self._loss is None else self._loss)
        if trainer.global_step > self.probe.step:
            self.probe(self._loss, step=trainer.global_step)
            self._loss = None

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        if trainer.is_global_zero:
            self._end()

    def _placed(self, inputs: Any, model: nn.Module) -> Any:
        """Where the model is in half precision, its inputs must be."""
        placed = super()._placed(inputs, model)
        return self._convert(placed) if isinstance(placed, Tensor) else placed


ProbeCallback = LightningProbe
