"""The background process that trains queued runs, first come first served, one at a time on each device.

Started as `python -m igbviz.runs.worker CACHE`. It consists of two processes. The *keeper* imports nothing heavy and
restarts the *worker* when that dies (killed, crashed, out of memory). The worker keeps torch and the device warm
between runs and exits after some idle minutes. Each GPU has its own pair. On a CPU, a sweep of runs that use one thread
each gets a pair for every core.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from filelock import Timeout

from igbviz.runs import deaths
from igbviz.runs.files import keep_end
from igbviz.runs.locks import AT_ONCE, folder_lock, lock

IDLE_SECONDS = float(os.environ.get("IGBVIZ_IDLE_SECONDS", 600))
HELPER_IDLE_SECONDS = 5.0  # for an additional worker on a CPU, which only trains runs of sweeps
POLL_SECONDS = 0.05  # between two reads of an empty queue, which take microseconds
MIN_PAUSE, MAX_PAUSE = 0.1, 30.0  # seconds before a dead worker is restarted; doubled while it keeps dying at once
_put_off: dict[str, tuple[float, float]] = {}  # by run whose folder cannot be written: until when, after what pause
NICENESS = 5  # the pages on the same cores have priority


def keep(cache: Path, slot: int) -> None:
    """Restart the worker of this device slot until it exits by itself."""
    try:
        with lock(cache / "workers" / f"keeper-{slot}.lock", timeout=AT_ONCE):
            deaths.forget(cache, slot)
            log, pause, count = cache / "workers" / "worker.log", MIN_PAUSE, 0
            while True:
                keep_end(log)
                started, log_start = time.monotonic(), log.stat().st_size if log.exists() else 0
                worker = subprocess.Popen(_command(cache, slot, "--work"))
                if (code := worker.wait()) == 0:
                    break
                lived = time.monotonic() - started > MAX_PAUSE
                pause, count = (MIN_PAUSE, 1) if lived else (min(2 * pause, MAX_PAUSE), count + 1)
                deaths.record(cache, slot, worker.pid, code, count, pause, log_start)
                say(f"worker {slot} exited with code {code}; restarting it in {pause:g} s")
                time.sleep(pause)
            deaths.forget(cache, slot)
    except Timeout:
        pass  # another keeper has this slot


def work(cache: Path, slot: int) -> None:
    """Train queued runs until the queue was empty for IDLE_SECONDS, or the keeper has died."""
    import torch  # takes a second, so import it before a run is submitted

    from igbviz.runs.session import warm_up
    from igbviz.training.devices import best_device

    os.nice(NICENESS)
    # With autogroup scheduling, Linux divides the cores between sessions first, so set the niceness of the session.
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(NICENESS))
    keeper = os.getppid()
    device = best_device()
    if device.type == "cuda":
        device = torch.device("cuda", slot)
        torch.cuda.set_device(device)
        if slot == 0:
            for other in range(1, torch.cuda.device_count()):
                subprocess.Popen(_command(cache, other), start_new_session=True)
    with lock(cache / "workers" / f"worker-{slot}.lock", timeout=-1):  # wait for a worker whose keeper was killed
        helper = device.type == "cpu" and slot > 0
        if not take_one(cache, device, helper):  # a queued run goes before the warm-up
            warm_up(device)
        idle_since, patience = time.monotonic(), min(IDLE_SECONDS, HELPER_IDLE_SECONDS) if helper else IDLE_SECONDS
        while time.monotonic() - idle_since < patience and os.getppid() == keeper:
            if take_one(cache, device, helper):
                idle_since = time.monotonic()
                keep_end(cache / "workers" / "worker.log")
            else:
                time.sleep(POLL_SECONDS)


def take_one(cache: Path, device, helper: bool = False) -> bool:
    """Train the first queued run that no worker has, and the runs in its stack. False when there is none.

    A helper, on an additional core of a CPU, takes only runs of a sweep that use one thread.
    """
    from igbviz.runs import queue
    from igbviz.runs.run import Run
    from igbviz.runs.session import work_on

    waiting = queue.waiting(cache)
    for position, entry in enumerate(waiting):
        run = Run(cache / "runs" / entry.run_id)
        if time.monotonic() < _put_off.get(run.id, (0.0, 0.0))[0]:
            continue
        if not (run.path / "status.json").is_file():  # deleted while it was queued, or never a run
            with contextlib.suppress(OSError):
                entry.path.unlink(missing_ok=True)
            continue
        if helper and not (entry.of_sweep and _uses_one_thread(run)):
            continue
        try:
            with contextlib.ExitStack() as locks:
                held = {run: locks.enter_context(folder_lock(run.path))}
                if entry.of_sweep:
                    workers = _workers(device.type, run)
                    if device.type == "cpu" and not helper:
                        _start_helpers(cache, waiting[position : position + workers])
                    held |= _peers(run, waiting[position + 1 :], workers, device.type, locks)
                for released, was_trained in work_on(run, device, list(held)[1:]):
                    if was_trained:
                        queue.dequeue(cache, released.id)
                    held[released].release()
                return True
        except Timeout:
            continue
        except OSError as error:  # a folder that cannot be written must not block the queue
            pause = min(max(2 * _put_off.get(run.id, (0.0, 0.0))[1], MIN_PAUSE), MAX_PAUSE)
            _put_off[run.id] = time.monotonic() + pause, pause
            say(f"{run.id}: {error}; trying it again in {pause:g} s")
    return False


def say(sentence: str) -> None:
    """Write a line into the log; a full disk must not end the worker."""
    with contextlib.suppress(OSError):
        print(f"{time.ctime()}: {sentence}", flush=True)


def _peers(run, waiting, workers: int, device: str, locks: contextlib.ExitStack) -> dict:
    """The runs of a sweep later in the queue that can share a stack with this one, with their locks.

    Only configurations with `stacked` set qualify. The runs are divided between the workers.
    """
    from igbviz.runs.run import Run, RunError
    from igbviz.training.stacked import MAX_RUNS, stack_key

    def key_of(candidate: Run) -> str | None:
        try:
            is_new = candidate.stored_status().state == "queued" and not (candidate.path / "checkpoint.pt").exists()
            return stack_key(candidate.config) if is_new else None
        except RunError:
            return None

    if (key := key_of(run)) is None:
        return {}
    # Stop at the first single run, so that none is overtaken.
    of_sweep = itertools.takewhile(lambda entry: entry.of_sweep, waiting[: MAX_RUNS[device] * workers])
    candidates = [Run(run.path.parent / entry.run_id) for entry in of_sweep]
    stackable = [candidate for candidate in candidates if key_of(candidate) == key]
    peers = {}
    for peer in stackable[: math.ceil((1 + len(stackable)) / workers) - 1]:
        with contextlib.suppress(Timeout, OSError):
            peers[peer] = locks.enter_context(folder_lock(peer.path))
    return peers


def _uses_one_thread(run) -> bool:
    """Whether the run is a training that uses one thread."""
    from igbviz.datasets import DataError
    from igbviz.runs.run import RunError

    try:
        config = run.config
        return run.kind.fits_one_thread(config, config.dataset.facts())
    except (RunError, DataError):
        return False  # the worker that trains it will report the error


def _workers(device: str, run) -> int:
    """Number of workers for a sweep of such runs: one per GPU; on a CPU one per core if a run uses one thread."""
    if device == "cpu":
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return cores if _uses_one_thread(run) else 1
    import torch

    return max(1, torch.cuda.device_count())


def _start_helpers(cache: Path, waiting) -> None:
    """Start a worker for every additional core that a sweep in the queue can use."""
    from igbviz.runs.locks import is_held

    for slot in range(1, sum(entry.of_sweep for entry in waiting)):
        if not is_held(cache / "workers" / f"keeper-{slot}.lock"):
            subprocess.Popen(_command(cache, slot), start_new_session=True)


def _command(cache: Path, slot: int, *more: str) -> list[str]:
    return [sys.executable, "-m", "igbviz.runs.worker", str(cache), str(slot), *more]


def main() -> None:
    cache, slot = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the server's terminal must not stop a training
    (work if "--work" in sys.argv else keep)(cache, slot)


if __name__ == "__main__":
    main()
