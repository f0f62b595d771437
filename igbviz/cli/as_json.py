"""Runs and choices as JSON for other programs: stable keys, dates in ISO 8601 with their time zone, and no NaN."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np

from igbviz.cli.tables import favoured_by, gammas
from igbviz.ensembles import Ensemble
from igbviz.runs.kinds import Config
from igbviz.runs.library import Row
from igbviz.runs.run import Run, RunError
from igbviz.trajectory import Trajectory

# The keys of a run. `name`, `tags` and `note` are the user's; `message` is the program's.
KEYS = (
    "id", "state", "message", "kind", "name", "tags", "note", "archived", "dataset", "model", "initialization", "loss",
    "hyperparameters", "epochs", "seed", "seconds", "submitted", "bytes", "shipped", "imported", "path",
)  # fmt: skip
OF_SHOW = ("step", "steps", "epoch", "device", "updated", "config", "classes")


def print_json(value: Any) -> None:
    print(json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False))


def run_values(row: Row, run: Run) -> dict[str, Any]:
    """A run as `runs --json` lists it."""
    own = {"message": row["note"], "note": row["remark"], "hyperparameters": row["knobs"], "path": str(run.path)}
    try:
        own["submitted"] = date(run.stored_status().submitted)
    except RunError:
        own["submitted"] = None
    values = row | own
    return {key: values[key] for key in KEYS}


def shown_values(row: Row, run: Run) -> dict[str, Any]:
    """A run as `show --json` prints it: its configuration, and its classes or its networks, too."""
    status, config, recorded = run.status, run.config, run.recorded()
    values = run_values(row, run) | {key: getattr(status, key) for key in ("step", "steps", "epoch", "device")}
    values |= {"state": status.state, "message": status.message, "updated": date(status.updated)}
    values["config"] = _values(config)
    if isinstance(recorded, Ensemble):
        return values | _networks(recorded)
    return values | {"classes": _classes(recorded)}


def date(seconds: float) -> str | None:
    """Seconds since 1970 as '2026-11-27T10:20:00+00:00'; None for an unknown time."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds") if seconds else None


def _values(config: Config) -> Any:
    return json.loads(config.to_json())


def _classes(trajectory: Trajectory) -> list[dict[str, Any]]:
    if not len(trajectory):
        return []
    first, last, alive = trajectory[:1], trajectory[-1:], trajectory.alive_steps()
    return [
        {
            "name": name,
            "favoured": index == trajectory.favoured(),
            "p_at_init": first.true_class_probability()[0, index],
            "p_now": last.true_class_probability()[0, index],
            "accuracy_now": last.accuracy()[0, index],
            "guesses_at_init": first.guess_fraction()[0, index],
            "guesses_now": last.guess_fraction()[0, index],
            "alive_step": alive[index],
        }
        for index, name in enumerate(trajectory.class_names)
    ]


def _networks(ensemble: Ensemble) -> dict[str, Any]:
    if not len(ensemble):
        return {"networks": 0, "inputs": None, "gamma": {}, "classes": []}
    guesses, shares = ensemble.guess_fraction(), favoured_by(ensemble)
    return {
        "networks": len(ensemble),
        "inputs": ensemble.inputs,
        "gamma": {name: {"value": value, "error": error} for name, (value, error) in gammas(ensemble).items()},
        "classes": [
            {
                "name": name,
                "mean_guesses": guesses[:, index].mean(),
                "sd_guesses": guesses[:, index].std(),
                "max_guesses": guesses[:, index].max(),
                "favoured_by": shares[index],
            }
            for index, name in enumerate(ensemble.class_names)
        ],
    }


def _plain(value: Any) -> Any:
    """The same in types of JSON; a number that is none becomes null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    return None if isinstance(value, float) and not math.isfinite(value) else value
