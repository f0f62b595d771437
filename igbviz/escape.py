"""Who escapes? One biased network trained with every loss of the family: when each leaves its first guess for good, if ever.

The setting is the first look of the presets. A learning rate that suits one loss starves another whose gradients are smaller, so every
loss is trained twice: with the preset's rate, and with a rate that evens out the scale of its gradients (`matched_rate`).
`python -m igbviz escape` measures, and goes on where it was stopped; what was measured is kept in data/escape.json.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go

from igbviz.charts import themed
from igbviz.colours import COLOURS, FAINT, NEUTRAL
from igbviz.config import PRESETS, RunConfig
from igbviz.config.run import NUMERICS
from igbviz.furniture import AXIS, FONT, frame
from igbviz.losses import LOSSES, Loss
from igbviz.runs.files import write_text
from igbviz.runs.queue import PROJECT
from igbviz.runs.run import RunError
from igbviz.spreads import Spread, in_words, middle_and_range, share_in_words, step_in_words
from igbviz.trajectory import Trajectory
from igbviz.trajectory.outcome import SHARE, settled

DATA = Path(__file__).parent / "data" / "escape.json"
README = PROJECT / "README.md"
PICTURE = PROJECT / "tests" / "readme" / "escape.png"
BASE = PRESETS["first-look"].config.with_(epochs=3, probes={"count": 40, "size": 1000})
RATES = {"preset": "the preset's learning rate", "matched": "rate matched to cross-entropy's gradient"}
MARKS = ("<!-- escape table -->", "<!-- end of escape table -->")
DEFINITION = (
    f"Escape: the first probe, in optimizer steps, from which on the entropy of the guess fractions is at least {SHARE:g} ln K to the end. "
    "Matched rate: the preset's, times the ratio of the RMS gradients on the logits of cross-entropy and of the loss, "
    "over standard normal logits with evenly spread labels."
)


def contenders() -> dict[str, Loss]:
    """Every loss of the registry with its defaults, by label; `custom` has none of its own. Three also in their other common reading."""
    losses = {name: loss() for name, loss in LOSSES.items() if name != "custom"}
    return losses | {f"{name}, detached": LOSSES[name](detach_weight=True) for name in ("blurry", "focal", "nfl")}


def matched_rate(loss: Loss, rate: float, classes: int) -> float:
    """`rate`, scaled so that the loss's RMS gradient on the logits is what cross-entropy's is at `rate`.

    Taken over standard normal logits, a network with opinions but no prejudice. At p = 1/K alone, the obvious place, piecewise-zero and
    truncated GCE have no gradient at all, and that of LogitNorm is infinite. To three digits, so that it is the same on every machine.
    """
    logits = np.random.default_rng(0).standard_normal((400 * classes, classes))
    labels = np.arange(len(logits)) % classes
    reference, own = (np.sqrt(np.mean(each.gradient(logits, labels) ** 2)) for each in (LOSSES["cross-entropy"](), loss))
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
        """As `escape_time`; a run that diverged has not escaped."""
        return settled(self.probes, self.evenness, SHARE) if self.diverged is None else None


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
    """Make the runs on the CPU, where they repeat bit for bit, and yield their rows in order; `workers` processes of one thread each."""
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
        sizes = run.class_sizes()[-1]
        ends = [run.balanced_accuracy()[-1], run.guess_fraction()[-1].max(), run.silent[-1] @ sizes / sizes.sum()]
        ends = [round(float(end), 4) for end in ends]
    config = trial.config
    return Row(
        trial.loss, trial.rate, config.seed, config.id, config.optimizer.learning_rate, run.step.tolist() if run else [],
        run.guess_entropy().round(4).tolist() if run else [], *ends, diverged, round(time.perf_counter() - started, 2),
    )  # fmt: skip


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
        "definition": DEFINITION, "rates": RATES, "seeds": sorted({row.seed for row in rows}), "date": time.strftime("%Y-%m-%d"),
        "device": f"cpu ({processor()})", "torch": torch.__version__, "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}", "numerics": NUMERICS, "base": json.loads(base.to_json()),
    }  # fmt: skip
    lines = ",\n".join(json.dumps(asdict(row), ensure_ascii=False) for row in rows)
    write_text(path, f'{{"provenance": {json.dumps(provenance, indent=1, ensure_ascii=False)},\n"rows": [\n{lines}\n]}}\n')


def processor() -> str:
    """The name of this machine's processor, as far as it tells."""
    try:
        return re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())[1].strip()
    except (OSError, TypeError):
        return platform.processor() or "unknown"


@dataclass(frozen=True)
class Summary:
    """The seeds of one loss at one rate. An escape that never came counts as infinity."""

    learning_rate: float
    seeds: int
    escaped: int
    diverged: int
    escape: Spread
    accuracy: Spread  # of the seeds that did not diverge; NaN without any
    largest_guess: float
    silent: float


