"""The parts one after the other, each in its own process and with its own time; a failure of one stops no other."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tests.gpu import child
from tests.gpu.bench import Options
from tests.gpu.registry import Part, seconds_for

GRACE = 6.0  # seconds after its time in which a part ends by itself
MIN_SECONDS = 3.0  # with less a part is not begun
# Imported once for all parts; the engine first, since it decides how torch's threads wait.
PRELOAD = ["igbviz.training.loop", "igbviz.runs.session", "tests.gpu.timing", "tests.benchmarks.stacked"]


@dataclass(frozen=True)
class Outcome:
    """What came of a part: a state in words, its seconds, and its notes."""

    part: Part
    state: str
    seconds: float
    notes: list[dict[str, Any]]

    @property
    def is_bad(self) -> bool:
        return self.state in ("error", "failed", "died")


def campaign(parts: Iterable[Part], options: Options, seconds: float, say: Callable[[str], None]) -> list[Outcome]:
    """Do these parts within so many seconds in all."""
    end, outcomes, parts = time.monotonic() + seconds, [], list(parts)
    with_archives = any(part.name == "archives" for part in parts)
    for part in parts:
        # The grace is taken from the part's own time, so that the sum is kept.
        given = seconds_for(part, end - time.monotonic() - GRACE, with_archives)
        say(f"{part.name}: {part.words}")
        outcomes.append(one(part, options, given, say))
        say(f"  {outcomes[-1].state}, {outcomes[-1].seconds:.0f} s")
    return outcomes


def one(part: Part, options: Options, seconds: float, say: Callable[[str], None]) -> Outcome:
    """Do one part, and end it when its time is over."""
    if seconds < MIN_SECONDS:
        return Outcome(part, "no time left", 0.0, [])
    (options.work / f"{part.name}.jsonl").unlink(missing_ok=True)
    started, said = time.monotonic(), 0
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    process = context.Process(target=child.work, args=(part, options, seconds))
    process.start()
    while process.is_alive() and time.monotonic() < started + seconds + GRACE:
        process.join(0.2)
        notes = options.notes_of(part.name)
        for note in notes[said:]:
            say(f"  {note['what']}: {note['words']}")
        said = len(notes)
    is_over_time = process.is_alive()
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)  # also what the part has started and left behind
    process.kill()
    process.join()
    notes = options.notes_of(part.name)
    for note in notes[said:]:
        say(f"  {note['what']}: {note['words']}")
    return Outcome(part, _state(process.exitcode, is_over_time, notes), time.monotonic() - started, notes)


def _state(code: int | None, is_over_time: bool, notes: list[dict[str, Any]]) -> str:
    if is_over_time:
        return "ended, since its time was over"
    if any(note["what"] == "error" for note in notes):
        return "error"
    if code:
        return "died"
    return "failed" if any(note["holds"] is False for note in notes) else "done"
