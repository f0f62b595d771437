"""schema.json and the records it describes: one set of rules, for reading a run as for importing one.

A disk may have been full, a folder or an archive may come from anybody. What a page draws from has passed through here:
columns and shapes that this version knows, as many names as classes, numbers that a probe can have. Columns that it
does not know are passed over, so that the runs of a newer version open. Of long files a part is checked, so that the
check costs the same however long the run.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from igbviz.config import RunConfig
from igbviz.ensembles import Ensemble, EnsembleConfig, ensemble_dtype
from igbviz.trajectory import Trajectory, snapshot_dtype
from igbviz.trajectory.records import Recorded

SAMPLE = 100  # records of a file that are checked, evenly spread; all of a usual run
MAX_CLASSES = MAX_LAYERS = 10_000
MAX_COUNT = 2**53
MAX_RECORD_BYTES = 2**31 - 1
_PLAIN_NUMBER = re.compile(r"[<>|][biufc]\d{1,2}")  # a numpy type without objects, text or fields of its own

Text = Annotated[str, Field(max_length=500)]
Count = Annotated[int, Field(ge=0, lt=MAX_COUNT)]
Positive = Annotated[int, Field(ge=1, lt=MAX_COUNT)]


class Schema(BaseModel):
    """schema.json as far as anybody reads it. Columns and class names are needed to read the records; of the rest, what
    the file does not say is 0 or empty."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    columns: list[tuple[Text, Text, list[Count]]] = Field(max_length=50)
    class_names: list[Text] = Field(min_length=2, max_length=MAX_CLASSES)
    steps: Positive = 0
    parameters: Count = 0
    threads: Count = 0
    lanes: Count = 1
    data: Annotated[str, Field(max_length=5000)] = ""  # may hold the path of a folder
    device: Text = ""
    torch: Text = ""
    date: Text = ""

    # What each kind of run says for itself.
    recorded: ClassVar[type[Recorded]]  # what its records are read as
    always: ClassVar[Callable[[int], np.dtype]]  # the columns that every run has, for so many classes
    ever: ClassVar[Callable[[int], np.dtype]]  # all that this version knows; the lengths of the further ones are free
    impossible: ClassVar[Callable[[Any, np.ndarray], str]]  # why records with these places cannot be; empty: they can

    @classmethod
    def from_json(cls, text: bytes, config: RunConfig | EnsembleConfig) -> Self:
        """What the file of a run with this configuration says. ValueError, one sentence, when it cannot be that."""
        try:
            schema = cls.model_validate_json(text)
        except ValidationError as error:
            problem = error.errors()[0]
            place = ".".join(map(str, problem["loc"]))
            reason = ": ".join(filter(None, (place, problem["msg"])))
            raise ValueError(f"schema.json is torn or from another program ({reason})") from None
        schema.dtype()
        schema.require_plan_of(config)
        return schema

    def dtype(self) -> np.dtype:
        """The columns that this version knows, each where it stands in the record. ValueError when one of them has
        another type or shape, or when one that every run has is missing."""
        classes = len(self.class_names)
        always, ever = self.always(classes), self.ever(classes)
        for name, kind, shape in self.columns:
            if name in always.names:
                fits = kind == always[name].base.str and tuple(shape) == always[name].shape
            elif name in ever.names:  # what not every run measures: of an ensemble, one number a layer
                fits = kind == ever[name].base.str and len(shape) == len(ever[name].shape)
                fits &= all(1 <= length <= MAX_LAYERS for length in shape)
            else:
                fits = _PLAIN_NUMBER.fullmatch(kind) is not None and min(shape, default=1) > 0
            if not fits:
                raise ValueError(
                    f"schema.json has a column {name[:80]!r} of {kind[:20]!r} that this version does not know"
                )
        names = [name for name, _, _ in self.columns]
        if len(set(names)) < len(names) or not set(always.names) <= set(names):
            raise ValueError(f"schema.json lacks a column, or has one twice, needed: {', '.join(always.names)}")
        try:
            # Counted here: numpy's own sum overflows without a word, and columns then lie outside of their record.
            if sum(np.dtype(kind).itemsize * math.prod(shape) for _, kind, shape in self.columns) > MAX_RECORD_BYTES:
                raise ValueError(f"it has more than {MAX_RECORD_BYTES} bytes")
            record = np.dtype([(name, kind, tuple(shape)) for name, kind, shape in self.columns])
        except (TypeError, ValueError) as error:
            raise ValueError(f"schema.json describes a record that cannot be: {error}") from None
        return record[[name for name in names if name in ever.names]]

    def read(self, path: Path, sample: int = SAMPLE) -> Recorded:
        """The records in a file. ValueError when some of a sample of them cannot be what a run of this kind records."""
        recorded = self.recorded.read(path, self.dtype(), tuple(self.class_names))
        numbers = np.arange(len(recorded))
        if len(numbers) > sample:  # the first and the last among them
            numbers = np.linspace(0, len(recorded) - 1, sample).astype(int)
        if len(numbers) and (problem := self.impossible(recorded[numbers], numbers)):
            raise ValueError(f"trajectory.bin: {problem}")
        return recorded

    def require_plan_of(self, config: RunConfig | EnsembleConfig) -> None:
        """ValueError when the file plans what a run with this configuration does not do."""

    def thinned(self, recorded: Recorded, config: RunConfig | EnsembleConfig) -> Recorded:
        """The records that a chart draws."""
        return recorded


