"""Validate schema.json and the records that it describes, with the same rules for reading and importing a run.

A disk may have been full, and a folder or an archive may come from anybody. All records that a page draws have passed
these checks: known columns of the right shape, one name per class, values that a probe can have. Unknown columns are
skipped, so that runs of a newer version can be read. Of a long file only a sample is checked, so that the cost does not
grow with the run.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from igbviz.config import RecordedConfig, RunConfig
from igbviz.ensembles import Ensemble, EnsembleConfig, ensemble_dtype
from igbviz.trajectory import Trajectory, snapshot_dtype
from igbviz.trajectory.images import WatchedImages
from igbviz.trajectory.records import Recorded

SAMPLE = 100  # records of a file that are checked, evenly spaced; usually all
MAX_CLASSES = MAX_LAYERS = 10_000
MAX_COUNT = 2**53
MAX_DATA = 5000  # characters
MAX_RECORD_BYTES = 2**31 - 1
_PLAIN_NUMBER = re.compile(r"[<>|][biufc]\d{1,2}")  # a numpy type without objects, text or nested fields

Text = Annotated[str, Field(max_length=500)]
Count = Annotated[int, Field(ge=0, lt=MAX_COUNT)]
Positive = Annotated[int, Field(ge=1, lt=MAX_COUNT)]


def _shortened(text: Any) -> Any:
    return text[:MAX_DATA] if isinstance(text, str) else text


class Schema(BaseModel):
    """The fields of schema.json in use. Columns and class names are required; other missing fields are 0 or empty."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="ignore", strict=True, frozen=True)

    columns: list[tuple[Text, Text, list[Count]]] = Field(max_length=50)
    class_names: list[Text] = Field(min_length=2, max_length=MAX_CLASSES)
    steps: Positive = 0
    parameters: Count = 0
    threads: Count = 0
    lanes: Count = 1  # runs in the stack that this one was trained in
    data: Annotated[str, BeforeValidator(_shortened)] = ""  # may hold the long path of a folder
    device: Text = ""
    torch: Text = ""
    date: Text = ""

    # Defined by each kind of run.
    recorded: ClassVar[type[Recorded]]  # the class that its records are read as
    required: ClassVar[Callable[..., np.dtype]]  # the columns that every run has, for a number of classes
    supported: ClassVar[Callable[[int], np.dtype]]  # all columns of this version; lengths of optional ones may differ
    problem: ClassVar[Callable[[Any, np.ndarray], str]]  # what is wrong with records at these indices; empty if nothing

    @classmethod
    def from_json(cls, text: bytes, config: RunConfig | EnsembleConfig | RecordedConfig) -> Self:
        """The validated schema of a run with this configuration. ValueError, one sentence, if it is invalid."""
        try:
            schema = cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(map(str, first["loc"]))
            reason = ": ".join(filter(None, (field, first["msg"])))
            raise ValueError(f"schema.json is damaged or from another program ({reason})") from None
        schema.dtype()
        schema.require_plan(config)
        return schema

    def dtype(self) -> np.dtype:
        """The columns that this version supports, at their offsets in the record.

        ValueError when one has the wrong type or shape, or when a required one is missing.
        """
        classes = len(self.class_names)
        required, supported = self.required(classes), self.supported(classes)
        for name, kind, shape in self.columns:
            if name in required.names:
                fits = kind == required[name].base.str and tuple(shape) == required[name].shape
            elif name in supported.names:  # optional: of an ensemble, one value per layer
                fits = kind == supported[name].base.str and len(shape) == len(supported[name].shape)
                fits &= all(1 <= length <= MAX_LAYERS for length in shape)
            else:
                fits = _PLAIN_NUMBER.fullmatch(kind) is not None and min(shape, default=1) > 0
            if not fits:
                raise ValueError(
                    f"schema.json has a column {name[:80]!r} of type {kind[:20]!r} and shape {str(shape)[:40]} "
                    "that this version does not support"
                )
        names = [name for name, _, _ in self.columns]
        if len(set(names)) < len(names) or not set(required.names) <= set(names):
            raise ValueError(f"schema.json lacks a column or repeats one, required: {', '.join(required.names)}")
        try:
            # Summed here: numpy's own sum overflows silently, and columns would then lie outside their record.
            if sum(np.dtype(kind).itemsize * math.prod(shape) for _, kind, shape in self.columns) > MAX_RECORD_BYTES:
                raise ValueError(f"it has more than {MAX_RECORD_BYTES} bytes")
            record = np.dtype([(name, kind, tuple(shape)) for name, kind, shape in self.columns])
        except (TypeError, ValueError) as error:
            raise ValueError(f"schema.json describes an impossible record: {error}") from None
        return record[[name for name in names if name in supported.names]]

    def read(self, path: Path, sample: int = SAMPLE) -> Recorded:
        """The records in a file. ValueError if a sample of them has values that a run of this kind cannot record."""
        recorded = self.recorded.read(path, self.dtype(), tuple(self.class_names))
        indices = np.arange(len(recorded))
        if len(indices) > sample:  # including the first and the last
            indices = np.linspace(0, len(recorded) - 1, sample).astype(int)
        if len(indices) and (problem := self.problem(recorded[indices], indices)):
            raise ValueError(f"trajectory.bin: {problem}")
        return recorded

    def require_plan(self, config: RunConfig | EnsembleConfig | RecordedConfig) -> None:
        """ValueError when the planned number of steps does not follow from the configuration."""


