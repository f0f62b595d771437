"""Keepers and workers of a cache as processes, and waiting for what they do."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path


def worker_processes(cache: Path) -> dict[int, str]:
    """Process numbers of the keepers and workers of a cache, with their command lines."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if "igbviz.runs.worker" in command and str(cache.resolve()) in command:
            found[int(entry.name)] = command
    return found


def end_workers(cache: Path) -> None:
    end = time.monotonic() + 10
    while (alive := worker_processes(cache)) and time.monotonic() < end:
        for number in alive:
            try:
                os.kill(number, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.05)


def until(condition: Callable[[], bool], seconds: float = 60.0, what: str = "it") -> None:
    """Poll a condition; AssertionError naming `what` when it does not come true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen within {seconds:g} s"
        time.sleep(0.02)


def helper_has_started(cache: Path, slot: int) -> bool:
    """Whether a worker on this core has come to help."""
    return (cache / "workers" / f"worker-{slot}.lock").exists()
