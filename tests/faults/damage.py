"""Damaged files in the folder of a run: cut off, changed, replaced by something else, huge or foreign, in a finished
run and in one that is being trained."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import torch

from igbviz.runs import annotations, library, queue
from igbviz.runs.listing import list_runs
from igbviz.runs.run import Run, RunError
from igbviz.runs.submit import submit_all
from igbviz.spec import ConfigError
from tests.faults.registry import Case, command, fault, losing, one_sentence
from tests.faults.signals import wait_a_moment
from tests.faults.trainings import ALONE_SECONDS, Watched, end, wait_for
from tests.support.tiny import TINY
from tests.support.trajectories import same

FILES = "config.json status.json schema.json trajectory.bin checkpoint.pt labels.json log.txt lock stop".split()
FILES += ["imported.json", ".reserve", "images.bin", "images.json", "images.png"]


def cut(path: Path, random: Random) -> None:
    os.truncate(path, int(path.stat().st_size * random.choice((0, random.random(), 0.99))))


def flip(path: Path, random: Random) -> None:
    with path.open("r+b") as file:  # in place: it may be huge
        for _ in range(random.choice((1, 1, 10))):
            position = random.randrange(path.stat().st_size or 1)
            file.seek(position)
            byte = ord(file.read(1) or b"x") ^ 1 << random.randrange(8)
            file.seek(position)
            file.write(bytes([byte]))


def foreign(path: Path, random: Random) -> None:
    values = [None, [], {}, 1, "x", {"state": "done"}, {"network": 1}, [[[]]], {"version": 99}]
    path.write_text(random.choice([json.dumps(random.choice(values)), "x" * random.randrange(5000), "[" * 100_000]))


def foreign_tensors(path: Path, random: Random) -> None:
    file = io.BytesIO()  # torch takes no path whose name begins with a dot
    torch.save(random.choice([{}, [], 1, {"version": 1, "owner": path.parent.name, "state": {}}]), file)
    path.write_bytes(file.getvalue())


def huge(path: Path, random: Random) -> None:
    os.truncate(path, random.choice((5_000_000, 10**10)))  # without a byte on the disk


def instead(make: Callable[[Path], object]) -> Callable[[Path, Random], None]:
    def replace(path: Path, random: Random) -> None:
        path.unlink()
        make(path)

    return replace


WAYS = [
    *(cut, cut, flip, flip, foreign, foreign_tensors, huge),
    instead(lambda path: None),
    instead(Path.mkdir),
    instead(os.mkfifo),
    instead(lambda path: path.symlink_to("/dev/zero")),
    instead(lambda path: path.symlink_to("/etc/passwd")),
    instead(lambda path: path.symlink_to(path.name)),
]


def damage(folder: Path, random: Random) -> str:
    """Damage some file of a run; returns its name."""
    path = folder / random.choice(FILES)
    if not os.path.lexists(path):
        path.write_bytes(b"{}")
    if path.is_file() and not path.is_symlink():
        with suppress(FileNotFoundError, FileExistsError):  # a training was faster, and removed or replaced the file
            random.choice(WAYS)(path, random)
    return path.name


def look(run: Run, folder: Path) -> None:
    """What the pages and commands do with a run: each gives a value or a sentence."""
    assert {line.run.id for line in list_runs(run.cache)} == {row["id"] for row in library.rows(run.cache)}
    for line in list_runs(run.cache):
        assert "\n" not in line.problem
    looks = [lambda: run.status, lambda: run.config, lambda: run.schema, lambda: annotations.read(run)]
    for read in (*looks, run.recorded, run.glance, run.log, run.size):
        try:
            read()
        except (RunError, ConfigError) as error:
            one_sentence(error)
    cache = ["--cache", str(run.cache)]
    assert command("runs", *cache) == 0
    assert command("show", run.id, *cache) in (0, 2)
    for suffix in ("zip", "csv", "json"):
        assert command("export", run.id, *cache, "--out", str(folder / f"x.{suffix}")) in (0, 2)


@fault("damaged-done", "damaged files in a finished run")
def damaged_done(case: Case) -> None:
    run = Watched(case)
    whole = {path.name: path.read_bytes() for path in run.done.path.iterdir() if path.name != "lock"}
    for _ in range(case.few(8)):
        for _ in range(case.random.choice((1, 1, 2))):
            damage(run.done.path, case.random)
        case.count()
        look(run.done, case.folder)
        if case.random.random() < 0.3:
            with suppress(RunError, OSError):  # one sentence
                submit_all([type(run.config)(**TINY)], run.cache)
        queue.dequeue(run.cache, run.done.id)
        shutil.rmtree(run.done.path)
        run.done.path.mkdir()
        for name, content in whole.items():
            (run.done.path / name).write_bytes(content)
    run.finish()


@fault("damaged-training", "damaged files in a run that is being trained")
def damaged_training(case: Case) -> None:
    run = Watched(case)
    pid = run.start()
    wait_a_moment(run, case.random)
    if case.random.random() < 0.5:
        end(pid)
    damaged = damage(run.run.path, case.random)
    case.count()
    with suppress(ChildProcessError):
        wait_for(pid, ALONE_SECONDS)
    look(run.run, case.folder)
    with losing("the other run"):
        assert not next(line.problem for line in list_runs(run.cache) if line.run.id == run.done.id)
    for _ in range(3):
        with suppress(RunError, OSError):
            if run.run.status.state in ("failed", "stopped"):
                run.run.resume()
            submit_all([run.config], run.cache)
        run.work()
    look(run.run, case.folder)
    with suppress(RunError):
        if run.run.status.state == "done":
            records = run.run.trajectory().records
            with losing("the bits of the run"):  # nobody can tell a probability from one with another bit
                assert damaged == "trajectory.bin" or same(records[: len(run.expected)], run.expected[: len(records)])
            return
    # It may stay unreadable, or failed with a sentence; without the damaged folder it is trained anew.
    assert not run.run.path.exists() or (run.run.delete(), True)
    submit_all([run.config], run.cache)
    run.safe = b""
    run.finish()
