"""What can be watched: a run, the runs of a group, a probe. Each is looked at anew for every update of its stage."""

from __future__ import annotations

import base64
import weakref
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from igbviz.charts.stage import scene
from igbviz.runs.files import read
from igbviz.runs.images import files as images
from igbviz.runs.kinds import TRAINED
from igbviz.runs.run import Run, RunError
from igbviz.runs.sweeps import Group
from igbviz.spec import ConfigError, short
from igbviz.studies.comparison import labels
from igbviz.trajectory import Trajectory

MAX_RUNS = 12  # tabs that fit above a stage


@dataclass(frozen=True)
class Look:
    """A subject at one moment. `words` say what it is doing."""

    id: str
    trajectory: Trajectory
    config: Any
    steps_per_epoch: int | None
    ended: bool
    words: str = ""
    diverged: bool = False
    stoppable: bool = False
    sprite: dict[str, Any] | None = None

    def message(self, start: int) -> str:
        """What the stage shows from probe `start` on, see `charts.stage.scene`."""
        plan = {"steps_per_epoch": self.steps_per_epoch, "ended": self.ended, "diverged": self.diverged}
        return scene(self.trajectory, self.config, start=start, sprite=self.sprite, **plan)


class Subject(Protocol):
    """A run or a probe. `look` returns None where nothing has changed since the last one."""

    id: str
    title: str

    def look(self) -> Look | None: ...


@dataclass
class WatchedRun:
    """A run, which a worker trains in another process."""

    run: Run
    title: str
    _seen: Any = field(default=None, repr=False)

    @property
    def id(self) -> str:
        return self.run.id

    def look(self) -> Look | None:
        status, size = self.run.status, self.run.record_bytes
        if self._seen == (seen := (status, size)):
            return None
        self._seen = seen
        return Look(
            id=self.id,
            trajectory=self.run.glance(),
            config=self.run.config,
            steps_per_epoch=self.run.steps_per_epoch,
            ended=status.ended,
            words=status.sentence(self.run.kind.unit),
            diverged=status.state == "diverged",
            stoppable=status.state in ("queued", "running"),
            sprite=sprite(self.run),
        )

    def stop(self) -> None:
        self.run.stop()


class WatchedProbe:
    """A probe, which looks at a network in this process; watching does not keep it alive."""

    title = ""

    def __init__(self, probe: Any) -> None:
        self.id = f"probe-{id(probe):x}"
        self._probe = weakref.ref(probe)
        self._seen = -1

    def look(self) -> Look | None:
        probe = self._probe()
        if probe is None or self._seen == (seen := len(probe.trajectory)):
            return None
        self._seen = seen
        trajectory = probe.trajectory.thinned()
        per_epoch = round(probe.trajectory.steps_per_epoch) or None
        words = f"{seen} probe{'s' * (seen != 1)} so far." if seen else "Waiting for the first call of the probe."
        return Look(self.id, trajectory, probe.config, per_epoch, ended=False, words=words)


def subjects_of(watched: Any) -> list[Subject]:
    """The runs or the probe to watch. Raises ConfigError for anything else."""
    if isinstance(watched, Run):
        return [WatchedRun(_probed(watched), "")]
    if isinstance(watched, Group):
        watched = [member.run for member in watched.members() if member.run]
    if isinstance(watched, Iterable) and not isinstance(watched, str):
        runs = list(watched)
        if not runs or not all(isinstance(run, Run) for run in runs) or len(runs) > MAX_RUNS:
            raise _wrong(f"{len(runs)} of {', '.join(sorted({type(run).__name__ for run in runs})) or 'nothing'}")
        titles = labels([_probed(run).config for run in runs])
        return [WatchedRun(run, title) for run, title in zip(runs, titles, strict=True)]
    if hasattr(watched, "trajectory") and callable(watched):
        return [WatchedProbe(watched)]
    raise _wrong(short(watched))


def _probed(run: Run) -> Run:
    if not run.kind.has_probes:
        raise RunError(f"run {run.id} is {run.kind.title}, allowed: {TRAINED.title}")
    return run


def _wrong(value: str) -> ConfigError:
    allowed = f"a run, a probe, a group, or a list of 1 to {MAX_RUNS} runs"
    return ConfigError((("watched",), f"is {value}, allowed: {allowed}"))


def sprite(run: Run) -> dict[str, Any] | None:
    """The thumbnails of the images that a run watches, as part of the address of their picture; None without them."""
    try:
        arrangement = images.which(run.path)
        address = f"data:image/png;base64,{base64.b64encode(read(run.path / images.SPRITE)).decode()}"
    except (OSError, ValueError):  # damaged, or left out of the archive that the run came in
        return None
    return arrangement and {"sprite": address, "tile": arrangement.tile, "columns": arrangement.columns}
