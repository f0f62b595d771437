"""The kinds of run. All that sets a training and an ensemble of untrained networks apart, outside their own packages,
stands here: a further kind is one more entry of KINDS, with its configuration in `Config`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from igbviz.config import RunConfig
from igbviz.datasets import Facts
from igbviz.ensembles import EnsembleConfig
from igbviz.runs.schema import Schema, TrainedSchema, UntrainedSchema
from igbviz.training.memory import one_thread

if TYPE_CHECKING:
    import torch

    from igbviz.datasets import Data
    from igbviz.ensembles.job import Initializing
    from igbviz.training.loop import Training

Config = RunConfig | EnsembleConfig


@dataclass(frozen=True)
class Kind:
    """What holds for every run of one kind."""

    name: str  # in the rows of the library, and in their filter
    title: str  # in a sentence
    config: type[Config]
    field: str  # that only configurations of this kind have; empty for the kind of all others
    schema: type[Schema]  # the rules for its records, and how they are read
    job: Callable[[Any, torch.device, dict[str, Any] | None, Data | None], Training | Initializing]
    one_thread: Callable[[Any, Facts], bool]  # whether a worker on each core of a CPU may take one
    unit: str  # of progress: what a step of its status is
    page: str  # that shows it: a file in pages/


def _training(
    config: RunConfig, device: torch.device, state: dict[str, Any] | None = None, data: Data | None = None
) -> Training:
    from igbviz.training.loop import Training  # brings torch

    return Training(config, device, state, data)


def _initializing(
    config: EnsembleConfig, device: torch.device, state: dict[str, Any] | None = None, data: Data | None = None
) -> Initializing:
    from igbviz.ensembles.job import Initializing  # brings torch

    return Initializing(config, device, state)


TRAINED = Kind(
    name="trained",
    title="a training",
    config=RunConfig,
    field="",
    schema=TrainedSchema,
    job=_training,
    one_thread=one_thread,
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
    one_thread=lambda config, facts: False,
    unit="network",
    page="Initialisation.py",
)
KINDS = {kind.name: kind for kind in (TRAINED, UNTRAINED)}


def kind_of(config: Config) -> Kind:
    return next(kind for kind in KINDS.values() if isinstance(config, kind.config))


def kind_of_values(values: Any) -> Kind:
    """The kind of run that these choices describe, as far as their names tell: whether they are valid is not asked."""
    names = values if isinstance(values, Mapping) else ()
    return next((kind for kind in KINDS.values() if kind.field in names), TRAINED)


def as_config(choices: Config | Mapping[str, Any]) -> Config:
    """The configuration of either kind that these choices describe. Raises ConfigError."""
    if isinstance(choices, Config):
        return choices
    return kind_of_values(choices).config.model_validate(choices)


@lru_cache(maxsize=2000)
def parse_config(text: bytes) -> Config:
    """What a config.json describes. Kept, since a list of runs reads all of them, each more than once. Raises what
    `as_config` does, and ValueError for what is no JSON."""
    return as_config(json.loads(text))
