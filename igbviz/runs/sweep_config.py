"""The configuration of a sweep: a base run, and values for some of its fields, in every combination."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from igbviz.config import Preset, RunConfig
from igbviz.config.interventions import Intervention, applicable, chosen
from igbviz.config.run import digest, slug
from igbviz.losses import CrossEntropy, GeneralizedCrossEntropy, Loss
from igbviz.spec import ConfigError, Spec, listing, short, suggestion

MAX_RUNS = 500
MAX_LANES = 4  # of a race
INTERVENTION = "intervention"  # the one axis that is not a field of a run; None is the run without intervention
UNCHANGED = "as it is"


class Sweep(Spec):
    """A grid of runs. An axis is a field of a run, or with dots of one of its parts, and the list of its values:

    >>> sweep = igbviz.Sweep(axes={"loss": ["cross-entropy", {"name": "gce", "q": 0.7}], "seed": [0, 1, 2]})
    >>> len(sweep.configs())
    6

    A part, such as a loss, may be given by its name alone. Raises ConfigError, one sentence, for the first invalid
    combination.
    """

    base: RunConfig = Field(default=RunConfig(), description="The fields that are not on an axis.")
    axes: dict[str, list[Any]] = Field(default={}, description="The fields that vary, each with its values.")
    title: str = Field(default="", max_length=80, description="The title of the group.")
    fingerprints: dict[str, str] = Field(
        default={},
        description="Fingerprints of the data that are read from a folder, by data set and folder; set when they are "
        "first read.",
    )

    @field_validator("base", mode="before")
    @classmethod
    def _base_of_a_preset(cls, base: Any) -> Any:
        return RunConfig.model_validate(base) if isinstance(base, str | Preset) else base

    @field_validator("axes", mode="before")
    @classmethod
    def _validate_axes(cls, axes: Any) -> dict[str, list[Any]]:
        if not isinstance(axes, Mapping):
            raise ConfigError(
                ((), f"is {short(axes)}, allowed: a list of values for each field, as in {{'seed': [0, 1, 2]}}")
            )
        lists = {}
        for path, values in axes.items():
            if isinstance(values, str | Mapping) or not isinstance(values, Iterable):
                raise ConfigError(
                    ((str(path),), f"is {short(values)}, allowed: a list of values, as in [{short(values)}]")
                )
            lists[str(path)] = [value.model_dump() if isinstance(value, Spec) else value for value in values]
            if not lists[str(path)]:
                raise ConfigError(((str(path),), "is [], allowed: at least one value"))
        if (runs := math.prod(map(len, lists.values()))) > MAX_RUNS:
            raise ConfigError(((), f"ask for {runs:,} runs, allowed: at most {MAX_RUNS}"))
        return lists

    @field_validator("title")
    @classmethod
    def _one_line(cls, title: str) -> str:
        return " ".join(title.split())

    @model_validator(mode="after")
    def _validate_runs(self) -> Self:
        self._grid  # noqa: B018 (raises for the first invalid run)
        return self

    def configs(self) -> list[RunConfig]:
        """The runs without duplicates; the last axis varies fastest."""
        return [config for config, _ in self._grid.values()]

    def identified(self) -> Self:
        """The sweep with the fingerprints of its data, each folder read once. Raises DataError."""
        datasets = {_place(config): config.dataset for config in self.configs()}
        found = {place: getattr(dataset.identified(), "fingerprint", None) for place, dataset in datasets.items()}
        return self.with_(fingerprints={place: text for place, text in found.items() if text})

    def choices(self) -> dict[str, dict[str, Any]]:
        """For each run id, its values on the axes that have several."""
        return {
            run_id: {path: value for path, value in choice.items() if len(self.axes[path]) > 1}
            for run_id, (_, choice) in self._grid.items()
        }

    @property
    def id(self) -> str:
        """The title as a folder name, and a hash of the set of runs, which does not depend on the order of the axes."""
        return f"{slug(self.title) or 'sweep'}-{digest(sorted(self._grid))}"

    def __str__(self) -> str:
        varied = [title(path) for path, values in self.axes.items() if len(values) > 1]
        return self.title or " × ".join(varied) or self.base.loss.title

    @cached_property
    def _grid(self) -> dict[str, tuple[RunConfig, dict[str, Any]]]:
        # Set a part before its hyperparameters, and a name before other fields, whatever the order of the axes: a new
        # part starts from its defaults.
        order = sorted(
            self.axes, key=lambda path: (path == INTERVENTION, path.count("."), path.rpartition(".")[2] != "name")
        )
        values = self.base.model_dump()
        grid: dict[str, tuple[RunConfig, dict[str, Any]]] = {}
        for combination in itertools.product(*self.axes.values()):
            choice = dict(zip(self.axes, combination, strict=True))
            try:
                config = self._with_fingerprint(_config_with(values, [(path, choice[path]) for path in order]))
            except ConfigError as error:
                raise _located(error, choice) from None
            grid.setdefault(config.id, (config, choice))
        return grid

    def _with_fingerprint(self, config: RunConfig) -> RunConfig:
        if (text := self.fingerprints.get(_place(config))) is None:
            return config
        return config.with_(dataset=config.dataset.with_(fingerprint=text))


def _place(config: RunConfig) -> str:
    """The data set, and the folder that it is read from."""
    return f"{config.dataset.name} {getattr(config.dataset, 'folder', None) or ''}".strip()


def _config_with(values: dict[str, Any], choice: list[tuple[str, Any]]) -> RunConfig:
    change = None
    for path, value in choice:
        if path == INTERVENTION:
            change = value
        else:
            values = with_field(values, path, value)
    config = RunConfig(**values)
    if change is None:
        return config
    if (changed := chosen(change).apply(config)) is None:
        raise ConfigError(
            (
                (INTERVENTION,),
                f"is {short(change)}, which changes nothing in a run with loss {config.loss.name!r} and "
                f"model {config.model.name!r}",
            )
        )
    return changed


def _located(error: ConfigError, choice: dict[str, Any]) -> ConfigError:
    """The error with the axis that caused it, or else with the combination."""

    def from_an_axis(path: str) -> bool:
        return any(f"{path}.".startswith(f"{axis}.") or f"{axis}.".startswith(f"{path}.") for axis in choice)

    if all(from_an_axis(".".join(path)) for path, _ in error.problems):
        return error.inside("axes")
    return ConfigError(
        (("axes",), f"ask for {', '.join(f'{title(path)} {label(value)}' for path, value in choice.items())}: {error}")
    )


def with_field(values: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The fields of a run with the one at this path, such as `loss.cutoff`, replaced. ConfigError for an unknown part.

    A new name gives a new part with its default hyperparameters; those of the old part do not carry over. Text as the
    value of a part is its name.
    """
    name, _, rest = path.partition(".")
    if rest:
        # of a part that was just named, the fields are not there yet; if this is none of them, the part itself says so
        inner = values.get(name, {} if "name" in values else None)
        if isinstance(inner, Spec):
            inner = inner.model_dump()
        if not isinstance(inner, dict):
            names = f"allowed: {listing(values)} and their parts{suggestion(name, values)}"
            why = f", since {name} has no parts" if name in values else f", {names}"
            raise ConfigError(((path,), f"is not a field of a run{why}"))
        try:
            return values | {name: with_field(inner, rest, value)}
        except ConfigError as error:
            raise error.inside(name) from None
    if name == "name":
        return {"name": value}
    if isinstance(value, str) and isinstance(part := values.get(name), dict) and "name" in part:
        value = {"name": value}
    return values | {name: value}


