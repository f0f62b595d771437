"""A sweep is a group of runs with a name: put into the queue, looked at, stopped and resumed as one.

    cache/sweeps/<id>/sweep.json    the sweep, and of each of its runs the seconds that were expected; written once,
                                    before the runs

Its runs lie in cache/runs like all others and know nothing of it: two sweeps that want the same run share it, and a
sweep entered twice is the same sweep.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from igbviz.runs import queue
from igbviz.runs.duration import Estimate, estimate
from igbviz.runs.files import write_json
from igbviz.runs.listing import is_whole
from igbviz.runs.run import DEFAULT_CACHE, Handle, Run, RunError
from igbviz.runs.status import FINISHED, STATES, Status
from igbviz.runs.submit import submit_all
from igbviz.runs.sweep_config import Sweep
from igbviz.spec import ConfigError
from igbviz.trajectory.outcome import Outcome, outcome

WAITING, RESUMABLE = ("queued", "running", "lost"), ("stopped", "failed", "lost")
MISSING, UNREADABLE = "missing", "unreadable"
_GROUP_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,100}")


@dataclass(frozen=True)
class Plan:
    """What a sweep will take: its runs, how many of them are finished already, and the expected seconds of the
    others."""

    runs: int
    finished: int
    seconds: float
    basis: str


def plan(sweep: Sweep, cache: str | Path = DEFAULT_CACHE) -> Plan:
    """Raises DataError or ConfigError, one sentence, when a run of the sweep cannot start."""
    cache = Path(cache)
    expected = _expected(sweep, cache)
    states = {member.id: member for member in _members(expected, cache)}
    seconds, finished = 0.0, 0
    for run_id, guess in expected.items():
        finished += states[run_id].state in FINISHED
        seconds += guess.seconds * (1 - states[run_id].share)
    return Plan(len(expected), finished, seconds, next(iter(expected.values())).basis)


def _expected(sweep: Sweep, cache: Path) -> dict[str, Estimate]:
    """By the run's name. Runs that differ only in what the time does not depend on are looked at once."""
    known: dict[str, Estimate] = {}
    expected = {}
    for config in sweep.configs():
        costs = {
            key: value
            for key, value in config.canonical(incidental=True).items()
            if key not in ("seed", "loss", "schedule", "initialization")
        }
        key = json.dumps(costs, sort_keys=True)
        if key not in known:
            known[key] = estimate(config, cache)
        expected[config.id] = known[key]
    return expected


@dataclass(frozen=True)
class SweepRun:
    """A run of a group, at one moment. `state` is one of status.STATES, 'missing' (deleted) or 'unreadable'."""

    id: str
    state: str
    run: Run | None = None
    status: Status | None = None

    @property
    def share(self) -> float:
        """How much of its steps is done; 1 for a diverged run, which has no more to do."""
        if self.state in FINISHED:
            return 1.0
        return min(self.status.step / self.status.steps, 1.0) if self.status and self.status.steps else 0.0

    def outcome(self) -> Outcome | None:
        """What came of the run so far. None before the first probe, and where there is nothing to read."""
        try:
            trajectory = self.run.trajectory() if self.run else ()
        except RunError:
            return None
        return outcome(trajectory, diverged=self.state == "diverged") if len(trajectory) else None


def _members(run_ids: Iterable[str], cache: Path) -> list[SweepRun]:
    return [_member(run_id, cache) for run_id in run_ids]


def _member(run_id: str, cache: Path) -> SweepRun:
    try:
        run = Run.open(run_id, cache)
    except RunError:
        return SweepRun(run_id, MISSING)
    try:
        status = run.stored_status()
        if status.state == "running":
            status = run.status  # only a running one can be lost; for the others the file says all
    except RunError:
        return SweepRun(run_id, UNREADABLE, run)
    return SweepRun(run_id, status.state, run, status)


@dataclass(frozen=True)
class Progress:
    """Where a group stands. `counts` has the number of runs in each state that occurs; `share`, from 0 to 1, is the
    mean over the runs that are still there; `eta` is in seconds, and None when nothing is going on."""

    members: list[SweepRun]
    counts: dict[str, int]
    share: float
    eta: float | None

    @property
    def ended(self) -> bool:
        return not any(state in self.counts for state in WAITING)

    def __str__(self) -> str:
        return ", ".join(f"{count} {state}" for state, count in self.counts.items())


