"""Several runs of one architecture as one stack: one forward and one backward pass of stacked weights is a step of all.

On request: `RunConfig(stacked=True)`. The cost of launching operations, most of a small network's step and above all on
a GPU, is then paid once for all runs. Every run keeps its own batches, loss, probes and folder. Batched products round
differently from those of a single run, and training amplifies that: a stacked run drifts from the same run alone, by up
to 0.04 in mean probability (measured on 4 runs of an mlp of width 64). So being stacked is part of a run's identity: a
stored stacked run never stands in for a single one, nor the other way round.

The stack drives its trainings, which hold no reference to it. Shapes: L runs, B images per batch, K classes.
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
from igbviz.training.devices import compute_context
from igbviz.training.loop import CHECK_STEPS, Training
from igbviz.training.network import without_denormals

MAX_RUNS = {"cpu": 16, "cuda": 64, "mps": 16}
MAX_WEIGHTS = {"cpu": 2**25, "cuda": 2**29, "mps": 2**27}  # limit on the total number of weights in a stack


def stack_key(config: RunConfig) -> str | None:
    """A key that is equal for runs that can share a stack; None for a run that cannot be stacked.

    A loss with a term over the whole batch, or over all weights, cannot be stacked.
    """
    if not config.stacked or type(config.loss).batch_loss is not Loss.batch_loss:
        return None
    per_run = ("loss", "schedule", "seed", "rounding_noise", "initialization", "label_noise", "probes")
    return json.dumps(
        {key: value for key, value in config.canonical(incidental=True).items() if key not in per_run}, sort_keys=True
    )


def max_runs(training: Training) -> int:
    """Maximum number of runs like this one in a stack; 1 with stochastic layers, since each run has its own dropout."""
    device, weights = training.device.type, sum(parameter.numel() for parameter in training.parameters)
    return 1 if training.is_stochastic else max(1, min(MAX_RUNS[device], MAX_WEIGHTS[device] // weights))


def _loss_and_schedule(training: Training) -> str:
    parts = (training.config.loss, training.config.schedule)
    return repr([(type(part).__name__, part.model_dump()) for part in parts])


class Stack:
    """Trainings at the same step that take their next steps together, by `advance()`."""

    def __init__(self, trainings: Sequence[Training]) -> None:
        # Sorted so that runs with the same loss are neighbours: each loss is computed once, on a slice.
        self.trainings = sorted(trainings, key=_loss_and_schedule)
        first = self.trainings[0]
        self.config, self.device, self.is_stochastic = first.config, first.device, False
        self._stack_networks()

    def advance(self) -> None:
        """One optimizer step of every training; on a GPU all steps up to the next probe or check, since a step takes
        less time than the caller's round over all runs."""
        if len(self.trainings) < len(self.loss_sum):
            self._stack_networks()
        first, started = self.trainings[0], time.perf_counter()
        steps = 1
        if self.device.type != "cpu":
            due = min(training.next_probe for training in self.trainings)
            steps = min(CHECK_STEPS - first.step % CHECK_STEPS, due - first.step)
        for _ in range(steps):
            first.set_learning_rate(self.optimizer)
            self.descend(self._rows(first.step), tuple(training.loss_at(first.step) for training in self.trainings))
            if len(self.optimizer.state) > len(first.optimizer.state):
                self._share_moments()
            for training in self.trainings:
                training.count_step(0.0)
        if self.device.type != "cpu":
            self.loss_sum.cpu()  # wait for the launched steps, so that they are timed
        for training in self.trainings:
            training.pace.add_step(time.perf_counter() - started, steps=0)

    def drop(self, training: Training) -> None:
        """Remove a training from the stack; it keeps its current weights."""
        self.trainings = [other for other in self.trainings if other is not training]

    def descend(self, rows: Tensor, losses: Sequence[Loss]) -> None:
        """One update of every training on its images at `rows` (L, B); adds the mean losses to `loss_sum` (L,)."""
        first = self.trainings[0]
        with torch.enable_grad(), compute_context(self.device, self.config.precision, first.threads):
            logits = upcast(vmap(self._forward)(self.weights, self.buffers, self._images(rows)))
            if self.device.type == "cpu":
                logits.register_hook(without_denormals)  # of one confident network, they would slow the whole stack
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
        """(L, B) row indices of the training images of a step."""
        epoch, batch = self.trainings[0].batches.place(step)
        if epoch != self._epoch:
            orders = [training.batches.order(epoch) for training in self.trainings]
            self._orders, self._epoch = torch.stack(orders), epoch
        return self._orders[:, batch]

    def _images(self, rows: Tensor) -> Tensor:
        """(L, B, channels, height, width) images; trainings usually share one set of images."""
        sets = [training.batches.images for training in self.trainings]
        if all(images is sets[0] for images in sets):
            return sets[0].index_select(0, rows.flatten()).unflatten(0, rows.shape)
        return torch.stack([images.index_select(0, indices) for images, indices in zip(sets, rows, strict=True)])

    def _losses(self, losses: Sequence[Loss], logits: Tensor, labels: Tensor) -> Tensor:
        """(L,) mean losses of logits (L, B, K), computed once per group of neighbours with the same loss."""
        means, start = [], 0
        for loss, group in groupby(losses):
            end = start + len(list(group))
            values = loss.values(logits[start:end].flatten(0, 1), labels[start:end].flatten())
            means.append(values.view(end - start, -1).mean(1))
            start = end
        return torch.cat(means)

    def _stack_networks(self) -> None:
        """Stack the weights of all trainings; the parameters of their networks become views of the stack."""
        networks = [training.network for training in self.trainings]
        self.skeleton = copy.deepcopy(networks[0]).to("meta")
        self.weights, self.buffers = stack_module_state(networks)
        for run, network in enumerate(networks):
            for name, value in (*network.named_parameters(), *network.named_buffers()):
                value.data = (self.weights | self.buffers)[name].data[run]
        self.loss_sum = torch.stack([training.loss_sum for training in self.trainings])
        for training, loss_sum in zip(self.trainings, self.loss_sum, strict=True):
            training.loss_sum = loss_sum
        self.optimizer = self.config.optimizer.build(list(self.weights.values()))
        for index, stacked in enumerate(self.weights.values()):
            states = [training.optimizer.state.get(training.parameters[index], {}) for training in self.trainings]
            for name, value in states[0].items():
                has_shape = isinstance(value, Tensor) and value.shape == stacked.shape[1:]
                moment = torch.stack([state[name] for state in states]) if has_shape else value
                self.optimizer.state[stacked][name] = moment
        self._share_moments()
        self.labels = torch.stack([training.batches.labels for training in self.trainings])
        self._epoch = -1
        cuda_graphs.accelerate_steps(self)

    def _share_moments(self) -> None:
        """Give the optimizer of each training views of its slice of the stacked moments."""
        for index, stacked in enumerate(self.weights.values()):
            for name, value in self.optimizer.state.get(stacked, {}).items():
                has_shape = isinstance(value, Tensor) and value.shape == stacked.shape
                for run, training in enumerate(self.trainings):
                    state = training.optimizer.state[training.parameters[index]]
                    state[name] = value[run] if has_shape else value
