"""How workers have died: written by their keepers, read by the pages and by the next worker.

cache/workers/death-<slot>.json   the last death of the worker in this slot; removed when the worker ends by itself
"""

from __future__ import annotations

import contextlib
import json
import signal
from dataclasses import asdict, dataclass
from pathlib import Path

from igbviz.runs.files import entries, opened, read, write_json
from igbviz.runs.locks import is_held

MAX_LINES, MAX_CHARACTERS = 3, 300  # of the worker's last words


@dataclass(frozen=True)
class Death:
    """The death of one worker process. `code`: its exit status, negative for a signal; `count`: deaths in a row, each
    soon after the start; `pause`: seconds until it is started again; `lines`: the last that it wrote."""

    pid: int
    code: int
    count: int
    pause: float
    lines: list[str]

    @property
    def how(self) -> str:
        """'by SIGKILL', or 'with exit code 1'."""
        if self.code >= 0:
            return f"with exit code {self.code}"
        try:
            return f"by {signal.Signals(-self.code).name}"
        except ValueError:
            return f"by signal {-self.code}"


def record(cache: Path, slot: int, pid: int, code: int, count: int, pause: float, log_start: int) -> None:
    """Store a death; the worker's last words are in the log from the byte `log_start` on."""
    lines: list[str] = []
    with contextlib.suppress(OSError), opened(cache / "workers" / "worker.log") as log:
        log.seek(max(log_start, log.seek(0, 2) - 10_000))
        lines = [line for line in log.read().decode(errors="replace").splitlines() if line.strip()][-MAX_LINES:]
    death = Death(pid=pid, code=code, count=count, pause=pause, lines=lines)
    with contextlib.suppress(OSError):  # a full disk is named by its readers
        write_json(_path(cache, slot), asdict(death))


def forget(cache: Path, slot: int) -> None:
    """The worker in this slot has ended by itself, or was never started."""
    with contextlib.suppress(OSError):
        _path(cache, slot).unlink(missing_ok=True)


def of_process(cache: Path, pid: int | None) -> Death | None:
    """How the worker with this process id died, if it was the last one in its slot."""
    names = [entry.name for entry in entries(cache / "workers") if entry.name.startswith("death-")]
    deaths = (_read(cache / "workers" / name) for name in names)
    return next((death for death in deaths if death and death.pid == pid), None)


def sentence(cache: Path) -> str:
    """How the first worker died, if none has started since; without a full stop, empty if one is alive."""
    death = _read(_path(cache, 0))
    if death is None or is_held(cache / "workers" / "worker-0.lock"):
        return ""
    times = f" {death.count} times in a row, last" if death.count > 1 else ""
    words = f" ({' | '.join(death.lines)[-MAX_CHARACTERS:]})" if death.lines else ""
    return f"the worker process died{times} {death.how}{words}; it is started again after {death.pause:.2g} s"


def account(cache: Path, pid: int | None, times: int) -> str:
    """Why a run whose worker died so many times, last in process `pid`, has failed: a sentence for the user."""
    death = of_process(cache, pid)
    words = f"The worker process died {times} times on this run without progress"
    if death and death.code not in (-signal.SIGKILL, -signal.SIGBUS):
        return f"{words}, last {death.how}: the end of cache/workers/worker.log may tell why."
    how = f", last {death.how}" if death else ""
    return f"{words}{how}, as when memory runs out: lower the batch size, the probe size or the network's width."


def _path(cache: Path, slot: int) -> Path:
    return cache / "workers" / f"death-{slot}.json"


def _read(path: Path) -> Death | None:
    try:
        stored = json.loads(read(path))
        return Death(
            int(stored["pid"]), int(stored["code"]), int(stored["count"]), float(stored["pause"]),
            [str(line) for line in stored["lines"]],
        )  # fmt: skip
    except (OSError, ValueError, TypeError, KeyError):
        return None
