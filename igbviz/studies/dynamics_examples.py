"""Finished examples of the three questions of `studies.dynamics`, so that its page has a picture before any run.

A hundred short runs are too many to ship as folders, so dynamics_examples.json holds what the figures read of them: for
each run its id, its end, its probed steps and the measures there. The configurations follow from the sweep, so whoever
starts the same sweep gets the same runs as folders. `python -m igbviz.studies.dynamics_examples` trains them and writes
the file anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from igbviz.runs.files import write_text
from igbviz.runs.run import DEFAULT_CACHE
from igbviz.runs.sweep_config import Sweep
from igbviz.runs.sweeps import Group, submit_sweep
from igbviz.studies import dynamics
from igbviz.studies.comparison import Member
from igbviz.trajectory.outcome import Outcome

DATA = Path(__file__).with_suffix(".json")
QUANTITIES = ("balanced_accuracy", "train_loss", "guess_entropy")  # the measures that are kept
PROVENANCE = ("data", "device", "torch", "python", "system", "date")  # of schema.json


@dataclass(frozen=True)
class Example:
    """A finished sweep: of its members `measures` has QUANTITIES only, and `per_class` and `seconds` are not kept."""

    sweep: Sweep
    members: tuple[Member, ...]
    provenance: Mapping[str, Any]


def sweeps() -> dict[str, Sweep]:
    """The sweep of each question, as its form starts: the keys of `dynamics.KINDS`."""
    return {
        "plane": dynamics.over_plane(dynamics.BASE),
        "starts": dynamics.over_seeds(dynamics.BASE),
        "majority": dynamics.over_majorities(dynamics.BASE),
    }


@cache
def read(path: Path = DATA) -> dict[str, Example]:
    """The examples by question."""
    return {name: _example(stored) for name, stored in json.loads(path.read_text(encoding="utf-8")).items()}


def _example(stored: Mapping[str, Any]) -> Example:
    sweep, names = Sweep(**stored["sweep"]), tuple(stored["class_names"])
    configs = {config.id: config for config in sweep.configs()}
    members = []
    for row in stored["runs"]:
        result = Outcome(**row["outcome"] | {"alive_steps": tuple(row["outcome"].get("alive_steps", ()))})
        step = np.array(row["step"])
        epoch, seconds = step / stored["steps_per_epoch"], np.full(len(step), np.nan)
        measures = {name: np.array(values, np.float32) for name, values in row["measures"].items()}
        members.append(
            Member(
                row["run"], row["state"], configs[row["run"]], names, stored["steps_per_epoch"],
                names.index(result.favoured_class), step, epoch, seconds, {}, measures, result,
            )
        )  # fmt: skip
    return Example(sweep, tuple(members), stored["provenance"])


def write(groups: Mapping[str, Group], path: Path = DATA) -> None:
    """Write the finished groups of the questions as the examples."""
    text = json.dumps({name: _stored(group) for name, group in groups.items()}, separators=(",", ":"), allow_nan=False)
    write_text(path, text.replace('{"run":', '\n{"run":') + "\n")  # a line per run


def _stored(group: Group) -> dict[str, Any]:
    members = [Member.read(run) for run in group.runs]
    seconds = sum(run.status.seconds for run in group.runs)
    schema = group.runs[0].schema
    return {
        "sweep": group.sweep.model_dump(mode="json"),
        "provenance": {name: schema.get(name, "unknown") for name in PROVENANCE} | {"seconds": round(seconds, 1)},
        "class_names": list(members[0].class_names),
        "steps_per_epoch": members[0].steps_per_epoch,
        "runs": [
            {
                "run": member.run,
                "state": member.state,
                "step": member.step.tolist(),
                "measures": {name: _rounded(member.measures[name]) for name in QUANTITIES},
                "outcome": asdict(member.outcome),
            }
            for member in members
        ],
    }


def _rounded(values: Iterable[float]) -> list[float | None]:
    """Five digits, more than a figure shows; None where a measure is not finite."""
    return [float(f"{value:.5g}") if np.isfinite(value) else None for value in values]


def record(folder: Path = DEFAULT_CACHE) -> None:
    """Train whatever is not trained yet in this cache, wait, and write the file."""
    groups = {name: submit_sweep(sweep, folder) for name, sweep in sweeps().items()}
    for group in groups.values():
        group.wait()
    write(groups)


if __name__ == "__main__":
    record()
