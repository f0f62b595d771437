"""Which losses escape: the step at which one biased network leaves its initial guess for good, for every loss.

The setting is the preset "first-look". A learning rate that suits one loss is too small for another with smaller
gradients, so every loss is trained at two rates: the preset's, and one matched to the scale of its gradients
(`matched_rate`). `python -m igbviz escape` measures and can be interrupted and resumed; the results are in escape.json.
"""

from __future__ import annotations

import json
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
from igbviz.losses import LOSSES, Loss, Mixed, PiecewiseZero, SoftPiecewiseZero
from igbviz.runs.files import write_text
from igbviz.runs.run import RunError
from igbviz.studies.provenance import this_machine
from igbviz.studies.seed_summary import Spread, format_fraction, format_spread, format_step, median_and_range
from igbviz.trajectory import Trajectory
from igbviz.trajectory.outcome import outcome
from igbviz.trajectory.trajectory import EVENNESS_THRESHOLD, escape_step

DATA = Path(__file__).with_suffix(".json")
BASE = PRESETS["first-look"].config.with_(epochs=3, probes={"count": 40, "size": 1000})
RATES = {"preset": "the preset's learning rate", "matched": "rate matched to cross-entropy's gradient"}
DETACHABLE = ("blurry", "focal", "nfl")
WEIGHTS = (0.001, 0.01, 0.03, 0.1, 0.3)  # of cross-entropy beside piecewise-zero; 0 and 1 are losses of their own
STEEPNESSES = (0.25, 0.5, 1.0, 2.0, 4.0)  # of the soft cutoff
OTHER_THRESHOLDS = (0.7, 0.9)  # of ln K, beside EVENNESS_THRESHOLD
DEFINITION = (
    "Escape: the first probe, in optimizer steps, from which on the entropy of the guess fractions is at least "
    f"{EVENNESS_THRESHOLD:g} ln K to the end. Matched rate: the preset's, times the ratio of the RMS gradients on the "
    "logits of cross-entropy and of the loss, over standard normal logits with evenly spread labels."
)


def contenders() -> dict[str, Loss]:
    """Every loss of the registry with its defaults, by label, except `custom`, which has no formula of its own. Three
    losses also with their weight detached, the other common implementation. The two families between cross-entropy and
    piecewise-zero have several hyperparameters instead of the defaults."""
    families = mixtures() | {f"piecewise-zero-soft, {s:g}": SoftPiecewiseZero(steepness=s) for s in STEEPNESSES}
    in_families = {loss.name for loss in families.values()}
    losses = {name: loss() for name, loss in LOSSES.items() if name != "custom" and name not in in_families}
    return losses | {f"{name}, detached": LOSSES[name](detach_weight=True) for name in DETACHABLE} | families


def mixtures() -> dict[str, Mixed]:
    """The mixtures of cross-entropy with piecewise-zero, by label, by weight of cross-entropy."""
    return {f"mixed, {weight:g}": Mixed(weight=weight, loss=PiecewiseZero()) for weight in WEIGHTS}


def matched_rate(loss: Loss, rate: float, classes: int) -> float:
    """`rate` times the ratio of the RMS gradients on the logits of cross-entropy and of the loss.

    The RMS is over standard normal logits: a network whose predictions differ between images, but without bias. At
    p = 1/K, the obvious choice, piecewise-zero and truncated GCE have zero gradient and LogitNorm an infinite one.
    Rounded to three digits, so that the rate is the same on every machine.
    """
    logits = np.random.default_rng(0).standard_normal((400 * classes, classes))
    labels = np.arange(len(logits)) % classes
    reference, own = (
        np.sqrt(np.mean(compared.gradient(logits, labels) ** 2)) for compared in (LOSSES["cross-entropy"](), loss)
    )
    return float(f"{rate * min(reference / max(own, 1e-30), 1000.0):.3g}")


@dataclass(frozen=True)
class Trial:
    """One planned run; `rate` is a key of RATES."""

    loss: str
    rate: str
    config: RunConfig


@dataclass(frozen=True)
class Row:
    """The result of one trial. A run that diverged has only the probes before that, and no values at the end."""

    loss: str
    rate: str
    seed: int
    run: str  # the configuration's id
    learning_rate: float
    probes: list[int]  # optimizer steps
    evenness: list[float]  # entropy of the guess fractions over ln K, one per probe
    accuracy: float | None  # balanced, at the last probe
    largest_guess: float | None  # the largest guess fraction of a class, at the last probe
    silent: float | None  # fraction of zero-gradient images, at the last probe
    diverged: int | None  # the step at which the loss or a logit became non-finite
    seconds: float

    @property
    def escape(self) -> int | None:
        return self.escape_at(EVENNESS_THRESHOLD)

    def escape_at(self, threshold: float) -> int | None:
        """As `Trajectory.escape_step`; a run that diverged has not escaped."""
        return escape_step(self.probes, self.evenness, threshold) if self.diverged is None else None


