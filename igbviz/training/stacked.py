"""Several runs of one architecture as one stack: their weights lie side by side, and a step of all is one forward and
one backward pass. On request: `RunConfig(stacked=True)`.

What a call costs is then paid once for all, and that is most of what a step of a small network costs, above all on a
GPU. Every run keeps its own batches, loss, probes and folder. Its products are rounded otherwise than those of the run
by itself, and training amplifies that: the two drift apart by some hundredths. So being stacked is part of a run's
identity, and neither answers for the other.

The stack drives the trainings, which know nothing of it. Shapes: L runs, B images of a batch, K classes.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Sequence
from itertools import groupby

import torch
from torch import Tensor
from torch.func import functional_call, stack_module_state, vmap

from igbviz.config import RunConfig
from igbviz.losses import Loss, upcast
from igbviz.training import cuda_graphs
from igbviz.training.devices import arithmetic
from igbviz.training.loop import CHECK_STEPS, Training
from igbviz.training.network import without_denormals

MAX_RUNS = {"cpu": 16, "cuda": 64, "mps": 16}
MAX_WEIGHTS = {"cpu": 2**25, "cuda": 2**29, "mps": 2**27}  # numbers that the weights of a stack may be


def stack_key(config: RunConfig) -> str | None:
    """What runs must have in common to share a stack, as text to compare; None for a run that goes alone.

    A loss with a part that looks at the whole batch, or at all weights, cannot be stacked.
    """
    if not config.stacked or type(config.loss).batch_loss is not Loss.batch_loss:
        return None
    own = ("loss", "schedule", "seed", "rounding_noise", "initialization", "label_noise", "probes")
    return json.dumps({key: value for key, value in config.canonical().items() if key not in own}, sort_keys=True)


def max_runs(training: Training) -> int:
    """How many runs like this one a stack may hold; 1 for stochastic networks, since each run has its own dropout."""
    device, weights = training.device.type, sum(parameter.numel() for parameter in training.parameters)
    return 1 if training.is_stochastic else max(1, min(MAX_RUNS[device], MAX_WEIGHTS[device] // weights))


class Stack:
    """Trainings at the same step that take the next ones together; `advance()` is to them what theirs is to one."""

    def __init__(self, trainings: Sequence[Training]) -> None:
        # Those with the same loss lie side by side: then each loss is computed on a slice.
        self.trainings = sorted(trainings, key=lambda training: repr((training.config.loss, training.config.schedule)))
        first = self.trainings[0]
        self.config, self.device, self.is_stochastic = first.config, first.device, False
        self._lay()

    def advance(self) -> None:
        """One optimizer step of every training; on a GPU as many as there are until one of them looks, since a step
        takes less time than to go round all runs."""
        if len(self.trainings) < len(self.loss_sum):
            self._lay()
        first, started = self.trainings[0], time.perf_counter()
        steps = 1
        if self.device.type != "cpu":
            due = min(training.next_probe for training in self.trainings)
            steps = min(CHECK_STEPS - first.step % CHECK_STEPS, due - first.step)
        for _ in range(steps):
            first.set_learning_rate(self.optimizer)
            self.descend(self._rows(first.step), tuple(each.loss_at(first.step) for each in self.trainings))
            if len(self.optimizer.state) > len(first.optimizer.state):
                self._hand_out_moments()
            for training in self.trainings:
                training.count_step(0.0)
        if self.device.type != "cpu":
            self.loss_sum.cpu()  # steps are only launched: this waits for them
        for training in self.trainings:
            training.pace.add_step(time.perf_counter() - started, steps=0)

    def drop(self, training: Training) -> None:
        """Go on without this one, which keeps its weights as they are."""
        self.trainings = [other for other in self.trainings if other is not training]

    def descend(self, rows: Tensor, losses: Sequence[Loss]) -> None:
        """Descend the loss of every training on its images at `rows` (L, B), and add them to `loss_sum` (L,)."""
        first = self.trainings[0]
        with torch.enable_grad(), arithmetic(self.device, self.config.precision, first.threads):
            logits = upcast(vmap(self._forward)(self.weights, self.buffers, self._images(rows)))
            if self.device.type == "cpu":
                logits.register_hook(without_denormals)  # one that is sure of itself slows all
            values = self._losses(losses, logits, self.labels.gather(1, rows))
            self.optimizer.zero_grad(set_to_none=True)
            values.sum().backward()
            self.optimizer.step()
        self.loss_sum += values.detach() + 0 * logits.detach().sum((1, 2))

    def tensors(self) -> list[Tensor]:
        """All weights and buffers, stacked."""
        return [*self.weights.values(), *self.buffers.values()]

    def _forward(self, weights: dict[str, Tensor], buffers: dict[str, Tensor], images: Tensor) -> Tensor:
        return functional_call(self.skeleton, (weights, buffers), (images,))

    def _rows(self, step: int) -> Tensor:
        """(L, B) where the training images of a step stand."""
        epoch, part = self.trainings[0].batches.place(step)
        if epoch != self._epoch:
            orders = [training.batches.order(epoch) for training in self.trainings]
            self._orders, self._epoch = torch.stack(orders), epoch
        return self._orders[:, part]

    def _images(self, rows: Tensor) -> Tensor:
        """(L, B, channels, height, width); trainings mostly share their images."""
        sets = [training.batches.images for training in self.trainings]
        if all(images is sets[0] for images in sets):
            return sets[0].index_select(0, rows.flatten()).unflatten(0, rows.shape)
        return torch.stack([images.index_select(0, own) for images, own in zip(sets, rows, strict=True)])

    def _losses(self, losses: Sequence[Loss], logits: Tensor, labels: Tensor) -> Tensor:
        """(L,) mean losses of logits (L, B, K), neighbours with the same loss at once."""
        parts, start = [], 0
        for loss, same in groupby(losses):
            end = start + len(list(same))
            values = loss.values(logits[start:end].flatten(0, 1), labels[start:end].flatten())
            parts.append(values.view(end - start, -1).mean(1))
            start = end
        return torch.cat(parts)

    def _lay(self) -> None:
        """Lay the weights of all trainings side by side; their networks become views of them."""
        networks = [training.network for training in self.trainings]
        self.skeleton = copy.deepcopy(networks[0]).to("meta")
        self.weights, self.buffers = stack_module_state(networks)
        for place, network in enumerate(networks):
            for name, value in (*network.named_parameters(), *network.named_buffers()):
                value.data = (self.weights | self.buffers)[name].data[place]
        self.loss_sum = torch.stack([training.loss_sum for training in self.trainings])
        for training, loss_sum in zip(self.trainings, self.loss_sum, strict=True):
            training.loss_sum = loss_sum
        self.optimizer = self.config.optimizer.build(list(self.weights.values()))
        for place, stacked in enumerate(self.weights.values()):
            moments = [training.optimizer.state.get(training.parameters[place], {}) for training in self.trainings]
            for name, value in moments[0].items():
                alike = isinstance(value, Tensor) and value.shape == stacked.shape[1:]
                self.optimizer.state[stacked][name] = torch.stack([own[name] for own in moments]) if alike else value
        self._hand_out_moments()
        self.labels = torch.stack([training.batches.labels for training in self.trainings])
        self._epoch = -1
        cuda_graphs.accelerate_steps(self)

    def _hand_out_moments(self) -> None:
        """Show every training its part of the optimizer's moments, as its own optimizer would hold it."""
        for place, stacked in enumerate(self.weights.values()):
            for name, value in self.optimizer.state.get(stacked, {}).items():
                alike = isinstance(value, Tensor) and value.shape == stacked.shape
                for number, training in enumerate(self.trainings):
                    own = training.optimizer.state[training.parameters[place]]
                    own[name] = value[number] if alike else value
