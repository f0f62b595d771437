"""Trainings to be disturbed, each in a process forked from one that has loaded torch already, so that it can be killed
some hundred times a minute; and what must be true of their files at any moment."""

from __future__ import annotations

import io
import os
import signal
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch

from igbviz.config import RunConfig
from igbviz.runs import queue, session, worker
from igbviz.runs.images.files import FILES
from igbviz.runs.listing import list_runs
from igbviz.runs.run import Run
from igbviz.runs.submit import submit_all
from igbviz.training import checkpoints
from igbviz.training.loop import Training
from tests.faults.registry import Case, Hung, Lost, losing, one_sentence
from tests.support.stored_runs import finished
from tests.support.tiny import TINY
from tests.support.trajectories import same

ALONE_SECONDS = 100.0  # in which a training of about one second has ended, however busy the machine
SLOW = TINY | {
    "model": {"name": "mlp", "depth": 3, "width": 64, "normalization": "batch"},
    "optimizer": {"name": "sgd", "learning_rate": 0.01, "momentum": 0.9},
    "epochs": 80,
    "probes": {"size": 60, "count": 200},
}
VARIANTS: list[dict] = [
    {},
    {"loss": {"name": "gce"}, "label_noise": {"name": "symmetric"}},
    {"optimizer": {"name": "adam", "learning_rate": 0.002}, "loss": {"name": "custom", "formula": "1-p"}},
    {"model": {"name": "cnn", "width": 4}, "epochs": 24},
]
_references: dict[str, tuple[np.ndarray, np.ndarray]] = {}


