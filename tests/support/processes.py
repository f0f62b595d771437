"""The keeper and worker processes of a cache, and waiting for a condition."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path


def worker_processes(cache: Path) -> dict[int, str]:
    """Process ids of the keepers and workers of a cache, with their command lines."""
    processes = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if "igbviz.runs.worker" in command and str(cache.resolve()) in command:
            processes[int(entry.name)] = command
    return processes


def end_workers(cache: Path) -> None:
    """Kill the keepers and workers of a cache; gives up after 10 s."""
    deadline = time.monotonic() + 10
    while (alive := worker_processes(cache)) and time.monotonic() < deadline:
        for pid in alive:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.05)


def until(condition: Callable[[], bool], seconds: float = 60.0, what: str = "it") -> None:
    """Poll a condition; AssertionError naming `what` when it does not come true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds:g} s"
        time.sleep(0.02)


def helper_has_started(cache: Path, slot: int) -> bool:
    """Whether a worker has started in this slot, that is, on an additional core."""
    return (cache / "workers" / f"worker-{slot}.lock").exists()
