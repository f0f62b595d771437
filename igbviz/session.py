"""One worker's work on one run: what the training yields is appended to the run's folder, and whatever happens is told there."""

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
from igbviz.runs import Run, RunError, Status, write_json
from igbviz.training import Diverged, Training
from igbviz.trajectory import schema

STATUS_SECONDS = 0.2  # how often status.json is replaced, and the stop file looked for
CHECKPOINT_SECONDS = float(os.environ.get("IGBVIZ_CHECKPOINT_SECONDS", 1.0))  # at least so long between two checkpoints,
CHECKPOINT_SHARE = 0.02  # and longer for large networks: saving may take this share of the time
ATTEMPTS = 3  # a run on which the worker dies so often without getting further is at fault itself


def work_on(run: Run, device: torch.device) -> None:
    """Train one run to its end, its stop or its failure; the caller holds its lock."""
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
        self.training = Training(self.run.config, self.device, self._load())
        if self._kept() > self._recorded():  # records that the checkpoint counts on are gone: begin again
            self.training = Training(self.run.config, self.device)
        write_json(self.run.path / "schema.json", self._provenance())
        try:
            stopped = self._train()
        except Diverged as error:
            return self._ended("diverged", str(error))
        if stopped:
            self._save()
            return self._tell("stopped", "Stopped on request; it can be resumed.", **self._progress())
        self._ended("done", "Finished.")
        training = self.training
        estimates.note(self.run.config, self.run.config.dataset.facts(), self.run.cache, *training.pace())

    def _train(self) -> bool:
        """Append what the training yields. True when it was asked to stop."""
        training = self.training
        looked = saved = time.monotonic()
        cost = 0.0
        if self._recorded() != self._kept():
            self._cut()
        with open(self.records, "ab", buffering=0) as file:
            for snapshot in training.ticks():
                if snapshot is not None:
                    # The record first, the status that mentions it second.
                    if file.write(snapshot.tobytes()) < training.dtype.itemsize:
                        raise OSError(errno.ENOSPC, "a record was written in part")
                now = time.monotonic()
                if now - looked > STATUS_SECONDS or (snapshot is not None and snapshot["step"] == 0):
                    looked = now
                    self._tell("running", "Training ...", **self._progress())
                    if self.stop_file.exists():
                        return True
                if now - saved > max(CHECKPOINT_SECONDS, cost / CHECKPOINT_SHARE):
                    self._save()
                    saved = time.monotonic()
                    cost = saved - now
        return False

    def _kept(self) -> int:
        return self.training.snapshots * self.training.dtype.itemsize

    def _recorded(self) -> int:
        return self.records.stat().st_size if self.records.exists() else 0

    def _cut(self) -> None:
        """Drop what came after the checkpoint: it is made again, bit for bit. A new file, since readers may have mapped the old one."""
        temporary = self.records.with_suffix(".tmp")
        temporary.write_bytes(self.records.read_bytes()[: self._kept()])
        os.replace(temporary, self.records)

    def _progress(self) -> dict:
        training = self.training
        return {
            "step": training.step,
            "steps": training.steps,
            "epoch": training.step / training.steps_per_epoch,
            "snapshots": training.snapshots,
            "seconds": training.seconds,
            "steps_per_second": 1 / training.pace()[0] if training.step_seconds else 0.0,
            "eta": training.remaining(),
        }

    def _ended(self, state: str, message: str) -> None:
        self._tell(state, message, **self._progress())
        self.checkpoint.unlink(missing_ok=True)

    def _tell(self, state: str, message: str, **more) -> None:
        if state != "running":
            more |= {"eta": None, "pid": None}
        self.status = Status(**self.status.model_dump() | {"state": state, "message": message, "device": device_name(self.device)} | more)
        self.run.write_status(self.status)

    def _save(self) -> None:
        temporary = self.checkpoint.with_suffix(".tmp")
        torch.save(self.training.state(), temporary)
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
        training = self.training
        return {
            "columns": schema(training.dtype),
            "class_names": list(training.data.class_names),
            "steps_per_epoch": training.steps_per_epoch,
            "steps": training.steps,
            "probe_images": len(training.probe_labels),
            "data": training.data.source,
            "parameters": sum(parameter.numel() for parameter in training.parameters),
            "device": device_name(self.device),
            "threads": training.threads,
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
