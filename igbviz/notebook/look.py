"""A subject at one moment: all that its stage and its picture need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from PIL import Image

from igbviz.charts import animation
from igbviz.charts.stage import scene
from igbviz.trajectory import Trajectory


@dataclass(frozen=True)
class Look:
    """A subject at one moment. `words` say what it is doing; `ended`: it will not change any more."""

    id: str
    trajectory: Trajectory
    config: Any
    steps_per_epoch: int | None
    ended: bool
    words: str = ""
    diverged: bool = False
    stoppable: bool = False
    is_open: bool = False  # nobody knows how long it will be, so its time axis grows with it
    sprite: dict[str, Any] | None = None

    def message(self, start: int) -> str:
        """What the stage shows from probe `start` on, see `charts.stage.scene`."""
        return scene(self.trajectory, self.config, start=start, sprite=self.sprite, **self._plan)

    def still(self, dark: bool = False) -> Image.Image:
        """The curves as a picture; there must be a probe."""
        return animation.still(self.trajectory, self.config, dark=dark, **self._plan)

    @property
    def _plan(self) -> dict[str, Any]:
        return {"steps_per_epoch": self.steps_per_epoch, "ended": self.ended, "diverged": self.diverged}


class Subject(Protocol):
    """A run, a probe or a stream. `look` returns None where nothing has changed since the last one."""

    id: str
    title: str

    def look(self) -> Look | None: ...