def trials(seeds: int, base: RunConfig = BASE, losses: dict[str, Loss] | None = None) -> list[Trial]:
    """All runs, seed by seed, so that an interrupted measurement has all losses."""
    rate, classes = base.optimizer.learning_rate, len(base.dataset.facts().class_names)
    of_seed_0 = []
    for name, loss in (losses or contenders()).items():
        for kind, chosen in (("preset", rate), ("matched", matched_rate(loss, rate, classes))):
            optimizer = base.optimizer.model_copy(update={"learning_rate": chosen})
            of_seed_0.append(Trial(name, kind, base.with_(loss=loss, optimizer=optimizer)))
    return [
        Trial(trial.loss, trial.rate, trial.config.with_(seed=seed)) for seed in range(seeds) for trial in of_seed_0
    ]


def missing(planned: Iterable[Trial], rows: Iterable[Row]) -> list[Trial]:
    """The trials without a row; a row of another configuration or version of the numerics does not count."""
    measured = {(row.rate, row.run) for row in rows}
    return [trial for trial in planned if (trial.rate, trial.config.id) not in measured]


def current(rows: list[Row]) -> list[Row]:
    """The rows whose configuration belongs to today's settings."""
    seeds = 1 + max((row.seed for row in rows), default=-1)
    planned = {(trial.rate, trial.config.id) for trial in trials(seeds)}
    return [row for row in rows if (row.rate, row.run) in planned]


def measure(planned: list[Trial], workers: int = 1) -> Iterator[Row]:
    """Train on the CPU, where runs are bitwise reproducible, and yield the rows in order. `workers` processes have one
    thread each."""
    if workers == 1:
        yield from map(_row, planned)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_init_worker) as pool:
        yield from pool.map(_row, planned)


def _init_worker() -> None:
    """One thread per process, and Ctrl-C is left to the parent, which writes the rows."""
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
    """The rows of a file; none if it does not exist. Raises RunError for any other content."""
    try:
        return [Row(**row) for row in json.loads(path.read_text())["rows"]]
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} is not a file of escape times: {error}") from None


def write(rows: list[Row], path: Path = DATA, base: RunConfig = BASE) -> None:
    """Replace the file: provenance first, then one row per line, so that versions can be compared with diff."""
    facts = {
        "definition": DEFINITION,
        "rates": RATES,
        "seeds": sorted({row.seed for row in rows}),
        **this_machine(),
        "numerics": NUMERICS,
        "base": json.loads(base.to_json()),
    }
    lines = ",\n".join(json.dumps(asdict(row), ensure_ascii=False) for row in rows)
    write_text(path, f'{{"provenance": {json.dumps(facts, indent=1, ensure_ascii=False)},\n"rows": [\n{lines}\n]}}\n')


@dataclass(frozen=True)
class EscapeSummary:
    """The seeds of one loss at one rate. A run that never escapes counts as infinity."""

    learning_rate: float
    seeds: int
    escaped: int
    diverged: int
    escape: Spread
    accuracy: Spread  # of the seeds that did not diverge; NaN if there are none
    largest_guess: float
    silent: float


def summaries(rows: Iterable[Row]) -> dict[str, dict[str, EscapeSummary]]:
    """By label of the loss, then by rate. Sorted by escape at the preset's rate, earliest first, then by accuracy."""
    groups: dict[str, dict[str, list[Row]]] = {}
    for row in rows:
        groups.setdefault(row.loss, {}).setdefault(row.rate, []).append(row)
    table = {loss: {rate: _summary(group) for rate, group in kinds.items()} for loss, kinds in groups.items()}

    def order(loss: str) -> tuple:
        first = table[loss].get("preset") or next(iter(table[loss].values()))
        return -first.escaped, first.escape, -np.nan_to_num(first.accuracy[0]), loss

    return {loss: table[loss] for loss in sorted(table, key=order)}


