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
from typing import TextIO

import torch

from igbviz.datasets import Data
from igbviz.ensembles import EnsembleConfig
from igbviz.ensembles.job import Initializing
from igbviz.ensembles.networks import Overflow
from igbviz.runs import duration
from igbviz.runs.files import write_json
from igbviz.runs.run import Run, RunError
from igbviz.runs.status import Status
from igbviz.training.devices import device_name
from igbviz.training.loop import Diverged, Training
from igbviz.training.stacked import WORTH, Lanes, gain, most_lanes
from igbviz.trajectory.trajectory import schema

STATUS_SECONDS = 0.2  # how often status.json is replaced, and the stop file looked for
CHECKPOINT_SECONDS = float(
    os.environ.get("IGBVIZ_CHECKPOINT_SECONDS", 1.0)
)  # at least so long between two checkpoints,
CHECKPOINT_SHARE = 0.02  # and longer for large networks: saving may take this share of the time
ATTEMPTS = 3  # a run on which the worker dies so often without getting further is at fault itself


def work_on(run: Run, device: torch.device, mates: Sequence[Run] = ()) -> Iterator[tuple[Run, bool]]:
    """Work on one run to its end, its stop or its failure, and on its `mates`, runs of the same kind that have not
    begun, beside it where that is faster. The caller holds the locks of all. It gets each run back, with whether it was
    worked on, when that is over."""
    first = Session(run, device)
    working = {run: _watched(first)}
    next(working[run], None)  # what it takes is there now, or the run has ended already
    lanes = min(1 + len(mates), most_lanes(first.job)) if mates and isinstance(first.job, Training) else 1
    if lanes > 1 and gain(first.job, lanes) < WORTH:
        lanes = 1
    yield from ((mate, False) for mate in mates[lanes - 1 :])
    sessions = [first, *(Session(mate, device, first.job.clean_data) for mate in mates[: lanes - 1])]
    for session in sessions[1:]:
        working[session.run] = _watched(session)
        next(working[session.run], None)
    if lanes > 1:
        begun = [session.job for session in sessions if session.job is not None]
        Lanes([job for job in begun if job.train_size == first.job.train_size])
    while working:
        for each, work in list(working.items()):
            if next(work, work) is work:
                del working[each]
                yield each, True


def _watched(session: Session) -> Iterator[None]:
    """A session's work, step by step; whatever goes wrong is told in its run's folder."""
    with open(session.run.path / "log.txt", "a", buffering=1) as log:
        try:
            yield from session.go(log)
        except (
            Exception
        ) as error:  # the one broad except: the folder is the only place where anybody will look for the reason
            traceback.print_exc(file=log)
            _end(session.run, explained(error), log)
            if is_lost(error):
                raise
        finally:
            if isinstance(session.job, Training) and session.job.stack:
                session.job.stack.drop(session.job)  # the others wait for it no more


def _end(run: Run, message: str, log: TextIO) -> None:
    try:
        run.write_status(
            run.stored_status().model_copy(update={"state": "failed", "message": message, "eta": None, "pid": None})
        )
    except (OSError, RunError) as error:  # a full disk, or a status from another program: readers will say so
        print(f"{time.ctime()}: {error}", file=log)


def is_lost(error: Exception) -> bool:
    """Whether the device answers this process no more: a new one has to take over."""
    text = str(error)
    libraries = any(
        f"STATUS_{what}" in text for what in ("EXECUTION_FAILED", "INTERNAL_ERROR")
    )  # cuBLAS and cuDNN tell it in their way
    return (isinstance(error, torch.AcceleratorError) or libraries) and "out of memory" not in text


