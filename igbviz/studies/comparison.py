"""Several runs side by side, as arrays and tables: their outcomes, their differences, and the seeds of one setting.

A run is read once and kept as a few kilobytes, so that thirty of them fit into memory easily. Shapes: T drawn probes, K
classes.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from igbviz.config import RecordedConfig, RunConfig
from igbviz.runs.run import Run, RunError
from igbviz.runs.status import ENDED
from igbviz.spec import Spec
from igbviz.studies.seed_summary import format_fraction, format_spread, format_step, median_and_range
from igbviz.trajectory.outcome import Outcome, outcome
from igbviz.trajectory.quantities import MEASURES, PER_CLASS
from igbviz.trajectory.trajectory import EVENNESS_THRESHOLD
from igbviz.trajectory.verdict import verdict

PANELS = ("true_class_probability", "accuracy")  # per class, as in the paper's Figure 2: left and right


# Columns of an `Outcome`: title and format.
OUTCOMES = {
    "balanced_accuracy": ("balanced accuracy", format_fraction),
    "true_class_probability": ("true-class probability", format_fraction),
    "largest_guess_init": ("largest guess, Init.", format_fraction),
    "largest_guess": ("largest guess, end", format_fraction),
    "classes_at_zero": ("classes at zero", "{:.3g}".format),
    "silent": ("ignored images", format_fraction),
    "escape": ("escape step", format_step),
    "alive": ("every class alive", format_step),
    "classes_alive": ("classes alive", "{:.3g}".format),
}
ESCAPE_IN_WORDS = (
    "Escape: the first probe, in optimizer steps, from which on the entropy of the guess fractions is at least "
    f"{EVENNESS_THRESHOLD:g} ln K to the end, or to the last probe so far of a run that is not finished."
)


@dataclass(frozen=True)
class Member:
    """What a comparison keeps of a run. `per_class` has (T, K) and `measures` (T,) arrays of the drawn probes;
    `outcome` and `verdict`, a sentence, are on the whole run."""

    run: str
    state: str
    config: RunConfig | RecordedConfig
    class_names: tuple[str, ...]
    steps_per_epoch: float
    favoured: int
    step: np.ndarray  # (T,) optimizer steps
    epoch: np.ndarray  # (T,)
    seconds: np.ndarray  # (T,)
    per_class: dict[str, np.ndarray]
    measures: dict[str, np.ndarray]
    outcome: Outcome
    verdict: str = ""

    @classmethod
    def read(cls, run: Run) -> Member | None:
        """The run so far; None before its first probe. Raises RunError for a run that cannot be read."""
        status, config = run.status, run.config
        try:
            whole, drawn = run.trajectory(), run.glance()
            if not len(whole) or not len(drawn):
                return None
            diverged = status.state == "diverged"
            return cls(
                run.id,
                status.state,
                config,
                whole.class_names,
                float(run.steps_per_epoch or 1),
                drawn.favoured(),
                *(np.array(values) for values in (drawn.step, drawn.epoch, drawn.seconds)),
                {name: np.asarray(PER_CLASS[name].values(drawn), np.float32) for name in PANELS},
                {name: np.asarray(measure.values(drawn), np.float32) for name, measure in MEASURES.items()},
                outcome(whole, diverged=diverged),
                verdict(whole, ended=status.state in ENDED, diverged=diverged).sentence,
            )
        except (ValueError, TypeError, OSError) as error:
            if isinstance(error, RunError):
                raise
            raise RunError(f"run {run.id} cannot be compared: {error}") from None

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def has_epochs(self) -> bool:
        """Whether the length of an epoch is known; else `steps_per_epoch` is 1."""
        return bool(np.isfinite(self.epoch).all())

    @property
    def epochs(self) -> float:
        """The planned length of the run in epochs; of a recorded run its length."""
        recorded = isinstance(self.config, RecordedConfig)
        return float(self.step[-1]) / self.steps_per_epoch if recorded else self.config.epochs

    @property
    def seed_in_words(self) -> str:
        return "no known seed" if self.config.seed is None else f"seed {self.config.seed}"


# Differences.


def flat(config: Spec, path: str = "") -> dict[str, Any]:
    """Every field that affects the results, by dotted path: {'loss.name': 'blurry', 'loss.gamma': 0.7, ..., 'seed':
    0}."""
    values: dict[str, Any] = {}
    for key, field in type(config).model_fields.items():
        value, field_path = getattr(config, key), f"{path}{key}"
        if not {"incidental", "unlisted"}.isdisjoint(field.json_schema_extra or {}):
            continue
        if isinstance(value, Spec):
            values |= flat(value, f"{field_path}.")
        elif isinstance(value, dict):
            values |= {f"{field_path}.{name}": inner for name, inner in value.items()}
        else:
            values[field_path] = value
    return values


def differences(configs: Sequence[RunConfig | RecordedConfig]) -> dict[str, list[Any]]:
    """The dotted paths whose values differ, with one value per configuration; None where it has no such field."""
    rows = [flat(config) for config in configs]
    names = dict.fromkeys(["title", *RunConfig.model_fields])
    order = {name: index for index, name in enumerate(names)}
    paths = sorted(dict.fromkeys(path for row in rows for path in row), key=lambda path: order[path.partition(".")[0]])
    columns = {path: [row.get(path) for row in rows] for path in paths}
    return {path: values for path, values in columns.items() if any(value != values[0] for value in values)}


def labels(configs: Sequence[RunConfig | RecordedConfig]) -> list[str]:
    """A short label per configuration with what sets it apart: 'Piecewise-zero, cutoff 0.1 · depth 4 · seed 1'.

    A hyperparameter is named where it differs between the configurations that have it: beside cross-entropy, a single
    piecewise-zero needs no cutoff. What all share is in no label, unless there is nothing else. A recorded run has its
    title, and of several with one title each the digits that tell their records apart.
    """
    recorded = [config for config in configs if isinstance(config, RecordedConfig)]
    titles = Counter(config.title for config in recorded)
    apart = iter(_labels([config for config in configs if not isinstance(config, RecordedConfig)]))
    return [
        f"{config.title} (recorded{f' {config.content[:4]}' if titles[config.title] > 1 else ''})"
        if isinstance(config, RecordedConfig)
        else next(apart)
        for config in configs
    ]


def _labels(configs: Sequence[RunConfig]) -> list[str]:
    rows, differing = [flat(config) for config in configs], differences(configs)
    names = []
    for config, row in zip(configs, rows, strict=True):
        parts: dict[str, list[str]] = {}
        for path in differing:
            part, _, parameter = path.partition(".")
            if path not in row:
                continue
            kind = row.get(f"{part}.name")
            rivals = [other[path] for other in rows if path in other and other.get(f"{part}.name") == kind]
            if parameter == "name":
                parts.setdefault(part, []).append(_title(getattr(config, part)))
            elif any(value != row[path] for value in rivals):
                parts.setdefault(part, []).append(_format_choice(path, row[path]))
        phrases = [
            ", ".join(parts[part]) for part in sorted(parts, key=lambda part: part != "loss")
        ]  # the loss first, then as described
        names.append(" · ".join(phrases) or in_common([config]))
    return names


def in_common(configs: Sequence[RunConfig | RecordedConfig]) -> str:
    """Loss, network and data set where all have the same, joined by dots: what the labels leave out."""
    kinds = [{_title(getattr(config, part)) for config in configs} for part in ("loss", "model", "dataset")]
    return " · ".join(kind.pop() for kind in kinds if len(kind) == 1)


def _title(part: Spec) -> str:
    return part.title_of(part.name)


def _format_choice(path: str, value: Any) -> str:
    part, _, parameter = path.replace("_", " ").rpartition(".")
    name = f"probe {parameter}" if part == "probes" else parameter
    if isinstance(value, bool):
        return name if value else f"{name} off"
    return f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"


# The seeds of one setting.


@dataclass(frozen=True)
class Setting:
    """All chosen runs that differ only in the seed, sorted by seed. `index` selects its color and symbol."""

    label: str
    index: int
    members: tuple[Member, ...]


def settings(members: Iterable[Member]) -> list[Setting]:
    """The members by setting, in the order in which the settings first appear."""
    groups: dict[str, list[Member]] = {}
    for member in members:
        groups.setdefault(member.config.group, []).append(member)
    names = labels([group[0].config.with_(seed=0) for group in groups.values()])
    return [
        Setting(label, index, tuple(sorted(group, key=lambda member: member.config.seed or 0)))
        for index, (label, group) in enumerate(zip(names, groups.values(), strict=True))
    ]


@dataclass(frozen=True)
class Band:
    """A measure over the seeds of a setting, on one grid in log time: all (G,)."""

    step: np.ndarray
    median: np.ndarray
    low: np.ndarray  # minimum over the seeds
    high: np.ndarray  # maximum over the seeds
    n: np.ndarray  # seeds with a value at this step


def band(members: Sequence[Member], measure: str) -> Band:
    """Median, minimum and maximum over the seeds, at every step at which one of them was probed.

    Between its probes a seed's value is interpolated linearly in log time; before its first and after its last finite
    value the seed does not count.
    """
    step = np.unique(np.concatenate([member.step for member in members]))
    values = np.stack([interpolated_at(step, member.step, member.measures[measure]) for member in members])
    n = np.isfinite(values).sum(0)
    step, values, n = step[n > 0], values[:, n > 0], n[n > 0]
    if not len(step):
        return Band(step, *np.empty((3, 0)), n)
    return Band(step, np.nanmedian(values, 0), np.nanmin(values, 0), np.nanmax(values, 0), n)


def interpolated_at(new_step: np.ndarray, step: np.ndarray, values: np.ndarray) -> np.ndarray:
    """`values` (T,) at `step`, interpolated linearly in log time at `new_step`; NaN outside the finite values."""
    finite = np.isfinite(values)
    if not finite.any():
        return np.full(len(new_step), np.nan)
    return np.interp(_log(new_step), _log(step[finite]), values[finite], left=np.nan, right=np.nan)


def _log(step: np.ndarray) -> np.ndarray:
    """log10 of the steps, with Init. half a decade before step 1."""
    return np.log10(np.maximum(step, 10**-0.5))


def titles(settings: Sequence[Setting]) -> dict[str, str]:
    """By run id: its setting, and its seed unless all have the same."""
    members = [(setting.label, member) for setting in settings for member in setting.members]
    if len({member.config.seed for _, member in members} - {None}) <= 1:
        return {member.run: label for label, member in members}
    if len(settings) == 1:
        return {member.run: member.seed_in_words for _, member in members}
    return {
        member.run: label if member.config.seed is None else f"{label} · {member.seed_in_words}"
        for label, member in members
    }


# Tables.


def run_table(settings: Sequence[Setting]) -> pd.DataFrame:
    """One row per run: setting, seed, state, outcome as plain values, and verdict; the escape step is infinite for a
    run that has not escaped."""
    members = [member for setting in settings for member in setting.members]
    table = pd.DataFrame({
        "setting": [setting.label for setting in settings for _ in setting.members],
        "run": [member.run for member in members],
        "seed": _seeds(members),
        "state": [member.state for member in members],
        "last_step": [int(member.step[-1]) for member in members],
    })  # fmt: skip
    for name in OUTCOMES:
        table[name] = [float(getattr(member.outcome, name)) for member in members]
    table["verdict"] = [member.verdict for member in members]
    return table


def _seeds(members: Sequence[Member]) -> Any:
    """A column of whole numbers, also where some seeds are unknown."""
    seeds = [member.config.seed for member in members]
    return pd.array(seeds, dtype="Int64") if None in seeds else seeds


def setting_table(settings: Sequence[Setting]) -> pd.DataFrame:
    """One row per setting, as text: number of seeds, and the median (min to max) of each outcome over the seeds that
    have one."""
    rows = []
    for setting in settings:
        row = {"setting": setting.label, "n": len(setting.members)}
        for name, (_, format_value) in OUTCOMES.items():
            values = [float(getattr(member.outcome, name)) for member in setting.members]
            values = [value for value in values if not math.isnan(value)]
            row[name] = format_spread(median_and_range(values), format_value) if values else "–"
        rows.append(row)
    return pd.DataFrame(rows)


def difference_table(settings: Sequence[Setting]) -> pd.DataFrame:
    """One row per setting: its seeds, and one column per dotted path that differs between settings; empty where a
    setting has no such field."""
    differing = differences([setting.members[0].config.with_(seed=0) for setting in settings])
    table = {"setting": [setting.label for setting in settings]}
    table["seeds"] = [
        ", ".join("unknown" if member.config.seed is None else str(member.config.seed) for member in setting.members)
        for setting in settings
    ]
    return pd.DataFrame(
        table | {path: ["" if value is None else str(value) for value in values] for path, values in differing.items()}
    )


def panel_frame(settings: Sequence[Setting]) -> pd.DataFrame:
    """The data of the grid, tidy: one row per (run, probe, class)."""
    frames = []
    for setting, member in _members(settings):
        t, k = len(member.step), len(member.class_names)
        frame = pd.DataFrame(_head(setting, member, k))
        frame["class"] = np.tile(np.array(member.class_names, dtype=object), t)
        frame["favoured_at_init"] = np.tile(np.arange(k) == member.favoured, t)
        for name in PANELS:
            frame[name] = member.per_class[name].reshape(-1)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def measure_frame(settings: Sequence[Setting]) -> pd.DataFrame:
    """All measures of all runs, tidy: one row per (run, probe)."""
    frames = [pd.DataFrame(_head(setting, member, 1) | member.measures) for setting, member in _members(settings)]
    return pd.concat(frames, ignore_index=True)


def band_frame(settings: Sequence[Setting], measure: str) -> pd.DataFrame:
    """Median and band of a measure, tidy: one row per (setting, step)."""
    frames = []
    for setting in settings:
        over_seeds = band(setting.members, measure)
        values = {"median": over_seeds.median, "least": over_seeds.low, "most": over_seeds.high, "n": over_seeds.n}
        frames.append(pd.DataFrame({"setting": setting.label, "measure": measure, "step": over_seeds.step} | values))
    return pd.concat(frames, ignore_index=True)


def _members(settings: Sequence[Setting]) -> list[tuple[Setting, Member]]:
    return [(setting, member) for setting in settings for member in setting.members]


def _head(setting: Setting, member: Member, times: int) -> dict[str, Any]:
    """The columns that identify a row of a tidy table; every probe `times` times."""
    columns = {"setting": setting.label, "run": member.run, "seed": member.config.seed}
    return columns | {name: np.repeat(getattr(member, name), times) for name in ("step", "epoch", "seconds")}
