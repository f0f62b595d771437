"""A worker answers previews: at once while it is idle, between two steps while it trains.

Not in a thread beside the training: torch's random state, its number of threads and its tracing belong to the whole
process, so a thread could change the numbers of the run. Not in a process of its own, which takes seconds to start.
Between two steps a preview changes nothing but the time, and that is bounded: only small ones, a first few at once and
then a share of the time. The viewer's wait is bounded, too: what an expensive one, such as the first in a process,
takes above its share is not saved up for minutes. A helper that is idle beside a long run answers first, at no cost.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch

from igbviz.config import PRESETS, RunConfig
from igbviz.config.presets import DEFAULT
from igbviz.datasets import Data, DataError
from igbviz.ensembles.preview import Preview, look
from igbviz.runs.files import write_text
from igbviz.runs.previews.files import (
    MAX_SECONDS,
    Answer,
    answer_of,
    asks,
    expected_seconds,
    is_kept,
    is_small,
    key_of,
    read_ask,
    sweep,
    take,
)
from igbviz.training.failures import explain, is_device_lost
from igbviz.training.memory import require_memory

LOOK_SECONDS = 0.03  # between two looks at the folder while training
OTHERS_FIRST = 0.05  # seconds that an idle helper has, before a worker that trains answers
SHARE, AT_ONCE = 0.05, 0.3  # of the time of a training; seconds of it, of one core, that may be used at once
MAX_WAIT = 1.0  # seconds from one preview to the next while training, however expensive the first was
SWEEP_SECONDS = 20.0
MAX_DATA = 2  # data sets kept in memory
MAX_LOOKED_AT = 30  # asks at one look while training


class Answerer:
    """Answers the asks of a cache, on the device of its worker."""

    def __init__(self, cache: Path, device: torch.device, queued: Callable[[], Iterable[str]] = tuple) -> None:
        """`queued`: the runs in the queue now; for one that was not there before, a long preview is given up."""
        self.cache, self.device, self.queued = cache, device, queued
        self.passed: set[str] = set()
        self.data: dict[str, Data] = {}
        self.looked_at = self.swept_at = time.monotonic()
        self.credit = AT_ONCE  # seconds that a training may be kept waiting now

    def warm_up(self) -> bool:
        """Look at the network of the first example, with its data, so that the first viewer does not wait for all that
        happens once. Returns False: the process is no longer cold."""
        self.passed = set(self.queued())
        self._answer(PRESETS[DEFAULT].config, self._is_wanted)
        return False

    def idle(self) -> bool:
        """Answer the viewer who has waited longest; whether there was one. Called when this worker has found no run to
        train: those that are in the queue are others', such as one that is being trained."""
        self._sweep()
        if not (waiting := asks(self.cache)):
            return False
        self.passed = set(self.queued())
        return any(self._attend(path) for _, path in waiting)

    def _is_wanted(self) -> bool:
        return not self.passed.issuperset(self.queued())

    def between_steps(self) -> None:
        """Answer one small ask, if the training has credit for it. Called after every step, so it is quick."""
        now = time.monotonic()
        if now - self.looked_at < LOOK_SECONDS:
            return
        self.credit = min(AT_ONCE, self.credit + SHARE * (now - self.looked_at))
        began = time.thread_time()  # of the processor: on a busy machine the clock also counts what others take
        self._sweep()
        if self.credit > 0:
            waiting = [path for age, path in asks(self.cache) if age > OTHERS_FIRST]
            any(self._attend(path, only_small=True) for path in waiting[:MAX_LOOKED_AT])
        self.looked_at = time.monotonic()
        self.credit = max(self.credit - (time.thread_time() - began), -SHARE * MAX_WAIT)

    def _attend(self, path: Path, only_small: bool = False) -> bool:
        """Answer one ask; with `only_small`, while training, others are left to an idle worker."""
        if (config := read_ask(path)) is None:
            return False
        try:
            small, expected = is_small(config), expected_seconds(config, self.cache)
        except (DataError, OSError):
            small, expected = True, 0.0  # the answer is this error
        if (only_small and not small) or not take(path, config):
            return False
        if answer_of(self.cache, key_of(config)):
            pass  # another viewer with this choice was first
        elif expected > MAX_SECONDS:
            self._write(config, Answer(problem="so large a network is only seen once it is trained"))
        elif (answer := self._answer(config, lambda: self._is_over(path, config, only_small))) is not None:
            self._write(config, answer)
        elif not path.exists():  # given up for a run, not for a newer choice
            write_text(path, config.model_dump_json())
        return True

    def _is_over(self, path: Path, config: RunConfig, is_training: bool) -> bool:
        """Whether the viewer has chosen something else since, or an idle worker is wanted for a run."""
        return (path.exists() and read_ask(path) not in (None, config)) or (not is_training and self._is_wanted())

    def _answer(self, config: RunConfig, is_over: Callable[[], bool]) -> Answer | None:
        """The answer; None if `is_over` has become true meanwhile."""
        try:
            require_memory(config, config.dataset.facts())
            looking = look(config, self.device, self._load(config))
            while True:
                try:
                    next(looking)
                except StopIteration as end:
                    return _answer_of(end.value, config)
                if is_over():
                    return None
        except Exception as error:  # a network can fail in a hundred ways, and the viewer is to be told
            if is_device_lost(error):
                raise
            return Answer(problem=explain(error)[:500].removesuffix("."))

    def _load(self, config: RunConfig) -> Data:
        """The data, kept for the next preview if they are small. Nothing is downloaded or decoded only for a look."""
        name = config.dataset.model_dump_json()
        if name in self.data:
            return self.data[name]
        if not config.dataset.is_at_hand():
            raise DataError(f"{config.dataset.title} is first read when a run is trained on it")
        data = config.dataset.load(self.device)
        if is_kept(config, sum(images.numel() for images in (data.train_images, data.test_images))):
            while len(self.data) >= MAX_DATA:
                self.data.pop(next(iter(self.data)))
            self.data[name] = data
        return data

    def _write(self, config: RunConfig, answer: Answer) -> None:
        with contextlib.suppress(OSError):  # a full disk: there is no preview
            write_text(self.cache / "previews" / f"{key_of(config)}.json", answer.model_dump_json())

    def _sweep(self) -> None:
        if time.monotonic() - self.swept_at > SWEEP_SECONDS:
            self.swept_at = time.monotonic()
            sweep(self.cache)


def _answer_of(preview: Preview, config: RunConfig) -> Answer:
    logits = preview.logits
    if not (np.isfinite(logits["centre"]).all() and np.isfinite(logits["spread"]).all()):
        return Answer(problem="the outputs of this network are infinite or NaN before any step")
    names = ("guesses", "centre", "spread", "histogram")
    return Answer(
        class_names=list(config.dataset.facts().class_names), **{name: logits[name].tolist() for name in names}
    )