def _summary(rows: list[Row]) -> EscapeSummary:
    escapes = [np.inf if row.escape is None else row.escape for row in rows]
    ended = [row for row in rows if row.diverged is None]
    accuracy, guess, silent = (
        median_and_range([getattr(row, end) for row in ended]) for end in ("accuracy", "largest_guess", "silent")
    )
    counts = len(rows), int(np.isfinite(escapes).sum()), len(rows) - len(ended)
    return EscapeSummary(rows[0].learning_rate, *counts, median_and_range(escapes), accuracy, guess[0], silent[0])


def table(rows: list[Row]) -> str:
    """The Markdown table: one row per loss, the preset's rate on the left and the matched one on the right."""
    lines = [
        "| loss | escaped | at step | accuracy | largest guess | ignored | rate × | escaped | at step | accuracy |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for loss, kinds in summaries(rows).items():
        preset, matched = kinds["preset"], kinds["matched"]
        guess, silent = (format_fraction(end) for end in (preset.largest_guess, preset.silent))
        accuracy = format_spread(preset.accuracy, format_fraction)
        left = f"{_escaped(preset)} | {format_spread(preset.escape, format_step)} | {accuracy} | {guess} | {silent}"
        factor = f"{matched.learning_rate / preset.learning_rate:.3g}"
        right_accuracy = format_spread(matched.accuracy, format_fraction)
        right = f"{factor} | {_escaped(matched)} | {format_spread(matched.escape, format_step)} | {right_accuracy}"
        lines.append(f"| {loss} | {left} | {right} |")
    return "\n".join(lines)


def _escaped(summary: EscapeSummary) -> str:
    return f"{summary.escaped} of {summary.seeds}" + (f", {summary.diverged} diverged" if summary.diverged else "")


def account(rows: list[Row], provenance: dict[str, Any]) -> str:
    """The text under the table: number of seeds, settings, definitions, and how much depends on the threshold."""
    starts, seeds = median_and_range([row.evenness[0] for row in rows if row.evenness]), provenance["seeds"]
    steps = max((row.probes[-1] for row in rows if row.probes), default=0)
    rate = provenance["base"]["optimizer"]["learning_rate"]
    return (
        f"Median (min to max) of {len(seeds)} seeds, {steps:,} steps at a rate of {rate:g}, and on the right at that "
        f"times *rate ×*; evenness at Init. {starts[1]:.2f} to {starts[2]:.2f} of ln K. {provenance['definition']} "
        f"{provenance['device']}, torch {provenance['torch']}, {provenance['date']}.\n\n{other_thresholds(rows)}"
    )


def other_thresholds(rows: list[Row]) -> str:
    """What another threshold of evenness would change in the number of seeds that escape at the preset's rate."""
    counts: dict[float, dict[str, int]] = {
        threshold: {
            loss: sum(row.escape_at(threshold) is not None for row in rows if (row.loss, row.rate) == (loss, "preset"))
            for loss in summaries(rows)
        }
        for threshold in (EVENNESS_THRESHOLD, *OTHER_THRESHOLDS)
    }
    seeds = {loss: kinds["preset"].seeds for loss, kinds in summaries(rows).items()}
    always = sum(all(counts[threshold][loss] == seeds[loss] for threshold in counts) for loss in seeds)
    thresholds = " and at ".join(f"{threshold:g}" for threshold in OTHER_THRESHOLDS)
    sentences = [
        f"Other thresholds, at the preset's rate: {always} of {len(seeds)} losses escape in every seed at "
        f"{EVENNESS_THRESHOLD:g} ln K, and also at {thresholds} ln K."
    ]
    for threshold in OTHER_THRESHOLDS:
        groups: dict[tuple[int, int, int], list[str]] = {}
        for loss, number in counts[threshold].items():
            if number != counts[EVENNESS_THRESHOLD][loss]:
                groups.setdefault((number, seeds[loss], counts[EVENNESS_THRESHOLD][loss]), []).append(f"`{loss}`")
        changes = [
            f"{', '.join(losses)} in {number} of {of} instead of {before}"
            for (number, of, before), losses in sorted(groups.items(), reverse=True)
        ]
        result = f"other numbers of seeds escape: {'; '.join(changes)}" if changes else "the numbers are the same"
        sentences.append(f"At {threshold:g} ln K {result}.")
    return " ".join(sentences)


def block(path: Path = DATA) -> str:
    """The table of a file and the text under it, as in docs/results.md."""
    rows = read(path)
    if not rows:
        raise RunError(f"{path} has no rows yet: measure first, with python -m igbviz escape")
    return f"{table(rows)}\n\n{account(rows, json.loads(path.read_text())['provenance'])}"
