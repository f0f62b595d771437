"""The status of a run of any kind: the content of its status.json."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

STATES = ("queued", "running", "done", "stopped", "failed", "diverged", "lost")
FINISHED = ("done", "diverged")  # cannot continue
ENDED = ("done", "stopped", "failed", "diverged")
QUEUED = "Waiting for its turn."  # how the message of a queued run begins
PAUSED = "Paused while a short run is trained."  # the message of a running run


class Status(BaseModel):
    """The status of a run. `state`: queued, running, done, stopped, failed, diverged, or lost (running, but without a
    live worker)."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    state: Literal["queued", "running", "done", "stopped", "failed", "diverged", "lost"]
    message: str = ""  # one sentence: what it is doing, or why it ended
    step: int = 0
    steps: int = 0
    epoch: float = 0.0
    snapshots: int = 0
    seconds: float = 0.0  # spent on training and probing so far
    steps_per_second: float = 0.0
    eta: float | None = None  # expected seconds to the end
    device: str = ""
    pid: int | None = None
    attempts: int = 0  # times that a worker started or resumed it since its last progress
    furthest: int = 0  # bytes of records that any of its workers had made when the last one began
    submitted: float = Field(default=0.0, ge=0, le=1e11)  # seconds since 1970
    updated: float = 0.0

    def __str__(self) -> str:
        return self.state

    @property
    def ended(self) -> bool:
        """Whether no worker will continue the run by itself."""
        return self.state in ENDED
