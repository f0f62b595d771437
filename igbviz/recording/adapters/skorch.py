"""`Probe` as a callback of skorch: `NeuralNetClassifier(module, callbacks=[igbviz.SkorchProbe(images, labels)])`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from igbviz.recording.adapters.base import Recorder, callback_of

if TYPE_CHECKING:
    Callback = object  # skorch has no types
else:
    Callback = callback_of("skorch", "skorch.callbacks.Callback", "SkorchProbe", "skorch")

__all__ = ["ProbeCallback", "SkorchProbe"]


class SkorchProbe(Recorder, Callback):
    """Record the class dynamics of a skorch net: `probe` (an `igbviz.Probe`) and `trajectory`, also as `probe_`.

        dynamics = igbviz.SkorchProbe(images, labels)
        NeuralNetClassifier(module, criterion=torch.nn.CrossEntropyLoss, callbacks=[dynamics]).fit(x, y)
        igbviz.charts.curves(dynamics.trajectory)

    The module returns logits; with skorch's default criterion, NLLLoss, it returns probabilities, as skorch wants it,
    and their logarithms are recorded. Every step of the optimizer counts, so a `train_step` may accumulate gradients
    over batches. `fit` begins a new probe, `partial_fit` goes on with it. Takes the arguments of `igbviz.Probe` but the
    model, and raises ConfigError like it, when the training begins.
    """

    hook_: Any = None  # counts the optimizer's steps

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        model = net.module_
        evaluated = _LogProbabilities(model) if isinstance(net.criterion_, nn.NLLLoss) else model
        step = self.probe_.step if self.probe_ is not None and self.model_ is model else 0
        self._begin(model, step, evaluated)
        self.losses_: list[Tensor] = []  # of the batches since the last step
        self.steps_: int = 0  # in this batch
        if self.hook_ is not None:  # of a training that ended with an error
            self.hook_.remove()
        # Accelerate's optimizer hides torch's own, which alone calls hooks.
        optimizer = getattr(net.optimizer_, "optimizer", net.optimizer_)
        self.hook_ = optimizer.register_step_post_hook(lambda *_: self._count())

    def on_batch_end(self, net: Any, batch: Any = None, training: bool | None = None, **kwargs: Any) -> None:
        if not training:
            return
        if isinstance(loss := kwargs.get("loss"), Tensor):
            self.losses_.append(loss.detach())
        if self.steps_:
            loss = torch.stack(self.losses_).mean() if self.losses_ else None
            self.probe(loss, step=self.probe.step + self.steps_)
            self.losses_, self.steps_ = [], 0

    def on_train_end(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        if self.hook_ is not None:
            self.hook_.remove()
        self.hook_ = None
        self._end()

    def _count(self) -> None:
        self.steps_ += 1


class _LogProbabilities(nn.Module):
    """The logarithms of a module's probabilities, which are logits of the same probabilities."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        output = self.module(*args, **kwargs)
        output = output[0] if isinstance(output, tuple) else output  # skorch takes the first as the prediction
        return (output + torch.finfo(output.dtype).eps).log()


ProbeCallback = SkorchProbe
