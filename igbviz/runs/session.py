"""Train one run in a worker: append the records of its job to the run's folder, and record there how it ends.

A job is a Training or an EnsembleJob. `ticks()` drives it and yields records of `dtype`; between ticks, `state()` is
all that is needed to resume it in another process. `progress()` gives the fields of the status, `facts()` the
provenance of the results.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import numpy as np
import torch

from igbviz.datasets import Data, DataError
from igbviz.ensembles.job import EnsembleJob, Overflow
from igbviz.runs import deaths, duration
from igbviz.runs.files import Log, appending, cut, opened, remove_temporary, replacing, write_json
from igbviz.runs.images import files as images
from igbviz.runs.images.recorder import Recorder
from igbviz.runs.kinds import TRAINED
from igbviz.runs.run import IMPORTED, Run, RunError
from igbviz.runs.status import PAUSED, Status
from igbviz.spec import ConfigError
from igbviz.training import checkpoints
from igbviz.training.devices import device_name, machine
from igbviz.training.failures import explain, is_device_lost, is_out_of_memory
from igbviz.training.loop import Diverged, Training
from igbviz.training.stacked import Stack, max_runs
from igbviz.trajectory.trajectory import columns_of

STATUS_SECONDS = 0.2  # between two writes of status.json, and checks for the stop file
FIRST_CHECKPOINT_SECONDS = 0.2  # after the start, so that even a worker that dies young leaves some progress
CHECKPOINT_SECONDS = float(os.environ.get("IGBVIZ_CHECKPOINT_SECONDS", 1.0))  # minimum between two checkpoints
CHECKPOINT_FRACTION = 0.02  # maximum fraction of the time for saving; large networks save less often
RESERVE, RESERVE_BYTES = ".reserve", 65_536  # space that is freed to say that the disk is full
MAX_ATTEMPTS = 3  # a run fails when its worker dies this often without progress

Job = Training | EnsembleJob
Event = Literal["ended", "not trained", "paused"]


class Stopped(Exception):
    """A stop of the run was requested."""


def work_on(
    run: Run,
    device: torch.device,
    peers: Sequence[Run] = (),
    must_pause: Callable[[Status], bool] = lambda status: False,
    meanwhile: Callable[[], None] = lambda: None,
) -> Iterator[tuple[Run, Event]]:
    """Train a run until it ends, and with it its `peers`, runs that may share a stack with it.

    The caller holds the locks of all. Yields each run when its session is over: it ended, or was not trained. Whenever
    `must_pause` is true of the status of a run, it also yields this run as paused, between two steps and with a new
    checkpoint. The caller may then train another run in this process: nothing of it affects the paused one. So may
    `meanwhile`, which is called after every step, do anything that leaves torch's random state as it was.
    """
    first = Session(run, device, None, must_pause, meanwhile)
    first.begin()
    max_peers = max_runs(first.job) - 1 if isinstance(first.job, Training) else 0
    yield from ((peer, "not trained") for peer in peers[max_peers:])
    sessions = [first]
    for peer in peers[:max_peers]:
        try:
            sessions.append(Session(peer, device, first.job.clean_data, must_pause, meanwhile))
        except OSError:  # its folder cannot be written: the others are trained without it
            yield peer, "not trained"
        else:
            sessions[-1].begin()
    yield from ((session.run, "ended") for session in sessions if session.is_over)
    sessions = [session for session in sessions if not session.is_over]
    if stack := _stack_of(sessions):
        yield from _train_stacked(sessions, stack)
    else:
        for session in sessions:
            for _ in session.work():
                yield session.run, "paused"
            yield session.run, "ended"


def _stack_of(sessions: Sequence[Session]) -> Stack | None:
    """The trainings of several sessions as one stack, if they are at the same step and there is memory for it."""
    if len(sessions) < 2 or len({(session.job.steps_per_epoch, session.job.step) for session in sessions}) > 1:
        return None
    try:
        return Stack([session.job for session in sessions])
    except RuntimeError as error:
        if is_device_lost(error):
            raise
        print(f"{time.ctime()}: {len(sessions)} runs are trained one by one: {error}", file=sys.stderr)
        return None


def _train_stacked(sessions: Sequence[Session], stack: Stack) -> Iterator[tuple[Run, Event]]:
    """Train the sessions as one stack; yields like `work_on`."""
    for session in sessions:
        with session.record_errors():
            session.open(len(sessions))
    while sessions:
        for session in sessions:
            if session.is_over:
                continue
            with session.record_errors():
                for record in session.job.look():
                    session.append(record)
                if session.job.step == session.job.steps:
                    session.finish()
        for session in [session for session in sessions if session.is_over]:
            stack.drop(session.job)
            yield session.run, "ended"
        if sessions := [session for session in sessions if not session.is_over]:
            # An error in the step of the stack ends one session; the others retry without it.
            with sessions[0].record_errors():
                stack.advance()
        for session in [session for session in sessions if not session.is_over]:
            is_paused = False
            with session.record_errors():
                session.job.require_finite()
                is_paused = session.append(None)
            if is_paused:
                yield session.run, "paused"


class Session:
    """The training of one run in its folder: `begin`, then `work`; in a stack `open`, `append` and `finish`."""

    def __init__(
        self,
        run: Run,
        device: torch.device,
        data: Data | None = None,
        must_pause: Callable[[Status], bool] = lambda status: False,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> None:
        """Open the run's log. `data`: the run's data set, if it is already loaded. The rest: see `work_on`."""
        self.run, self.device, self.data = run, device, data
        self.must_pause, self.meanwhile = must_pause, meanwhile
        self.job: Job | None = None
        self.is_over = False
        self.checkpoint, self.stop_file = run.path / "checkpoint.pt", run.path / "stop"
        self._files = contextlib.ExitStack()
        self._log = self._files.enter_context(contextlib.closing(Log(run.path / "log.txt")))

    def begin(self) -> None:
        """Prepare the job, or end the session if there is nothing to do."""
        with self.record_errors():
            remove_temporary(self.run.path, "checkpoint.pt", "trajectory.bin", "schema.json", *images.FILES)
            self.status = self.run.stored_status()
            if not self.status.ended:
                self._count_progress()
            if self.status.ended:  # its worker was killed after that
                self._tidy_up()
            elif self.stop_file.exists():
                self._end("stopped", "Stopped before it started; it can be resumed.")
            elif self.status.attempts >= MAX_ATTEMPTS:
                self._end("failed", deaths.account(self.run.cache, self.status.pid, MAX_ATTEMPTS))
            else:
                self._reserve_space()
                self._write_status(
                    "running", "Preparing data and network ...", attempts=self.status.attempts + 1, pid=os.getpid()
                )
                with contextlib.redirect_stderr(self._log):  # shows a download's progress bar in the run's log
                    self.job = self._prepared_job()

    def work(self) -> Iterator[None]:
        """Run the job alone until it ends; yields whenever it is paused."""
        try:
            with self.record_errors():
                self.open()
                with contextlib.closing(self.job.ticks()) as ticks:
                    for record in ticks:
                        if self.append(record):
                            yield
                self.finish()
                self._record_pace()
        finally:
            self._close()  # also when the caller does not continue a paused run

    @contextlib.contextmanager
    def record_errors(self) -> Iterator[None]:
        """Record a stop or an error in the block in the run's folder, and end the session."""
        try:
            try:
                yield
            except Stopped:
                self._save()
                self._end("stopped", "Stopped on request; it can be resumed.", **self.job.progress())
            except (Diverged, Overflow) as error:
                self._end("diverged", str(error), **self.job.progress())
                self._tidy_up()
        except Exception as error:  # the one broad except: the run's folder is the only place to report an error
            self._fail(explain(error))
            if is_device_lost(error):
                raise

    def open(self, stack_size: int = 1) -> None:
        """Write schema.json and open the records for appending; `stack_size` runs share the stack."""
        write_json(self.run.path / "schema.json", self._provenance(stack_size))
        self._status_at = time.monotonic()
        self._saved_at = self._status_at - CHECKPOINT_SECONDS + min(FIRST_CHECKPOINT_SECONDS, CHECKPOINT_SECONDS)
        self._save_seconds = 0.0
        self._began_at = self._last_saved = self._position()
        if self.run.record_bytes != self._bytes_before(self.job):  # later records are computed again, bit for bit
            cut(self.run.records, self._bytes_before(self.job))
        if self._begins_anew:  # from here on the records are this machine's own
            (self.run.path / IMPORTED).unlink(missing_ok=True)
        self._images = self._files.enter_context(contextlib.closing(Recorder(self.run.path, self.job)))
        self._records = self._files.enter_context(appending(self.run.records))

    def append(self, record: np.void | None) -> bool:
        """Append a record, if any; now and then write the status and a checkpoint. Raises Stopped.

        Returns whether the run is paused for another one.
        """
        is_first = record is not None and self._records.tell() == 0
        if record is not None:  # first its images, then the record, then the status that counts it
            self._images.append()
            if self._records.write(record.tobytes()) < self.job.dtype.itemsize:
                raise OSError(errno.ENOSPC, "a record was partly written")
        self.meanwhile()
        now = time.monotonic()
        is_due = now - self._saved_at > max(CHECKPOINT_SECONDS, self._save_seconds / CHECKPOINT_FRACTION)
        if is_due := is_due and self._position() != self._last_saved:  # the same in the middle of a probe
            self._save()
            self._saved_at = time.monotonic()
            self._save_seconds = self._saved_at - now
        if now - self._status_at > STATUS_SECONDS or is_first or is_due:
            self._status_at = now
            self._write_status("running", self.job.doing, **self.job.progress())
            if self.stop_file.exists():
                raise Stopped
            if self.must_pause(self.status):
                self._pause()
                return True
        return False

    def _pause(self) -> None:
        """If the other run kills this process, no step is lost, and it does not count as an attempt of this one."""
        if self._position() != self._last_saved:
            self._save()
        attempts = self.status.attempts
        self._write_status("running", PAUSED, attempts=attempts - 1)
        self.status = self.status.model_copy(update={"attempts": attempts})

    def finish(self) -> None:
        """End the session of a finished job."""
        self._end("done", "Finished.", **self.job.progress())
        self._tidy_up()

    def _tidy_up(self) -> None:
        """The run has ended, whether or not the checkpoint that nobody needs can be removed."""
        self._close()
        if self.status.state in ("done", "diverged"):
            with contextlib.suppress(OSError):
                self.checkpoint.unlink(missing_ok=True)

    def _record_pace(self) -> None:
        """For the estimates of later runs; without it they are only rougher."""
        if isinstance(self.job, Training) and self.job.pace.steps:
            config, pace = self.job.config, self.job.pace
            with contextlib.suppress(OSError, DataError):
                duration.record_pace(config, config.dataset.facts(), self.run.cache, pace.per_step, pace.per_image)

    def _count_progress(self) -> None:
        """Earlier deaths no longer count if the last worker made more records than any before."""
        made = self.run.record_bytes
        if made > self.status.furthest:
            self.status = self.status.model_copy(update={"attempts": 0, "furthest": made})

    def _reserve_space(self) -> None:
        self._free_reserve()  # that of a worker that was killed, or whatever has its name
        with contextlib.suppress(OSError):  # no space for it: the readers name the full disk
            (self.run.path / RESERVE).write_bytes(os.urandom(RESERVE_BYTES))  # a disk may compress zeros

    def _prepared_job(self) -> Job:
        """The job, resumed from the checkpoint; begun again if that or the records before it do not fit this run."""
        state, self._begins_anew = self._load(), False
        if state is not None:
            try:
                job = self._job(state)
                self._require_same_classes(job)
                if self._recorded_dtype() not in (None, job.dtype):
                    raise ValueError("the records were written by another version")
                if self._bytes_before(job) > self.run.record_bytes:
                    raise ValueError("records are missing")
                return job
            except (torch.OutOfMemoryError, torch.AcceleratorError, MemoryError, DataError, ConfigError, OSError):
                raise  # would be the same without the checkpoint
            except Exception as error:  # a foreign state fails in a hundred ways
                if is_device_lost(error) or is_out_of_memory(error):
                    raise
                self._say(f"the run begins again, since checkpoint.pt does not fit it: {type(error).__name__}: {error}")
        self._begins_anew, config = True, self.run.config
        if self.run.kind is TRAINED:
            duration.require_disk(config, config.dataset.facts(), self.run.cache)
        return self._job(None)

    def _require_same_classes(self, job: Job) -> None:
        """DataError if the folder of a run that was started without a fingerprint now has other classes."""
        try:
            recorded = self.run.schema.get("class_names")
        except RunError:
            return  # without a schema the run starts again
        if recorded is not None and recorded != list(job.data.class_names):
            raise DataError(
                "the classes of the data, or their order, are no longer those that this run was started with: start "
                "it as a new run"
            )

    def _recorded_dtype(self) -> np.dtype | None:
        """The dtype of the records so far; None if there is no readable schema."""
        try:
            return schema.dtype() if (schema := self.run.read_schema()) else None
        except (RunError, ValueError):
            return None

    def _job(self, state: dict | None) -> Job:
        return self.run.kind.job(self.run.config, self.device, state, self.data)

    @staticmethod
    def _bytes_before(job: Job) -> int:
        """Bytes of the records before the state that a job resumes from."""
        return job.snapshots * job.dtype.itemsize

    def _end(self, state: str, message: str, **fields) -> None:
        self._write_status(state, message, **fields)
        self._close()

    def _fail(self, message: str) -> None:
        """Record the error that is being handled. OSError if that cannot be written: the run stays in the queue."""
        self._free_reserve()
        traceback.print_exc(file=self._log)
        try:
            failed = {"state": "failed", "message": message, "eta": None, "pid": None}
            self.run.write_status(self.run.stored_status().model_copy(update=failed))
        except RunError as error:  # a foreign status: readers report it
            self._say(str(error))
        finally:
            self._close()

    def _say(self, sentence: str) -> None:
        print(f"{time.ctime()}: {sentence}", file=self._log)

    def _free_reserve(self) -> None:
        with contextlib.suppress(OSError):
            (self.run.path / RESERVE).unlink(missing_ok=True)

    def _close(self) -> None:
        self.is_over = True
        self._free_reserve()
        self._files.close()

    def _write_status(self, state: str, message: str, **fields) -> None:
        if state != "running":
            fields |= {"eta": None, "pid": None}
        fields |= {"state": state, "message": message, "device": device_name(self.device)}
        self.status = Status(**self.status.model_dump() | fields)
        self.run.write_status(self.status)

    def _save(self) -> None:
        with replacing(self.checkpoint) as temporary:
            checkpoints.write(self.job.state(), self.run.id, temporary)
        self._last_saved = self._position()
        if self._last_saved != self._began_at:  # progress, so earlier deaths of the worker no longer count
            self.status = self.status.model_copy(update={"attempts": 1})

    def _position(self) -> tuple[int, ...]:
        return tuple(self.job.progress()[name] for name in ("step", "snapshots"))

    def _load(self) -> dict | None:
        """The state to resume from; None, to begin again, if the checkpoint is missing, damaged or foreign."""
        try:
            with opened(self.checkpoint) as file:
                return checkpoints.read(file, self.run.id)
        except FileNotFoundError:
            return None
        except Exception as error:  # torch.load raises a dozen exception types for a damaged file
            self._say(f"the run begins again, since checkpoint.pt cannot be used: {type(error).__name__}: {error}")
            return None

    def _provenance(self, stack_size: int) -> dict:
        return {
            "columns": columns_of(self.job.dtype),
            "class_names": list(self.job.data.class_names),
            "data": self.job.data.source,
            **self.job.facts(),
            "threads": self.job.threads,
            "lanes": stack_size,
            **machine(self.device),
        }