class TrainedSchema(Schema):
    """The schema of a training, with one record per probe."""

    steps_per_epoch: Annotated[int, Field(ge=1, le=10**7)] = 0  # bounded: the probe plan may list every batch
    probe_images: Count = 0

    recorded = Trajectory
    required: ClassVar[Callable[..., np.dtype]] = staticmethod(snapshot_dtype)

    @staticmethod
    def supported(classes: int) -> np.dtype:
        return snapshot_dtype(classes, noisy=True)

    @staticmethod
    def problem(probes: Trajectory, indices: np.ndarray) -> str:
        return _problem_of_probes(probes, np.isfinite(probes.epoch).all())

    def require_plan(self, config: RunConfig) -> None:
        if self._planned and self.steps != max(1, int(config.epochs * self.steps_per_epoch + 0.5)):
            raise ValueError(f"schema.json plans {self.steps} steps, which does not match {config.epochs:g} epochs")

    def thinned(self, recorded: Trajectory, config: RunConfig, images: WatchedImages | None = None) -> Trajectory:
        """Probes evenly spaced in log time, with their images.

        They are chosen from the probe plan, so that reading a few hundred of 50,000 probes costs no more than reading
        a few hundred of 1,000.
        """
        if not self._planned:
            return recorded.thinned(images=images)
        return recorded.thinned(config.probes.steps(self.steps, self.steps_per_epoch)[: len(recorded)], images)

    @property
    def _planned(self) -> bool:
        return bool(self.steps and self.steps_per_epoch)


class RecordedSchema(TrainedSchema):
    """The schema of a run that was recorded outside: there is no plan, and its epochs may be unknown, all NaN."""

    @staticmethod
    def problem(probes: Trajectory, indices: np.ndarray) -> str:
        return _problem_of_probes(probes, np.isfinite(probes.epoch).all() or np.isnan(probes.epoch).all())

    def require_plan(self, config: RecordedConfig) -> None:
        """It was not planned."""

    def thinned(self, recorded: Trajectory, config: RecordedConfig, images: WatchedImages | None = None) -> Trajectory:
        """Probes evenly spaced in log time, chosen from their own steps. No images are watched."""
        return recorded.thinned()


def _problem_of_probes(probes: Trajectory, has_right_epochs: bool) -> str:
    step, sizes, probabilities = probes.step, probes.class_sizes(), probes.mean_prob
    if step[0] != 0:
        return f"its first probe is at step {step[0]}, not at 0"
    if (np.diff(step) <= 0).any() or step[-1] >= MAX_COUNT:
        return "its steps are not increasing"
    if not has_right_epochs:
        return "an epoch is not finite"
    if not np.isfinite(probabilities).all() or probabilities.min() < 0 or probabilities.max() > 1.001:
        return "a mean probability is not between 0 and 1"
    if (probes.confusion < 0).any() or (sizes != sizes[0]).any() or not (sizes[0] > 0).all():
        return "its guess counts are negative, or not over the same images at every probe"
    return ""


class UntrainedSchema(Schema):
    """The schema of an ensemble of untrained networks, with one record per network."""

    inputs: Count = 0

    recorded = Ensemble
    required: ClassVar[Callable[..., np.dtype]] = staticmethod(ensemble_dtype)

    @staticmethod
    def supported(classes: int) -> np.dtype:
        return ensemble_dtype(classes, 1, 1)

    @staticmethod
    def problem(networks: Ensemble, indices: np.ndarray) -> str:
        records = networks.records
        if (records["network"] != indices).any():
            return "its networks are not numbered from 0"
        if not all(np.isfinite(records[name]).all() for name in records.dtype.names):
            return "a value is not finite"
        inputs = records["guesses"].sum(-1)
        if (records["guesses"] < 0).any() or inputs[0] == 0 or (inputs != inputs[0]).any():
            return "its guess counts are negative, or not over the same inputs in every network"
        return ""
