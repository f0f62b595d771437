"""What the first epoch changes: every class before the first step and after one epoch, a panel per loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from igbviz.charts.colors import class_style, shade
from igbviz.charts.interface.figures import chart
from igbviz.charts.interface.inputs import OfRun, one_of, settings_of, trajectory_of, wrong
from igbviz.charts.run import MAX_LINES
from igbviz.charts.style import AXIS, FRACTION_TICKS, SMALL, chance_line, frame, literal
from igbviz.runs.run import Run
from igbviz.studies.comparison import titles
from igbviz.trajectory import Trajectory
from igbviz.trajectory.quantities import QUANTITIES

OF_ALL = ("guess_fraction", "predicted_probability")  # quantities over all images, whose classes sum to 1
PANEL, GAP, BOTTOM = 150, 62, 106  # pixels


@chart
def first_epoch(runs: Mapping[str, OfRun] | Sequence[Run], quantity: str = "guess_fraction") -> dict[str, Any]:
    """One panel per run: of each class a pale bar at Init. and a full one after the first epoch, the favoured first.

    >>> runs = {loss: igbviz.submit(f"first-look-{loss}") for loss in ("cross-entropy", "blurry")}
    >>> figure = igbviz.charts.first_epoch(runs)

    `runs` maps names, as of losses, to a Run, Trajectory or list of snapshots each; a list of Runs is named by what
    differs between them. `quantity` is "guess_fraction" or "predicted_probability". A run that has not got so far is
    shown at its last probe. Raises ConfigError, one sentence, for an argument that is not allowed.
    """
    one_of("quantity", quantity, OF_ALL)
    shown = _by_name(runs)
    inner = len(shown) * (PANEL + GAP)
    traces: list[dict[str, Any]] = []
    layout: dict[str, Any] = {"shapes": [], "annotations": []}
    words = []
    for place, (name, trajectory) in enumerate(shown.items()):
        number = str(place + 1) if place else ""
        before, after = before_and_after(trajectory, quantity)
        end, said = after_first_epoch(trajectory), became(trajectory, quantity)
        order = favoured_first(trajectory)
        names = [literal(trajectory.class_names[k]) for k in order]
        labels = [f"<b>{names[0]} ★</b>", *names[1:]]
        traces += [
            trace | {"xaxis": f"x{number}", "yaxis": f"y{number}"}
            for trace in (
                _bars(before[order], order, names, "Init.", 0.35),
                _bars(after[order], order, names, _moment(trajectory, end), 1.0),
            )
        ]
        top = 1 - (place * (PANEL + GAP) + GAP) / inner
        is_labelled = len(order) <= MAX_LINES
        layout[f"xaxis{number}"] = AXIS | {
            "anchor": f"y{number}",
            "tickvals": list(range(len(order))) if is_labelled else [0],
            "ticktext": labels if is_labelled else labels[:1],
            "range": [-0.6, len(order) - 0.4],
            "showgrid": False,
            "showticklabels": place == len(shown) - 1 or _order(shown) > 1,
            "tickangle": -35,
            "ticks": "",
            "fixedrange": True,
        }
        layout[f"yaxis{number}"] = AXIS | FRACTION_TICKS | {
            "domain": [max(0.0, top - PANEL / inner), top], "anchor": f"x{number}", "range": [0, 1.02],
            "showline": False, "tickfont": {"size": SMALL},
        }  # fmt: skip
        if place == len(shown) - 1:
            layout[f"xaxis{number}"]["title"] = {"text": "pale: Init.; full: the moment named above", "standoff": 6}
        layout["shapes"].append(chance_line(1 / len(order), f"x{number} domain", yref=f"y{number}"))
        note = {"x": 0, "xref": "paper", "xanchor": "left", "y": top, "yref": "paper", "yanchor": "bottom"}
        layout["annotations"].append(note | {
            "text": f"<b>{literal(name)}</b><br>{literal(said)}", "showarrow": False,
            "align": "left", "font": {"size": SMALL}, "yshift": 4,
        })  # fmt: skip
        words.append(f"{name}: {said}")
    return {
        "data": traces,
        "layout": frame(inner + BOTTOM)
        | layout
        | {
            "barmode": "group",
            "bargap": 0.2,
            "bargroupgap": 0,
            "showlegend": False,
            "margin": {"l": 56, "r": 16, "t": 0, "b": BOTTOM},
            "hovermode": "closest",
            "uirevision": "kept",
            "meta": {"words": f"{QUANTITIES[quantity].title} of the classes at Init. and later. {'; '.join(words)}"},
        },
    }


def _by_name(runs: Any) -> dict[str, Trajectory]:
    allowed = "a list of Runs, or a mapping of names to a Run, a Trajectory or a list of snapshots each"
    runs = [runs] if isinstance(runs, Run) else runs
    if isinstance(runs, list | tuple) and runs and all(isinstance(run, Run) for run in runs):
        names = titles(settings_of(runs))
        runs = {names[run.id]: run for run in runs if run.id in names}
    if not isinstance(runs, Mapping) or not runs:
        raise wrong("runs", runs, allowed)
    found = {str(name): trajectory_of(run, f"runs[{name!r}]") for name, run in runs.items()}
    found = {name: trajectory for name, trajectory in found.items() if len(trajectory)}
    if not found:
        raise wrong("runs", runs, "at least one run with a probe")
    return found


def after_first_epoch(trajectory: Trajectory) -> int:
    """The probe nearest to the end of the first epoch that is not after it; the last where epochs are unknown."""
    if not trajectory.has_epochs:
        return len(trajectory) - 1
    return int(np.flatnonzero(trajectory.epoch <= 1 + 1e-9)[-1])


def before_and_after(trajectory: Trajectory, quantity: str) -> tuple[np.ndarray, np.ndarray]:
    """(K,) and (K,): the quantity of every class at Init. and after the first epoch."""
    probes = trajectory[np.array([0, after_first_epoch(trajectory)])]
    before, after = np.asarray(QUANTITIES[quantity].values(probes), np.float64)
    return before, after


def became(trajectory: Trajectory, quantity: str) -> str:
    """'ship 98 % → 10 %; most at epoch 1: dog, 16 %'."""
    before, after = before_and_after(trajectory, quantity)
    favoured, most, names = trajectory.favoured(), int(after.argmax()), trajectory.class_names
    end = _moment(trajectory, after_first_epoch(trajectory))
    fell = f"{names[favoured]} {100 * before[favoured]:.0f} % → {100 * after[favoured]:.0f} %"
    return f"{fell}; {'still ' * (most == favoured)}most at {end}: {names[most]}, {100 * after[most]:.0f} %"


def favoured_first(trajectory: Trajectory) -> np.ndarray:
    """(K,) the favoured class, then the others in their order."""
    order = np.arange(trajectory.classes)
    return np.concatenate([[trajectory.favoured()], np.delete(order, trajectory.favoured())])


def _order(shown: Mapping[str, Trajectory]) -> int:
    """How many orders of classes there are: runs of one seed favour one class, and share the labels below the last."""
    return len({tuple(favoured_first(trajectory)) for trajectory in shown.values()})


def _moment(trajectory: Trajectory, probe: int) -> str:
    step = int(trajectory.step[probe])
    if not step:
        return "Init."
    return f"epoch {trajectory.epoch[probe]:.3g}" if trajectory.has_epochs else f"step {step:,}"


def _bars(values: np.ndarray, order: np.ndarray, names: list[str], when: str, opacity: float) -> dict[str, Any]:
    styles = [class_style(k) for k in order]
    colors = [style.color if opacity == 1 else shade(style.color, opacity) for style in styles]
    pattern = {"shape": [style.pattern for style in styles], "fillmode": "replace", "size": 7, "solidity": 0.55}
    return {
        "type": "bar",
        "x": list(range(len(order))),
        "y": values.astype(np.float32),
        "name": when,
        "marker": {"color": colors, "line": {"width": 0}} | ({"pattern": pattern} if opacity == 1 else {}),
        "hovertext": names,
        "hovertemplate": f"<b>%{{hovertext}}</b><br>%{{y:.1%}}, {when}<extra></extra>",
    }
