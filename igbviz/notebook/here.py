"""Subjects of this process: a probe in somebody's loop, and the stream of `igbviz.train`.

Watching does not keep them alive: once nobody can go on with them, they have ended.
"""

from __future__ import annotations

import itertools
import os
import weakref
from dataclasses import replace
from typing import Any

from igbviz.notebook.look import Look

_numbers = itertools.count(1)


class WatchedHere:
    """What a probe and a stream have in common."""

    title = ""
    kind: str

    def __init__(self, subject: Any) -> None:
        # Unlike id(subject), never given twice: a page remembers curves by name, also those of an earlier kernel.
        self.id = f"{self.kind}-{os.getpid()}-{next(_numbers)}"
        self._subject = weakref.ref(subject)
        self._last: Look | None = None
        self._seen: Any = None

    def look(self) -> Look | None:
        subject, last = self._subject(), self._last
        if subject is None:
            if last is None or last.ended:
                return None
            look = replace(last, ended=True)
        else:
            if self._seen == (seen := self._version(subject)):
                return None
            self._seen, look = seen, self._look(subject)
        self._last = look
        return look

    def _version(self, subject: Any) -> Any:
        """What is another one as soon as there is more to see."""
        raise NotImplementedError

    def _look(self, subject: Any) -> Look:
        raise NotImplementedError


class WatchedProbe(WatchedHere):
    """A probe, which knows only what has been, not how long the training will be."""

    kind = "probe"

    def _version(self, probe: Any) -> int:
        return probe.version

    def _look(self, probe: Any) -> Look:
        trajectory = probe.trajectory
        words = _count(len(trajectory), "look", "Waiting for the first call of the probe.")
        if probe.error:
            words += f" The recording ended early, the training goes on: {probe.error.removesuffix('.')}."
        ended = bool(probe.error)
        per_epoch = probe.steps_per_epoch
        return Look(self.id, trajectory.thinned(), probe.config, per_epoch, ended=ended, words=words, is_open=True)


class WatchedStream(WatchedHere):
    """The stream of a training, which goes on whenever somebody asks for its next snapshot."""

    kind = "stream"

    def _version(self, stream: Any) -> int:
        return len(stream.recorded)

    def _look(self, stream: Any) -> Look:
        trajectory = stream.trajectory
        waiting = "Waiting for the loop that asks for the first snapshot."
        words = _count(len(trajectory), f"of {len(stream):,} snapshot", waiting)
        ended = len(trajectory) == len(stream)
        return Look(self.id, trajectory.thinned(), stream.config, stream.steps_per_epoch, ended=ended, words=words)


def _count(count: int, noun: str, waiting: str) -> str:
    if not count:
        return waiting
    plural = noun.startswith("of ") or count != 1
    return f"{count:,} {noun}{'s' * plural} so far."
