"""The background process that trains queued runs in the order of the queue, one at a time on each device.

Started as `python -m igbviz.runs.worker CACHE`. It consists of two processes. The *keeper* imports nothing heavy and
restarts the *worker* when that dies (killed, crashed, out of memory). The worker keeps torch and the device warm
between runs and exits after some idle minutes. Each GPU has its own pair. On a CPU, additional pairs are *helpers* for
runs that use one thread: a sweep of such runs gets one for every core, and while a long one is being trained, one
helper stays warm for the next short run. A race gets a worker for every run, however many cores there are: what counts
there is that all of them move. Where no core is free, the long run pauses between two steps, and its own
worker trains the short one. The number of threads of a run is never changed, so its records are the same, bit for bit.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filelock import Timeout

from igbviz.runs import deaths, succession
from igbviz.runs.files import NewerCache, claim, keep_end
from igbviz.runs.locks import AT_ONCE, folder_lock, is_held, lock

IDLE_SECONDS = float(os.environ.get("IGBVIZ_IDLE_SECONDS", 600))
HELPER_IDLE_SECONDS = 5.0  # for a helper
WARM_UP_AFTER = 1.0  # seconds from the start, after which an idle worker prepares for previews
MAX_RACING = 4  # workers for the runs of races, on a machine with fewer cores than that
LOOK_SECONDS = 0.2  # between two looks of a long run at the queue
LOOK_AT = 100  # runs at the head of the queue that it looks at
HELP_SECONDS = 0.5  # in which a helper takes a short run, before a long one pauses for it
POLL_SECONDS = 0.02  # between two looks of an idle worker at the queue and at the previews
MIN_PAUSE, MAX_PAUSE = 0.1, 30.0  # seconds before a dead worker is restarted; doubled while it keeps dying at once
_put_off: dict[str, tuple[float, float]] = {}  # by run whose folder cannot be written: until when, after what pause
_started: dict[Path, subprocess.Popen] = {}  # by its lock, which a new keeper holds only once it has imported this
NICENESS = 5  # the pages on the same cores have priority


def keep(cache: Path, slot: int) -> bool:
    """Restart the worker of this device slot until it exits by itself; False if another keeper has this slot."""
    try:
        with lock(cache / "workers" / f"keeper-{slot}.lock", timeout=AT_ONCE):
            if slot == 0:
                succession.forget(cache)
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
            return True
    except Timeout:
        return False


def work(cache: Path, slot: int) -> None:
    """Train queued runs until the queue was empty for IDLE_SECONDS, or the keeper has died."""
    try:
        with contextlib.suppress(OSError):  # what cannot be written is found when a run is taken
            claim(cache)
    except NewerCache as error:
        say(str(error))
        return
    import torch  # takes a second, so import it before a run is submitted

    from igbviz.plugins import installed
    from igbviz.plugins.part import PACKAGE_OF
    from igbviz.runs import queue
    from igbviz.runs.previews.answering import Answerer
    from igbviz.training.devices import best_device, warm_up

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
        if slot == 0:
            succession.announce(cache, PACKAGE_OF.values())
        answerer = Answerer(cache, device, lambda: (entry.run_id for entry in queue.waiting(cache)))
        if not take_one(cache, device, helper, answerer):  # a queued run goes before the warm-up, and who waits to see
            answerer.idle()
            warm_up(device)
        is_cold, warm_up_at = True, time.monotonic() + WARM_UP_AFTER
        idle_since, patience = time.monotonic(), min(IDLE_SECONDS, HELPER_IDLE_SECONDS) if helper else IDLE_SECONDS
        while time.monotonic() - idle_since < patience and os.getppid() == keeper:
            if device.type == "cpu" and not helper:
                _start_helpers(cache, _expected(cache))
            if take_one(cache, device, helper, answerer):
                idle_since = time.monotonic()
                keep_end(cache / "workers" / "worker.log")
                continue
            if not helper and succession.is_due(cache, PACKAGE_OF.values()) and not installed.changed():
                say("giving way to a worker with other plugins")
                return
            if helper and _is_needed(cache):
                idle_since = time.monotonic()
            if answerer.idle():
                idle_since = time.monotonic()
            elif is_cold and time.monotonic() > warm_up_at:
                is_cold = answerer.warm_up()
            else:
                time.sleep(POLL_SECONDS)


def take_one(cache: Path, device, helper: bool = False, answerer=None) -> bool:
    """Train the first queued run that this worker may take and no other has, and the runs in its stack.

    False when there is none. A helper, on an additional core of a CPU, takes only runs that use one thread, of a sweep
    or a race or short ones.
    """
    from igbviz.runs import queue

    if helper and is_held(_all_cores(cache)):
        return False
    waiting = queue.waiting(cache)
    return any(_take(cache, device, waiting[position:], helper, answerer) for position in range(len(waiting)))


def _take(cache: Path, device, waiting, helper: bool, answerer=None, paused=None) -> bool:
    """Train the first of these queued runs, if this worker may take it. `paused`: the run that pauses meanwhile."""
    from igbviz.config.missing import packages
    from igbviz.runs import queue
    from igbviz.runs.run import Run
    from igbviz.runs.session import work_on
    from igbviz.runs.status import QUEUED

    entry, run = waiting[0], Run(cache / "runs" / waiting[0].run_id)
    if _is_put_off(run.id):
        return False
    if not (run.path / "status.json").is_file():  # deleted while it was queued, or never a run
        with contextlib.suppress(OSError):
            entry.path.unlink(missing_ok=True)
        return False
    if is_held(run.path / "lock"):  # before its files are read: an idle worker comes here fifty times a second
        return False
    if _lacks_plugins(run, may_start_anew=not paused) and (
        helper or succession.is_awaited(cache, packages(run.config))
    ):
        return False
    one_thread = device.type == "cpu" and _uses_one_thread(run)
    if helper and not (one_thread and (entry.group or entry.is_short())):
        return False
    try:
        with contextlib.ExitStack() as locks:
            held = {run: locks.enter_context(folder_lock(run.path))}
            if device.type == "cpu" and not one_thread:
                with contextlib.suppress(Timeout):  # the paused run may hold it
                    locks.enter_context(lock(_all_cores(cache), timeout=AT_ONCE))
            if entry.of_sweep and not paused:
                workers = _workers(device.type, one_thread)
                if device.type == "cpu" and not helper:
                    _start_helpers(cache, sum(entry.of_sweep for entry in waiting[:workers]) - 1)
                held |= _peers(run, waiting[1:], workers, device.type, locks)
            if entry.of_race and one_thread and not helper:
                _start_helpers(cache, _racing(cache))
            pauses = Pauses(cache, device, entry, helper, one_thread, answerer)
            must_pause = _must_give_back(paused) if paused else pauses.are_due
            meanwhile = {"meanwhile": answerer.between_steps} if answerer else {}
            for released, event in work_on(run, device, list(held)[1:], must_pause, **meanwhile):
                if event == "paused" and paused:
                    break
                if event == "paused":
                    pauses.use(run)
                    continue
                if event == "ended":
                    queue.dequeue(cache, released.id)
                held[released].release()
            if event == "paused":
                waiting_again = {"state": "queued", "message": QUEUED, "eta": None, "pid": None}
                run.write_status(run.stored_status().model_copy(update=waiting_again))
            return True
    except Timeout:
        return False
    except OSError as error:  # a folder that cannot be written must not block the queue
        pause = min(max(2 * _put_off.get(run.id, (0.0, 0.0))[1], MIN_PAUSE), MAX_PAUSE)
        _put_off[run.id] = time.monotonic() + pause, pause
        say(f"{run.id}: {error}; trying it again in {pause:g} s")
        return False


def _lacks_plugins(run, may_start_anew: bool) -> bool:
    """Whether the run needs a plugin that this process has not imported.

    If it was installed after the process had started, that starts anew; the same process, so that its keeper does not
    take it for dead.
    """
    from igbviz.config.missing import require_installed
    from igbviz.plugins import installed
    from igbviz.runs.run import RunError
    from igbviz.spec import ConfigError

    try:
        require_installed(run.config)
    except ConfigError:
        if may_start_anew and installed.changed():
            say("starting anew, since other plugins are installed now")
            os.execv(sys.executable, [sys.executable, "-m", "igbviz.runs.worker", *sys.argv[1:]])
        return True
    except RunError:
        pass  # the session reports it
    return False


def _is_put_off(run_id: str) -> bool:
    return time.monotonic() < _put_off.get(run_id, (0.0, 0.0))[0]


def _must_give_back(paused) -> Callable[[Any], bool]:
    """Whether a run with this status goes back into the queue, so that the paused one goes on: because it has turned
    out to be longer than expected, or because the paused one is to be stopped."""
    from igbviz.runs.queue import SHORT_SECONDS

    return lambda status: status.seconds > SHORT_SECONDS or (paused.path / "stop").exists()


class Pauses:
    """The pauses of a long run, in which its worker trains a short one."""

    def __init__(self, cache: Path, device, entry, helper: bool, one_thread: bool, answerer) -> None:
        self.cache, self.device, self.helper, self.answerer = cache, device, helper, answerer
        self.is_long, self.group = not entry.is_short(), entry.group
        self.one_thread, self.has_help = one_thread, one_thread and _cores() > 1
        self.looked_at = self.resumed_at = time.monotonic()
        self.for_sweep = 0.0  # seconds of the last pause, if it was for a run of a sweep
        self.next = None  # the entry of the short run

    def are_due(self, status) -> bool:
        """Whether this run, which has this status, is long and a short one waits."""
        from igbviz.runs import queue

        # The first steps take far longer than the others, so they tell nothing.
        if status.seconds >= queue.SHORT_SECONDS / 20:
            self.is_long |= status.seconds + (status.eta or 0.0) >= queue.SHORT_SECONDS
        if time.monotonic() - self.looked_at < LOOK_SECONDS:
            return False
        self.looked_at = time.monotonic()
        waiting = queue.waiting(self.cache)[:LOOK_AT]
        if self.one_thread and not self.helper:
            spare = max(self.is_long, _expected(self.cache)) if self.has_help else 0
            _start_helpers(self.cache, max(spare, _racing(self.cache)))
        self.next = next(filter(self._has_turn, waiting), None) if self.is_long else None
        return self.next is not None

    def _has_turn(self, entry) -> bool:
        if self.has_help and (entry.of_sweep or entry.age < HELP_SECONDS):
            return False  # a helper trains it beside this one
        if entry.of_race and entry.group == self.group:
            return False  # they are to be side by side
        # A sweep of short runs gets half of the time: after each, this run goes on for as long.
        if entry.of_sweep and self.looked_at - self.resumed_at < self.for_sweep:
            return False
        if _is_put_off(entry.run_id) or is_held(self.cache / "runs" / entry.run_id / "lock"):
            return False
        return entry.is_short()

    def use(self, run) -> None:
        """Train the short run while `run` is paused."""
        began = time.monotonic()
        _take(self.cache, self.device, [self.next], self.helper, self.answerer, paused=run)
        self.looked_at = self.resumed_at = time.monotonic()
        self.for_sweep = self.resumed_at - began if self.next.of_sweep else 0.0


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
    # All of them belong to sweeps, since these come last.
    candidates = [Run(run.path.parent / entry.run_id) for entry in waiting[: MAX_RUNS[device] * workers]]
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


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _workers(device: str, one_thread: bool) -> int:
    """Number of workers for a sweep of such runs: one per GPU; on a CPU one per core if a run uses one thread."""
    if device == "cpu":
        return _cores() if one_thread else 1
    import torch

    return max(1, torch.cuda.device_count())


def _racing(cache: Path) -> int:
    """The number of helpers with which every queued run of a race is trained beside all that is being trained."""
    from igbviz.runs import queue

    waiting = queue.waiting(cache)[:LOOK_AT]
    if not any(entry.of_race for entry in waiting):
        return 0
    busy = sum(entry.of_race or is_held(cache / "runs" / entry.run_id / "lock") for entry in waiting)
    return min(busy, max(MAX_RACING, _cores())) - 1


def _expected(cache: Path) -> int:
    """The number of helpers that a race would need which may start soon; none are kept warm on a single core."""
    from igbviz.runs import queue

    return min(queue.lanes_expected(cache), MAX_RACING) - 1 if _cores() > 1 else 0


def _start_helpers(cache: Path, count: int) -> None:
    """Start a worker for so many additional cores, unless it is alive."""
    for slot in range(1, 1 + count):
        keeper = cache / "workers" / f"keeper-{slot}.lock"
        is_starting = keeper in _started and _started[keeper].poll() is None
        if not (is_starting or is_held(keeper)):
            with contextlib.suppress(OSError):  # no process for it: the runs are trained one after the other
                _started[keeper] = subprocess.Popen(_command(cache, slot), start_new_session=True)


def _all_cores(cache: Path) -> Path:
    """The lock of the worker that trains a run which uses all cores."""
    return cache / "workers" / "all-cores.lock"


def _is_needed(cache: Path) -> bool:
    """Whether an idle helper stays, for the next short run: while a run is being trained that leaves it a core,
    or while a race is expected."""
    from igbviz.runs import queue

    return _expected(cache) > 0 or (bool(queue.waiting(cache)) and not is_held(_all_cores(cache)))


def _command(cache: Path, slot: int, *more: str) -> list[str]:
    return [sys.executable, "-m", "igbviz.runs.worker", str(cache), str(slot), *more]


def main() -> None:
    cache, slot = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the server's terminal must not stop a training
    if "--after" in sys.argv:
        succession.succeed(cache, sys.argv[sys.argv.index("--after") + 1 :], keep)
    else:
        (work if "--work" in sys.argv else keep)(cache, slot)


if __name__ == "__main__":
    main()
