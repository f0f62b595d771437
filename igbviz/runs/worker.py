"""The background process: takes queued runs first come first served and trains them, one a device.

Started as `python -m igbviz.runs.worker CACHE`. Two processes: the *keeper* imports nothing heavy and starts the
*worker* again when that dies (a kill, a crash, the kernel short of memory); the worker keeps torch and the device warm
between runs and leaves after some idle minutes. With several GPUs there is such a pair for each. On a CPU a sweep of
runs that use one thread each gets a pair for every core.
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

from filelock import FileLock, Timeout

IDLE_SECONDS = float(os.environ.get("IGBVIZ_IDLE_SECONDS", 600))
HELPER_IDLE_SECONDS = 5.0  # of a worker that only came to help with a sweep
LOOK_SECONDS = 0.05  # between two looks at an empty queue: a listing of a folder, some microseconds
SHORTEST_PAUSE, LONGEST_PAUSE = (
    0.1,
    30.0,
)  # seconds before a dead worker is started again; longer if it dies at once each time
NICENESS = 5  # the pages on the same cores go first


def keep(cache: Path, slot: int) -> None:
    """Keep the worker of this device slot alive until it leaves by itself."""
    try:
        with FileLock(cache / "workers" / f"keeper-{slot}.lock", timeout=0):
            pause, started = SHORTEST_PAUSE, time.monotonic()
            while (code := subprocess.call(_command(cache, slot, "--work"))) != 0:
                pause = SHORTEST_PAUSE if time.monotonic() - started > LONGEST_PAUSE else min(2 * pause, LONGEST_PAUSE)
                print(
                    f"{time.ctime()}: worker {slot} ended with code {code}; starting it again in {pause:g} s",
                    flush=True,
                )
                time.sleep(pause)
                started = time.monotonic()
    except Timeout:
        pass  # another keeper was faster


def work(cache: Path, slot: int) -> None:
    """Work on the queue until nothing has come for IDLE_SECONDS, or the keeper is gone (a new one starts a new worker)."""
    import torch  # takes a second: paid for before anybody waits for a run

    from igbviz.runs.session import warm_up
    from igbviz.training.devices import best_device

    os.nice(NICENESS)
    with contextlib.suppress(
        OSError
    ):  # where Linux first shares the cores between sessions, niceness must be told for the session
        Path("/proc/self/autogroup").write_text(str(NICENESS))
    keeper = os.getppid()
    device = best_device()
    if device.type == "cuda":
        device = torch.device("cuda", slot)
        torch.cuda.set_device(device)
        if slot == 0:
            for other in range(1, torch.cuda.device_count()):
                subprocess.Popen(_command(cache, other), start_new_session=True)
    with FileLock(cache / "workers" / f"worker-{slot}.lock"):  # a worker left over from a killed keeper is waited for
        helper = device.type == "cpu" and slot > 0
        if not take_one(cache, device, helper):  # somebody waits already: the first point first
            warm_up(device)
        idle_since, patience = time.monotonic(), min(IDLE_SECONDS, HELPER_IDLE_SECONDS) if helper else IDLE_SECONDS
        while time.monotonic() - idle_since < patience and os.getppid() == keeper:
            if take_one(cache, device, helper):
                idle_since = time.monotonic()
            else:
                time.sleep(LOOK_SECONDS)


def take_one(cache: Path, device, helper: bool = False) -> bool:
    """Work on the first queued run that is in nobody's hands, and on those that share its stack; False when there is
    none. A helper on a further core of a CPU takes only what may be worked on beside others."""
    from igbviz.runs import queue
    from igbviz.runs.run import Run
    from igbviz.runs.session import work_on

    waiting = queue.waiting(cache)
    for place, entry in enumerate(waiting):
        run = Run(cache / "runs" / entry.run_id)
        if not (run.path / "status.json").is_file():  # deleted while it waited, or never a run
            entry.path.unlink(missing_ok=True)
            continue
        if helper and not (entry.of_sweep and _fits_a_core(run)):
            continue
        try:
            with contextlib.ExitStack() as locks:
                held = {run: locks.enter_context(FileLock(run.path / "lock", timeout=0))}
                if entry.of_sweep:
                    workers = _workers(device.type, run)
                    if device.type == "cpu" and not helper:
                        _call_helpers(cache, waiting[place : place + workers])
                    held |= _peers(run, waiting[place + 1 :], workers, device.type, locks)
                for released, worked_on in work_on(run, device, list(held)[1:]):
                    if worked_on:
                        queue.dequeue(cache, released.id)
                    held[released].release()
                return True
        except Timeout:
            continue
        except OSError as error:  # a folder that cannot be written must not keep the others waiting
            print(f"{time.ctime()}: {entry.run_id}: {error}", flush=True)
    return False


def _peers(run, waiting, workers: int, device: str, locks: contextlib.ExitStack) -> dict:
    """Of a sweep's runs further down the queue those that asked to be stacked and may share a stack with this one, with
    their locks; the workers divide them."""
    from igbviz.runs.run import Run, RunError
    from igbviz.training.stacked import MAX_RUNS, stack_key

    def key_of(candidate: Run) -> str | None:
        try:
            fresh = candidate.stored_status().state == "queued" and not (candidate.path / "checkpoint.pt").exists()
            return stack_key(candidate.config) if fresh else None
        except RunError:
            return None

    if (key := key_of(run)) is None:
        return {}
    # No single run is overtaken.
    of_sweep = itertools.takewhile(lambda entry: entry.of_sweep, waiting[: MAX_RUNS[device] * workers])
    candidates = [Run(run.path.parent / entry.run_id) for entry in of_sweep]
    alike = [candidate for candidate in candidates if key_of(candidate) == key]
    peers = {}
    for peer in alike[: math.ceil((1 + len(alike)) / workers) - 1]:
        with contextlib.suppress(Timeout, OSError):
            peers[peer] = locks.enter_context(FileLock(peer.path / "lock", timeout=0))
    return peers


def _fits_a_core(run) -> bool:
    """Whether this is a training that uses one thread."""
    from igbviz.datasets import DataError
    from igbviz.runs.run import RunError

    try:
        config = run.config
        return run.kind.one_thread(config, config.dataset.facts())
    except (RunError, DataError):
        return False  # whoever works on it will say why


def _workers(device: str, run) -> int:
    """How many workers a sweep of runs like this one has: one a GPU, on a CPU one a core where a run uses one thread."""
    if device == "cpu":
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return cores if _fits_a_core(run) else 1
    import torch

    return max(1, torch.cuda.device_count())


def _call_helpers(cache: Path, waiting) -> None:
    """A worker for every further core that a sweep in the queue can use."""
    from igbviz.runs import queue

    for slot in range(1, sum(entry.of_sweep for entry in waiting)):
        if not queue.is_held(cache / "workers" / f"keeper-{slot}.lock"):
            subprocess.Popen(_command(cache, slot), start_new_session=True)


def _command(cache: Path, slot: int, *more: str) -> list[str]:
    return [sys.executable, "-m", "igbviz.runs.worker", str(cache), str(slot), *more]


def main() -> None:
    cache, slot = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the server's terminal is not meant for a training
    (work if "--work" in sys.argv else keep)(cache, slot)


if __name__ == "__main__":
    main()
