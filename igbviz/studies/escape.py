"""Who escapes? One biased network trained with every loss of the family: when each leaves its first guess for good, if
ever.

The setting is the first look of the presets. A learning rate that suits one loss starves another whose gradients are
smaller, so every loss is trained twice: with the preset's rate, and with a rate that evens out the scale of its
gradients (`matched_rate`). `python -m igbviz escape` measures, and goes on where it was stopped; what was measured is
kept in data/escape.json.
"""

from __future__ import annotations

import json
import platform
import re
import signal
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from igbviz.config import PRESETS, RunConfig
from igbviz.config.run import NUMERICS
from igbviz.losses import LOSSES, Loss
from igbviz.runs.files import write_text
from igbviz.runs.run import RunError
from igbviz.studies.seed_summary import Spread, format_share, format_spread, format_step, median_and_range
from igbviz.trajectory import Trajectory
from igbviz.trajectory.outcome import outcome
from igbviz.trajectory.trajectory import EVEN, escape_step

DATA = Path(__file__).with_suffix(".json")
BASE = PRESETS["first-look"].config.with_(epochs=3, probes={"count": 40, "size": 1000})
RATES = {"preset": "the preset's learning rate", "matched": "rate matched to cross-entropy's gradient"}
DEFINITION = (
    "Escape: the first probe, in optimizer steps, from which on the entropy of the guess fractions is at least "
    f"{EVEN:g} ln K to the end. Matched rate: the preset's, times the ratio of the RMS gradients on the logits of "
    "cross-entropy and of the loss, over standard normal logits with evenly spread labels."
)


def contenders() -> dict[str, Loss]:
    """Every loss of the registry with its defaults, by label; `custom` has none of its own. Three also in their other
    common reading."""
    losses = {name: loss() for name, loss in LOSSES.items() if name != "custom"}
    return losses | {f"{name}, detached": LOSSES[name](detach_weight=True) for name in ("blurry", "focal", "nfl")}


def matched_rate(loss: Loss, rate: float, classes: int) -> float:
    """`rate`, scaled so that the loss's RMS gradient on the logits is what cross-entropy's is at `rate`.

    Taken over standard normal logits, a network with opinions but no prejudice. At p = 1/K alone, the obvious place,
    piecewise-zero and truncated GCE have no gradient at all, and that of LogitNorm is infinite. To three digits, so
    that it is the same on every machine.
    """
    logits = np.random.default_rng(0).standard_normal((400 * classes, classes))
    labels = np.arange(len(logits)) % classes
    reference, own = (
        np.sqrt(np.mean(each.gradient(logits, labels) ** 2)) for each in (LOSSES["cross-entropy"](), loss)
    )
    return float(f"{rate * min(reference / max(own, 1e-30), 1000.0):.3g}")


@dataclass(frozen=True)
class Trial:
    """One run to make: `rate` is a key of RATES."""

    loss: str
    rate: str
    config: RunConfig


@dataclass(frozen=True)
class Row:
    """What came of one trial. After a divergence only the probes before it are here, and there is no end to speak of."""

    loss: str
    rate: str
    seed: int
    run: str  # the configuration's id
    learning_rate: float
    probes: list[int]  # optimizer steps
    evenness: list[float]  # entropy of the guesses over ln K, a probe each
    accuracy: float | None  # balanced, at the last probe
    largest_guess: float | None  # the largest share of guesses that one class gets, at the last probe
    silent: float | None  # share of the images that the loss ignores, at the last probe
    diverged: int | None  # the step that met it
    seconds: float

    @property
    def escape(self) -> int | None:
        """As `Trajectory.escape_step`; a run that diverged has not escaped."""
        return escape_step(self.probes, self.evenness) if self.diverged is None else None


def trials(seeds: int, base: RunConfig = BASE, losses: dict[str, Loss] | None = None) -> list[Trial]:
    """All runs, seed by seed, so that a measurement cut short has all losses."""
    rate, classes = base.optimizer.learning_rate, len(base.dataset.facts().class_names)
    made = []
    for name, loss in (losses or contenders()).items():
        for kind, chosen in (("preset", rate), ("matched", matched_rate(loss, rate, classes))):
            optimizer = base.optimizer.model_copy(update={"learning_rate": chosen})
            made.append(Trial(name, kind, base.with_(loss=loss, optimizer=optimizer)))
    return [Trial(trial.loss, trial.rate, trial.config.with_(seed=seed)) for seed in range(seeds) for trial in made]


def missing(wanted: Iterable[Trial], rows: Iterable[Row]) -> list[Trial]:
    """The trials without a row, or with one of another configuration or version of the numerics."""
    known = {(row.rate, row.run) for row in rows}
    return [trial for trial in wanted if (trial.rate, trial.config.id) not in known]


def current(rows: list[Row]) -> list[Row]:
    """The rows that today's settings would give again; the others belong to another table."""
    known = {(trial.rate, trial.config.id) for trial in trials(1 + max((row.seed for row in rows), default=-1))}
    return [row for row in rows if (row.rate, row.run) in known]


def measure(wanted: list[Trial], workers: int = 1) -> Iterator[Row]:
    """Make the runs on the CPU, where they repeat bit for bit, and yield their rows in order; `workers` processes of
    one thread each."""
    if workers == 1:
        yield from map(_row, wanted)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_quietly) as pool:
        yield from pool.map(_row, wanted)


