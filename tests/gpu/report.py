"""The results as small files: RESULTS.md to read, results.json with all numbers, log.txt with what was printed."""

from __future__ import annotations

import json
import os
import platform
import time
from pathlib import Path
from typing import Any

from tests.gpu.bench import Options
from tests.gpu.campaign import Outcome

LOG_BYTES = 40_000  # of each part, its end


def about(options: Options) -> dict[str, Any]:
    """The machine, and what was asked for."""
    import torch

    name = torch.cuda.get_device_name() if options.device == "cuda" else f"CPU, {os.cpu_count()} cores"
    return {
        "device": name,
        "torch": torch.__version__,
        "cuda": torch.version.cuda if options.device == "cuda" else None,
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "size": "small: the numbers only show that every part works" if options.is_small else "full",
    }


def table(outcomes: list[Outcome]) -> str:
    """One row for each part."""
    rows = ["| part | state | seconds | checks | what it does |", "|---|---|---|---|---|"]
    for outcome in outcomes:
        checks = [note["holds"] for note in outcome.notes if note["holds"] is not None]
        held = f"{sum(checks)} of {len(checks)}" if checks else ""
        rows.append(
            f"| {outcome.part.name} | {outcome.state} | {outcome.seconds:.0f} | {held} | {outcome.part.words} |"
        )
    return "\n".join(rows)


def write(outcomes: list[Outcome], options: Options, machine: dict[str, Any]) -> None:
    """Write the results into the folder `options.out`."""
    lines = ["# Results of `python -m tests.gpu`", ""]
    lines += [f"- {key}: {value}" for key, value in machine.items() if value is not None]
    lines += ["", table(outcomes)]
    for outcome in outcomes:
        if outcome.notes:
            lines += ["", f"## {outcome.part.name}", "", "| what | found |", "|---|---|"]
            for note in outcome.notes:
                mark = "" if note["holds"] is not False else "**FAILED** "
                lines.append(f"| {_cell(note['what'])} | {mark}{_cell(note['words'])} |")
    (options.out / "RESULTS.md").write_text("\n".join(lines) + "\n")
    parts = {
        outcome.part.name: {"state": outcome.state, "seconds": round(outcome.seconds, 1), "notes": outcome.notes}
        for outcome in outcomes
    }
    (options.out / "results.json").write_text(json.dumps({"about": machine, "parts": parts}, indent=1))
    (options.out / "log.txt").write_text("\n".join(_printed(options.work / f"{name}.txt", name) for name in parts))


def _cell(words: str) -> str:
    return words.replace("|", "\\|")


def _printed(path: Path, name: str) -> str:
    try:
        return f"== {name}\n{path.read_bytes()[-LOG_BYTES:].decode(errors='replace')}"
    except OSError:
        return f"== {name}\n(not begun)\n"
