"""A minute of all faults; and that the harness catches a program that loses, hangs or fails."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from igbviz.runs import queue, session
from tests.faults.campaign import campaign, run_case, supervise, table
from tests.faults.registry import Case, Fault, load

pytestmark = pytest.mark.worker


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """A case in this process replaces `ensure_worker`, so that only its own processes work; undone after the test."""
    monkeypatch.setattr(queue, "ensure_worker", queue.ensure_worker)


def test_a_minute_of_all_faults(tmp_path: Path) -> None:
    tallies = campaign(load().values(), 1.0, seed=int(time.time()), folder=tmp_path, is_brief=True)
    assert not [problem for tally in tallies for problem in tally.problems]
    assert all(tally.cases or tally.missing for tally in tallies), table(tallies)


def short_of_one_record(writer: session.Session) -> None:
    os.truncate(writer.run.records, writer._bytes_before(writer.job) - writer.job.dtype.itemsize)


def one_step_further(writer: session.Session) -> None:
    writer.job.step += 1


@pytest.mark.parametrize("broken", [short_of_one_record, one_step_further])
def test_a_writer_that_resumes_wrongly_is_caught(broken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resume = session.Session.open

    def resume_wrongly(writer: session.Session, *arguments: int) -> None:
        resume(writer, *arguments)
        if writer.job.snapshots:
            broken(writer)

    monkeypatch.setattr(session.Session, "open", resume_wrongly)
    outcomes = (run_case(load()["kill-9"], 1, number, tmp_path).outcome for number in range(3))
    assert "lost" in outcomes


def hang(case: Case) -> None:
    time.sleep(600)


def fail(case: Case) -> None:
    case.count()
    raise KeyError(case.random.random())


def die(case: Case) -> None:
    os.abort()


@pytest.mark.parametrize(("does", "outcome"), [(hang, "hung"), (fail, "tracebacks"), (die, "tracebacks")])
def test_what_hangs_or_fails_is_counted_and_can_be_repeated(does, outcome: str, tmp_path: Path) -> None:
    said: list[str] = []
    fault = Fault("bad", "a bad program", does, seconds=2)
    tally = supervise(fault, seed=5, seconds=0, folder=tmp_path, say=said.append, start_seconds=20)
    assert getattr(tally, outcome) == len(tally.problems) == 1 and said == tally.problems
    assert said[0].endswith("repeat it with: python -m tests.faults --only bad --seed 5 --case 0")


def test_a_case_follows_from_its_seed_and_number(tmp_path: Path) -> None:
    drawn: list[float] = []
    fault = Fault("x", "", lambda case: drawn.append(case.random.random()))
    for seed, number in ((1, 0), (1, 0), (1, 1), (2, 0)):
        run_case(fault, seed, number, tmp_path)
    assert drawn[0] == drawn[1] and len(set(drawn)) == 3
