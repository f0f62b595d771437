"""What a public chart takes: a run, what it has recorded, or the records as a loop has collected them.

Everything else is refused in one sentence with the name of the argument, its value and what is allowed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from igbviz.config import RecordedConfig, RunConfig
from igbviz.config.recorded import MAX_TITLE
from igbviz.ensembles import Ensemble
from igbviz.losses import LOSSES, Loss
from igbviz.runs.run import Run, RunError
from igbviz.runs.sweeps import Group
from igbviz.spec import ConfigError, listing, short
from igbviz.studies.comparison import PANELS, Member, Setting
from igbviz.studies.comparison import settings as by_setting
from igbviz.trajectory import Trajectory
from igbviz.trajectory.outcome import outcome
from igbviz.trajectory.quantities import MEASURES, PER_CLASS
from igbviz.trajectory.records import Recorded
from igbviz.trajectory.verdict import verdict

Snapshots = Sequence[np.void] | np.ndarray  # as `igbviz.train` yields them
OfRun = Trajectory | Run | Snapshots
OfEnsemble = Ensemble | Run | Snapshots
OfRuns = Group | Sequence[Run] | Sequence[Setting] | Mapping[str, OfRun | Sequence[Run]]
OfLosses = Mapping[str, Loss] | Sequence[Loss | str | Mapping[str, Any]] | str | Loss

Records = TypeVar("Records", bound=Recorded)
Read = Callable[[Run], Member | None]


def wrong(argument: str, value: Any, allowed: str) -> ConfigError:
    """The error for a value that an argument cannot have."""
    return ConfigError(((argument,), f"is {short(value)}, allowed: {allowed}"))


def one_of(argument: str, value: Any, names: Iterable[str]) -> None:
    """Raise ConfigError unless the value is one of these names."""
    if value not in (names := list(names)):
        raise wrong(argument, value, f"one of {listing(names)}")


def place_of(argument: str, index: Any, length: int, what: str) -> int:
    """The index from the front, as in a list; ConfigError if it is beyond the ends."""
    if not isinstance(index, int | np.integer) or not -length <= index < length:
        raise wrong(argument, index, f"the index of one of {length} {what}, from {-length} to {length - 1}")
    return int(index) % length


# One run.


def trajectory_of(value: OfRun, argument: str = "trajectory") -> Trajectory:
    """The probes of a run. Raises ConfigError for anything else, RunError for a run that cannot be read."""
    if not isinstance(value, Trajectory):  # a run has a method of this name, something that records may have the thing
        held = getattr(value, "trajectory", None)
        value = held() if callable(held) else value if held is None else held
    return _recorded(Trajectory, value, argument, "a Run, a Trajectory, or a list of snapshots")


def ensemble_of(value: OfEnsemble, argument: str = "ensemble") -> Ensemble:
    """The networks of an ensemble, at least one. Raises ConfigError for anything else, RunError like a Run."""
    ensemble = value.ensemble() if isinstance(value, Run) else value
    allowed = "the Run of an ensemble, an Ensemble, or a list of the records of its networks"
    ensemble = _recorded(Ensemble, ensemble, argument, allowed)
    if not len(ensemble):
        raise ConfigError(((argument,), "has no network yet, allowed: an ensemble of at least one network"))
    return ensemble


def _recorded(kind: type[Records], value: Any, argument: str, allowed: str) -> Records:
    if isinstance(value, kind):
        return value
    records = value if isinstance(value, np.ndarray) else list(value) if isinstance(value, list | tuple) else None
    if records is None or not len(records) or not all(isinstance(record, np.void) for record in records):
        raise wrong(argument, value, allowed)
    if kind.column not in (records[0].dtype.names or ()):
        raise ConfigError(((argument,), f"holds records without {kind.column}, allowed: {allowed}"))
    return kind.of(records)


@dataclass(frozen=True)
class Plan:
    """What is known of a run beside its probes: its steps per epoch, its epochs, and marks at (epoch, label)."""

    steps_per_epoch: float | None = None
    epochs: float | None = None
    marks: Sequence[tuple[float, str]] = ()


def plan_of(value: Any, given: Plan) -> Plan:
    """The plan of a Run, as far as it is not `given`; that of anything else is as given."""
    if not isinstance(value, Run):
        return given
    per_epoch, epochs, marks = given.steps_per_epoch, given.epochs, given.marks
    with contextlib.suppress(RunError):
        per_epoch = per_epoch or value.steps_per_epoch
    if isinstance(config := value.config, RunConfig):
        mark = config.schedule.mark(round(per_epoch)) if per_epoch else None
        marks = marks or ([mark] if mark and 0 < mark[0] < config.epochs else ())
        epochs = epochs or config.epochs
    return Plan(per_epoch, epochs, marks)


# Several runs.


def settings_of(value: OfRuns, argument: str = "runs", read: Read = Member.read) -> list[Setting]:
    """The runs by setting: those that differ only in the seed together, or as the names of a mapping group them.

    A run without a probe is left out. Raises ConfigError where nothing is left, or for anything else.
    """
    allowed = "a list of Runs, a Group, or a mapping of names to Runs, Trajectories, or lists of Runs"
    if isinstance(value, Mapping):
        groups = {name: _members(name, of_name, argument, allowed, read) for name, of_name in value.items()}
        settings = [Setting(str(name), index, tuple(group)) for index, (name, group) in enumerate(groups.items())]
    else:
        runs = value.runs if isinstance(value, Group) else value
        if isinstance(runs, Run):
            runs = [runs]
        if not isinstance(runs, list | tuple):
            raise wrong(argument, value, allowed)
        kinds = {next((kind for kind in (Run, Setting) if isinstance(part, kind)), type(part)) for part in runs}
        if not kinds <= {Run} and kinds != {Setting}:
            raise wrong(argument, value, allowed)
        settings = list(runs) if kinds == {Setting} else _settings(runs, read)
    if not any(setting.members for setting in settings):
        raise ConfigError(((argument,), "has no run with a probe yet, allowed: at least one"))
    return [setting for setting in settings if setting.members]


def members_of(settings: Sequence[Setting]) -> list[Member]:
    return [member for setting in settings for member in setting.members]


def _settings(runs: Sequence[Run], read: Read) -> list[Setting]:
    return by_setting(member for member in map(read, runs) if member is not None)


def _members(name: Any, value: Any, argument: str, allowed: str, read: Read) -> list[Member]:
    """The members of one name of a mapping."""
    runs = [value] if isinstance(value, Run) else value
    if isinstance(runs, list | tuple) and runs and all(isinstance(run, Run) for run in runs):
        return [member for setting in _settings(runs, read) for member in setting.members]
    try:
        member = _outside(str(name), trajectory_of(value), plan_of(value, Plan()))
    except ConfigError:
        raise wrong(f"{argument}[{name!r}]", value, allowed) from None
    return [member] if member else []


def _outside(name: str, trajectory: Trajectory, plan: Plan) -> Member | None:
    """Probes that belong to no run, as if they had been recorded outside."""
    if not len(trajectory):
        return None
    drawn, config = trajectory.thinned(), RecordedConfig(title=name[:MAX_TITLE] or "trajectory")
    return Member(
        name, "done", config, trajectory.class_names,
        float(plan.steps_per_epoch or trajectory.steps_per_epoch or 1.0), drawn.favoured(),
        *(np.array(values) for values in (drawn.step, drawn.epoch, drawn.seconds)),
        {panel: np.asarray(PER_CLASS[panel].values(drawn), np.float32) for panel in PANELS},
        {measure: np.asarray(MEASURES[measure].values(drawn), np.float32) for measure in MEASURES},
        outcome(trajectory), verdict(trajectory).sentence,
    )  # fmt: skip


# Losses.


def losses_of(value: OfLosses, argument: str = "chosen") -> dict[str, Loss]:
    """Losses by name; several of one name are told apart by their hyperparameters. Raises ConfigError."""
    if isinstance(value, Mapping) and "name" not in value:
        return {str(name): _loss(loss, f"{argument}[{name!r}]") for name, loss in value.items()}
    parts = [value] if isinstance(value, str | Loss | Mapping) else value
    if not isinstance(parts, list | tuple):
        raise wrong(argument, value, "losses, their names or their fields")
    found: dict[str, Loss] = {}
    for place, part in enumerate(parts):
        loss = _loss(part, f"{argument}[{place}]")
        changed = type(loss).changed_hyperparameters(loss.model_dump())
        found[f"{loss.name}, {changed}" if loss.name in found and changed else loss.name] = loss
    return found


def _loss(value: Any, argument: str) -> Loss:
    if isinstance(value, Loss):
        return value
    fields = {"name": value} if isinstance(value, str) else value
    if not isinstance(fields, Mapping) or fields.get("name") not in LOSSES:
        raise wrong(argument, value, f"a loss, its fields, or one of {listing(LOSSES)}")
    return LOSSES[fields["name"]](**fields)
