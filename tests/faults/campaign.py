"""Run the cases of all faults for some minutes, each fault in a process of its own, and count what came of them."""

from __future__ import annotations

import multiprocessing
import os
import platform
import signal
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

from tests.faults.registry import Case, Fault, Hung, Lost, Unavailable
from tests.support.processes import end_workers

AT_ONCE = 2  # faults
OUTCOMES = ("lost", "hung", "tracebacks")


@dataclass
class Tally:
    """What came of one fault. `problems`: one text per case that failed."""

    fault: Fault
    cases: int = 0  # each kill and each input is one
    lost: int = 0
    hung: int = 0
    tracebacks: int = 0
    problems: list[str] = field(default_factory=list)
    missing: str = ""  # why it was not done

    def add(self, outcome: str, text: str) -> None:
        if outcome:
            setattr(self, outcome, getattr(self, outcome) + 1)
            self.problems.append(text)


@dataclass(frozen=True)
class Result:
    """What came of one case."""

    faults: int = 0
    outcome: str = ""  # one of OUTCOMES
    text: str = ""
    missing: str = ""


def run_case(fault: Fault, seed: int, number: int, folder: Path, **how: bool) -> Result:
    """Do one case in this process. `how`: `is_alone`, `is_brief`."""
    with tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as own:
        case, outcome, text = Case(fault.name, seed, number, Path(own), **how), "", ""
        try:
            fault.do(case)
        except Unavailable as error:
            return Result(missing=str(error))
        except Exception as error:
            outcome = "lost" if isinstance(error, Lost) else "hung" if isinstance(error, Hung) else "tracebacks"
            text = traceback.format_exc()
        finally:
            end_workers(case.folder)
    return Result(case.faults, outcome, text)


def serve(fault: Fault, seed: int, first: int, seconds: float, folder: Path, is_brief: bool, pipe: Connection) -> None:
    """Do cases from number `first` on for so many seconds, at least one, and send their results."""
    os.setsid()  # so that all that a hung case has started can be ended
    output = os.open(folder / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    number, end = first, time.monotonic() + seconds
    while number == first or time.monotonic() < end:
        pipe.send(number)
        pipe.send(run_case(fault, seed, number, folder, is_brief=is_brief))
        number += 1


def supervise(
    fault: Fault,
    seed: int,
    seconds: float,
    folder: Path,
    say: Callable[[str], None],
    start_seconds: float = 60.0,
    is_brief: bool = False,
) -> Tally:
    """Do cases of a fault in another process for so many seconds; one that hangs or dies is replaced.

    `start_seconds`: in which a process imports what its fault needs."""
    tally, end, number = Tally(fault), time.monotonic() + seconds, 0

    def add(result: Result) -> None:
        tally.cases += result.faults
        text = f"{fault.name}: {result.outcome}\n{result.text}" + _again(fault, seed, number, is_brief)
        tally.add(result.outcome, text)
        if result.outcome:
            say(text)

    while number == 0 or time.monotonic() < end:
        context = multiprocessing.get_context("forkserver")
        pipe, other = context.Pipe(duplex=False)
        left = end - time.monotonic()
        process = context.Process(target=serve, args=(fault, seed, number, left, folder, is_brief, other))
        process.start()
        other.close()
        try:
            is_first = True
            while True:
                message = _received(pipe, fault.seconds + start_seconds * is_first)
                is_first = False
                if isinstance(message, int):
                    number = message
                    continue
                if message.missing:
                    tally.missing = message.missing
                    return tally
                add(message)
                number += 1
        except EOFError:
            process.join()
            if process.exitcode == 0:
                return tally
            add(Result(1, "tracebacks", f"the process ended with code {process.exitcode}\n"))
        except TimeoutError:
            add(Result(1, "hung", f"no end after {fault.seconds:g} s\n"))
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.join()
            end_workers(folder)
        number += 1
    return tally


def _received(pipe: Connection, seconds: float) -> int | Result:
    """The next message. TimeoutError after so many seconds in which this process ran, so a paused machine does not
    count."""
    for _ in range(round(seconds)):
        if pipe.poll(1.0):
            return pipe.recv()
    raise TimeoutError


def _again(fault: Fault, seed: int, number: int, is_brief: bool) -> str:
    brief = " --brief" if is_brief else ""
    return f"repeat it with: python -m tests.faults --only {fault.name} --seed {seed} --case {number}{brief}"


def campaign(
    faults: Iterable[Fault], minutes: float, seed: int, folder: Path, say=print, is_brief: bool = False
) -> list[Tally]:
    """Do all of these faults within about so many minutes, AT_ONCE at a time, and each at least once.

    Each has its share of the time that is left when it begins. Those that may take longest come first, so that the
    others have less when these take more."""
    faults = list(faults)
    end, left = time.monotonic() + 60 * minutes, iter(range(len(faults), 0, -1))
    # A process from which all others are forked, so that each has imported already what its fault needs.
    multiprocessing.get_context("forkserver").set_forkserver_preload(sorted({fault.do.__module__ for fault in faults}))

    def one(fault: Fault) -> Tally:
        own = folder / fault.name
        own.mkdir()
        start, waiting = time.monotonic(), next(left)
        tally = supervise(fault, seed, (end - start) * min(AT_ONCE, waiting) / waiting, own, say, is_brief=is_brief)
        say(f"{line(tally)} {time.monotonic() - start:.0f} s")
        return tally

    order = sorted(faults, key=lambda fault: -fault.seconds)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        tallies = dict(zip(order, pool.map(one, order), strict=True))
    return [tallies[fault] for fault in faults]


# Reports.


def line(tally: Tally) -> str:
    """A row of the table."""
    note = tally.fault.note()
    words = tally.fault.words + (f" ({note})" if note else "")
    if tally.missing:
        return f"| {words} | not done: {tally.missing} | | | |"
    return f"| {words} | {tally.cases:,} | {tally.lost} | {tally.hung} | {tally.tracebacks} |"


def table(tallies: list[Tally]) -> str:
    """All faults, and their sums, as Markdown."""
    sums = [sum(getattr(tally, name) for tally in tallies) for name in ("cases", *OUTCOMES)]
    head = ["| fault | cases | lost | hung | tracebacks |", "|---|---|---|---|---|"]
    return "\n".join([*head, *map(line, tallies), f"| all | {sums[0]:,} | {sums[1]} | {sums[2]} | {sums[3]} |"])


def conditions(minutes: float, seed: int) -> str:
    """When and where, in a line."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{time.strftime('%Y-%m-%d %H:%M')}, {minutes:g} minutes, seed {seed}, {platform.system()} "
        f"{platform.machine()}, {os.cpu_count()} cores, load {load}, {'root' if os.geteuid() == 0 else 'no root'}"
    )
