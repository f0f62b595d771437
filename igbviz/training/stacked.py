"""Several runs of one architecture at once: their weights lie stacked, and a step of all is one forward and one
backward pass.

What a call costs is then paid once for all, and that is most of what a step of a small network costs, above all on a
GPU. Every run keeps its own batches, loss, probes and folder. Its numbers are those that it would have alone up to the
last digits of the products, so they are the same within float tolerance and not bit for bit.

Shapes: L lanes, B images of a batch, K classes.
"""

from __future__ import annotations

import copy
import json
import os
import sys
import time
import weakref
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call, stack_module_state, vmap

from igbviz.config import RunConfig
from igbviz.losses import Loss, wide
from igbviz.training.cuda_graphs import WARM, Captured, can_capture, remembered, set_rate, update
from igbviz.training.devices import arithmetic
from igbviz.training.loop import CHECK_STEPS, Training
from igbviz.training.network import without_denormals

MOST_LANES = {"cpu": 16, "cuda": 64, "mps": 16}
STACKED_WEIGHTS = {"cpu": 2**25, "cuda": 2**29, "mps": 2**27}  # numbers that the weights of all lanes may be
# How many times as fast lanes must be: below, the runs are better off with the bits they have alone.
WORTH = float(os.environ.get("IGBVIZ_LANES_WORTH", 1.1))
TRIED_STEPS = 5  # once they are warm

_gains: dict[tuple[str, int, str], float] = {}


def shared(config: RunConfig) -> str | None:
    """What runs must have in common to be lanes of one stack, as text to compare; None for a run that can be none.

    A loss with a part that looks at the whole batch, or at all weights, is left to run alone.
    """
    if type(config.loss).batch_loss is not Loss.batch_loss:
        return None
    own = ("loss", "schedule", "seed", "initialization", "label_noise", "probes")
    return json.dumps({key: value for key, value in config.canonical().items() if key not in own}, sort_keys=True)


