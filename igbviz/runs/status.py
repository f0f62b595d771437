"""The status of a run of any kind: the content of its status.json."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

STATES = ("queued", "running", "done", "stopped", "failed", "diverged", "lost")
FINISHED = ("done", "diverged")  # cannot continue
ENDED = ("done", "stopped", "failed", "diverged")
QUEUED = "Waiting for its turn."  # how the message of a queued run begins
PAUSED = "Paused while a short run is trained."  # the message of a running run


def duration_in_words(seconds: float | None) -> str:
    """Seconds in words that fit: '8 s', '3 min', '2.5 h', '4 days'."""
    if seconds is None:
        return "unknown"
    for size, unit, digits in ((86400, "days", 1), (3600, "h", 1), (60, "min", 0)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.{digits}f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 1 else "under a second"


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

    def sentence(self, unit: str = "step") -> str:
        """'step 120 of 3,130, epoch 0.38, 31 probes, 130 steps/s, 23 s to go, on CPU', and '3,130 steps, 60 probes,
        23 s in all, on CPU' at the end."""
        if not self.steps:
            return self.message
        is_done = self.state == "done"
        parts = [f"{self.steps:,} {unit}s" if is_done else f"{unit} {self.step:,} of {self.steps:,}"]
        if unit == "step":
            parts += [f"epoch {self.epoch:.2f}"] * (not is_done) + [f"{self.snapshots} probes"]
        if (pace := self.steps_per_second) and not is_done:
            parts.append(f"{pace:,.0f} {unit}s/s" if pace >= 10 else f"{pace:.2f} {unit}s/s")
        parts.append(
            f"{duration_in_words(self.eta)} to go"
            if self.eta is not None
            else f"{duration_in_words(self.seconds)} in all"
        )
        is_plain = self.state == "done" or (self.state == "running" and self.message != PAUSED)
        prefix = "" if is_plain else f"{self.message} "
        return prefix + ", ".join(parts) + (f", on {self.device}" if self.device else "")