def parse_values(text: str) -> list[Any]:
    """The values in typed text: a JSON list, or values separated by commas (numbers, true, false, null or words)."""
    try:
        if isinstance(values := json.loads(text), list):
            return values
    except (ValueError, RecursionError):
        pass
    return [parse_value(word.strip()) for word in text.split(",") if word.strip()]


def parse_value(text: str) -> Any:
    """The value of JSON text; any other text stays as it is."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def title(path: str) -> str:
    """The title of an axis: 'learning rate' for optimizer.learning_rate."""
    return path.removesuffix(".name").rpartition(".")[2].replace("_", " ")


def label(value: Any) -> str:
    """The label of a value on an axis: 'gce (q 0.7)'."""
    if isinstance(value, Mapping):
        others = ", ".join(f"{title(name)} {label(other)}" for name, other in value.items() if name != "name")
        return f"{value['name']} ({others})" if "name" in value and others else str(value.get("name", others))
    return UNCHANGED if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def intervention_sweep(
    config: RunConfig, interventions: Iterable[str | dict[str, Any] | Intervention] | None = None, seeds: int = 1
) -> Sweep:
    """A sweep over a run without and with each of these interventions, with `seeds` seeds from the run's own on.

    The default is all interventions that change something in the run.
    """
    selected = list(applicable(config)) if interventions is None else list(interventions)
    axes: dict[str, list[Any]] = {INTERVENTION: [None, *selected]}
    if seeds > 1:
        axes["seed"] = list(range(config.seed, config.seed + seeds))
    return Sweep(base=config, axes=axes, title=f"Interventions: {config.loss.title}")


def rival(loss: Loss) -> Loss:
    """The loss that shows most beside this one: cross-entropy, which leaves its guess; for that, one that may not."""
    return GeneralizedCrossEntropy() if isinstance(loss, CrossEntropy) else CrossEntropy()


def race_of_losses(config: RunConfig, losses: Iterable[Loss]) -> Sweep:
    """A race: the same run with each of these losses, of which there are 2 to MAX_LANES. Raises ConfigError."""
    lanes = list({loss.to_json(): loss for loss in losses}.values())
    if not 2 <= len(lanes) <= MAX_LANES:
        raise ConfigError((("lanes",), f"are {len(lanes)} losses, allowed: 2 to {MAX_LANES} different ones"))
    axes = {"loss": [loss.model_dump(mode="json") for loss in lanes]}
    title = f"Race: {', '.join(loss.name for loss in lanes)}"
    return Sweep(base=config.with_(loss=lanes[0]), axes=axes, title=title[:80])


def race_of_cure(config: RunConfig, name: str) -> Sweep:
    """A race of a run against itself with one intervention. Raises ConfigError if that changes nothing."""
    title = f"Race: {config.loss.name}, {chosen(name).name}"
    return Sweep(base=config, axes={INTERVENTION: [None, name]}, title=title)
