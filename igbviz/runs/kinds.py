"""The kinds of run: a training, an ensemble of untrained networks, and a training that was recorded outside igbviz.

All differences between them, outside their own packages, are defined here. To add a kind, add an entry to KINDS and its
configuration to `Config`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from igbviz.config import Preset, RecordedConfig, RunConfig
from igbviz.config.missing import with_stand_ins
from igbviz.datasets import Facts
from igbviz.ensembles import EnsembleConfig
from igbviz.runs.schema import RecordedSchema, Schema, TrainedSchema, UntrainedSchema
from igbviz.spec import ConfigError, short
from igbviz.training.memory import fits_one_thread
from igbviz.trajectory import Trajectory

if TYPE_CHECKING:
    import torch

    from igbviz.datasets import Data
    from igbviz.ensembles.job import EnsembleJob
    from igbviz.training.loop import Training

Config = RunConfig | EnsembleConfig | RecordedConfig


@dataclass(frozen=True)
class Kind:
    """The properties of all runs of one kind."""

    name: str  # in the rows of the library and in their filter
    title: str  # in sentences, with an article
    config: type[Config]
    field: str  # a field that only configurations of this kind have; empty for the default kind
    schema: type[Schema]  # validates and reads its records
    # computes it here; None for what is never queued
    job: Callable[[Any, torch.device, dict[str, Any] | None, Data | None], Training | EnsembleJob] | None
    fits_one_thread: Callable[[Any, Facts], bool]  # whether it uses one thread, so that each core of a CPU may run one
    unit: str  # of progress: what `Status.step` counts
    page: str  # the file in pages/ that shows it

    @property
    def has_probes(self) -> bool:
        """Whether its records are a trajectory."""
        return self.schema.recorded is Trajectory


def _training(
    config: RunConfig, device: torch.device, state: dict[str, Any] | None = None, data: Data | None = None
) -> Training:
    from igbviz.training.loop import Training  # imports torch

    return Training(config, device, state, data)


def _initializing(
    config: EnsembleConfig, device: torch.device, state: dict[str, Any] | None = None, data: Data | None = None
) -> EnsembleJob:
    from igbviz.ensembles.job import EnsembleJob  # imports torch

    return EnsembleJob(config, device, state)


TRAINED = Kind(
    name="trained",
    title="a training",
    config=RunConfig,
    field="",
    schema=TrainedSchema,
    job=_training,
    fits_one_thread=fits_one_thread,
    unit="step",
    page="Train.py",
)
UNTRAINED = Kind(
    name="untrained",
    title="an ensemble of untrained networks",
    config=EnsembleConfig,
    field="networks",
    schema=UntrainedSchema,
    job=_initializing,
    fits_one_thread=lambda config, facts: False,
    unit="network",
    page="Initialisation.py",
)
RECORDED = Kind(
    name="recorded",
    title="a training that was recorded outside igbviz",
    config=RecordedConfig,
    field="title",
    schema=RecordedSchema,
    job=None,
    fits_one_thread=lambda config, facts: False,
    unit="step",
    page="Train.py",
)
KINDS = {kind.name: kind for kind in (TRAINED, UNTRAINED, RECORDED)}


def kind_of(config: Config) -> Kind:
    """The kind of run that a configuration describes."""
    return next(kind for kind in KINDS.values() if isinstance(config, kind.config))


def kind_of_values(values: Any) -> Kind:
    """The kind of run of a configuration in JSON, judged by its field names only; its values are not validated."""
    fields = values if isinstance(values, Mapping) else ()
    return next((kind for kind in KINDS.values() if kind.field in fields), TRAINED)


def as_config(values: Config | Preset | str | Mapping[str, Any]) -> Config:
    """The validated configuration, of the kind that its fields tell; text is the name of a preset. Raises ConfigError.

    as_config("first-look"), as_config({"networks": 50})
    """
    if isinstance(values, Config):
        return values
    return kind_of_values(values).config.model_validate(values)


@lru_cache(maxsize=2000)
def parse_config(text: bytes) -> Config:
    """The configuration in a config.json. Cached, since a list of runs reads each of them several times.

    Choices of packages that are not installed here are stand-ins, see `config.missing`: the run can be read, not
    trained. Raises ConfigError for an invalid configuration, ValueError for invalid JSON.
    """
    if not isinstance(values := json.loads(text), Mapping):
        raise ConfigError(((), f"{short(values)} is not a configuration: give its fields as a mapping"))
    return as_config(with_stand_ins(values))
