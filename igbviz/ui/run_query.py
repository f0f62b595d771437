"""The form of the Train page in its address: the preset, and only what differs from it.

    ?preset=first-look-blurry&changes={"epochs":1,"model.depth":6}
    ?loss=gce&knobs={"q":0.5}                                        as on the page of losses
    ?seed=3                                                          for links written by hand

Beside `run`, the differences are those from the run's own settings, unless a preset is named.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from igbviz.config import RunConfig
from igbviz.runs.sweep_config import with_field
from igbviz.spec import ConfigError, Spec
from igbviz.ui.query import loss_from_query, loss_to_query

FIELDS = ("preset", "loss", "knobs", "changes", "seed")


def form_to_query(config: RunConfig, start: RunConfig) -> dict[str, str | None]:
    """What the address says of a form that started from `start` and now describes `config`; None leaves a field out."""
    changes = {path: value for path, value in _differences(config, start).items() if path.partition(".")[0] != "loss"}
    loss = loss_to_query(config.loss) if config.loss != start.loss else {}
    return {
        "loss": loss.get("loss"),
        "knobs": loss.get("knobs"),
        "changes": json.dumps(changes, separators=(",", ":")) if changes else None,
        "seed": None,  # from now on among the changes
    }


def form_from_query(query: Mapping[str, str], start: RunConfig) -> RunConfig:
    """`start` with the changes that the address asks for. Raises ConfigError, one sentence, for impossible ones."""
    values, changes = start.model_dump(), _parsed(query.get("changes", "{}"))
    if (seed := query.get("seed")) is not None:
        changes["seed"] = int(seed) if seed.isdecimal() and len(seed) < 20 else seed
    for path, value in changes.items():
        values = with_field(values, path, value)
    if loss := loss_from_query(query):
        values["loss"] = loss
    return RunConfig(**values)


def _parsed(text: str) -> dict[str, Any]:
    try:
        changes = json.loads(text)
    except (ValueError, RecursionError):
        changes = None
    if not isinstance(changes, dict):
        allowed = 'a JSON object of fields and values, as in {"epochs": 1, "model.depth": 6}'
        raise ConfigError((("changes",), f"are {text[:80]!r}, allowed: {allowed}"))
    return changes


def _differences(config: RunConfig, start: RunConfig) -> dict[str, Any]:
    """The fields of `config` that differ, by dotted path; a part of another name is given as a whole."""
    found: dict[str, Any] = {}
    for name in RunConfig.model_fields:
        now, before = getattr(config, name), getattr(start, name)
        if now == before:
            continue
        if not isinstance(now, Spec):
            found[name] = now
        elif getattr(now, "name", None) != getattr(before, "name", None):
            found[name] = now.canonical(incidental=True)
        else:
            inner = now.model_dump(mode="json")
            found |= {
                f"{name}.{field}": inner[field]
                for field in now.hyperparameters()
                if getattr(now, field) != getattr(before, field)
            }
    return found
