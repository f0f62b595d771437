"""The confusion matrices of two runs at one step and their difference, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from igbviz.charts.interface.figures import chart
from igbviz.charts.interface.inputs import OfRun, trajectory_of, wrong
from igbviz.charts.style import AXIS, SMALL, annotation, frame, heading, literal
from igbviz.spec import ConfigError, listing
from igbviz.trajectory import Trajectory
from igbviz.trajectory.confusion import Difference, difference

# From -1, blue, where only B has something, to 1, orange, where only A has, as on light pages in
# charts/js/diverging.js. The middle is opaque, so that the numbers can be read on any ground.
BLUE, MIDDLE, ORANGE = (36, 80, 190), (255, 255, 255), (186, 84, 0)
EXPONENT = 0.7  # small differences are to be seen, too
PANELS = ((0.0, 0.28), (0.31, 0.59), (0.63, 1.0))  # A, B and, larger, A - B
MAX_NUMBERS, MAX_NAMED = 12, 40  # classes for which numbers and names have room


@chart
def confusion_difference(
    run_a: OfRun, run_b: OfRun, step: int | None = None, names: Sequence[str] = ("A", "B"), height: float = 480
) -> dict[str, Any]:
    """What two runs confuse at one step: both confusion matrices, and A - B.

    Rows are true classes, columns guesses, in fractions of the images of the true class. Of each run it is the last
    probe at or before `step`, by default the last step that both have reached. `names` are titles for the two runs.
    Raises ConfigError for runs with different classes, or another step than a whole number from 0 on.

    >>> runs = [igbviz.submit(f"first-look-{loss}") for loss in ("cross-entropy", "blurry")]
    >>> figure = igbviz.charts.confusion_difference(*runs, step=100)
    >>> figure.layout.title.text.partition(",")[0]
    'At step 95'
    """
    a, b = _runs(trajectory_of(run_a, "run_a"), trajectory_of(run_b, "run_b"))
    if not (step is None or isinstance(step, int | np.integer) and not isinstance(step, bool) and step >= 0):
        raise wrong("step", step, "a whole number from 0 on, or None for the last step of both")
    if not (isinstance(names, list | tuple) and len(names) == 2 and all(isinstance(name, str) for name in names)):
        raise wrong("names", names, "two texts")
    found = difference(a, b, step)
    title = [f"{letter}: {literal(name)}" if name != letter else name for letter, name in zip("AB", names, strict=True)]
    matrices = ((title[0], found.a, 1), (title[1], found.b, -1), ("A − B", found.values, 1))
    ticks = {"tickvals": list(range(a.classes)), "ticktext": [literal(name) for name in a.class_names]}
    axis = AXIS | {"showgrid": False, "ticks": "", "mirror": True, "tickfont": {"size": SMALL}}
    axis |= ticks if a.classes <= MAX_NAMED else {"showticklabels": False}
    small = f'<span style="font-size:{SMALL}px">Rows: true class; columns: guess; fractions of the true class</span>'
    layout: dict[str, Any] = frame(int(height)) | {
        "title": heading(f"{literal(found.sentence())}<br>{small}") | {"xref": "container", "pad": {"l": 12, "t": 24}},
        "margin": {"l": 110, "r": 62, "t": 100, "b": 96},
        "coloraxis": _scale(),
        "meta": {"words": f"Confusion of two runs. {found.sentence()}"},
        "annotations": [
            annotation(f"<b>{text}</b>", low, 1, yanchor="bottom", yshift=6)
            for (text, *_), (low, _) in zip(matrices, PANELS, strict=True)
        ],
    }
    traces = []
    for place, ((_, values, sign), domain) in enumerate(zip(matrices, PANELS, strict=True)):
        suffix = str(place + 1) if place else ""
        traces.append(_matrix(found, values, sign) | {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"})
        layout[f"xaxis{suffix}"] = axis | {"domain": list(domain), "anchor": f"y{suffix}", "tickangle": -90}
        layout[f"yaxis{suffix}"] = axis | {"autorange": "reversed", "anchor": f"x{suffix}"}
        if place:  # the rows of all matrices are named by the first
            layout[f"yaxis{suffix}"]["showticklabels"] = False
    return {"data": traces, "layout": layout}


def _runs(a: Trajectory, b: Trajectory) -> tuple[Trajectory, Trajectory]:
    """Two runs with the same classes; a list of snapshots has lost their names, and takes those of the other run."""
    for name, run in (("run_a", a), ("run_b", b)):
        if not len(run):
            raise ConfigError(((name,), "has no probe yet, allowed: a run with at least one"))
    numbers = tuple(map(str, range(a.classes)))
    if a.class_names == numbers and b.classes == a.classes:
        a = Trajectory(a.records, b.class_names)
    if a.class_names != b.class_names and b.class_names != numbers:
        raise ConfigError(
            (("run_b",), f"has the classes {listing(b.class_names)}, allowed: those of run_a, {listing(a.class_names)}")
        )
    return a, b


def _matrix(found: Difference, values: np.ndarray, sign: int) -> dict[str, Any]:
    """A heat map; `sign` is the side of the scale on which the values lie."""
    classes = range(len(values))
    return {
        "type": "heatmap",
        "z": sign * values,
        "coloraxis": "coloraxis",
        "xgap": 1,
        "ygap": 1,
        "text": [[_number(value) for value in row] for row in values] if len(values) <= MAX_NUMBERS else None,
        "texttemplate": "%{text}" if len(values) <= MAX_NUMBERS else "",
        "textfont": {"shadow": "none"},  # without a size they fit into the cells
        "hovertext": [[literal(found.named(row, column)) for column in classes] for row in classes],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }


def _number(value: float) -> str:
    """'.42', '−.10'; nothing where it would be zero."""
    text = f"{abs(value):.2f}"
    return "" if text == "0.00" else ("−" if value < 0 else "") + text.removeprefix("0")


def _scale() -> dict[str, Any]:
    bar = {
        "len": 1, "x": 1.01, "xpad": 4, "ypad": 0, "thickness": 10, "outlinewidth": 0,
        "tickvals": [-1, -0.5, 0, 0.5, 1], "ticktext": ["−1<br>B more", "−0.5", "0", "0.5", "A more<br>1"],
        "tickfont": {"size": SMALL},
    }  # fmt: skip
    stops = np.linspace(-1, 1, 41)
    return {"cmin": -1, "cmax": 1, "colorscale": [[(at + 1) / 2, _color(at)] for at in stops], "colorbar": bar}


def _color(value: float) -> str:
    part, end = abs(value) ** EXPONENT, ORANGE if value > 0 else BLUE
    red, green, blue = (round(m + part * (e - m)) for m, e in zip(MIDDLE, end, strict=True))
    return f"rgb({red}, {green}, {blue})"
