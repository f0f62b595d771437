"""A run is a folder. `Run` reads, stops, resumes and deletes it; `runs.submit` creates it.

A training has one record per probe, an ensemble of untrained networks one record per network. The other differences
between the kinds of run are in `runs.kinds`.

    cache/runs/<id>/config.json     the configuration, written once
                    schema.json     columns of the records, class names, versions, device: written by the worker before
                                    the first record
                    trajectory.bin  one record per probe (of an ensemble: per network), appended
                    images.bin      the same of some images one by one, see `runs.images`; appended before it
                    images.json     which images these are; images.png has their thumbnails
                    status.json     replaced as a whole; always written after the records that it counts
                    checkpoint.pt   the state to resume from, with the number of records that belong to it
                    imported.json   in a run that came in an archive: when, and the records are as good as their sender
                    log.txt  lock  stop

The folder is the only state: a reload, a second browser, a restart of the server or a copy of it need nothing else.
"""

from __future__ import annotations

import contextlib
import json
import math
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from filelock import Timeout
from pydantic import ValidationError

from igbviz.config.missing import require_installed
from igbviz.datasets import DataError
from igbviz.disk.places import cache_folder, gallery
from igbviz.ensembles import Ensemble
from igbviz.runs import queue, succession
from igbviz.runs.files import (
    RUN_ID,
    FolderHandle,
    NewerCache,
    last_lines,
    read,
    reason,
    require_readable,
    size,
    write_json,
)
from igbviz.runs.images.files import watched
from igbviz.runs.kinds import RECORDED, TRAINED, UNTRAINED, Config, Kind, kind_of, parse_config
from igbviz.runs.locks import folder_lock, is_held
from igbviz.runs.schema import SAMPLE, Schema
from igbviz.runs.status import FINISHED, QUEUED, Status
from igbviz.trajectory import Trajectory
from igbviz.trajectory.images import WatchedImages
from igbviz.trajectory.records import Recorded

DEFAULT_CACHE = cache_folder()
IMPORTED = "imported.json"


class RunError(ValueError):
    """A run is missing, unreadable, or cannot do what was requested; the message is one sentence."""


