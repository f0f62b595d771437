"""The queue of a cache folder: whose turn it is, when, and starting its worker. Files and locks, no service.

cache/queue/<turn>-<run id>   a run that waits for a worker or is being trained. The file is empty, and stays until the
                              run has ended, so the next worker finds a run whose worker died. Sorted by name, the files
                              are in the order of their turns. A <turn> is
                                  0<time>                   of a single run: first come first served, before all sweeps
                                  0<time>.<race>            of a run of a race: like a single one, but a worker of its
                                                            own is started for each, so that they run side by side
                                  1<round><time>.<sweep>    of a run of a sweep: each round has one run of every sweep
cache/workers/keeper-0.lock   held by the keeper, a small process that starts the worker and restarts it if it dies
cache/workers/worker.log      the output of both; only the end of a long one is kept
cache/workers/expected        the number of lanes of a race that may start soon, for which workers are kept warm

A sweep that is submitted while others wait joins at their present round, so that neither it nor they wait for the whole
of the other.
"""

from __future__ import annotations

import contextlib
import heapq
import math
import os
import re
import subprocess
import sys
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from igbviz.disk.places import TREE
from igbviz.runs import deaths
from igbviz.runs.files import RUN_ID, Stamp, full, keep_end, read, read_only, stamp, write_text
from igbviz.runs.locks import is_held, lock

# A single run of fewer expected seconds does not wait for the end of a longer one.
SHORT_SECONDS = float(os.environ.get("IGBVIZ_SHORT_SECONDS", 120))
AFTER_PAGE, EXPECTED_SECONDS = 1.5, 120.0  # since a button of a race was seen: when more workers are warm
_ENTRY = re.compile(rf"(\d+)(?:\.([0-9a-f]{{8}}))?-({RUN_ID.pattern})")
_last_checks: dict[Path, float] = {}  # by cache, in seconds of time.monotonic()
_last_turns: dict[Path, tuple[float, Stamp, dict[str, Turn]]] = {}  # by cache: when, for which files, and the turns


def enqueue(cache: Path, *run_ids: str, sweep: str = "", race: bool = False) -> None:
    """Append runs to the queue in this order, except queued ones.

    `sweep`: the sweep that they belong to, if any. `race`: they are to be trained side by side, before all sweeps.
    """
    with lock(cache / "queue.lock"):
        entries, now = waiting(cache), time.time_ns()
        queued, group = {entry.run_id for entry in entries}, f"{zlib.crc32(sweep.encode()):08x}"
        rounds = [entry.round for entry in entries if entry.of_sweep]
        own_rounds = [entry.round for entry in entries if entry.of_sweep and entry.group == group]
        first = max([min(rounds, default=0), *(number + 1 for number in own_rounds)])
        (cache / "queue").mkdir(parents=True, exist_ok=True)
        new = [run_id for run_id in dict.fromkeys(run_ids) if run_id not in queued]
        for position, run_id in enumerate(new):
            submitted = f"{now + position:020d}"
            turn = submitted if race or not sweep else f"1{first + position:09d}{submitted}"
            turn += f".{group}" if sweep else ""
            (cache / "queue" / f"{turn}-{run_id}").touch()


def dequeue(cache: Path, run_id: str) -> None:
    """Remove a run from the queue, whatever its position."""
    for entry in waiting(cache):
        if entry.run_id == run_id:
            entry.path.unlink(missing_ok=True)


class QueueEntry:
    """An entry of the queue: a file whose name holds the turn and the run."""

    def __init__(self, queue: Path, name: re.Match[str]) -> None:
        self.queue, self.name = queue, name[0]
        self.turn, self.group, self.run_id = name.groups()

    @property
    def path(self) -> Path:
        return self.queue / self.name  # built lazily: most readers of a long queue need only the names

    @property
    def of_sweep(self) -> bool:
        """Whether the run belongs to a sweep that is no race."""
        return self.group is not None and self.turn.startswith("1")

    @property
    def of_race(self) -> bool:
        """Whether the run is one of several that are to be trained side by side."""
        return self.group is not None and not self.of_sweep

    @property
    def round(self) -> int:
        """The round in which a run of a sweep has its turn."""
        return int(self.turn[1:10])

    @property
    def age(self) -> float:
        """Seconds in the queue."""
        return time.time() - int(self.turn[-20:]) / 1e9

    def is_short(self) -> bool:
        """Whether the run is expected to end soon; not one that has turned out to be longer."""
        from igbviz.runs.run import Run, RunError

        try:
            return _expected_seconds(run := Run(self.queue.parent / "runs" / self.run_id)) < SHORT_SECONDS and (
                run.stored_status().seconds < SHORT_SECONDS
            )
        except RunError:
            return False


def waiting(cache: Path) -> list[QueueEntry]:
    """The queue in the order of turns. Other files in its folder are ignored."""
    try:
        with os.scandir(cache / "queue") as entries:
            names = sorted(entry.name for entry in entries if entry.is_file(follow_symlinks=False))
    except OSError:
        return []
    return [QueueEntry(cache / "queue", name) for name in map(_ENTRY.fullmatch, names) if name]


