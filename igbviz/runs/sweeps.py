"""A sweep is a named group of runs that are submitted, watched, stopped and resumed together.

    cache/sweeps/<id>/sweep.json    the sweep, the expected seconds of each of its runs, and whether they race side by
                                    side; written once, before the runs

Its runs are in cache/runs like all others and do not refer to it: two sweeps with the same run share it, and a sweep
that is submitted twice is one sweep.
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

from igbviz.config.missing import packages
from igbviz.runs import queue
from igbviz.runs.duration import Estimate, estimate
from igbviz.runs.files import claim, folders, read, write_json
from igbviz.runs.listing import is_complete
from igbviz.runs.run import DEFAULT_CACHE, FolderHandle, Run, RunError
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
    """The cost of a sweep: its runs, how many are finished already, and the expected seconds of the others."""

    runs: int
    finished: int
    seconds: float
    basis: str


def plan(sweep: Sweep, cache: str | Path = DEFAULT_CACHE) -> Plan:
    """The cost of a sweep, whose finished runs are only found if it is `identified`.

    Raises DataError or ConfigError, one sentence, when one of its runs cannot start.
    """
    cache = Path(cache)
    expected = _expected(sweep, cache)
    states = {member.id: member for member in _members(expected, cache)}
    seconds, finished = 0.0, 0
    for run_id, cost in expected.items():
        if (member := states[run_id]).run and member.run.is_imported:
            seconds += cost.seconds  # it is trained again here
        else:
            finished += member.state in FINISHED
            seconds += cost.seconds * (1 - member.share)
    return Plan(len(expected), finished, seconds, next(iter(expected.values())).basis)


def _expected(sweep: Sweep, cache: Path) -> dict[str, Estimate]:
    """The estimate for each run id. Runs that differ only in fields that do not affect the time share one estimate."""
    estimates: dict[str, Estimate] = {}
    expected = {}
    for config in sweep.configs():
        costs = {
            key: value
            for key, value in config.canonical(incidental=True).items()
            if key not in ("seed", "loss", "schedule", "initialization")
        }
        key = json.dumps(costs, sort_keys=True)
        if key not in estimates:
            estimates[key] = estimate(config, cache)
        expected[config.id] = estimates[key]
    return expected


@dataclass(frozen=True)
class SweepRun:
    """A run of a sweep at one moment. `state` is one of status.STATES, 'missing' (deleted) or 'unreadable'."""

    id: str
    state: str
    run: Run | None = None
    status: Status | None = None

    @property
    def share(self) -> float:
        """The fraction of its steps that is done; 1 for a diverged run, which cannot continue."""
        if self.state in FINISHED:
            return 1.0
        return min(self.status.step / self.status.steps, 1.0) if self.status and self.status.steps else 0.0

    def outcome(self) -> Outcome | None:
        """The outcome of the run so far. None before the first probe, and for a missing or unreadable run."""
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
            status = run.status  # only a running one can be lost; the others are as the file says
    except RunError:
        return SweepRun(run_id, UNREADABLE, run)
    return SweepRun(run_id, status.state, run, status)


def members_of(run_ids: Iterable[str], cache: str | Path = DEFAULT_CACHE) -> list[SweepRun]:
    """These runs at this moment, whether a sweep of them was submitted or not. For queued or lost ones this starts a
    worker if none is alive, so that reading is enough to continue them."""
    members = _members(run_ids, Path(cache))
    unfinished = {member.id for member in members if member.state in ("queued", "lost")}
    if any(entry.run_id in unfinished for entry in queue.waiting(Path(cache))):
        queue.ensure_worker(Path(cache))
    return members


def stop_all(members: Iterable[SweepRun]) -> None:
    """Stop those of these runs that are queued, running or lost."""
    # From the end of the queue, so that no worker starts a run that is about to be stopped.
    waiting = [member for member in reversed([*members]) if member.state in WAITING]
    for member in sorted(waiting, key=lambda member: member.state == "running"):
        member.run.stop_quietly()


@dataclass(frozen=True)
class Progress:
    """The progress of a group. `counts`: number of runs in each state that occurs; `share`: mean fraction done, from 0
    to 1, of the runs that are not missing; `eta`: expected seconds to the end, None when no run is active; `problem`: a
    sentence without its full stop, why no worker takes the runs that wait."""

    members: list[SweepRun]
    counts: dict[str, int]
    share: float
    eta: float | None
    problem: str = ""

    @property
    def ended(self) -> bool:
        """Whether no run is queued, running or lost."""
        return not any(state in self.counts for state in WAITING)

    def __str__(self) -> str:
        return ", ".join(f"{count} {state}" for state, count in self.counts.items())

    @property
    def words(self) -> str:
        """The counts, and why the runs that wait are not taken."""
        return f"{self}; {self.problem}" if self.problem else str(self)


class Group(FolderHandle):
    """A handle on the folder of one sweep.

    >>> group = igbviz.submit_sweep({"axes": {"loss": ["cross-entropy", "blurry"], "seed": [0, 1]}})
    >>> len(group.runs), group.progress().ended
    (4, False)
    """

    @classmethod
    def open(cls, group_id: str, cache: str | Path = DEFAULT_CACHE) -> Group:
        """The group of this name. Raises RunError when there is none, or when its file is damaged."""
        group = cls(Path(cache) / "sweeps" / group_id)
        if not _GROUP_ID.fullmatch(group_id) or not group.path.is_dir():
            raise RunError(f"sweep {group_id[:80]!r} is not in the cache {Path(cache)}")
        group._stored()
        return group

    @property
    def sweep(self) -> Sweep:
        """The sweep. Raises RunError when its file is damaged or from another program, or needs another package."""
        try:
            sweep = Sweep.model_validate(self._stored()["sweep"])
        except ConfigError as error:
            raise RunError(f"sweep {self.id} cannot be read: {error}") from None
        configs = sweep.configs()
        if any(map(packages, configs)) and {config.id for config in configs} != set(self.run_ids):
            raise RunError(f"sweep {self.id} was made with another version of a package than is installed here")
        return sweep

    @property
    def run_ids(self) -> list[str]:
        """The ids of its runs in the order of the grid, including deleted ones."""
        return list(self._stored()["expected"])

    @property
    def runs(self) -> list[Run]:
        """Its runs, without deleted ones."""
        return [member.run for member in self.members() if member.run is not None]

    @property
    def submitted(self) -> float:
        """The time of submission, in seconds since 1970."""
        return self._stored()["submitted"]

    @property
    def is_race(self) -> bool:
        """Whether its runs are trained side by side, before all other sweeps."""
        return self._stored().get("race") is True

    def members(self) -> list[SweepRun]:
        """All its runs at this moment. For queued or lost ones this starts a worker if none is alive, so that reading
        is enough to continue them."""
        return members_of(self.run_ids, self.cache)

    def progress(self) -> Progress:
        """The progress of the group at this moment."""
        members = self.members()
        existing = [member for member in members if member.run is not None]
        counts = {
            state: n
            for state in (*STATES, UNREADABLE, MISSING)
            if (n := sum(member.state == state for member in members))
        }
        share = sum(member.share for member in existing) / len(existing) if existing else 0.0
        waits = "queued" in counts or "lost" in counts
        return Progress(members, counts, share, self._eta(members), queue.problem(self.cache) if waits else "")

    def _eta(self, members: list[SweepRun]) -> float | None:
        """Expected seconds to the end: a running run reports its own; for the others it is the estimate, scaled by the
        ratio of measured to estimated time of the finished runs."""
        expected = self._stored()["expected"]
        done = [
            (member.status.seconds, expected[member.id])
            for member in members
            if member.state == "done" and member.status.seconds
        ]
        ratio = sum(measured for measured, _ in done) / max(sum(cost for _, cost in done), 1e-9) if done else 1.0
        active = [member for member in members if member.state in WAITING]
        if not active:
            return None
        seconds = sum(
            member.status.eta if member.status.eta is not None else expected[member.id] * ratio * (1 - member.share)
            for member in active
        )
        # Each device trains one run at a time.
        return seconds / max(1, sum(member.state == "running" for member in active))

    def stop(self) -> None:
        """Stop every queued or running run, including runs that another sweep shares (`sharing`). Records stay."""
        stop_all(self.members())

    def resume(self) -> None:
        """Queue stopped, failed and lost runs again. Deleted ones stay deleted: `submit_sweep` creates them again.

        Raises ConfigError, after the others, for runs of a package that is not installed here.
        """
        refused = []
        for member in self.members():
            if member.state in RESUMABLE:
                try:
                    member.run.resume(sweep=self.id, race=self.is_race)
                except ConfigError as error:
                    refused.append(error)
        if refused:
            raise refused[0]

    def sharing(self) -> list[Group]:
        """The other groups that share a queued, running or lost run with this one."""
        active = {member.id for member in self.members() if member.state in WAITING}
        return [
            group for group in list_groups(self.cache) if group.id != self.id and not active.isdisjoint(group.run_ids)
        ]

    def follow(self, every: float = 0.5, timeout: float | None = None) -> Iterator[Progress]:
        """Yield the progress every `every` seconds until no run is active. TimeoutError after `timeout` seconds."""
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        while not (progress := self.progress()).ended:
            yield progress
            if time.monotonic() > deadline:
                raise TimeoutError(f"sweep {self.id} still has {progress} runs after {timeout:g} s")
            time.sleep(every)
        yield progress

    def wait(self, timeout: float | None = None) -> Progress:
        """Block until no run is queued, running or lost. TimeoutError after `timeout` seconds, if given."""
        *_, last = self.follow(timeout=timeout)
        return last

    def _stored(self) -> dict[str, Any]:
        try:
            stored = json.loads(read(self.path / "sweep.json"))
            numbers = [stored["submitted"], *stored["expected"].values()]
            if not all(isinstance(number, int | float) for number in numbers) or not isinstance(stored["sweep"], dict):
                raise ValueError("it does not describe a sweep")
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            reason = "is missing" if isinstance(error, FileNotFoundError) else "is damaged or from another program"
            raise RunError(f"sweep {self.id} cannot be read: sweep.json {reason}") from None
        return stored


def submit_sweep(sweep: Sweep | dict[str, Any], cache: str | Path = DEFAULT_CACHE, *, race: bool = False) -> Group:
    """Make sure that every run of this sweep exists and will be trained, and return their group at once.

    Finished runs are unchanged, queued ones keep their positions, stopped, failed and lost ones continue, deleted ones
    are created again: a sweep that is submitted twice adds nothing. `race`: its runs start at the same time, each in a
    process of its own, where they are small enough for one core. Raises DataError or ConfigError when one of the
    runs cannot start, before any of them does.

    >>> igbviz.submit_sweep({"axes": {"loss": ["cross-entropy", "blurry"], "seed": [0, 1]}})
    Group('sweep-a6eb7b04ef')
    """
    sweep = Sweep.model_validate(sweep).identified()
    group = Group(Path(cache) / "sweeps" / sweep.id)
    expected = {run_id: cost.seconds for run_id, cost in _expected(sweep, group.cache).items()}
    claim(group.cache)
    try:
        group._stored()
    except RunError:
        group.path.mkdir(parents=True, exist_ok=True)
        stored = {"sweep": sweep.model_dump(mode="json"), "expected": expected, "submitted": time.time()}
        stored |= {"race": True} if race else {}
        write_json(group.path / "sweep.json", stored)
    unchanged = {
        member.id for member in _members(expected, group.cache) if member.state == UNREADABLE or _is_finished(member)
    }
    configs = [config for config in sweep.configs() if config.id not in unchanged]
    submit_all(configs, group.cache, sweep=group.id, race=race)
    return group


def _is_finished(member: SweepRun) -> bool:
    return member.state in FINISHED and not member.run.is_imported and is_complete(member.run)


def list_groups(cache: str | Path = DEFAULT_CACHE) -> list[Group]:
    """Every sweep in the cache whose file can be read, newest first.

    >>> groups = igbviz.list_groups()
    """
    groups = []
    for path in folders(Path(cache) / "sweeps"):
        try:
            groups.append((Group(Path(path)).submitted, Group(Path(path))))
        except RunError:
            continue  # its runs are still in the list of runs
    return [group for _, group in sorted(groups, key=lambda pair: -pair[0])]
