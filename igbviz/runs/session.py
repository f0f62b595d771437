"""One worker's work on one run: what its job yields is appended to the run's folder, and whatever happens is told
there.

A job is a Training or an Initializing: `ticks()` drives it and yields records of `dtype`, between ticks `state()` is
all that is needed to go on elsewhere, `progress()` says how far it is and `facts()` what the numbers were made from.
"""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import sys
import time
import traceback
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from igbviz.datasets import Data
from igbviz.ensembles.job import Initializing, Overflow
from igbviz.runs import duration
from igbviz.runs.files import write_json
from igbviz.runs.run import Run, RunError
from igbviz.runs.status import Status
from igbviz.training.devices import device_name
from igbviz.training.loop import Diverged, Training
from igbviz.training.stacked import Stack, max_runs
from igbviz.trajectory.trajectory import columns_of

STATUS_SECONDS = 0.2  # how often status.json is replaced, and the stop file looked for
CHECKPOINT_SECONDS = float(
    os.environ.get("IGBVIZ_CHECKPOINT_SECONDS", 1.0)
)  # at least so long between two checkpoints,
CHECKPOINT_SHARE = 0.02  # and longer for large networks: saving may take this share of the time
ATTEMPTS = 3  # a run on which the worker dies so often without getting further is at fault itself

Job = Training | Initializing


class Stopped(Exception):
    """Somebody asked for the run to be stopped."""


def work_on(run: Run, device: torch.device, peers: Sequence[Run] = ()) -> Iterator[tuple[Run, bool]]:
    """Work on a run to its end, its stop or its failure, and on its `peers`, runs that may share a stack with it. The
    caller holds the locks of all. It gets each run back when that is over, with whether it was worked on."""
    first = Session(run, device)
    first.begin()
    room = max_runs(first.job) - 1 if isinstance(first.job, Training) else 0
    yield from ((peer, False) for peer in peers[room:])
    sessions = [first, *(Session(peer, device, first.job.clean_data) for peer in peers[:room])]
    for session in sessions[1:]:
        session.begin()
    yield from ((session.run, True) for session in sessions if session.is_over)
    sessions = [session for session in sessions if not session.is_over]
    if len(sessions) > 1 and len({session.job.steps_per_epoch for session in sessions}) == 1:
        yield from ((session.run, True) for session in _together(sessions))
    else:
        for session in sessions:
            session.work()
            yield session.run, True


def _together(sessions: Sequence[Session]) -> Iterator[Session]:
    """Work on trainings as one stack, and give each session back when it is over."""
    for session in sessions:
        with session.told():
            session.open(len(sessions))
    stack = Stack([session.job for session in sessions])
    while sessions:
        for session in sessions:
            if session.is_over:
                continue
            with session.told():
                for record in session.job.look():
                    session.take(record)
                if session.job.step == session.job.steps:
                    session.finish()
        for session in [session for session in sessions if session.is_over]:
            stack.drop(session.job)
            yield session
        if sessions := [session for session in sessions if not session.is_over]:
            # An error in the step of all is told to one of them; the others try again without it.
            with sessions[0].told():
                stack.advance()
        for session in sessions:
            if not session.is_over:
                with session.told():
                    session.job.require_finite()
                    session.take(None)


def is_lost(error: Exception) -> bool:
    """Whether the device answers this process no more: a new one has to take over."""
    text = str(error)
    # cuBLAS and cuDNN report it in their own words.
    libraries = any(f"STATUS_{what}" in text for what in ("EXECUTION_FAILED", "INTERNAL_ERROR"))
    return (isinstance(error, torch.AcceleratorError) or libraries) and "out of memory" not in text