@dataclass(frozen=True)
class Turn:
    """When a waiting run has its turn: its place among the waiting ones, from 1, and the expected seconds until then,
    infinite when nobody knows."""

    place: int
    seconds: float

    def __str__(self) -> str:
        return f"Waiting for its turn: {self.when}."

    @property
    def when(self) -> str:
        """'next in the queue, in less than a minute', or 'place 3 in the queue, in about 12 min'."""
        place = "next in the queue" if self.place == 1 else f"place {self.place} in the queue"
        minutes = self.seconds / 60
        if math.isinf(minutes):
            return place
        if minutes < 1:
            return f"{place}, in less than a minute"
        return f"{place}, in about " + (f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h")


def turns(cache: Path) -> dict[str, Turn]:
    """The turn of every waiting run, by its id. Cached for a second, since each viewer of each run asks for it."""
    seen, now = stamp(cache / "queue"), time.monotonic()
    if not (last := _last_turns.get(cache)) or last[1] != seen or now - last[0] > 1:
        last = _last_turns[cache] = now, seen, _turns(cache)
    return last[2]


def _turns(cache: Path) -> dict[str, Turn]:
    """As many runs as are being trained now are trained at once; the next one starts when the first of them ends. A
    short one starts beside a long one, or while that pauses."""
    from igbviz.runs.run import Run, RunError

    ends, queued = [], []  # seconds until the end of each running run; the others
    behind_long = False
    for entry in waiting(cache):
        run = Run(cache / "runs" / entry.run_id)
        try:
            status = run.stored_status()
        except RunError:
            continue  # a worker removes it from the queue
        expected = _expected_seconds(run)
        if status.state == "running":
            rest = max(expected - status.seconds, 0.0) if status.eta is None else status.eta
            behind_long |= max(expected, status.seconds + rest) >= SHORT_SECONDS
            ends.append(rest)
        else:
            share = status.step / status.steps if status.steps else 0.0
            queued.append((entry, expected * (1 - share)))
    ends = ends or [0.0]
    heapq.heapify(ends)
    starts, aside = {}, 0.0
    for entry, expected in queued:
        if behind_long and entry.is_short():
            starts[entry.run_id] = aside
            aside += expected * (2 if entry.of_sweep else 1)  # after a run of a sweep, the long one has its turn
        else:
            starts[entry.run_id] = ends[0]
            heapq.heapreplace(ends, ends[0] + expected)
    order = sorted(starts, key=starts.get)
    return {run_id: Turn(place, starts[run_id]) for place, run_id in enumerate(order, 1)}


def _expected_seconds(run) -> float:
    return _estimate(run, stamp(run.path / "config.json", run.cache / "speeds.json"))


@lru_cache(maxsize=20_000)
def _estimate(run, _: Stamp) -> float:
    """The estimate for a run, once for each state of its files; infinite if there is none."""
    from igbviz.datasets import DataError
    from igbviz.runs.duration import expected_seconds
    from igbviz.runs.run import RunError
    from igbviz.spec import ConfigError

    try:
        return expected_seconds(run.config, run.cache)
    except (RunError, ConfigError, DataError, OSError):
        return math.inf


def ensure_worker(cache: Path, patience: float = 2.0) -> None:
    """Start a detached worker for this cache unless one is alive.

    A second call within `patience` seconds does nothing, so that a page may call it at every refresh. Nothing is
    started where nothing can be written; `problem` says so.
    """
    cache = cache.resolve()
    now = time.monotonic()
    if now - _last_checks.get(cache, -patience) < patience or is_held(cache / "workers" / "keeper-0.lock"):
        return
    _last_checks[cache] = now
    start_worker(cache)


def start_worker(cache: Path, *arguments: str, inherited: Sequence[int] = ()) -> None:
    """Start the keeper of a detached worker, which has these open files, too."""
    try:
        (cache / "workers").mkdir(parents=True, exist_ok=True)
        keep_end(cache / "workers" / "worker.log")
        with open(cache / "workers" / "worker.log", "ab") as log:
            # A new session: closing the terminal or stopping the server must not stop the training. Python adds the
            # working folder to its path, which is where it finds the project; an installed program needs no such thing.
            subprocess.Popen(
                [sys.executable, *([] if TREE else ["-P"]), "-m", "igbviz.runs.worker", str(cache), *arguments],
                cwd=TREE, start_new_session=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                pass_fds=inherited,
            )  # fmt: skip
    except OSError:
        return


def expect_race(cache: Path, lanes: int = 2) -> None:
    """Somebody is looking at a button that starts a race, so that a worker for each lane is kept warm for a while."""
    with contextlib.suppress(OSError):
        (cache / "workers").mkdir(parents=True, exist_ok=True)
        write_text(cache / "workers" / "expected", str(lanes))


def lanes_expected(cache: Path) -> int:
    """The lanes of a race that may start soon, or 0. Not in the first moment, in which the page needs the cores."""
    mark = cache / "workers" / "expected"
    try:
        is_near = AFTER_PAGE <= time.time() - mark.stat().st_mtime < EXPECTED_SECONDS
        return int(read(mark)) if is_near else 0
    except (OSError, ValueError):
        return 0


def problem(cache: Path) -> str:
    """A sentence without its full stop: why no worker takes the runs that wait; empty if one does or will."""
    if sentence := full(cache):
        return sentence
    if not is_held(cache / "workers" / "keeper-0.lock") and (sentence := read_only(cache)):
        return sentence
    return deaths.sentence(cache)
