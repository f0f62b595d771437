"""A run is a folder. `Run` reads it, stops it, resumes it, deletes it; `runs.submit` makes it.

A training leaves one record a probe, an ensemble of untrained networks one a network; what else sets the kinds of run
apart stands in `runs.kinds`. All here is the same for them but the names of what was recorded.

    cache/runs/<id>/config.json     the choices, written once
                    schema.json     columns of the records, class names, versions, device: written by the worker before
                                    the first record
                    trajectory.bin  one record a probe (of an ensemble: a network), appended
                    status.json     replaced as a whole; always written after the records that it mentions
                    checkpoint.pt   to go on from; names the length of trajectory.bin that it belongs to
                    log.txt  lock  stop

A page reload, a second browser, a restart of the server or a copy of the folder need nothing else: the folder is the
truth.
"""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import Timeout
from pydantic import ValidationError

from igbviz.datasets import DataError
from igbviz.ensembles import Ensemble
from igbviz.runs import queue
from igbviz.runs.files import entries, write_json
from igbviz.runs.kinds import TRAINED, UNTRAINED, Config, Kind, kind_of, parse_config
from igbviz.runs.schema import SAMPLE, Schema
from igbviz.runs.status import FINISHED, Status
from igbviz.trajectory import Trajectory
from igbviz.trajectory.records import Recorded

DEFAULT_CACHE = queue.cache_folder()


class RunError(ValueError):
    """A run that is not there, cannot be read or cannot do what was asked: one sentence."""


@dataclass(frozen=True)
class Handle:
    """A handle on a folder of the cache. It holds no state: every property reads the folder."""

    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def cache(self) -> Path:
        return self.path.parent.parent


