"""When runs escape from the initial guessing bias: those of a comparison, and of every loss, as in docs/results.md."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from igbviz.charts.browser import save_png
from igbviz.charts.colors import LIGHT, LIGHT_NEUTRAL, NEUTRAL, NEUTRAL_TEXT, class_style
from igbviz.charts.comparison import frame_of_runs
from igbviz.charts.interface.figures import chart
from igbviz.charts.interface.inputs import OfRuns, members_of, one_of, settings_of
from igbviz.charts.shared_axis import loss_change_marks, positions, shared_axis
from igbviz.charts.style import AXIS, FONT, SMALL, frame, heading, literal
from igbviz.charts.time_axis import UNITS, Unit
from igbviz.disk.places import APP, PACKAGE
from igbviz.runs.files import write_text
from igbviz.runs.run import RunError
from igbviz.studies.comparison import Member
from igbviz.studies.escape import BASE, DATA, RATES, EscapeSummary, Row, _escaped, block, read, summaries
from igbviz.studies.seed_summary import format_fraction, format_spread, format_step, median_and_range

RESULTS = PACKAGE / "docs" / "results.md"
PICTURE = APP / "tests" / "readme" / "escape.png"
MARKS = ("<!-- escape table -->", "<!-- end of escape table -->")
# Colour, symbol, and distance below the loss's row.
STYLES = {"preset": (LIGHT[0], "circle", -0.17), "matched": (LIGHT[1], "diamond", 0.17)}


@chart
def picture(rows: list[Row] | None = None) -> dict[str, Any]:
    """One row per loss: the step of escape, with a column for never, and the accuracy at the end.

    >>> figure = igbviz.charts.escape_of_losses()

    Markers are medians over seeds, bars reach from min to max. `rows` come from `igbviz.studies.escape.read`, by
    default those that the program ships.
    """
    rows = read(DATA) if rows is None else rows
    table = summaries(rows)
    losses = list(table)
    last = max((row.probes[-1] for row in rows if row.probes), default=10)
    # Positions on the log axis that stand for no step.
    init, wall, never, edge = 10**-0.5, last * 10**0.15, last * 10**0.4, last * 10**0.6

    def escape_positions(summary: EscapeSummary) -> list[float]:
        return [never if np.isinf(step) else max(step, init) for step in summary.escape]

    traces = [
        trace
        for rate in STYLES
        for trace in (
            _dots(table, rate, "x", escape_positions, lambda summary: format_spread(summary.escape, format_step)),
            _dots(
                table,
                rate,
                "x2",
                lambda summary: summary.accuracy,
                lambda summary: format_spread(summary.accuracy, format_fraction),
            ),
        )
    ]
    chance = 1 / len(BASE.dataset.facts().class_names)
    dotted, upright = (
        {"color": NEUTRAL, "dash": "dot", "width": 1.5},
        {"y0": 0, "y1": 1, "yref": "paper", "layer": "below"},
    )
    shapes = [
        upright | {"type": "rect", "x0": wall, "x1": edge, "fillcolor": LIGHT_NEUTRAL, "line": {"width": 0}},
        upright | {"type": "line", "x0": chance, "x1": chance, "xref": "x2", "line": dotted},
    ]
    annotation = {
        "x": 0.98,
        "xref": "x2",
        "xanchor": "right",
        "showarrow": False,
        "font": {"color": NEUTRAL_TEXT, "size": SMALL},
    }
    diverged = [
        (sum(summary.diverged for summary in kinds.values()), sum(summary.seeds for summary in kinds.values()))
        for kinds in table.values()
    ]
    annotations = [
        annotation | {"y": row, "text": f"{count} of {total} runs diverged"}
        for row, (count, total) in enumerate(diverged)
        if count
    ]
    small = {"standoff": 6, "font": {"size": SMALL}}
    ticks = [10**power for power in range(int(np.log10(last)) + 1)]
    # A network with even guesses at Init. escapes at step 0; without any the axis need not begin at Init.
    has_even_start = any(row.escape == 0 for row in rows)
    return {
        "data": traces,
        "layout": frame(136 + 24 * len(losses))
        | {
            "xaxis": AXIS
            | {
                "domain": [0, 0.64],
                "type": "log",
                "range": [np.log10(init) - 0.05 if has_even_start else -0.1, np.log10(edge)],
                "tickvals": [init, *ticks, never],
                "ticktext": ["Init.", *(f"{tick:,}" for tick in ticks), "<b>never</b>"],
                "title": {"text": f"steps until the guesses stay even<br>(optimizer steps, of {last:,}; log scale)"}
                | small,
            },
            "xaxis2": AXIS
            | {
                "domain": [0.69, 1],
                "range": [0, 1],
                "dtick": 0.2,
                "title": {"text": "accuracy at the end<br>(dotted: chance)"} | small,
            },
            "yaxis": AXIS
            | {
                "tickvals": list(range(len(losses))),
                "ticktext": losses,
                "range": [len(losses) - 0.4, -0.6],
                "ticks": "",
                "showline": False,
            },
            "font": {"size": SMALL, "family": FONT, "color": NEUTRAL_TEXT},
            "hovermode": "closest",
            "margin": {"l": 150, "r": 24, "t": 48, "b": 76},
            "shapes": shapes,
            "annotations": annotations,
            "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"},
        },
    }


@chart
def escapes(runs: OfRuns, unit: Unit = "epoch") -> dict[str, Any]:
    """One row per setting: a dot at the step where each seed escapes, a column for never, a bar at the median.

    Raises ConfigError, one sentence, for an argument that is not allowed.

    >>> noisy = [line.run for line in igbviz.list_runs() if "symmetric-noise" in line.run.id]
    >>> figure = igbviz.charts.escapes(noisy)
    """
    settings = settings_of(runs)
    one_of("unit", unit, UNITS)
    members = members_of(settings)
    axis = shared_axis(members, unit)
    wall, never, edge = axis.last * 10**0.12, axis.last * 10**0.3, axis.last * 10**0.48  # positions beyond the scale
    traces = []
    for setting in settings:
        style = class_style(setting.index)
        steps = [member.outcome.escape for member in setting.members]
        per_epoch = setting.members[0].steps_per_epoch
        x = [never if np.isinf(step) else float(positions(np.array(step), per_epoch, axis)) for step in steps]
        spread = median_and_range(steps)
        shifts = np.linspace(-0.22, 0.22, len(steps)) if len(steps) > 1 else [0.0]  # dots at one step do not overlap
        median = never if np.isinf(spread[0]) else float(positions(np.array(spread[0]), per_epoch, axis))
        line = f"<b>{literal(setting.label)}</b><br>median of {len(steps)}: {format_spread(spread, format_step)}"
        traces += [
            {
                "type": "scatter",
                "mode": "markers",
                "x": [median],
                "y": [setting.index],
                "hoverinfo": "skip",
                "showlegend": False,
                "marker": {"symbol": "line-ns-open", "size": 34, "color": style.color, "line": {"width": 3}},
                "cliponaxis": False,
            },
            {
                "type": "scatter",
                "mode": "markers",
                "x": x,
                "y": [setting.index + shift for shift in shifts],
                "name": literal(setting.label),
                "cliponaxis": False,
                "marker": {"size": 12, "color": style.color, "opacity": 0.75, "line": {"width": 0}},
                "showlegend": False,
                "hovertext": [f"{m.seed_in_words}: {_escape_words(m)}<br>{line}" for m in setting.members],
                "hovertemplate": "%{hovertext}<extra></extra>",
            },
        ]
    ticks, tick_labels = axis.ticks()
    lines, annotations = loss_change_marks(members, axis)
    shapes = [*axis.decorations()[0][:2], *lines]
    shapes.append(
        {
            "type": "rect",
            "x0": wall,
            "x1": edge,
            "y0": 0,
            "y1": 1,
            "yref": "paper",
            "fillcolor": LIGHT_NEUTRAL,
            "line": {"width": 0},
        }
    )
    shapes[-1]["layer"] = "below"
    height = 150 + 44 * len(settings)
    count = sum(np.isfinite(member.outcome.escape) for member in members)
    title = "optimizer steps" if axis.unit == "step" else "epochs"
    return {
        "data": traces,
        "layout": frame_of_runs(
            height, f"Escape: {count} of {len(members)} runs leave the initial guessing bias", members
        )
        | {
            "title": heading(f"Escape from the initial guessing bias · n = {len(members)} runs")
            | {"xref": "container"},
            "xaxis": AXIS
            | axis.layout()
            | {
                "range": [axis.left, float(np.log10(edge))],
                "tickvals": [*ticks, never],
                "ticktext": [*tick_labels, "<b>never</b>"],
                "title": {"text": f"{title} until the guesses stay even<br>(log scale)", "standoff": 6},
            },
            "yaxis": AXIS
            | {
                "tickvals": [setting.index for setting in settings],
                "ticktext": [literal(setting.label) for setting in settings],
                "range": [len(settings) - 0.4, -0.6],
                "ticklen": 6,
                "tickcolor": "rgba(0,0,0,0)",
                "showline": False,
                "automargin": True,
                "tickfont": {"size": 15},
            },
            "shapes": shapes,
            "annotations": annotations,
            "margin": {"l": 40, "r": 24, "t": 56, "b": 60},
            "hovermode": "closest",
        },
    }


def _escape_words(member: Member) -> str:
    step = member.outcome.escape
    if np.isfinite(step):
        return f"step {format_step(step)}" + ("" if member.ended else " so far")
    return "never" if member.ended else "not yet"


def _dots(
    table: dict[str, dict[str, EscapeSummary]], rate: str, axis: str, positions_of: Callable, describe: Callable
) -> dict[str, Any]:
    """The markers of one learning rate in one panel.

    `positions_of` a summary are its (median, min, max) on the axis, `describe` gives its hover text.
    """
    color, symbol, below = STYLES[rate]
    points = [(row, loss, kinds[rate]) for row, (loss, kinds) in enumerate(table.items()) if rate in kinds]
    median, low, high = np.array([positions_of(summary) for *_, summary in points], dtype=float).reshape(-1, 3).T
    return {
        "type": "scatter",
        "mode": "markers",
        "x": median,
        "y": [row + below for row, *_ in points],
        "xaxis": axis,
        "error_x": {
            "array": high - median,
            "arrayminus": median - low,
            "symmetric": False,
            "thickness": 1.5,
            "width": 0,
        },
        "marker": {"color": color, "symbol": symbol, "size": 9},
        "cliponaxis": False,
        "name": RATES[rate],
        "legendgroup": rate,
        "showlegend": axis == "x",
        "hovertext": [
            f"<b>{loss}</b>, {RATES[rate]}<br>{_escaped(summary)} escaped<br>{describe(summary)}"
            for _, loss, summary in points
        ],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }


def publish(path: Path = DATA, results: Path = RESULTS, png: Path = PICTURE) -> None:
    """Write the table between two marks in `results`, and the figure to `png`. Raises RunError without the marks."""
    text = block(path)
    before, begin, rest = results.read_text().partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    if not (begin and end):
        raise RunError(f"{results} has no {MARKS[0]} ... {MARKS[1]} between which to put the table")
    write_text(results, f"{before}{begin}\n\n{text}\n\n{end}{after}")
    save_png(picture(read(path)), png)
