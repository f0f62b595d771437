"""kill -9, SIGTERM and SIGSTOP of the real worker and its keeper, which are started again by whoever reads a status."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

from igbviz.runs import queue
from tests.faults.registry import Case, Lost, fault
from tests.faults.trainings import Watched
from tests.support.processes import end_workers, until, worker_processes

ensure_worker = queue.ensure_worker
MOMENTS = (0.05, 0.5, 3.0)  # seconds: before, while and after torch is imported


@fault("worker", "kill -9, SIGTERM or SIGSTOP of a worker, its keeper or both", seconds=300)
def worker(case: Case) -> None:
    os.environ["IGBVIZ_CHECKPOINT_SECONDS"] = "0.05"
    run = Watched(case)
    queue.ensure_worker = ensure_worker
    for _ in range(case.few(case.random.randint(1, 3))):
        run.resume()
        until(lambda: run.run.status.ended or worker_processes(run.cache), 60, "a worker")  # reading it starts one
        if run.run.status.state == "done":
            break
        time.sleep(case.random.choice(MOMENTS) * case.random.random())
        processes = worker_processes(run.cache)
        whom = case.random.choice(("--work", "keeper", "both"))
        how = case.random.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP))
        for pid, command in processes.items():
            if whom == "both" or ("--work" in command) == (whom == "--work"):
                with suppress(ProcessLookupError):
                    os.kill(pid, how)
        if how == signal.SIGSTOP:
            time.sleep(0.3)
            for pid in processes:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
        case.count()

    def ended() -> bool:
        if (status := run.run.status).state == "failed":
            run.run.resume()
        return status.state == "done"

    until(ended, 200, "the end of the run")
    queue.ensure_worker = lambda *_, **__: None
    end_workers(run.cache)
    # The kernel first frees the memory of a process, from when on it has no command line, and then its locks.
    until(lambda: not run.run.is_alive, 10, "the end of the workers")
    run.finish()
    if queue.waiting(run.cache):  # the next worker clears an entry whose worker was killed after the end
        raise Lost("the run is done, but in the queue")
