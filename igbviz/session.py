"""One worker's work on one run: what its job yields is appended to the run's folder, and whatever happens is told there.

A job is a Training or an Initializing: `ticks()` drives it and yields records of `dtype`, between ticks `state()` is all that is needed to
go on elsewhere, `progress()` says how far it is and `facts()` what the numbers were made from.
"""

from __future__ import annotations

import errno
import os
import platform
import sys
import time
import traceback
from typing import TextIO

import torch

from igbviz import estimates
from igbviz.ensemble_config import EnsembleConfig
from igbviz.initializing import Initializing, Overflow
from igbviz.runs import Run, RunError, Status, write_json
from igbviz.training import Diverged, Training
from igbviz.trajectory import schema

STATUS_SECONDS = 0.2  # how often status.json is replaced, and the stop file looked for
CHECKPOINT_SECONDS = float(os.environ.get("IGBVIZ_CHECKPOINT_SECONDS", 1.0))  # at least so long between two checkpoints,
CHECKPOINT_SHARE = 0.02  # and longer for large networks: saving may take this share of the time
ATTEMPTS = 3  # a run on which the worker dies so often without getting further is at fault itself


def work_on(run: Run, device: torch.device) -> None:
    """Work on one run to its end, its stop or its failure; the caller holds its lock."""
    with open(run.path / "log.txt", "a", buffering=1) as log:
        terminal, sys.stderr = sys.stderr, log  # the progress bar of a download belongs to the run that waits for it
        try:
            Session(run, device).go()
        except Exception as error:  # the one broad except: the folder is the only place where anybody will look for the reason
            traceback.print_exc(file=log)
            _end(run, explained(error), log)
        finally:
            sys.stderr = terminal


def _end(run: Run, message: str, log: TextIO) -> None:
    try:
        run.write_status(run.stored_status().model_copy(update={"state": "failed", "message": message, "eta": None, "pid": None}))
    except (OSError, RunError) as error:  # a full disk, or a status from another program: readers will say so
        print(f"{time.ctime()}: {error}", file=log)


def explained(error: Exception) -> str:
    """One sentence for people about what went wrong."""
    text = str(error)
    if isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in text or "out of memory" in text:
        return "Out of memory: lower the batch size, the probe size or the network's width, or choose a smaller network."
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

    def __init__(self, run: Run, device: torch.device) -> None:
        self.run, self.device = run, device
        self.checkpoint = run.path / "checkpoint.pt"
        self.records = run.path / "trajectory.bin"
        self.stop_file = run.path / "stop"

    def go(self) -> None:
        self.status = self.run.stored_status()
        if self.status.ended:
            return
        if self.stop_file.exists():
            return self._tell("stopped", "Stopped before it was worked on; it can be resumed.")
        if self.status.attempts >= ATTEMPTS:
            return self._tell("failed", f"The worker process died {ATTEMPTS} times on this run without getting further, as it does when "
                              "memory runs out: lower the batch size, the probe size or the network's width.")  # fmt: skip
        self._tell("running", "Preparing data and network ...", attempts=self.status.attempts + 1, pid=os.getpid())
        config = self.run.config
        kind = Initializing if isinstance(config, EnsembleConfig) else Training
        self.job = kind(config, self.device, self._load())
        if self._kept() > self._recorded():  # records that the checkpoint counts on are gone: begin again
            self.job = kind(config, self.device)
        write_json(self.run.path / "schema.json", self._provenance())
        try:
            stopped = self._work()
        except (Diverged, Overflow) as error:
            return self._ended("diverged", str(error))
        if stopped:
            self._save()
            return self._tell("stopped", "Stopped on request; it can be resumed.", **self.job.progress())
        self._ended("done", "Finished.")
        if isinstance(self.job, Training):
            estimates.note(config, config.dataset.facts(), self.run.cache, *self.job.pace())

    def _work(self) -> bool:
        """Append what the job yields. True when it was asked to stop."""
        job = self.job
        looked = saved = time.monotonic()
        cost = 0.0
        if self._recorded() != self._kept():
            self._cut()
        with open(self.records, "ab", buffering=0) as file:
            for record in job.ticks():
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
        return False

    def _kept(self) -> int:
        return self.job.snapshots * self.job.dtype.itemsize

    def _recorded(self) -> int:
        return self.records.stat().st_size if self.records.exists() else 0

    def _cut(self) -> None:
        """Drop what came after the checkpoint: it is made again, bit for bit. A new file, since readers may have mapped the old one."""
        temporary = self.records.with_suffix(".tmp")
        temporary.write_bytes(self.records.read_bytes()[: self._kept()])
        os.replace(temporary, self.records)

    def _ended(self, state: str, message: str) -> None:
        self._tell(state, message, **self.job.progress())
        self.checkpoint.unlink(missing_ok=True)

    def _tell(self, state: str, message: str, **more) -> None:
        if state != "running":
            more |= {"eta": None, "pid": None}
        self.status = Status(**self.status.model_dump() | {"state": state, "message": message, "device": device_name(self.device)} | more)
        self.run.write_status(self.status)

    def _save(self) -> None:
        temporary = self.checkpoint.with_suffix(".tmp")
        torch.save(self.job.state(), temporary)
        os.replace(temporary, self.checkpoint)
        self.status = self.status.model_copy(update={"attempts": 1})  # it got further: an earlier death does not count any more

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
            "torch": torch.__version__,
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
            "date": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        }


def device_name(device: torch.device) -> str:
    """A device in words: 'NVIDIA H100', 'CPU'."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return "CPU" if device.type == "cpu" else "Apple GPU (MPS)"