def explained(error: Exception) -> str:
    """One sentence for people about what went wrong."""
    text = str(error)
    if is_lost(error):
        return f"The GPU failed ({text.splitlines()[0]}): resume the run; everything up to the last checkpoint is kept."
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
    """The worker's hands on one run's folder."""

    def __init__(self, run: Run, device: torch.device, data: Data | None = None) -> None:
        """`data`: what the run's data set gives, where somebody has loaded it already."""
        self.run, self.device, self.data = run, device, data
        self.job: Training | Initializing | None = None
        self.checkpoint = run.path / "checkpoint.pt"
        self.records = run.records
        self.stop_file = run.path / "stop"

    def go(self, log: TextIO) -> Iterator[None]:
        """All of the work. Yields when the job stands there, and then after each of its ticks."""
        self.status = self.run.stored_status()
        if self.status.ended:
            return
        if self.stop_file.exists():
            return self._tell("stopped", "Stopped before it was worked on; it can be resumed.")
        if self.status.attempts >= ATTEMPTS:
            return self._tell(
                "failed",
                f"The worker process died {ATTEMPTS} times on this run without getting "
                "further, as it does when memory runs out: lower the batch size, the probe size or the network's "
                "width.",
            )
        self._tell("running", "Preparing data and network ...", attempts=self.status.attempts + 1, pid=os.getpid())
        with contextlib.redirect_stderr(log):  # the progress bar of a download belongs to the run that waits for it
            self.job = self._job()
        yield
        write_json(self.run.path / "schema.json", self._provenance())
        try:
            stopped = yield from self._work()
        except (Diverged, Overflow) as error:
            return self._ended("diverged", str(error))
        if stopped:
            self._save()
            return self._tell("stopped", "Stopped on request; it can be resumed.", **self.job.progress())
        self._ended("done", "Finished.")
        if isinstance(self.job, Training) and self.job.stack is None and self.job.timed_steps:
            config = self.job.config
            duration.note(config, config.dataset.facts(), self.run.cache, *self.job.pace())

    def _job(self) -> Training | Initializing:
        job = self._begun(self._load())
        # Records that the checkpoint counts on are gone: begin again.
        return job if job.snapshots * job.dtype.itemsize <= self.run.record_bytes else self._begun(None)

    def _begun(self, state: dict | None) -> Training | Initializing:
        config = self.run.config
        if isinstance(config, EnsembleConfig):
            return Initializing(config, self.device, state)
        return Training(config, self.device, state, self.data)

    def _work(self) -> Iterator[None]:
        """Append what the job yields; returns True when it was asked to stop."""
        job = self.job
        looked = saved = time.monotonic()
        cost = 0.0
        if self.run.record_bytes != self._kept():
            self._cut()
        with open(self.records, "ab", buffering=0) as file, contextlib.closing(job.ticks()) as ticks:
            for record in ticks:
                first = record is not None and file.tell() == 0
                if record is not None:
                    # The record first, the status that mentions it second.
                    if file.write(record.tobytes()) < job.dtype.itemsize:
                        raise OSError(errno.ENOSPC, "a record was written in part")
                now = time.monotonic()
                if now - looked > STATUS_SECONDS or first:
                    looked = now
                    self._tell("running", job.doing, **job.progress())
                    if self.stop_file.exists():
                        return True
                if now - saved > max(CHECKPOINT_SECONDS, cost / CHECKPOINT_SHARE):
                    self._save()
                    saved = time.monotonic()
                    cost = saved - now
                yield
        return False

    def _kept(self) -> int:
        return self.job.snapshots * self.job.dtype.itemsize

    def _cut(self) -> None:
        """Drop what came after the checkpoint: it is made again, bit for bit. A new file, since readers may have mapped
        the old one."""
        temporary = self.records.with_suffix(".tmp")
        temporary.write_bytes(self.records.read_bytes()[: self._kept()])
        os.replace(temporary, self.records)

    def _ended(self, state: str, message: str) -> None:
        self._tell(state, message, **self.job.progress())
        self.checkpoint.unlink(missing_ok=True)

    def _tell(self, state: str, message: str, **more) -> None:
        if state != "running":
            more |= {"eta": None, "pid": None}
        self.status = Status(
            **self.status.model_dump() | {"state": state, "message": message, "device": device_name(self.device)} | more
        )
        self.run.write_status(self.status)

    def _save(self) -> None:
        temporary = self.checkpoint.with_suffix(".tmp")
        torch.save(self.job.state(), temporary)
        os.replace(temporary, self.checkpoint)
        self.status = self.status.model_copy(
            update={"attempts": 1}
        )  # it got further: an earlier death does not count any more

    def _load(self) -> dict | None:
        """The state to go on from. A missing, torn or foreign checkpoint only costs the time to begin again."""
        try:
            return torch.load(self.checkpoint, map_location="cpu", weights_only=True)
        except FileNotFoundError:
            return None
        except Exception as error:  # torch's readers raise a dozen kinds for a torn file
            print(f"{time.ctime()}: checkpoint.pt is unreadable, beginning again: {error}", file=sys.stderr)
            return None

    def _provenance(self) -> dict:
        return {
            "columns": schema(self.job.dtype),
            "class_names": list(self.job.data.class_names),
            "data": self.job.data.source,
            **self.job.facts(),
            "device": device_name(self.device),
            "threads": self.job.threads,
            "lanes": len(self.job.stack.trainings) if isinstance(self.job, Training) and self.job.stack else 1,
            "torch": torch.__version__,
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
            "date": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        }
