"""Start one run of any kind, say how long it will take, and watch it until it ends."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path

from igbviz.cli.arguments import program
from igbviz.cli.tables import counted, table
from igbviz.datasets import DataError
from igbviz.ensembles import EnsembleConfig, expected_seconds
from igbviz.runs.duration import estimate
from igbviz.runs.kinds import TRAINED, Config
from igbviz.runs.run import Run
from igbviz.runs.status import Status, duration_in_words
from igbviz.runs.submit import identified, submit
from igbviz.spec import ConfigError

STOP_SECONDS = 60.0  # that a run may take to its next step, after Ctrl-C


def add_starting(parser: argparse.ArgumentParser) -> None:
    """The options of every command that starts one run."""
    parser.add_argument("--detach", action="store_true", help="print the run's name at once and do not wait for it")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done and how long it takes")


def start(config: Config, options: argparse.Namespace) -> int:
    """Submit this run and wait for it, or what the options of `add_starting` say instead; the exit status."""
    if options.dry_run:
        run_id = identified(config, options.cache).id
        print(f"run {run_id}: {cost(config, options.cache)}")
        return 0
    run = submit(config, options.cache)
    print(run.id if options.detach else f"run {run.id}", flush=True)
    if (status := run.status).ended:
        print(f"this run exists: it is {status.state}", file=sys.stderr)
    else:
        with contextlib.suppress(ConfigError, DataError):  # the run will fail, and say why
            print(cost(config, options.cache), file=sys.stderr)
    if options.detach:
        return 0
    status = watch(run, f"{program()} {options.typed}")
    print(f"{status.state}: {status.message}", file=sys.stdout if status.state == "done" else sys.stderr)
    if status.snapshots or status.state == "done":
        print(table(run))
    return 0 if status.state == "done" else 1


def cost(config: Config, cache: Path) -> str:
    """What a run consists of and how long it takes, as a sentence without its full stop. Raises like `estimate`."""
    if isinstance(config, EnsembleConfig):
        seconds = expected_seconds(config, config.dataset.facts())
        return f"{config.networks:,} networks, {_about(seconds)}, a rough guess"
    expected = estimate(config, cache)
    return f"{expected.steps:,} steps, {expected.probes:,} probes, {_about(expected.seconds)}, {expected.basis}"


def _about(seconds: float) -> str:
    return f"about {duration_in_words(seconds)}" if seconds >= 1 else duration_in_words(seconds)


def watch(run: Run, again: str) -> Status:
    """Show the progress of a run until it ends. Ctrl-C stops it; `again` is the command that then continues it."""
    from tqdm import tqdm

    try:
        with tqdm(total=1, unit=run.kind.unit, dynamic_ncols=True, disable=None) as bar:
            for status in run.follow():
                if status.steps:
                    bar.total = status.steps
                bar.n = status.step
                bar.set_description(status.state if status.ended else status.message, refresh=False)
                bar.refresh()
    except KeyboardInterrupt:
        print("\nstopping after the present step; Ctrl-C again does not wait for it", file=sys.stderr)
        _stop(run, again)
        raise
    return status


def _stop(run: Run, again: str) -> None:
    """Stop a run, and say what is kept of it and how it goes on."""
    run.stop()
    with contextlib.suppress(KeyboardInterrupt, TimeoutError):
        run.wait(STOP_SECONDS)
    status, what = run.stored_status(), "probe" if run.kind is TRAINED else "network"
    state = status.state if status.ended else "it stops in the background"
    kept = f"{counted(status.snapshots, what)} kept in {run.path}" if status.snapshots else "nothing was recorded yet"
    print(f"{state}, {kept}; to go on: {again}", file=sys.stderr)
