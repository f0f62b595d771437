"""The provenance of a run in one line under its charts: data, arithmetic, device, versions and date."""

from __future__ import annotations

from typing import Any

import streamlit as st

from igbviz.runs.run import Run
from igbviz.ui.messages import plain

# First look, CPU (AMD EPYC, one thread), three repeats per loss; ResNet-50 on grey CIFAR-10, CPU, one repeat.
ROUNDING = (
    "Training can amplify rounding errors: with the same seed, another processor may follow another trajectory after "
    "some hundred steps."
)
ROUNDING_MEASURED = (
    "A relative change of 6e-8 in the initial weights moved the mean probability of a class by 0.06 to 0.08 within 170 "
    "steps of the first look with cross-entropy, but by less than 1e-5 with the piecewise-zero and the printed blurry "
    "loss, which get stuck there. A change of 1e-7 moved ResNet-50 with the printed blurry loss by 0.07 within two "
    "steps."
)


def draw(run: Run, *measured: str, precision: str = "float32") -> None:
    """One line with data, what was measured, arithmetic, device, versions and date."""
    if run.is_recorded:
        _draw_recorded(run, *measured)
        return
    schema = {
        "data": "unknown data",
        "device": "an unknown device",
        "threads": "?",
        "torch": "of an unknown version",
    } | run.schema
    lanes = schema.get("lanes", 1)
    how = f"{schema['threads']} thread{'s' * (schema['threads'] != 1)}"
    how += f", one of {lanes} stacked runs" if isinstance(lanes, int) and lanes > 1 else ""
    origin = "imported, not trained here" if run.is_imported else ""
    parts = [
        origin,
        schema["data"],
        *measured,
        f"{precision} on {schema['device']} ({how})",
        f"torch {schema['torch']}",
    ]
    st.caption(plain("; ".join(map(str, filter(None, [*parts, schema.get("date"), f"run {run.id}"])))))


def _draw_recorded(run: Run, *measured: str) -> None:
    """What a probe knows of a training in somebody's own program."""
    config = run.config
    origin = "recorded outside igbviz" + (", imported" if run.is_imported else "")
    named = {"network": config.model, "loss": config.loss, "optimizer": config.optimizer, "schedule": config.schedule}
    parts = [f"{what} {part.name}" for what, part in named.items() if part.name]
    versions = {"torch": config.torch, "Python": config.python, "igbviz": config.igbviz}
    parts += [config.dataset.title, *measured, config.device, *(f"{name} {v}" for name, v in versions.items() if v)]
    st.caption(plain("; ".join(filter(None, [origin, *parts, config.date, f"run {run.id}"]))))


def counted(schema: dict[str, Any], name: str, noun: str) -> str:
    """'1,000 parameters', or an empty text if the schema does not have the number."""
    return f"{count:,} {noun}" if isinstance(count := schema.get(name), int) else ""