def summaries(rows: Iterable[Row]) -> dict[str, dict[str, Summary]]:
    """By label of the loss, then by rate. The losses that escape soonest at the preset's rate come first, then the more accurate."""
    found: dict[str, dict[str, list[Row]]] = {}
    for row in rows:
        found.setdefault(row.loss, {}).setdefault(row.rate, []).append(row)
    table = {loss: {rate: _summary(those) for rate, those in kinds.items()} for loss, kinds in found.items()}

    def place(loss: str) -> tuple:
        first = table[loss].get("preset") or next(iter(table[loss].values()))
        return -first.escaped, first.escape, -np.nan_to_num(first.accuracy[0]), loss

    return {loss: table[loss] for loss in sorted(table, key=place)}


def _summary(rows: list[Row]) -> Summary:
    escapes = [np.inf if row.escape is None else row.escape for row in rows]
    ended = [row for row in rows if row.diverged is None]
    accuracy, guess, silent = (middle_and_range([getattr(row, end) for row in ended]) for end in ("accuracy", "largest_guess", "silent"))
    counts = len(rows), int(np.isfinite(escapes).sum()), len(rows) - len(ended)
    return Summary(rows[0].learning_rate, *counts, middle_and_range(escapes), accuracy, guess[0], silent[0])


def table(rows: list[Row]) -> str:
    """The markdown table: a line a loss, the preset's rate on the left and the matched one on the right."""
    lines = [
        "| loss | escaped | at step | accuracy | largest guess | ignored | rate × | escaped | at step | accuracy |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for loss, kinds in summaries(rows).items():
        preset, matched = kinds["preset"], kinds["matched"]
        guess, silent = (share_in_words(end) for end in (preset.largest_guess, preset.silent))
        accuracy = in_words(preset.accuracy, share_in_words)
        left = f"{_escaped(preset)} | {in_words(preset.escape, step_in_words)} | {accuracy} | {guess} | {silent}"
        factor = f"{matched.learning_rate / preset.learning_rate:.3g}"
        right = f"{factor} | {_escaped(matched)} | {in_words(matched.escape, step_in_words)} | {in_words(matched.accuracy, share_in_words)}"
        lines.append(f"| {loss} | {left} | {right} |")
    return "\n".join(lines)


def _escaped(summary: Summary) -> str:
    return f"{summary.escaped} of {summary.seeds}" + (f", {summary.diverged} diverged" if summary.diverged else "")


LOOKS = {"preset": (COLOURS[0], "circle", -0.17), "matched": (COLOURS[1], "diamond", 0.17)}  # colour, shape, how far below the line


def picture(rows: list[Row]) -> go.Figure:
    """A line a loss: when it escapes, with a column for never, and how accurate it ends. Dots are medians, bars go from least to most."""
    found = summaries(rows)
    losses = list(found)
    last = max((row.probes[-1] for row in rows if row.probes), default=10)
    init, wall, never, edge = 10**-0.5, last * 10**0.15, last * 10**0.4, last * 10**0.6  # places without a number on the log axis

    def placed(summary: Summary) -> list[float]:
        return [never if np.isinf(step) else max(step, init) for step in summary.escape]

    traces = [
        trace
        for rate in LOOKS
        for trace in (
            _dots(found, rate, "x", placed, lambda summary: in_words(summary.escape, step_in_words)),
            _dots(found, rate, "x2", lambda summary: summary.accuracy, lambda summary: in_words(summary.accuracy, share_in_words)),
        )
    ]
    chance = 1 / len(BASE.dataset.facts().class_names)
    dotted, upright = {"color": NEUTRAL, "dash": "dot", "width": 1.5}, {"y0": 0, "y1": 1, "yref": "paper", "layer": "below"}
    shapes = [
        upright | {"type": "rect", "x0": wall, "x1": edge, "fillcolor": FAINT, "line": {"width": 0}},
        upright | {"type": "line", "x0": chance, "x1": chance, "xref": "x2", "line": dotted},
    ]
    note = {"x": 0.98, "xref": "x2", "xanchor": "right", "showarrow": False, "font": {"color": NEUTRAL, "size": 12}}
    lost = [(sum(one.diverged for one in kinds.values()), sum(one.seeds for one in kinds.values())) for kinds in found.values()]
    notes = [note | {"y": place, "text": f"{some} of {all_} runs diverged"} for place, (some, all_) in enumerate(lost) if some]
    small = {"standoff": 6, "font": {"size": 13}}
    ticks = [10**power for power in range(int(np.log10(last)) + 1)]
    at_once = any(row.escape == 0 for row in rows)  # such a network was not prejudiced; without any the axis need not begin at Init.
    return go.Figure({
        "data": traces,
        "layout": frame(136 + 24 * len(losses)) | {
            "xaxis": AXIS | {
                "domain": [0, 0.64], "type": "log", "range": [np.log10(init) - 0.05 if at_once else -0.1, np.log10(edge)],
                "tickvals": [init, *ticks, never], "ticktext": ["Init.", *(f"{tick:,}" for tick in ticks), "<b>never</b>"],
                "title": {"text": f"steps until the guesses stay even<br>(optimizer steps, of {last:,}; log scale)"} | small,
            },
            "xaxis2": AXIS | {
                "domain": [0.69, 1], "range": [0, 1], "dtick": 0.2, "title": {"text": "accuracy at the end<br>(dotted: chance)"} | small,
            },
            "yaxis": AXIS | {
                "tickvals": list(range(len(losses))), "ticktext": losses, "range": [len(losses) - 0.4, -0.6],
                "ticks": "", "showline": False,
            },
            "font": {"size": 13, "family": FONT}, "hovermode": "closest", "margin": {"l": 150, "r": 24, "t": 48, "b": 76},
            "shapes": shapes, "annotations": notes,
            "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"},
        },
    })  # fmt: skip


