"""A disk that becomes full, or read-only, while a run is being trained: a small tmpfs that root may mount; else a limit
on the size of files stands in for the full one."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from igbviz.runs.listing import list_runs
from igbviz.runs.run import RunError
from igbviz.runs.submit import submit_all
from tests.faults.registry import Case, Unavailable, command, fault, one_sentence
from tests.faults.signals import wait_a_moment
from tests.faults.trainings import ALONE_SECONDS, Watched, forked, wait_for, working

SIZE = 6_000_000  # bytes of the disk


@cache
def can_mount() -> bool:
    """Whether this process may mount a file system: root without CAP_SYS_ADMIN may not."""
    return os.geteuid() == 0 and subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0


def how_full() -> str:
    return "a tmpfs" if can_mount() else "RLIMIT_FSIZE"


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of its own, of SIZE bytes."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@fault("full-disk", "a full disk while training", note=how_full)
def full_disk(case: Case) -> None:
    if not can_mount():
        _limited_files(case)
        return
    with small_disk(case.folder / "disk") as disk:
        run = Watched(case, cache=disk / "cache")
        for _ in range(case.few(case.random.randint(1, 4))):
            pid = run.start()
            wait_a_moment(run, case.random)
            left = case.random.choice((0, 0, 1000, 20_000, 100_000, 300_000))
            _fill(disk / "filler", left)
            case.count()
            _look(run)
            wait_for(pid, ALONE_SECONDS)
            _look(run)
            (disk / "filler").unlink()
            run.check()
            run.resume()
        run.finish()


def _fill(path: Path, left: int) -> None:
    with suppress(OSError), open(path, "wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    with suppress(OSError):
        os.truncate(path, max(0, path.stat().st_size - left))


def _look(run: Watched) -> None:
    """What a person sees and does meanwhile."""
    one_sentence(run.run.status.message)
    assert not [line.problem for line in list_runs(run.cache) if line.problem]
    assert command("runs", "--cache", str(run.cache)) == 0
    with suppress(OSError, RunError):  # one sentence, on a page and on the command line
        (other,) = submit_all([run.config.with_(seed=99)], run.cache)
        other.delete()


def _limited_files(case: Case) -> None:
    run = Watched(case)

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # an OSError instead
        limit = case.random.randrange(0, 60_000)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        working(run.cache)()

    for _ in range(case.few(case.random.randint(1, 4))):
        wait_for(forked(limited, case.folder), ALONE_SECONDS)
        case.count()
        _look(run)
        run.check()
        run.resume()
    run.finish()


@fault("read-only", "a cache that becomes read-only while training")
def read_only(case: Case) -> None:
    if not can_mount():
        raise Unavailable("needs root, to mount a tmpfs read-only")
    with small_disk(case.folder / "disk") as disk:
        run = Watched(case, cache=disk / "cache")
        pid = run.start()
        wait_a_moment(run, case.random)
        os.kill(pid, signal.SIGKILL)  # no file is open for writing, or the disk would stay as it is
        os.waitpid(pid, 0)
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        case.count()
        one_sentence(run.run.status.message)
        assert command("runs", "--cache", str(run.cache)) == 0
        assert command("show", run.done.id, "--cache", str(run.cache)) == 0
        assert command("export", run.done.id, "--cache", str(run.cache), "--out", str(case.folder / "x.zip")) == 0
        for act in (lambda: submit_all([run.config.with_(seed=99)], run.cache), run.run.stop, run.run.delete):
            try:
                act()
            except (OSError, RunError) as error:
                one_sentence(error)
        wait_for(run.start(), ALONE_SECONDS)  # whether it can start or not
        run.check()
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        (run.run.path / "stop").unlink(missing_ok=True)
        run.finish()