class TrainedSchema(Schema):
    """The schema of a training, which records one probe after another."""

    steps_per_epoch: Annotated[int, Field(ge=1, le=10**7)] = 0  # the plan of probes has up to one number a batch
    probe_images: Count = 0

    recorded = Trajectory
    always = staticmethod(snapshot_dtype)

    @staticmethod
    def ever(classes: int) -> np.dtype:
        return snapshot_dtype(classes, noisy=True)

    @staticmethod
    def impossible(some: Trajectory, numbers: np.ndarray) -> str:
        step, sizes, probabilities = some.step, some.class_sizes(), some.mean_prob
        if step[0] != 0:
            return f"its first probe is at step {step[0]}, not at 0"
        if (np.diff(step) <= 0).any() or step[-1] >= MAX_COUNT:
            return "its steps do not increase"
        if not np.isfinite(some.epoch).all():
            return "it holds an epoch that is no finite number"
        if not np.isfinite(probabilities).all() or probabilities.min() < 0 or probabilities.max() > 1.001:
            return "it holds a mean probability that is not from 0 to 1"
        if (some.confusion < 0).any() or (sizes != sizes[0]).any() or not (sizes[0] > 0).all():
            return "its counts of guesses are not those of one and the same set of images"
        return ""

    def require_plan_of(self, config: RunConfig) -> None:
        if self._planned and self.steps != max(1, int(config.epochs * self.steps_per_epoch + 0.5)):
            raise ValueError(f"schema.json plans {self.steps} steps, which its {config.epochs:g} epochs do not have")

    def thinned(self, recorded: Trajectory, config: RunConfig) -> Trajectory:
        """The probes even in log time. Which ones they are follows from the plan, so that reading a few hundred of
        50,000 probes costs no more than reading a few hundred of a thousand."""
        if not self._planned:
            return recorded.thinned()
        return recorded.thinned(config.probes.steps(self.steps, self.steps_per_epoch)[: len(recorded)])

    @property
    def _planned(self) -> bool:
        return bool(self.steps and self.steps_per_epoch)


class UntrainedSchema(Schema):
    """The schema of an ensemble of untrained networks, which records one network after another."""

    inputs: Count = 0

    recorded = Ensemble
    always = staticmethod(ensemble_dtype)

    @staticmethod
    def ever(classes: int) -> np.dtype:
        return ensemble_dtype(classes, 1, 1)

    @staticmethod
    def impossible(some: Ensemble, numbers: np.ndarray) -> str:
        records = some.records
        if (records["network"] != numbers).any():
            return "its networks are not numbered from 0 on"
        if not all(np.isfinite(records[name]).all() for name in records.dtype.names):
            return "it holds a number that is not finite"
        inputs = records["guesses"].sum(-1)
        if (records["guesses"] < 0).any() or inputs[0] == 0 or (inputs != inputs[0]).any():
            return "its counts of guesses are not those of one and the same set of inputs"
        return ""