def _dots(found: dict[str, dict[str, Summary]], rate: str, axis: str, spread: Callable, words: Callable) -> dict[str, Any]:
    """One rate in one panel: `spread` says where a summary lies, `words` what it says under the pointer."""
    colour, shape, lower = LOOKS[rate]
    those = [(place, loss, kinds[rate]) for place, (loss, kinds) in enumerate(found.items()) if rate in kinds]
    middle, low, high = np.array([spread(one) for *_, one in those], dtype=float).reshape(-1, 3).T
    return {
        "type": "scatter", "mode": "markers", "x": middle, "y": [place + lower for place, *_ in those], "xaxis": axis,
        "error_x": {"array": high - middle, "arrayminus": middle - low, "symmetric": False, "thickness": 1.5, "width": 0},
        "marker": {"color": colour, "symbol": shape, "size": 9}, "cliponaxis": False,
        "name": RATES[rate], "legendgroup": rate, "showlegend": axis == "x",
        "hovertext": [f"<b>{loss}</b>, {RATES[rate]}<br>{_escaped(one)} escaped<br>{words(one)}" for _, loss, one in those],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }  # fmt: skip


def account(rows: list[Row], provenance: dict[str, Any]) -> str:
    """What stands under the table: how many, where, when, and what the words mean."""
    starts, seeds = middle_and_range([row.evenness[0] for row in rows if row.evenness]), provenance["seeds"]
    steps, rate = max((row.probes[-1] for row in rows if row.probes), default=0), provenance["base"]["optimizer"]["learning_rate"]
    return (
        f"Median (least..most) of {len(seeds)} seeds, {steps:,} steps at a rate of {rate:g}, and on the right at that times *rate ×*; "
        f"evenness at Init. {starts[1]:.2f}..{starts[2]:.2f} of ln K. {provenance['definition']} "
        f"{provenance['device']}, torch {provenance['torch']}, {provenance['date']}."
    )


def publish(path: Path = DATA, readme: Path = README, png: Path = PICTURE) -> None:
    """Put the table between the README's two marks, and the picture beside it. Raises RunError for a README without the marks."""
    text = block(path)
    before, begin, rest = readme.read_text().partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    if not (begin and end):
        raise RunError(f"{readme} has no {MARKS[0]} ... {MARKS[1]} to put the table between")
    write_text(readme, f"{before}{begin}\n\n{text}\n\n{end}{after}")
    save_png(picture(read(path)), png)


def block(path: Path = DATA) -> str:
    """The table of a file and its account, as the README has them."""
    rows = read(path)
    if not rows:
        raise RunError(f"{path} has no rows yet: measure first, with python -m igbviz escape")
    return f"{table(rows)}\n\n{account(rows, json.loads(path.read_text())['provenance'])}"


def save_png(figure: go.Figure, path: Path, width: int = 900) -> None:
    """Draw a figure in a headless Chromium. Raises RunError where there is none."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        program = None
    if program is None:
        raise RunError("a picture needs playwright and a Chromium on the PATH: install both, or leave the old picture as it is")
    page_text = themed(figure, dark=False).to_html(config={"staticPlot": True}, include_plotlyjs=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": width, "height": int(figure.layout.height)}, device_scale_factor=1.5)
        page.set_content(page_text.replace("<body>", '<body style="margin:0">', 1))
        page.wait_for_selector(".plotly .main-svg")
        page.evaluate("document.fonts.ready")
        temporary = path.with_name(f".{path.name}.{os.getpid()}.png")
        page.screenshot(path=temporary)
        browser.close()
    os.replace(temporary, path)
