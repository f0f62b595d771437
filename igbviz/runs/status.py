"""Where a run stands: what its status.json says, whatever it is a run of."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

STATES = ("queued", "running", "done", "stopped", "failed", "diverged", "lost")
FINISHED = ("done", "diverged")  # nothing more to do
ENDED = ("done", "stopped", "failed", "diverged")


class Status(BaseModel):
    """Where a run stands. `state`: queued, running, done, stopped, failed, diverged, or lost (says running, but nobody
    works on it)."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    state: Literal["queued", "running", "done", "stopped", "failed", "diverged", "lost"]
    message: str = ""  # one sentence for people: what it is doing, or why it ended
    step: int = 0
    steps: int = 0
    epoch: float = 0.0
    snapshots: int = 0
    seconds: float = 0.0  # training and probing so far
    steps_per_second: float = 0.0
    eta: float | None = None  # seconds to go
    device: str = ""
    pid: int | None = None
    attempts: int = 0  # times that a worker began or went on with it
    submitted: float = Field(0.0, ge=0, le=1e11)  # seconds since 1970
    updated: float = 0.0

    def __str__(self) -> str:
        return self.state

    @property
    def ended(self) -> bool:
        return self.state in ENDED