class Group(Handle):
    """A handle on one sweep's folder."""

    @classmethod
    def open(cls, group_id: str, cache: str | Path = DEFAULT_CACHE) -> Group:
        """The group of this name. Raises RunError when there is none, or when its file is torn."""
        group = cls(Path(cache) / "sweeps" / group_id)
        if not _GROUP_ID.fullmatch(group_id) or not group.path.is_dir():
            raise RunError(f"sweep {group_id[:80]!r} is not in the cache {Path(cache)}")
        group._stored()
        return group

    @property
    def sweep(self) -> Sweep:
        """Raises RunError when the file is torn or from another program."""
        try:
            return Sweep.model_validate(self._stored()["sweep"])
        except ConfigError as error:
            raise RunError(f"sweep {self.id} cannot be read: {error}") from None

    @property
    def run_ids(self) -> list[str]:
        """The names of its runs, in the order of the grid, deleted ones included."""
        return list(self._stored()["expected"])

    @property
    def runs(self) -> list[Run]:
        """Its runs, but for those that were deleted."""
        return [member.run for member in self.members() if member.run is not None]

    @property
    def submitted(self) -> float:
        """Seconds since 1970."""
        return self._stored()["submitted"]

    def members(self) -> list[SweepRun]:
        """All its runs as they stand. Those that wait or were lost have their worker called back, so that looking is
        all it takes."""
        members = _members(self.run_ids, self.cache)
        wanted = {member.id for member in members if member.state in ("queued", "lost")}
        if any(entry.run_id in wanted for entry in queue.waiting(self.cache)):
            queue.ensure_worker(self.cache)
        return members

    def progress(self) -> Progress:
        """Where the group stands now."""
        members = self.members()
        there = [member for member in members if member.run is not None]
        counts = {
            state: n
            for state in (*STATES, UNREADABLE, MISSING)
            if (n := sum(member.state == state for member in members))
        }
        share = sum(member.share for member in there) / len(there) if there else 0.0
        return Progress(members, counts, share, self._eta(members))

    def _eta(self, members: list[SweepRun]) -> float | None:
        """Running runs know it themselves; for the others what was expected, corrected by how far off it was for those
        that are done."""
        expected = self._stored()["expected"]
        done = [
            (member.status.seconds, expected[member.id])
            for member in members
            if member.state == "done" and member.status.seconds
        ]
        off = sum(took for took, _ in done) / max(sum(guess for _, guess in done), 1e-9) if done else 1.0
        going = [member for member in members if member.state in WAITING]
        if not going:
            return None
        to_go = sum(
            member.status.eta if member.status.eta is not None else expected[member.id] * off * (1 - member.share)
            for member in going
        )
        return to_go / max(1, sum(member.state == "running" for member in going))  # one at a time on each device

    def stop(self) -> None:
        """Stop every run that waits or is worked on, also one that another sweep wants, too (`sharing`). What was
        computed stays."""
        # From the end of the queue, so that no worker takes up a run which is about to be stopped.
        waiting = [member for member in reversed(self.members()) if member.state in WAITING]
        for member in sorted(waiting, key=lambda member: member.state == "running"):
            member.run.stop_quietly()

    def resume(self) -> None:
        """Put stopped, failed and lost runs back into the queue. Deleted ones stay deleted: `submit_sweep` makes them
        anew."""
        for member in self.members():
            if member.state in RESUMABLE:
                member.run.resume()

    def sharing(self) -> list[Group]:
        """Other groups that have a run of this one which has not ended."""
        going = {member.id for member in self.members() if member.state in WAITING}
        return [
            group for group in list_groups(self.cache) if group.id != self.id and not going.isdisjoint(group.run_ids)
        ]

    def follow(self, every: float = 0.5, timeout: float | None = None) -> Iterator[Progress]:
        """The progress again and again until no run of the group waits or is worked on; TimeoutError after `timeout`
        seconds, if any."""
        until = math.inf if timeout is None else time.monotonic() + timeout
        while not (progress := self.progress()).ended:
            yield progress
            if time.monotonic() > until:
                raise TimeoutError(f"sweep {self.id} still has {progress} runs after {timeout:g} s")
            time.sleep(every)
        yield progress

    def wait(self, timeout: float | None = None) -> Progress:
        """Block until no run of the group waits or is worked on."""
        *_, last = self.follow(timeout=timeout)
        return last

    def _stored(self) -> dict[str, Any]:
        try:
            stored = json.loads((self.path / "sweep.json").read_text())
            numbers = [stored["submitted"], *stored["expected"].values()]
            if not all(isinstance(number, int | float) for number in numbers) or not isinstance(stored["sweep"], dict):
                raise ValueError("it does not describe a sweep")
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            reason = "is missing" if isinstance(error, FileNotFoundError) else "is torn or from another program"
            raise RunError(f"sweep {self.id} cannot be read: sweep.json {reason}") from None
        return stored


def submit_sweep(sweep: Sweep | dict[str, Any], cache: str | Path = DEFAULT_CACHE) -> Group:
    """Make sure that every run of this sweep exists and will be worked on, and return their group at once.

    Finished runs are taken as they are, those in the queue keep their places, stopped, failed and lost ones go on,
    deleted ones are made anew: a sweep entered twice adds nothing. Raises DataError or ConfigError before anything
    starts when one of the runs cannot.
    """
    sweep = Sweep.model_validate(sweep)
    group = Group(Path(cache) / "sweeps" / sweep.id)
    expected = {run_id: guess.seconds for run_id, guess in _expected(sweep, group.cache).items()}
    try:
        group._stored()
    except RunError:
        group.path.mkdir(parents=True, exist_ok=True)
        stored = {"sweep": sweep.model_dump(mode="json"), "expected": expected, "submitted": time.time()}
        write_json(group.path / "sweep.json", stored)
    left = {
        member.id for member in _members(expected, group.cache) if member.state == UNREADABLE or _is_finished(member)
    }
    submit_all([config for config in sweep.configs() if config.id not in left], group.cache, of_sweep=True)
    return group


def _is_finished(member: SweepRun) -> bool:
    return member.state in FINISHED and is_whole(member.run)


def list_groups(cache: str | Path = DEFAULT_CACHE) -> list[Group]:
    """Every sweep in the cache whose file can be read, newest first."""
    groups = []
    for path in (Path(cache) / "sweeps").glob("*/sweep.json"):
        try:
            groups.append((Group(path.parent).submitted, Group(path.parent)))
        except RunError:
            continue  # its runs are in the list of runs all the same
    return [group for _, group in sorted(groups, key=lambda pair: -pair[0])]
