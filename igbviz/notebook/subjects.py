"""What `watch` accepts: a run, the runs of a group, a probe, a stream."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from igbviz.notebook.here import WatchedProbe, WatchedStream
from igbviz.notebook.look import Subject
from igbviz.notebook.stored import WatchedRun, require_probes
from igbviz.runs.listing import ListedRun
from igbviz.runs.run import Run
from igbviz.runs.sweeps import UNREADABLE, Group, SweepRun
from igbviz.spec import ConfigError, short
from igbviz.studies.comparison import labels

MAX_RUNS = 12  # tabs that fit above a stage


def subjects_of(watched: Any) -> list[Subject]:
    """What to watch. Raises ConfigError for anything that cannot be, RunError for a run without probes."""
    if isinstance(watched, Group):  # its deleted and its damaged runs are in the table of the group
        return _runs([member for member in watched.members() if member.run and member.state != UNREADABLE])
    if isinstance(watched, Run | ListedRun | SweepRun):
        return _runs([watched])
    if hasattr(watched, "trajectory") and callable(watched):
        return [WatchedProbe(watched)]
    if hasattr(watched, "trajectory") and hasattr(watched, "recorded"):
        return [WatchedStream(watched)]
    if isinstance(watched, list | tuple):
        return _runs(watched)
    raise _wrong(short(watched))


def _runs(watched: Iterable[Any]) -> list[Subject]:
    """The runs, or their lines in the list of runs or of a group, under names that tell them apart."""
    runs = [entry.run if isinstance(entry, ListedRun | SweepRun) else entry for entry in watched]
    if strange := [run for run in runs if not isinstance(run, Run)]:
        raise _wrong(f"a list with {short(strange[0])}")
    if not 1 <= len(runs) <= MAX_RUNS:
        raise _wrong(f"{len(runs)} runs")
    if len(runs) == 1:
        return [WatchedRun(require_probes(runs[0]), "")]
    titles = labels([require_probes(run).config for run in runs])
    return [WatchedRun(run, title) for run, title in zip(runs, titles, strict=True)]


def _wrong(value: str) -> ConfigError:
    allowed = f"a run, a probe, a group, the stream of igbviz.train, or a list of 1 to {MAX_RUNS} runs"
    return ConfigError((("watched",), f"is {value}, allowed: {allowed}"))
