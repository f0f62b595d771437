"""Signals to a training at random moments: kill -9, SIGTERM, SIGSTOP and SIGCONT."""

from __future__ import annotations

import os
import signal
import time
from random import Random

from tests.faults.registry import Case, Lost, fault
from tests.faults.trainings import Watched, end, hold

CHECKPOINTS = (0.0, 0.02, 0.2)  # seconds between them


def wait_a_moment(run: Watched, random: Random) -> None:
    """Until any moment of a training of about a second, or until a file is being replaced."""
    seconds = random.choice((0.03, 0.2, 0.6)) * random.random()
    until = time.monotonic() + seconds
    if random.random() < 0.6:
        time.sleep(seconds)
        return
    name = random.choice((".checkpoint.pt.", ".status.json.", ".trajectory.bin.", ".schema.json."))
    while time.monotonic() < until and not any(entry.startswith(name) for entry in os.listdir(run.run.path)):
        pass


def _ended(case: Case, how: int) -> None:
    run = Watched(case)
    for _ in range(case.few(case.random.randint(10, 40))):
        pid = run.start(case.random.choice(CHECKPOINTS))
        wait_a_moment(run, case.random)
        if case.random.random() < 0.5 and hold(pid):  # nothing may be undone between the look and the end
            before = run.records()
            end(pid, signal.SIGKILL)  # a stopped process takes no other
            if run.records() != before:
                raise Lost("records that were in the file before the kill")
        else:
            end(pid, how)
        case.count()
        run.check()
        if run.run.stored_status().state == "done":
            break
        run.resume()
    run.finish()


@fault("kill-9", "kill -9 of a training")
def kill(case: Case) -> None:
    _ended(case, signal.SIGKILL)


@fault("terminate", "SIGTERM of a training")
def terminate(case: Case) -> None:
    _ended(case, signal.SIGTERM)


@fault("pause", "SIGSTOP and SIGCONT of a training, a look at it in between")
def pause(case: Case) -> None:
    run = Watched(case)
    pid = run.start()
    for _ in range(case.few(case.random.randint(4, 12))):
        wait_a_moment(run, case.random)
        if not hold(pid):
            break
        case.count()
        run.check()
        status = run.run.status
        if status.state == "lost":
            raise Lost(f"a run that only stands still: {status.message}")
        os.kill(pid, signal.SIGCONT)
    end(pid)
    run.finish()
