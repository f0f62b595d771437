"""A run as a subject: another process trains it, or has trained it, and its folder is what we see."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from igbviz.notebook.look import Look
from igbviz.runs.images import files as images
from igbviz.runs.kinds import TRAINED
from igbviz.runs.run import Run, RunError


@dataclass
class WatchedRun:
    """A run with probes: a training, or one that was recorded."""

    run: Run
    title: str
    _seen: Any = field(default=None, repr=False)
    _last: Look | None = field(default=None, repr=False)

    @property
    def id(self) -> str:
        return self.run.id

    def look(self) -> Look | None:
        """A run that is deleted or damaged meanwhile has ended, and says so; at first it must be readable."""
        try:
            status, size = self.run.status, self.run.record_bytes
            if self._seen == (seen := (status, size)):
                return None
            look = self._look(status)
        except RunError as problem:
            if self._last is None:
                raise
            seen, look = problem.args, replace(self._last, ended=True, words=f"{problem}.", stoppable=False)
            if self._seen == seen:
                return None
        self._seen, self._last = seen, look
        return look

    def stop(self) -> None:
        self.run.stop()

    def _look(self, status: Any) -> Look:
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


def require_probes(run: Run) -> Run:
    """RunError unless its records are a trajectory."""
    if not run.kind.has_probes:
        raise RunError(f"run {run.id} is {run.kind.title}, allowed: {TRAINED.title}")
    return run


def sprite(run: Run) -> dict[str, Any] | None:
    """The thumbnails of the images that a run watches, as part of the address of their picture; None without them."""
    try:
        arrangement = images.which(run.path)
        address = images.inline_sprite(run.path)
    except (OSError, ValueError):  # damaged, or left out of the archive that the run came in
        return None
    return arrangement and {"sprite": address, "tile": arrangement.tile, "columns": arrangement.columns}
