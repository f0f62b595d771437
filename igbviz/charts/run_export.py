"""Export of a run: tables, pictures, an HTML page, its configuration, and the lines of Python that reproduce it."""

from __future__ import annotations

import io
from pathlib import Path
from pprint import pformat
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from igbviz.charts import browser
from igbviz.charts.ensemble import guesses
from igbviz.charts.interface.figures import CONFIG, themed
from igbviz.charts.run import WRONG_LABELS_CHART, bars, run_curves
from igbviz.charts.time_axis import Unit
from igbviz.config import RecordedConfig, RunConfig
from igbviz.ensembles import Ensemble
from igbviz.runs.run import Run
from igbviz.spec import ConfigError, listing
from igbviz.trajectory import Trajectory

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet computes a cell that begins with one of these


def csv(run: Run) -> bytes:
    """The tidy table of a run, one row per (probe, class), or of an ensemble per (network, class)."""
    return csv_table(run.recorded().to_frame())


def csv_table(frame: pd.DataFrame) -> bytes:
    """A table as CSV that a spreadsheet opens as it is: with a byte-order mark, without which Excel takes the text for
    Latin-1, and no cell of text is a formula."""
    frame = frame.copy()
    for name in frame.columns[[not pd.api.types.is_numeric_dtype(kind) for kind in frame.dtypes]]:
        frame[name] = frame[name].map(lambda cell: f"'{cell}" if str(cell)[:1] in FORMULA else cell, na_action="ignore")
    return frame.to_csv(index=False).encode("utf-8-sig")


def parquet(run: Run) -> bytes:
    """The same table as Parquet, which keeps the types of its columns."""
    buffer = io.BytesIO()
    run.recorded().to_frame().to_parquet(buffer, index=False)
    return buffer.getvalue()


def html(run: Run) -> bytes:
    """The charts of a run as a self-contained HTML page that needs no network."""
    return html_page(run.trajectory(), run.config, run.steps_per_epoch, run.id).encode()


def gif(run: Run, view: str = "true_class_probability", *, unit: Unit = "epoch", dark: bool = False) -> bytes:
    """The stage of a run as an animation: one of its views, from Init. to the last probe."""
    from igbviz.charts import animation  # Pillow and scipy, which no page waits for

    return animation.gif(run, view, unit=unit, dark=dark)


def png(run: Run, view: str = "true_class_probability", *, dark: bool = False) -> bytes:
    """A quantity of a run over log time as a PNG; of an ensemble its guesses. Raises RunError without a browser."""
    return browser.picture(_figure(run, view), "png", dark=dark)


def svg(run: Run, view: str = "true_class_probability", *, dark: bool = False) -> bytes:
    """The same as an SVG, which a drawing program can edit."""
    return browser.picture(_figure(run, view), "svg", dark=dark)


def _figure(run: Run, view: str) -> go.Figure:
    recorded = run.recorded()
    if isinstance(recorded, Ensemble):
        return guesses(recorded)
    return go.Figure(run_curves(recorded, run.config, view, steps_per_epoch=run.steps_per_epoch))


def json(run: Run) -> bytes:
    """The configuration, for `python -m igbviz train FILE`; of a recorded run its description."""
    return run.config.to_json().encode()


def python_lines(config: RunConfig | RecordedConfig) -> str:
    """The few lines of Python that submit this run, or read it where it was recorded outside."""
    if isinstance(config, RecordedConfig):
        return f'import igbviz\n\nrun = igbviz.Run.open("{config.id}")\nprint(run.trajectory().to_frame())'
    choices = pformat(config.canonical(incidental=True), sort_dicts=False, width=100)
    lines = f"config = igbviz.RunConfig(**{choices})\nrun = igbviz.submit(config)"
    return f"import igbviz\n\n{lines}\nrun.wait()\nprint(run.trajectory().to_frame())"


FORMATS = {
    "CSV": (".csv", "text/csv", csv),
    "Parquet": (".parquet", "application/vnd.apache.parquet", parquet),
    "HTML": (".html", "text/html", html),
    "Configuration": (".json", "application/json", json),
}
PICTURES = {".gif": gif, ".png": png, ".svg": svg}
WRITERS = {suffix: make for suffix, _, make in FORMATS.values()} | PICTURES


def write(run: Run, out: Path, ending: str = "", **options: Any) -> None:
    """Write the run in the format of this ending, by default the file's. Raises ConfigError for an unknown one.

    The options are those of the format: only PICTURES have some.
    """
    if (ending := ending or out.suffix) not in WRITERS:
        raise ConfigError((("--out",), f"is {str(out)!r}, allowed: a file ending in {listing(WRITERS)}"))
    out.write_bytes(WRITERS[ending](run, **options))


def html_page(
    trajectory: Trajectory, config: RunConfig | RecordedConfig, steps_per_epoch: int | None, title: str
) -> str:
    """The paper's two charts of a run and its predicted probabilities at Init., as one self-contained HTML page."""
    names = ["true_class_probability", "accuracy", *([WRONG_LABELS_CHART] if trajectory.has_noise else [])]
    figures = [go.Figure(run_curves(trajectory, config, name, steps_per_epoch=steps_per_epoch)) for name in names]
    parts = [
        themed(figure, dark=False).to_html(config=CONFIG, include_plotlyjs=not index, full_html=False)
        for index, figure in enumerate([*figures, bars(trajectory, 0)])
    ]
    head = f'<head><meta charset="utf-8"><title>{title}</title></head>'
    return f"<!DOCTYPE html><html>{head}<body>{''.join(parts)}</body></html>"
