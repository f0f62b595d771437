"""The JSON files of the measurements: provenance first, then lists with one row per line, so that diff can compare."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from igbviz.runs.files import write_text
from igbviz.studies.provenance import this_machine


def provenance(**conditions: Any) -> dict[str, Any]:
    """Date, device and versions of a measurement that ends now, and its conditions."""
    return conditions | this_machine()


def write(path: Path, origin: Mapping[str, Any], lists: Mapping[str, Sequence[Any]]) -> None:
    """Replace the file by this provenance and these lists of dataclasses."""
    parts = [f'"provenance": {json.dumps(origin, indent=1, ensure_ascii=False)}']
    for name, rows in lists.items():
        lines = ",\n".join(json.dumps(asdict(row), ensure_ascii=False, allow_nan=False) for row in rows)
        parts.append(f'"{name}": [\n{lines}\n]')
    write_text(path, "{" + ",\n".join(parts) + "}\n")


def read(path: Path) -> dict[str, Any]:
    """The content of a file; empty if it does not exist yet."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def five(value: float) -> float:
    """Five digits, more than a figure shows."""
    return float(f"{value:.5g}")
