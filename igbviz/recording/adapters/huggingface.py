"""`Probe` as a callback of Hugging Face's Trainer: `Trainer(callbacks=[igbviz.TrainerProbe(inputs, labels)])`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from igbviz.recording.adapters.base import Recorder, callback_of, require_whole

if TYPE_CHECKING:
    from transformers import TrainerCallback
else:
    TrainerCallback = callback_of("transformers", "transformers.TrainerCallback", "TrainerProbe", "huggingface")

__all__ = ["ProbeCallback", "TrainerProbe"]


class TrainerProbe(Recorder, TrainerCallback):
    """Record the class dynamics of a model that a transformers Trainer trains: `probe` (an `igbviz.Probe`) and
    `trajectory`.

        tokens = tokenizer(texts, padding=True, return_tensors="pt")
        dynamics = igbviz.TrainerProbe(dict(tokens), labels, class_names=["negative", "positive"])
        Trainer(model, arguments, train_dataset=data, callbacks=[dynamics]).train()
        igbviz.charts.curves(dynamics.trajectory)

    Takes the arguments of `igbviz.Probe` but the model: inputs as the model takes them, and their labels (N,). Steps
    are the trainer's `global_step`, so gradients may be accumulated over batches. On several devices the main process
    alone looks. A training that is resumed is recorded in the same probe; one that begins again at step 0 has a new
    one. The trainer tells no callback the loss of a step, so `trajectory` has no training loss. Raises ConfigError like
    `igbviz.Probe`, when the training begins.
    """

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Begin or go on with the probe. Raises ConfigError for a model that no process has as a whole."""
        model = kwargs["model"]
        require_whole(model)
        if state.is_world_process_zero:
            per_epoch = None
            loader = kwargs.get("train_dataloader")
            if hasattr(loader, "__len__"):
                per_epoch = max(1, math.ceil(len(loader) / args.gradient_accumulation_steps))
            self._begin(model, state.global_step, steps_per_epoch=per_epoch)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.is_world_process_zero:
            self.probe(step=state.global_step)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.is_world_process_zero:
            self._end()


ProbeCallback = TrainerProbe
