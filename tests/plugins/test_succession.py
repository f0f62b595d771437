"""A worker of an environment without a plugin gives way to one that has it."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from igbviz.plugins.part import PACKAGE_OF
from igbviz.runs import queue, succession, worker
from igbviz.runs.files import write_text
from igbviz.runs.kinds import parse_config
from igbviz.runs.locks import lock
from igbviz.runs.run import Run
from igbviz.runs.status import QUEUED, Status

NEEDS = {"toypack==1.0"}


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, ...]]]:
    """The arguments of each successor that was started, in place of which a process sleeps with its lock."""
    commands, sleeping = [], []

    def start(cache: Path, *arguments: str, inherited: list[int]) -> None:
        commands.append(arguments)
        sleeping.append(subprocess.Popen(["sleep", "60"], pass_fds=inherited))

    monkeypatch.setattr(queue, "start_worker", start)
    yield commands
    for process in sleeping:
        process.kill()
        process.wait()


def test_it_is_started_for_what_the_worker_lacks(cache: Path, started: list) -> None:
    succession.prepare(cache, NEEDS)
    assert not started, "no worker lives"
    with lock(cache / "workers" / "keeper-0.lock"):
        succession.prepare(cache, set())
        succession.announce(cache, ["other==2.0", *NEEDS])
        succession.prepare(cache, NEEDS)
        assert not started and not succession.is_awaited(cache, NEEDS)
        succession.announce(cache, ["toypack==0.9"])
        succession.prepare(cache, NEEDS)
        succession.prepare(cache, NEEDS)
        assert started == [("0", "--after", "toypack==1.0")], "one is enough"
        assert succession.is_awaited(cache, NEEDS) and not succession.is_awaited(cache, {"other==2.0"})
        assert succession.is_due(cache, ["toypack==0.9"]) and not succession.is_due(cache, NEEDS)


def test_it_waits_for_the_end_of_the_worker(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(succession, "POLL_SECONDS", 0.01)
    kept = []
    waits = threading.Thread(target=succession.succeed, args=(cache, NEEDS, lambda *place: kept.append(place) or True))
    with lock(cache / "workers" / "keeper-0.lock"):
        waits.start()
        waits.join(0.1)
        assert waits.is_alive() and not kept
    waits.join(10)
    assert kept == [(cache, 0)]
    with lock(cache / "workers" / "keeper-0.lock"):  # a worker that has the package
        succession.announce(cache, NEEDS)
        succession.succeed(cache, NEEDS, lambda *_: pytest.fail("there is one already"))


def test_the_worker_leaves_the_run_to_it(cache: Path, started: list) -> None:
    assert not NEEDS & set(PACKAGE_OF.values())
    run = Run(cache / "runs" / "foreign")
    run.path.mkdir(parents=True)
    config = parse_config(b'{"loss": {"name": "hinge", "package": "toypack==1.0"}}')
    write_text(run.path / "config.json", config.to_json())
    run.write_status(Status(state="queued", message=QUEUED, submitted=0.0))
    with lock(cache / "workers" / "keeper-0.lock"):
        succession.prepare(cache, NEEDS)
        queue.enqueue(cache, run.id)
        assert not worker.take_one(cache, torch.device("cpu"))
        assert run.stored_status().state == "queued"
    assert started
