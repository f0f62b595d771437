"""What a part works with: its device, data and time; and where it notes what it finds.

A note is a line of JSON in a file, written at once, so that a part that hangs or dies keeps the notes before.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from igbviz.config import RunConfig


@dataclass(frozen=True)
class Options:
    """What was asked for, as every part gets it."""

    device: str
    is_small: bool
    work: Path  # notes, and what the parts print
    cache: Path  # of the three runs
    out: Path
    data: Path | None

    def notes_of(self, part: str) -> list[dict[str, Any]]:
        """The notes of a part so far; none of one that was not done."""
        try:
            lines = (self.work / f"{part}.jsonl").read_text().splitlines(keepends=True)
        except OSError:
            return []
        return [json.loads(line) for line in lines if line.endswith("\n")]  # the last may be half written


class Bench:
    """The bench of one part."""

    def __init__(self, part: str, options: Options, seconds: float) -> None:
        self.part, self.options, self.deadline = part, options, time.monotonic() + seconds
        self.is_small = options.is_small

    @property
    def device(self) -> torch.device:
        import torch

        return torch.device(self.options.device)

    @property
    def is_cuda(self) -> bool:
        return self.options.device == "cuda"

    def left(self) -> float:
        """Seconds until this part is ended."""
        return self.deadline - time.monotonic()

    def note(self, what: str, words: str, holds: bool | None = None, **values: Any) -> None:
        """Note what was found. `holds`: whether it is as it has to be, None for a mere measurement."""
        line = json.dumps({"what": what, "words": words, "holds": holds, **values})
        print(line, flush=True)
        with open(self.options.work / f"{self.part}.jsonl", "a") as file:
            file.write(line + "\n")

    def check(self, what: str, holds: bool, words: str = "") -> None:
        """Note whether something is as it has to be; the part goes on."""
        self.note(what, words or ("yes" if holds else "no"), bool(holds))

    def graphs_hold(self) -> bool:
        """Whether CUDA graphs may be used: no check of them has failed so far."""
        notes = (note for part in ("steps", "probes") for note in self.options.notes_of(part))
        return not any(note["holds"] is False and "graph" in note["what"] for note in notes)

    def dataset(self) -> dict[str, Any]:
        """The data set, as the part `data` has noted it; noise of the same size without it."""
        found = [note["dataset"] for note in self.options.notes_of("data") if "dataset" in note]
        return found[-1] if found else noise(self.is_small)

    def paper(self, loss: str = "cross-entropy") -> RunConfig:
        """The paper's preset with this loss: 20 epochs, all test images after every batch of the first."""
        from igbviz.config import PRESETS

        config = PRESETS[f"paper-{loss}"].config.with_(dataset=self.dataset())
        if not self.is_small:
            return config
        return config.with_(model={"name": "cnn", "depth": 2, "width": 4}, epochs=2)


LOSSES = ("cross-entropy", "piecewise-zero", "blurry")


def noise(is_small: bool) -> dict[str, Any]:
    """Noise of the size of CIFAR-10 in grey, or far less of it."""
    train, test = (256, 200) if is_small else (50_000, 10_000)
    return {"name": "gaussian-noise", "size": 32, "train_examples": train, "test_examples": test}


def rounds(bench: Bench, count: int, keep: float = 3.0) -> Iterator[int]:
    """Up to so many rounds, at least one, while more than `keep` seconds are left."""
    for number in range(count):
        if number and bench.left() < keep:
            return
        yield number