class Run(FolderHandle):
    """A handle on the folder of one run.

    >>> run = igbviz.Run.open("fashion-mini-mlp-cross-entropy-s0-75ae6d9e02")
    >>> run.status.state, run.trajectory().mean_prob.shape
    ('done', (60, 10, 10))
    """

    @classmethod
    def open(cls, run_id: str, cache: str | Path = DEFAULT_CACHE) -> Run:
        """The run of this name, own or shipped. Raises RunError for an invalid name, or one not in the cache."""
        try:
            require_readable(cache)
        except NewerCache as error:
            raise RunError(str(error)) from None
        if not RUN_ID.fullmatch(run_id):
            raise RunError(f"run {run_id[:80]!r} is not a run's name, allowed: lower-case letters, digits, '-' and '_'")
        for folder in (Path(cache) / "runs", gallery(cache)):
            if (path := folder / run_id).is_dir():
                return cls(path, Path(cache))
        raise RunError(f"run {run_id!r} is not in the cache {Path(cache)}: it was deleted, or it is on another machine")

    @property
    def config(self) -> Config:
        """The configuration. Raises RunError when the file is missing, damaged or from another program."""
        try:
            return parse_config(read(self.path / "config.json"))
        except OSError as error:
            raise self._unreadable("config.json", error) from None
        except (ValueError, RecursionError) as error:
            raise RunError(f"run {self.id} cannot be read: config.json: {error}") from None

    @property
    def kind(self) -> Kind:
        """The kind of run. Raises RunError like `config`."""
        return kind_of(self.config)

    @property
    def status(self) -> Status:
        """The present status. For a queued or lost run this starts a worker if none is alive, so that reading the
        status is enough to continue it."""
        status = self.stored_status()
        is_lost = status.state == "running" and not self.is_alive and not (status := self.stored_status()).ended
        if not is_lost and status.state != "queued":
            return status
        is_queued = any(entry.run_id == self.id for entry in queue.waiting(self.cache))
        if is_queued:
            queue.ensure_worker(self.cache)
        if status.state == "queued" and (turn := queue.turns(self.cache).get(self.id)):
            note = status.message.removeprefix(QUEUED)  # of `submit`, about a run in the trash
            status = status.model_copy(update={"message": f"{turn}{note}"})
        if is_lost:  # a run that was copied here in training is in no queue
            outlook = (
                "the run continues by itself" if is_queued else "if resumed, the run continues from its checkpoint"
            )
            status = status.model_copy(update={"state": "lost", "message": f"The worker process is gone; {outlook}."})
        if is_queued and (problem := queue.problem(self.cache)):
            status = status.model_copy(update={"message": f"{problem[0].upper()}{problem[1:]}."})
        return status

    def stored_status(self) -> Status:
        """The status as last written. Raises RunError when the file is missing, damaged or from another program."""
        try:
            return Status.model_validate_json(read(self.path / "status.json"))
        except OSError as error:
            raise self._unreadable("status.json", error) from None
        except ValidationError:
            raise RunError(f"run {self.id} cannot be read: status.json is damaged or from another program") from None

    @property
    def is_alive(self) -> bool:
        """Whether a worker holds this run's lock."""
        return is_held(self.path / "lock")

    @property
    def schema(self) -> dict[str, Any]:
        """The content of schema.json, not validated; empty before the worker has written it. Raises RunError."""
        try:
            if isinstance(schema := json.loads(read(self.path / "schema.json")), dict):
                return schema
            error = "it does not describe records"
        except FileNotFoundError:
            return {}
        except OSError as problem:
            raise self._unreadable("schema.json", problem) from None
        except (ValueError, RecursionError) as problem:
            error = problem
        raise RunError(f"run {self.id} cannot be read: schema.json: {error}")

    def read_schema(self) -> Schema | None:
        """The validated schema of the records; None before the worker has written it. Raises RunError if invalid."""
        kind, config = self.kind, self.config
        try:
            return kind.schema.from_json(read(self.path / "schema.json"), config)
        except FileNotFoundError:
            if not self.record_bytes:
                return None
            problem = "it has records, but no schema.json that describes them"
        except OSError as error:
            raise self._unreadable("schema.json", error) from None
        except ValueError as error:
            problem = str(error)
        raise RunError(f"run {self.id} cannot be read: {problem}")

    @property
    def records(self) -> Path:
        """The path of the records, which grow while the run is being trained."""
        return self.path / "trajectory.bin"

    @property
    def record_bytes(self) -> int:
        """Bytes of the records so far; 0 before the first."""
        try:
            return self.records.stat().st_size
        except OSError:
            return 0

    def recorded(self, sample: int = SAMPLE) -> Recorded:
        """All complete records so far, as a Trajectory or an Ensemble. Raises RunError when the schema is invalid or a
        record in a sample of `sample` is."""
        return self._read(self.read_schema(), sample)

    def trajectory(self) -> Trajectory:
        """The probes so far. Raises RunError, also when the run is not a training."""
        self._require(TRAINED, RECORDED)
        return self.recorded()

    def ensemble(self) -> Ensemble:
        """The networks measured so far. Raises RunError, also when the run is not an ensemble."""
        self._require(UNTRAINED)
        return self.recorded()

    def images(self) -> WatchedImages | None:
        """The images that are watched one by one, at every probe so far; None without them. Raises RunError
        like `trajectory`, also when the files of the images are damaged."""
        return self._images(self.trajectory())

    def _images(self, probes: Trajectory) -> WatchedImages | None:
        try:
            return watched(self.path, len(probes), probes.classes)
        except (OSError, ValueError) as error:
            what = f"{Path(error.filename or self.path).name}: {reason(error)}" if isinstance(error, OSError) else error
            raise RunError(f"the images of run {self.id} cannot be read: {what}") from None

    def glance(self) -> Recorded:
        """The records that a chart draws: of a training, probes evenly spaced in log time, with their images."""
        schema = self.read_schema()
        recorded = self._read(schema, SAMPLE)
        if schema is None or not self.kind.has_probes:
            return recorded
        images = None
        with contextlib.suppress(RunError):  # without them, the curves can be drawn all the same
            images = self._images(recorded)
        return schema.thinned(recorded, self.config, images)

    def _require(self, *kinds: Kind) -> None:
        if self.kind not in kinds:
            raise RunError(f"run {self.id} is {self.kind.title}, allowed: {kinds[0].title}")

    def _read(self, schema: Schema | None, sample: int) -> Recorded:
        kind = self.kind
        if schema is None:
            try:
                names = self.config.dataset.facts().class_names
            except DataError:
                names = ("?", "??")  # the data are missing, so the run failed before its first record
            return kind.schema.recorded(np.empty(0, kind.schema.required(len(names))), names)
        try:
            return schema.read(self.records, sample)
        except OSError as error:
            raise self._unreadable("trajectory.bin", error) from None
        except ValueError as error:
            raise RunError(f"run {self.id} cannot be read: {error}") from None

    @property
    def steps_per_epoch(self) -> int | None:
        """Optimizer steps per epoch: as recorded, else as planned, else (data missing) as the last probe implies.

        None if none of these is known. Raises RunError when the run is not a training.
        """
        self._require(TRAINED, RECORDED)
        if (schema := self.read_schema()) and schema.steps_per_epoch:
            return schema.steps_per_epoch
        with contextlib.suppress(DataError):
            facts = self.config.dataset.facts()
            return self.config.steps_per_epoch(self.config.train_size(facts))
        return round(self.trajectory().steps_per_epoch) or None

    def log(self, lines: int = 20) -> str:
        """The last lines of the worker's log."""
        return last_lines(self.path / "log.txt", lines)

    @property
    def is_imported(self) -> bool:
        """Whether the records came in an archive, which anybody may have made, instead of being trained here."""
        return (self.path / IMPORTED).is_file()

    @property
    def is_recorded(self) -> bool:
        """Whether the run was trained outside igbviz and only recorded; also False for a run that is unreadable."""
        with contextlib.suppress(RunError):
            return self.kind is RECORDED
        return False

    def require_own(self) -> None:
        """Raise RunError for a shipped run."""
        if self.is_shipped:
            raise RunError(
                f"run {self.id} ships with the program and cannot be changed: run it yourself to get your own copy"
            )

    def _require_trained_here(self) -> None:
        self.require_own()
        if self.is_recorded:
            raise RunError(f"run {self.id} was recorded outside igbviz: it can be neither stopped nor resumed here")

    def stop(self) -> None:
        """Stop a queued run at once, a running one after its current step. Its records stay.

        Raises RunError when the run is shipped, was deleted, or cannot be changed.
        """
        self._require_trained_here()
        with self.changing():
            self._stop()

    def _stop(self) -> None:
        (self.path / "stop").touch()
        try:
            with folder_lock(self.path, timeout=0.5):  # no worker has it, so write the status here
                queue.dequeue(self.cache, self.id)
                if not (status := self.stored_status()).ended:
                    self.write_status(
                        status.model_copy(update={"state": "stopped", "message": "Stopped before it started."})
                    )
        except Timeout:
            pass

    def resume(self, sweep: str = "", race: bool = False) -> None:
        """Queue a stopped, failed or lost run again; it continues from its checkpoint. A finished one is unchanged.

        `sweep`, `race`: see `submit_all`. Raises ConfigError if it was made with a package that is not installed here.
        """
        self._require_trained_here()
        with contextlib.suppress(RunError):  # that it cannot be read is reported where it would be trained
            succession.prepare(self.cache, require_installed(self.config))
        with self.changing():
            self._resume(sweep, race)
        queue.ensure_worker(self.cache, patience=0.0)

    def _resume(self, sweep: str, race: bool) -> None:
        try:
            # Under the lock, so that a worker that is about to release the run does not remove the new queue entry.
            with folder_lock(self.path, timeout=2.0):
                status = self.stored_status()
                if status.state in FINISHED:
                    return
                (self.path / "stop").unlink(missing_ok=True)
                self.write_status(status.model_copy(update={"state": "queued", "message": QUEUED, "attempts": 0}))
                queue.enqueue(self.cache, self.id, sweep=sweep, race=race)
        except Timeout:
            (self.path / "stop").unlink(missing_ok=True)  # a worker has it

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """RunError, one sentence, when the files of the run cannot be changed in the block."""
        try:
            yield
        except Timeout:  # an OSError, too
            raise
        except OSError as error:
            if not self.path.is_dir():
                raise self._gone() from None
            raise RunError(f"run {self.id} cannot be changed: {reason(error)}") from None

    def _gone(self) -> RunError:
        return RunError(f"run {self.id} no longer exists: it was deleted")

    def _unreadable(self, file: str, error: OSError) -> RunError:
        if not isinstance(error, FileNotFoundError):
            return RunError(f"run {self.id} cannot be read: {file}: {reason(error)}")
        if not self.path.is_dir():
            return self._gone()
        return RunError(f"run {self.id} cannot be read: {file} is missing")

    def delete(self, timeout: float = 30.0) -> None:
        """Stop the run and remove its folder.

        Raises RunError when it is shipped, cannot be changed, or is not released by its worker after `timeout` s.
        """
        self.require_own()
        if not self.path.is_dir():
            return
        self.stop_quietly()
        try:
            with self.changing(), folder_lock(self.path, timeout=timeout):
                deleted = self.path.with_name(f".deleted-{time.time_ns()}")
                self.path.rename(deleted)  # one atomic step for readers, then file by file
        except Timeout:
            raise RunError(
                f"run {self.id} is still in use by its worker after {timeout:g} s: try again in a moment"
            ) from None
        shutil.rmtree(deleted, ignore_errors=True)

    def stop_quietly(self) -> None:
        """`stop`, also for a run whose files are missing or unreadable."""
        try:
            self.stop()
        except RunError:
            with contextlib.suppress(OSError):
                queue.dequeue(self.cache, self.id)

    def wait(self, timeout: float | None = None) -> Status:
        """Block until the run has ended and return its status. TimeoutError after `timeout` seconds, if given."""
        *_, last = self.follow(timeout=timeout)
        return last

    def follow(self, every: float = 0.1, timeout: float | None = None) -> Iterator[Status]:
        """Yield the status every `every` seconds until the run has ended. TimeoutError after `timeout` seconds."""
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        while not (status := self.status).ended:
            yield status
            if time.monotonic() > deadline:
                raise TimeoutError(f"run {self.id} is still {status.state} after {timeout:g} s")
            time.sleep(every)
        yield status

    def write_status(self, status: Status) -> None:
        """Replace status.json, with the present time as `updated`."""
        write_json(self.path / "status.json", status.model_copy(update={"updated": time.time()}).model_dump())

    def size(self) -> int:
        """Bytes on disk; 0 when the run was deleted."""
        return size(self.path)
