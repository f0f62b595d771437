"""What the numbers of a run were made from and on, in one line under its charts."""

from __future__ import annotations

from typing import Any

import streamlit as st

from igbviz.runs.run import Run
from igbviz.ui.messages import plain


def draw(run: Run, *measured: str, precision: str = "float32") -> None:
    """One line on what the numbers were made from: data, what was measured, arithmetic, device, versions, date."""
    schema = {
        "data": "unknown data",
        "device": "an unknown device",
        "threads": "?",
        "torch": "of an unknown version",
    } | run.schema
    lanes = schema.get("lanes", 1)
    how = f"{schema['threads']} thread{'s' * (schema['threads'] != 1)}"
    how += f", one of {lanes} runs in a stack" if isinstance(lanes, int) and lanes > 1 else ""
    parts = [schema["data"], *measured, f"{precision} on {schema['device']} ({how})", f"torch {schema['torch']}"]
    st.caption(plain("; ".join(map(str, filter(None, [*parts, schema.get("date"), f"run {run.id}"])))))


def counted(schema: dict[str, Any], name: str, what: str) -> str:
    """'1,000 parameters', or nothing where the schema does not say."""
    return f"{count:,} {what}" if isinstance(count := schema.get(name), int) else ""