class Run(Handle):
    """A handle on one run's folder."""

    @classmethod
    def open(cls, run_id: str, cache: str | Path = DEFAULT_CACHE) -> Run:
        """The run of this name. Raises RunError for a name that is none, or that is not in the cache."""
        if not queue.RUN_ID.fullmatch(run_id):
            raise RunError(f"run {run_id[:80]!r} is not a run's name, allowed: small letters, digits, '-' and '_'")
        for folder in ("runs", "gallery"):
            if (path := Path(cache) / folder / run_id).is_dir():
                return cls(path)
        raise RunError(
            f"run {run_id!r} is not in the cache {Path(cache)}: it was deleted, or it lives on another machine"
        )

    @property
    def config(self) -> Config:
        """Raises RunError when the file is missing, torn or from another program."""
        try:
            return parse_config((self.path / "config.json").read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            raise RunError(f"run {self.id} cannot be read: config.json: {error}") from None

    @property
    def kind(self) -> Kind:
        return kind_of(self.config)

    @property
    def status(self) -> Status:
        """The state now. A run that waits or was lost has its worker called back, so that looking is all it takes to go
        on."""
        status = self.stored_status()
        is_lost = status.state == "running" and not self.is_alive and not (status := self.stored_status()).ended
        if not is_lost and status.state != "queued":
            return status
        waits = any(entry.run_id == self.id for entry in queue.waiting(self.cache))
        if waits:
            queue.ensure_worker(self.cache)
        if is_lost:  # one that was copied here while it ran stands in nobody's queue
            goes_on = "the run goes on by itself" if waits else "resumed, the run goes on from its last checkpoint"
            status = status.model_copy(update={"state": "lost", "message": f"The worker process is gone; {goes_on}."})
        return status

    def stored_status(self) -> Status:
        """The status as last written. Raises RunError when the file is missing, torn or from another program."""
        try:
            return Status.model_validate_json((self.path / "status.json").read_bytes())
        except (OSError, ValidationError) as error:
            reason = "is missing" if isinstance(error, FileNotFoundError) else "is torn or from another program"
            raise RunError(f"run {self.id} cannot be read: status.json {reason}") from None

    @property
    def is_alive(self) -> bool:
        """Whether a worker holds this run's lock."""
        return queue.is_held(self.path / "lock")

    @property
    def schema(self) -> dict[str, Any]:
        """schema.json as it stands there: columns, class names, steps per epoch, versions and device; empty before the
        worker has begun."""
        try:
            if isinstance(schema := json.loads((self.path / "schema.json").read_text()), dict):
                return schema
            error = "it does not describe records"
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as torn:
            error = torn
        raise RunError(f"run {self.id} cannot be read: schema.json: {error}")

    def read_schema(self) -> Schema | None:
        """What schema.json says of the records, checked; None before the worker has begun. Raises RunError when it
        cannot be that of this run."""
        kind, config = self.kind, self.config
        try:
            return kind.schema.from_json((self.path / "schema.json").read_bytes(), config)
        except FileNotFoundError:
            if not self.record_bytes:
                return None
            problem = "it has records, but no schema.json to read them by"
        except (OSError, ValueError) as error:
            problem = str(error)
        raise RunError(f"run {self.id} cannot be read: {problem}")

    @property
    def records(self) -> Path:
        """The file that grows while the run is worked on."""
        return self.path / "trajectory.bin"

    @property
    def record_bytes(self) -> int:
        """Bytes of records so far; 0 before the first."""
        return self.records.stat().st_size if self.records.exists() else 0

    def recorded(self, sample: int = SAMPLE) -> Recorded:
        """All whole records so far, a Trajectory or an Ensemble. Raises RunError when schema or records, of which a
        sample is checked, cannot be those of its kind."""
        return self._read(self.read_schema(), sample)

    def trajectory(self) -> Trajectory:
        """The probes so far. Raises RunError, also when the run is no training."""
        self._require(TRAINED)
        return self.recorded()

    def ensemble(self) -> Ensemble:
        """The networks measured so far. Raises RunError, also when the run is no ensemble."""
        self._require(UNTRAINED)
        return self.recorded()

    def glance(self) -> Recorded:
        """Those of the records that a chart draws: of a training, probes even in log time."""
        schema = self.read_schema()
        recorded = self._read(schema, SAMPLE)
        return schema.thinned(recorded, self.config) if schema else recorded

    def _require(self, kind: Kind) -> None:
        if self.kind is not kind:
            raise RunError(f"run {self.id} is {self.kind.title}, allowed: {kind.title}")

    def _read(self, schema: Schema | None, sample: int) -> Recorded:
        kind = self.kind
        if schema is None:
            try:
                names = self.config.dataset.facts().class_names
            except DataError:
                names = ("?", "??")  # the run failed because its data are not there; it has no records either
            return kind.schema.recorded(np.empty(0, kind.schema.always(len(names))), names)
        try:
            return schema.read(self.records, sample)
        except (OSError, ValueError) as error:
            raise RunError(f"run {self.id} cannot be read: {error}") from None

    @property
    def steps_per_epoch(self) -> int | None:
        """Optimizer steps of a pass over the training set: as recorded; before that, and for runs that did not record
        it, as planned; where the data cannot be looked at, as the last probe has it. None when nothing tells."""
        self._require(TRAINED)
        if (schema := self.read_schema()) and schema.steps_per_epoch:
            return schema.steps_per_epoch
        try:
            return self.config.steps_per_epoch(self.config.train_size(self.config.dataset.facts()))
        except DataError:
            return round(self.trajectory().steps_per_epoch) or None

    def log(self, lines: int = 20) -> str:
        """The last lines of what the worker said."""
        path = self.path / "log.txt"
        return (
            "\n".join(path.read_text(errors="replace").replace("\r", "\n").splitlines()[-lines:])
            if path.exists()
            else ""
        )

    def stop(self) -> None:
        """Ask the run to stop: at once when it waits, after the current step when it runs. What was computed stays.
        Raises RunError when the run is gone."""
        try:
            (self.path / "stop").touch()
        except (FileNotFoundError, NotADirectoryError):
            raise self._gone() from None
        try:
            with queue.lock(self.path / "lock", timeout=0.5):  # nobody works on it: say so ourselves
                queue.dequeue(self.cache, self.id)
                if not (status := self.stored_status()).ended:
                    self.write_status(
                        status.model_copy(update={"state": "stopped", "message": "Stopped before it was worked on."})
                    )
        except Timeout:
            pass

    def resume(self) -> None:
        """Put a stopped, failed or lost run back into the queue; it goes on from its checkpoint. A finished one stays
        as it is."""
        if not self.path.is_dir():
            raise self._gone()
        try:
            # Under the lock, so that a worker which is just letting go of the run cannot take this wish for the old
            # one.
            with queue.lock(self.path / "lock", timeout=2.0):
                status = self.stored_status()
                if status.state in FINISHED:
                    return
                (self.path / "stop").unlink(missing_ok=True)
                self.write_status(
                    status.model_copy(update={"state": "queued", "message": "Waiting for its turn.", "attempts": 0})
                )
                queue.enqueue(self.cache, self.id)
        except Timeout:
            (self.path / "stop").unlink(missing_ok=True)  # it is being worked on
        queue.ensure_worker(self.cache, patience=0.0)

    def _gone(self) -> RunError:
        return RunError(f"run {self.id} is not there any more: somebody deleted it")

    def delete(self, timeout: float = 30.0) -> None:
        """Stop the run if need be and remove its folder. Raises RunError when its worker does not let go in time."""
        if not self.path.is_dir():
            return
        self.stop_quietly()
        try:
            with queue.lock(self.path / "lock", timeout=timeout):
                grave = self.path.with_name(f".deleted-{time.time_ns()}")
                self.path.rename(grave)  # gone for every reader at once, then file by file
        except Timeout:
            raise RunError(
                f"run {self.id} is still being worked on after {timeout:g} s: try again in a moment"
            ) from None
        shutil.rmtree(grave, ignore_errors=True)

    def stop_quietly(self) -> None:
        """`stop`, also for a run whose files cannot be read."""
        try:
            self.stop()
        except RunError:
            queue.dequeue(self.cache, self.id)

    def wait(self, timeout: float | None = None) -> Status:
        """Block until the run has ended and return its status; TimeoutError after `timeout` seconds, if any."""
        *_, last = self.follow(timeout=timeout)
        return last

    def follow(self, every: float = 0.1, timeout: float | None = None) -> Iterator[Status]:
        """The status again and again until the run has ended."""
        until = math.inf if timeout is None else time.monotonic() + timeout
        while not (status := self.status).ended:
            yield status
            if time.monotonic() > until:
                raise TimeoutError(f"run {self.id} is still {status.state} after {timeout:g} s")
            time.sleep(every)
        yield status

    def write_status(self, status: Status) -> None:
        write_json(self.path / "status.json", status.model_copy(update={"updated": time.time()}).model_dump())

    def size(self) -> int:
        """Bytes on the disk; 0 when the run is gone."""
        files = (entry for entry in entries(self.path) if entry.is_file(follow_symlinks=False))
        return sum(entry.stat(follow_symlinks=False).st_size for entry in files)