def explained(error: Exception) -> str:
    """One sentence for people about what went wrong."""
    text = str(error)
    if is_lost(error):
        first_line = text.splitlines()[0]
        return f"The GPU failed ({first_line}): resume the run; everything up to the last checkpoint is kept."
    if (
        isinstance(error, torch.OutOfMemoryError | MemoryError)
        or "can't allocate memory" in text
        or "out of memory" in text
    ):
        return (
            "Out of memory: lower the batch size, the probe size or the network's width, or choose a smaller network."
        )
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "The disk is full: free some space, then resume; everything up to the last checkpoint is kept."
    return (text.splitlines() or [""])[0] or type(error).__name__


def warm_up(device: torch.device) -> None:
    """Pay for the first use of the device, of autograd and of the optimizers before a run has to."""
    layer = torch.nn.Linear(8, 8).to(device)
    optimizer = torch.optim.SGD(layer.parameters(), 0.1)
    layer(torch.zeros(4, 8, device=device)).sum().backward()
    optimizer.step()


class Session:
    """The worker's hands on one run's folder: `begin`, then `work`, or for a stack `open`, `take` and `finish`."""

    def __init__(self, run: Run, device: torch.device, data: Data | None = None) -> None:
        """`data`: what the run's data set gives, where somebody has loaded it already."""
        self.run, self.device, self.data = run, device, data
        self.job: Job | None = None
        self.is_over = False
        self.checkpoint, self.stop_file = run.path / "checkpoint.pt", run.path / "stop"
        self._files = contextlib.ExitStack()
        self._log = self._files.enter_context((run.path / "log.txt").open("a", buffering=1))

    def begin(self) -> None:
        """Prepare the job, or end the session where there is nothing to do."""
        with self.told():
            self.status = self.run.stored_status()
            if self.status.ended:
                self._close()
            elif self.stop_file.exists():
                self._end("stopped", "Stopped before it was worked on; it can be resumed.")
            elif self.status.attempts >= ATTEMPTS:
                self._end(
                    "failed",
                    f"The worker process died {ATTEMPTS} times on this run without getting further, as it does when "
                    "memory runs out: lower the batch size, the probe size or the network's width.",
                )
            else:
                self._tell(
                    "running",
                    "Preparing data and network ...",
                    attempts=self.status.attempts + 1,
                    pid=os.getpid(),
                )
                with contextlib.redirect_stderr(self._log):  # a download's progress bar belongs to who waits for it
                    self.job = self._prepared_job()

    def work(self) -> None:
        """Drive the job by itself to its end."""
        with self.told():
            self.open()
            with contextlib.closing(self.job.ticks()) as ticks:
                for record in ticks:
                    self.take(record)
            self.finish()
            if isinstance(self.job, Training) and self.job.pace.steps:
                config, pace = self.job.config, self.job.pace
                duration.note(config, config.dataset.facts(), self.run.cache, pace.per_step, pace.per_image)

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """Whatever goes wrong in here is told in the run's folder, and ends the session."""
        try:
            yield
        except Stopped:
            self._save()
            self._end("stopped", "Stopped on request; it can be resumed.", **self.job.progress())
        except (Diverged, Overflow) as error:
            self._end("diverged", str(error), **self.job.progress())
            self.checkpoint.unlink(missing_ok=True)
        except Exception as error:  # the one broad except: nobody will look for the reason anywhere but in the folder
            traceback.print_exc(file=self._log)
            self._fail(explained(error))
            if is_lost(error):
                raise

    def open(self, lanes: int = 1) -> None:
        """Make ready to take records; `lanes` runs share the stack."""
        write_json(self.run.path / "schema.json", self._provenance(lanes))
        self._looked = self._saved = time.monotonic()
        self._cost = 0.0
        if self.run.record_bytes != self._kept(self.job):
            self._cut()
        self._records = self._files.enter_context(self.run.records.open("ab", buffering=0))

    def take(self, record: np.void | None) -> None:
        """Append what the job yielded; from time to time tell how far it is and save. Raises Stopped."""
        first = record is not None and self._records.tell() == 0
        # The record first, the status that mentions it second.
        if record is not None and self._records.write(record.tobytes()) < self.job.dtype.itemsize:
            raise OSError(errno.ENOSPC, "a record was written in part")
        now = time.monotonic()
        if now - self._looked > STATUS_SECONDS or first:
            self._looked = now
            self._tell("running", self.job.doing, **self.job.progress())
            if self.stop_file.exists():
                raise Stopped
        if now - self._saved > max(CHECKPOINT_SECONDS, self._cost / CHECKPOINT_SHARE):
            self._save()
            self._saved = time.monotonic()
            self._cost = self._saved - now

    def finish(self) -> None:
        """The job has come to its end."""
        self._end("done", "Finished.", **self.job.progress())
        self.checkpoint.unlink(missing_ok=True)

    def _prepared_job(self) -> Job:
        job = self._job(self._load())
        # Records that the checkpoint counts on are gone, or are those of another version: begin again.
        known = self._recorded_dtype() in (None, job.dtype) and self._kept(job) <= self.run.record_bytes
        return job if known else self._job(None)

    def _recorded_dtype(self) -> np.dtype | None:
        """Of the records so far; None where nothing tells."""
        try:
            return schema.dtype() if (schema := self.run.read_schema()) else None
        except (RunError, ValueError):
            return None

    def _job(self, state: dict | None) -> Job:
        return self.run.kind.job(self.run.config, self.device, state, self.data)

    @staticmethod
    def _kept(job: Job) -> int:
        """Bytes of the records that a job goes on from."""
        return job.snapshots * job.dtype.itemsize

    def _cut(self) -> None:
        """Drop what came after the checkpoint: it is made again, bit for bit. A new file, since readers may have mapped
        the old one."""
        temporary = self.run.records.with_suffix(".tmp")
        temporary.write_bytes(self.run.records.read_bytes()[: self._kept(self.job)])
        os.replace(temporary, self.run.records)

    def _end(self, state: str, message: str, **more) -> None:
        self._tell(state, message, **more)
        self._close()

    def _fail(self, message: str) -> None:
        try:
            failed = {"state": "failed", "message": message, "eta": None, "pid": None}
            self.run.write_status(self.run.stored_status().model_copy(update=failed))
        except (OSError, RunError) as error:  # a full disk, or a status from another program: readers will say so
            print(f"{time.ctime()}: {error}", file=self._log)
        self._close()

    def _close(self) -> None:
        self.is_over = True
        self._files.close()

    def _tell(self, state: str, message: str, **more) -> None:
        if state != "running":
            more |= {"eta": None, "pid": None}
        device = device_name(self.device)
        self.status = Status(**self.status.model_dump() | {"state": state, "message": message, "device": device} | more)
        self.run.write_status(self.status)

    def _save(self) -> None:
        temporary = self.checkpoint.with_suffix(".tmp")
        torch.save(self.job.state(), temporary)
        os.replace(temporary, self.checkpoint)
        # It got further: an earlier death does not count any more.
        self.status = self.status.model_copy(update={"attempts": 1})

    def _load(self) -> dict | None:
        """The state to go on from. A missing, torn or foreign checkpoint only costs the time to begin again."""
        try:
            return torch.load(self.checkpoint, map_location="cpu", weights_only=True)
        except FileNotFoundError:
            return None
        except Exception as error:  # torch's readers raise a dozen kinds for a torn file
            print(f"{time.ctime()}: checkpoint.pt is unreadable, beginning again: {error}", file=sys.stderr)
            return None

    def _provenance(self, lanes: int) -> dict:
        return {
            "columns": columns_of(self.job.dtype),
            "class_names": list(self.job.data.class_names),
            "data": self.job.data.source,
            **self.job.facts(),
            "device": device_name(self.device),
            "threads": self.job.threads,
            "lanes": lanes,
            "torch": torch.__version__,
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
            "date": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        }