def _quietly() -> None:
    """A worker leaves the other cores alone, and leaves Ctrl-C to the process that writes the rows."""
    import torch

    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _row(trial: Trial) -> Row:
    from igbviz.training.loop import Diverged, train

    started, snapshots, diverged = time.perf_counter(), [], None
    try:
        for snapshot in train(trial.config, "cpu"):
            snapshots.append(snapshot)
    except Diverged as error:
        diverged = error.step
    run = Trajectory.of(snapshots) if snapshots else None
    ends: list[float | None] = [None] * 3
    if diverged is None:
        end = outcome(run)
        ends = [round(number, 4) for number in (end.balanced_accuracy, end.largest_guess, end.silent)]
    config = trial.config
    return Row(
        trial.loss,
        trial.rate,
        config.seed,
        config.id,
        config.optimizer.learning_rate,
        run.step.tolist() if run else [],
        run.guess_entropy().round(4).tolist() if run else [],
        *ends,
        diverged,
        round(time.perf_counter() - started, 2),
    )


def read(path: Path = DATA) -> list[Row]:
    """The rows of a file; none where there is no file. Raises RunError for a file that is something else."""
    try:
        return [Row(**row) for row in json.loads(path.read_text())["rows"]]
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} is not a file of escape times: {error}") from None


def write(rows: list[Row], path: Path = DATA, base: RunConfig = BASE) -> None:
    """Replace the file: where the rows come from, then a line a row, so that two versions can be compared."""
    import torch

    provenance = {
        "definition": DEFINITION,
        "rates": RATES,
        "seeds": sorted({row.seed for row in rows}),
        "date": time.strftime("%Y-%m-%d"),
        "device": f"cpu ({processor()})",
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "numerics": NUMERICS,
        "base": json.loads(base.to_json()),
    }
    lines = ",\n".join(json.dumps(asdict(row), ensure_ascii=False) for row in rows)
    write_text(
        path, f'{{"provenance": {json.dumps(provenance, indent=1, ensure_ascii=False)},\n"rows": [\n{lines}\n]}}\n'
    )


def processor() -> str:
    """The name of this machine's processor, as far as it tells."""
    try:
        return re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())[1].strip()
    except (OSError, TypeError):
        return platform.processor() or "unknown"


@dataclass(frozen=True)
class EscapeSummary:
    """The seeds of one loss at one rate. An escape that never came counts as infinity."""

    learning_rate: float
    seeds: int
    escaped: int
    diverged: int
    escape: Spread
    accuracy: Spread  # of the seeds that did not diverge; NaN without any
    largest_guess: float
    silent: float


def summaries(rows: Iterable[Row]) -> dict[str, dict[str, EscapeSummary]]:
    """By label of the loss, then by rate. The losses that escape soonest at the preset's rate come first, then the more
    accurate."""
    groups: dict[str, dict[str, list[Row]]] = {}
    for row in rows:
        groups.setdefault(row.loss, {}).setdefault(row.rate, []).append(row)
    table = {loss: {rate: _summary(group) for rate, group in kinds.items()} for loss, kinds in groups.items()}

    def place(loss: str) -> tuple:
        first = table[loss].get("preset") or next(iter(table[loss].values()))
        return -first.escaped, first.escape, -np.nan_to_num(first.accuracy[0]), loss

    return {loss: table[loss] for loss in sorted(table, key=place)}


def _summary(rows: list[Row]) -> EscapeSummary:
    escapes = [np.inf if row.escape is None else row.escape for row in rows]
    ended = [row for row in rows if row.diverged is None]
    accuracy, guess, silent = (
        median_and_range([getattr(row, end) for row in ended]) for end in ("accuracy", "largest_guess", "silent")
    )
    counts = len(rows), int(np.isfinite(escapes).sum()), len(rows) - len(ended)
    return EscapeSummary(rows[0].learning_rate, *counts, median_and_range(escapes), accuracy, guess[0], silent[0])


def table(rows: list[Row]) -> str:
    """The markdown table: a line a loss, the preset's rate on the left and the matched one on the right."""
    lines = [
        "| loss | escaped | at step | accuracy | largest guess | ignored | rate × | escaped | at step | accuracy |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for loss, kinds in summaries(rows).items():
        preset, matched = kinds["preset"], kinds["matched"]
        guess, silent = (format_share(end) for end in (preset.largest_guess, preset.silent))
        accuracy = format_spread(preset.accuracy, format_share)
        left = f"{_escaped(preset)} | {format_spread(preset.escape, format_step)} | {accuracy} | {guess} | {silent}"
        factor = f"{matched.learning_rate / preset.learning_rate:.3g}"
        right = f"{factor} | {_escaped(matched)} | {format_spread(matched.escape, format_step)} | {format_spread(matched.accuracy, format_share)}"
        lines.append(f"| {loss} | {left} | {right} |")
    return "\n".join(lines)


def _escaped(summary: EscapeSummary) -> str:
    return f"{summary.escaped} of {summary.seeds}" + (f", {summary.diverged} diverged" if summary.diverged else "")


def account(rows: list[Row], provenance: dict[str, Any]) -> str:
    """What stands under the table: how many, where, when, and what the words mean."""
    starts, seeds = median_and_range([row.evenness[0] for row in rows if row.evenness]), provenance["seeds"]
    steps, rate = (
        max((row.probes[-1] for row in rows if row.probes), default=0),
        provenance["base"]["optimizer"]["learning_rate"],
    )
    return (
        f"Median (least..most) of {len(seeds)} seeds, {steps:,} steps at a rate of {rate:g}, and on the right at that "
        f"times *rate ×*; evenness at Init. {starts[1]:.2f}..{starts[2]:.2f} of ln K. {provenance['definition']} "
        f"{provenance['device']}, torch {provenance['torch']}, {provenance['date']}."
    )


def block(path: Path = DATA) -> str:
    """The table of a file and its account, as the README has them."""
    rows = read(path)
    if not rows:
        raise RunError(f"{path} has no rows yet: measure first, with python -m igbviz escape")
    return f"{table(rows)}\n\n{account(rows, json.loads(path.read_text())['provenance'])}"