def some_config(case: Case) -> RunConfig:
    """A training of about a second, with more state to restore than weights; shorter in a brief case."""
    config = RunConfig(**SLOW | case.random.choice(VARIANTS) | {"seed": case.random.randrange(3)})
    return config.with_(epochs=config.epochs // 2) if case.is_brief else config


def reference(config: RunConfig, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """The records of an undisturbed training, and those of its watched images."""
    if config.id not in _references:
        path = folder / "reference.npz"

        def work() -> None:
            training = Training(config, "cpu")
            both = [(record, training.images) for record in training.ticks() if record is not None]
            np.savez(path, records=[record for record, _ in both], images=[images for _, images in both])

        wait_for(forked(work, folder), ALONE_SECONDS)
        with np.load(path) as saved:
            _references[config.id] = saved["records"], saved["images"]
    return _references[config.id]


# Processes.


def forked(work: Callable[[], object], folder: Path) -> int:
    """Do something in a child process; returns its id. Its exit status is 1 after an exception, written to a file."""
    if pid := os.fork():
        return pid
    status = 1
    with suppress(BaseException):
        torch.set_num_threads(1)  # the threads of the parent are not in the child
        try:
            work()
            status = 0
        except BaseException:
            (folder / "traceback.txt").write_text(traceback.format_exc())
    os._exit(status)


def wait_for(pid: int, seconds: float) -> int:
    """The exit code of a child process, negative for a signal. Hung if it has not ended after so many seconds of our
    own time."""
    waited, last = 0.0, time.monotonic()
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
        waited, last = waited + min(time.monotonic() - last, 1.0), time.monotonic()
        if waited > seconds:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise Hung(f"a process has not ended after {seconds:g} s")


def working(cache: Path, checkpoint_seconds: float = 0.02) -> Callable[[], None]:
    """Train what is in the queue, as a worker does, until it is empty."""

    def work() -> None:
        session.CHECKPOINT_SECONDS, session.STATUS_SECONDS = checkpoint_seconds, min(checkpoint_seconds, 0.2)
        queue.ensure_worker = lambda *_, **__: None
        while worker.take_one(cache, torch.device("cpu")):
            pass

    return work


def hold(pid: int) -> bool:
    """Stop a child process, and wait until it stands still; False if it has ended."""
    os.kill(pid, signal.SIGSTOP)
    _, status = os.waitpid(pid, os.WUNTRACED)
    return os.WIFSTOPPED(status)


def end(pid: int, how: int = signal.SIGKILL) -> None:
    """End a child process that may have ended by itself."""
    with suppress(ProcessLookupError, ChildProcessError):
        os.kill(pid, how)
        os.waitpid(pid, 0)


# What must be true.


class Watched:
    """A cache with a finished run and one to be disturbed, and what has been seen of them."""

    def __init__(self, case: Case, cache: Path | None = None, config: RunConfig | None = None) -> None:
        self.case, self.cache = case, cache or case.folder / "cache"
        self.config = config or some_config(case)
        self.expected, self.expected_images = reference(self.config, case.folder)
        queue.ensure_worker = lambda *_, **__: None  # no process but those that this case starts
        self.cache.mkdir(exist_ok=True)
        self.done = finished(RunConfig(**TINY), self.cache)
        self.done_files = _files(self.done)
        (self.run,) = submit_all([self.config], self.cache)
        self.safe = b""  # the records before a checkpoint

    def start(self, checkpoint_seconds: float = 0.02) -> int:
        """Start a worker, and return its process id."""
        return forked(working(self.cache, checkpoint_seconds), self.case.folder)

    def records(self) -> bytes:
        with suppress(FileNotFoundError):
            return self.run.records.read_bytes()
        return b""

    def check(self) -> None:
        """After a fault, when no process works on the run."""
        with losing("the finished run"):
            assert _files(self.done) == self.done_files, "its files have changed"
        with losing("the run"):
            assert self.run.config == self.config
            status = self.run.stored_status()
            one_sentence(status.message)
            problems = {line.run.id: line.problem for line in list_runs(self.cache) if line.problem}
            assert not problems, problems
        now = self.records()
        if not now.startswith(self.safe):
            raise Lost(f"records before a checkpoint: {len(self.safe)} bytes were there, now {len(now)} others")
        self.safe = self.safe if (safe := self._before_checkpoint(now)) is None else safe

    def _before_checkpoint(self, records: bytes) -> bytes | None:
        """The records that a worker will not make again; None without a checkpoint."""
        path = self.run.path / "checkpoint.pt"
        if not path.exists():
            return None
        with losing("the checkpoint"):
            state = checkpoints.read(io.BytesIO(path.read_bytes()), self.run.id)
            length = state["snapshots"] * self.expected.dtype.itemsize
            assert len(records) >= length, "it counts records that are not there"
        return records[:length]

    def resume(self) -> None:
        """As a person does who is told that the run has failed or was stopped."""
        if self.run.stored_status().state in ("failed", "stopped"):
            self.run.resume()

    def work(self) -> None:
        """Train until the queue is empty, undisturbed."""
        if code := wait_for(self.start(0.5), ALONE_SECONDS):
            text = self.case.folder / "traceback.txt"
            raise AssertionError(f"the worker ended with code {code}: {text.read_text() if text.exists() else ''}")

    def finish(self) -> None:
        """Train the rest undisturbed: it must be, bit for bit, what an undisturbed training records."""
        for _ in range(2):  # the first time, a run whose worker died too often may only be told so
            self.resume()
            self.work()
        self.check()
        status = self.run.stored_status()
        with losing("the run"):
            assert status.state == "done", f"{status!r}, log: {self.run.log()}, queue: {queue.waiting(self.cache)}"
            records = self.run.trajectory().records
            assert len(records) == status.snapshots == len(self.expected), f"{len(records)} records"
            assert same(records, self.expected), "its records are not those of an undisturbed training"
            images = self.run.images().records
            assert images.tobytes() == self.expected_images.tobytes(), (
                "its images are not those of an undisturbed training"
            )
            left = {path.name for path in self.run.path.iterdir()}
            allowed = {"config.json", "schema.json", "status.json", "trajectory.bin", "log.txt", "lock", *FILES}
            left = {name for name in left - allowed if not name.startswith(".status.json")}
            assert not left, f"files are left over: {left}, queue: {queue.waiting(self.cache)}, log: {self.run.log(3)}"


def _files(run: Run) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.path.iterdir() if path.name != "lock"}