def most_lanes(training: Training) -> int:
    """How many runs like this one may be stacked; 1 for networks that throw dice in training, since each run has its
    own."""
    device, weights = training.device.type, sum(parameter.numel() for parameter in training.parameters)
    return 1 if training.has_dropout else max(1, min(MOST_LANES[device], STACKED_WEIGHTS[device] // weights))


def gain(training: Training, lanes: int) -> float:
    """How many times as fast so many like this one go stacked as one after the other: measured here, once for each
    kind, on copies. 0 where they cannot be stacked: a layer looks at values, or memory is short."""
    key = (shared(training.config) or "", lanes, str(training.device))
    if key not in _gains:
        copies: list[Training] = []
        try:
            alone, copies = training.rehearsal(), [training.rehearsal() for _ in range(lanes)]
            stack = Lanes(copies)
            _gains[key] = lanes * _seconds(alone.advance, alone.device) / _seconds(stack.advance, alone.device)
        except (RuntimeError, ValueError) as error:
            print(f"{lanes} lanes: {str(error).splitlines()[0]}", file=sys.stderr)
            _gains[key] = 0.0
        finally:
            for each in copies:
                each.stack = None  # a ring of references would keep the weights of all
    return _gains[key]


def _seconds(step: Any, device: torch.device) -> float:
    taken = []
    for _ in range(TRIED_STEPS + (WARM if can_capture(device) else 0)):
        started = time.perf_counter()
        step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        taken.append(time.perf_counter() - started)
    return min(taken[1:])


class Lanes:
    """Trainings at the same step that take the next ones together. Each is still driven by its own `ticks()`, in turn
    with the others."""

    def __init__(self, trainings: Sequence[Training]) -> None:
        # Those with the same loss stand side by side: then each loss is asked for a slice.
        self.trainings = sorted(trainings, key=lambda lane: repr((lane.config.loss, lane.config.schedule)))
        self.ready: list[Training] = []
        for lane in trainings:
            lane.stack = self
        self._stack()

    def turn(self, lane: Training) -> Iterator[None]:
        """One step of this lane, or more: it waits for the others, and the last to come steps for all."""
        number = lane.step
        self.ready.append(lane)
        while lane.step == number:
            if len(self.ready) == len(self.trainings):
                try:
                    for _ in range(self._stretch()):
                        self.advance()
                    self._wait()
                finally:
                    self.ready = [
                        other for other in self.ready if other.step == number
                    ]  # after an error the others wait on
            else:
                yield

    def _stretch(self) -> int:
        """Steps at a time: on a GPU as many as there are until a lane is looked at, since a captured step takes less
        time than to go round all lanes."""
        number = self.trainings[0].step
        if not can_capture(self.trainings[0].device):
            return 1
        return min(CHECK_STEPS - number % CHECK_STEPS, *(lane.next_look - number for lane in self.trainings))

    def _wait(self) -> None:
        """Where steps are only launched, until they are done: their time is that of all lanes."""
        started = time.perf_counter()
        if can_capture(self.trainings[0].device):
            self.loss_sums.cpu()
            for lane in self.trainings:
                lane.count_time("step_seconds", started)

    def drop(self, lane: Training) -> None:
        """Go on without this one, if it is here; it keeps its weights as they are."""
        self.trainings = [other for other in self.trainings if other is not lane]
        self.ready = [other for other in self.ready if other is not lane]

    def advance(self) -> None:
        """One optimizer step of every lane."""
        started = time.perf_counter()
        if len(self.trainings) < len(self.loss_sums):
            self._stack()
        first = self.trainings[0]
        config, number = first.config, first.step
        rows = self._rows(number)
        losses = tuple(
            lane.config.schedule.at(number, lane.steps_per_epoch, lane.config.loss) for lane in self.trainings
        )
        if config.optimizer.moves:
            set_rate(self.optimizer, config.optimizer.rate_at(number, first.steps), first.rate)
        if self.captured and rows.shape == self.rows.shape:
            self.rows.copy_(rows)
            self.captured(losses)
        else:
            self._learn(rows, losses)
        if len(self.optimizer.state) > len(first.optimizer.state):
            self._hand_out_state()
        passed = time.perf_counter() - started
        for lane in self.trainings:
            lane.count_step(passed)

    def _forward(self, weights: dict[str, Tensor], buffers: dict[str, Tensor], images: Tensor) -> Tensor:
        return functional_call(self.skeleton, (weights, buffers), (images,))

    def _rows(self, number: int) -> Tensor:
        """(L, B) where the training images of a step stand."""
        epoch, places = self.trainings[0].places(number)
        if epoch != self._epoch:
            self._orders, self._epoch = torch.stack([lane.order(epoch) for lane in self.trainings]), epoch
        return self._orders[:, places]

    def _learn(self, rows: Tensor, losses: Sequence[Any]) -> Tensor:
        """Descend the loss of every lane on its images at `rows` (L, B); the sums of the losses (L,), to which they are
        added."""
        first = self.trainings[0]
        with torch.enable_grad(), arithmetic(first.device, first.config.precision, first.threads):
            logits = wide(vmap(self._forward)(self.weights, self.buffers, self._images(rows)))
            if first.device.type == "cpu":
                logits.register_hook(without_denormals)  # one that is sure of itself slows all
            values = self._losses(losses, logits, self.labels.gather(1, rows))
            self.optimizer.zero_grad(set_to_none=True)
            values.sum().backward()
            update(self.optimizer, first.device)
        self.loss_sums += values.detach() + 0 * logits.detach().sum((1, 2))
        return self.loss_sums

    def _images(self, rows: Tensor) -> Tensor:
        """(L, B, channels, height, width); lanes mostly look at the same images."""
        sets = [lane.data.train_images for lane in self.trainings]
        if all(images is sets[0] for images in sets):
            return sets[0].index_select(0, rows.flatten()).unflatten(0, rows.shape)
        return torch.stack([images.index_select(0, some) for images, some in zip(sets, rows, strict=True)])

    def _losses(self, losses: Sequence[Any], logits: Tensor, labels: Tensor) -> Tensor:
        """(L,) mean losses of logits (L, B, K), neighbours with the same loss at once."""
        parts, start = [], 0
        for loss, same in groupby(losses):
            end = start + len(list(same))
            parts.append(
                loss.values(logits[start:end].flatten(0, 1), labels[start:end].flatten()).view(end - start, -1).mean(1)
            )
            start = end
        return torch.cat(parts)

    def _changed(self) -> list[Tensor]:
        """All that a step changes."""
        return [*self.weights.values(), *self.buffers.values(), *remembered(self.optimizer), self.loss_sums]

    def _stack(self) -> None:
        """Lay the weights of all lanes side by side; the networks of the trainings become views of them, and what was
        captured of them is of no use any more."""
        for lane in self.trainings:
            lane.forget_captured()
        networks = [lane.network for lane in self.trainings]
        first = self.trainings[0]
        self.skeleton = copy.deepcopy(networks[0]).to("meta")
        self.weights, self.buffers = stack_module_state(networks)
        for place, network in enumerate(networks):
            for name, value in (*network.named_parameters(), *network.named_buffers()):
                value.data = (self.weights | self.buffers)[name].data[place]
        self.loss_sums = torch.stack([lane.loss_sum for lane in self.trainings])
        for lane, loss_sum in zip(self.trainings, self.loss_sums, strict=True):
            lane.loss_sum = loss_sum
        self.optimizer = first.config.optimizer.build(list(self.weights.values()))
        for place, stacked in enumerate(self.weights.values()):
            states = [lane.optimizer.state.get(lane.parameters[place], {}) for lane in self.trainings]
            for name, value in states[0].items():
                together = isinstance(value, Tensor) and value.shape == stacked.shape[1:]
                self.optimizer.state[stacked][name] = (
                    torch.stack([state[name] for state in states]) if together else value
                )
        self._hand_out_state()
        self.labels = torch.stack([lane.data.train_labels for lane in self.trainings])
        self.rows = torch.zeros(len(networks), first.config.batch_size, dtype=torch.int64, device=first.device)
        self._epoch = -1
        self.captured = None
        if can_capture(first.device):
            own = weakref.proxy(self)
            self.captured = Captured(lambda losses: own._learn(own.rows, losses), first.device, lambda: own._changed())

    def _hand_out_state(self) -> None:
        """Show every lane its part of the optimizer's memory, as its own optimizer would hold it."""
        for place, stacked in enumerate(self.weights.values()):
            for name, value in self.optimizer.state.get(stacked, {}).items():
                together = isinstance(value, Tensor) and value.shape == stacked.shape
                for number, lane in enumerate(self.trainings):
                    lane.optimizer.state[lane.parameters[place]][name] = value[number] if together else value
