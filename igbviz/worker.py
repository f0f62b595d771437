"""The background process: takes queued runs first come first served and trains them, one a device.

Started as `python -m igbviz.worker CACHE`. Two processes: the *keeper* imports nothing heavy and starts the *worker* again when that
dies (a kill, a crash, the kernel short of memory); the worker keeps torch and the device warm between runs and leaves after some idle
minutes. With several GPUs there is such a pair for each.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from filelock import FileLock, Timeout

IDLE_SECONDS = float(os.environ.get("IGBVIZ_IDLE_SECONDS", 600))
LOOK_SECONDS = 0.05  # between two looks at an empty queue: a listing of a folder, some microseconds
SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 30.0  # seconds before a dead worker is started again; longer if it dies at once each time
NICENESS = 5  # the pages on the same cores go first


def keep(cache: Path, slot: int) -> None:
    """Keep the worker of this device slot alive until it leaves by itself."""
    try:
        with FileLock(cache / "workers" / f"keeper-{slot}.lock", timeout=0):
            pause, environment = SHORTEST_PAUSE, os.environ | {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}  # the same bits every time on a GPU
            started = time.monotonic()
            while (code := subprocess.call(_command(cache, slot, "--work"), env=environment)) != 0:
                pause = SHORTEST_PAUSE if time.monotonic() - started > LONGEST_PAUSE else min(2 * pause, LONGEST_PAUSE)
                print(f"{time.ctime()}: worker {slot} ended with code {code}; starting it again in {pause:g} s", flush=True)
                time.sleep(pause)
                started = time.monotonic()
    except Timeout:
        pass  # another keeper was faster


def work(cache: Path, slot: int) -> None:
    """Work on the queue until nothing has come for IDLE_SECONDS, or the keeper is gone (a new one starts a new worker)."""
    import torch  # takes a second: paid for before anybody waits for a run

    from igbviz.session import warm_up
    from igbviz.training import best_device

    os.nice(NICENESS)
    with contextlib.suppress(OSError):  # where Linux first shares the cores between sessions, niceness must be told for the session
        Path("/proc/self/autogroup").write_text(str(NICENESS))
    keeper = os.getppid()
    device = best_device()
    if device.type == "cuda":
        device = torch.device("cuda", slot)
        torch.use_deterministic_algorithms(True, warn_only=True)
        if slot == 0:
            for other in range(1, torch.cuda.device_count()):
                subprocess.Popen(_command(cache, other), start_new_session=True)
    with FileLock(cache / "workers" / f"worker-{slot}.lock"):  # a worker left over from a killed keeper is waited for
        if not take_one(cache, device):  # somebody waits already: the first point first
            warm_up(device)
        idle_since = time.monotonic()
        while time.monotonic() - idle_since < IDLE_SECONDS and os.getppid() == keeper:
            if take_one(cache, device):
                idle_since = time.monotonic()
            else:
                time.sleep(LOOK_SECONDS)


def take_one(cache: Path, device) -> bool:
    """Work on the first queued run that is in nobody's hands; False when there is none."""
    from igbviz import dispatch
    from igbviz.runs import Run
    from igbviz.session import work_on

    for entry in dispatch.waiting(cache):
        run = Run(cache / "runs" / entry.run_id)
        if not run.path.is_dir():
            entry.path.unlink(missing_ok=True)  # deleted while it waited
            continue
        try:
            with FileLock(run.path / "lock", timeout=0):
                work_on(run, device)
                entry.path.unlink(missing_ok=True)
                return True
        except Timeout:
            continue
        except OSError as error:  # a folder that cannot be written must not keep the others waiting
            print(f"{time.ctime()}: {entry.run_id}: {error}", flush=True)
    return False


def _command(cache: Path, slot: int, *more: str) -> list[str]:
    return [sys.executable, "-m", "igbviz.worker", str(cache), str(slot), *more]


def main() -> None:
    cache, slot = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the server's terminal is not meant for a training
    (work if "--work" in sys.argv else keep)(cache, slot)


if __name__ == "__main__":
    main()
