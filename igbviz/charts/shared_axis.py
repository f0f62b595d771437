"""One time axis for several runs: where their probes lie on it, and the moments at which their losses change."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from igbviz.charts.style import upright_line
from igbviz.charts.time_axis import TimeAxis, Unit
from igbviz.studies.comparison import Member


def shared_axis(members: Sequence[Member], unit: Unit) -> TimeAxis:
    """One axis for all: from the earliest first step to the latest planned end."""
    per_epoch = max(member.steps_per_epoch for member in members)
    if unit == "epoch":
        return TimeAxis(per_epoch, max(member.config.epochs for member in members), unit)
    return TimeAxis(
        per_epoch, max(member.config.epochs * member.steps_per_epoch for member in members) / per_epoch, unit
    )


def places(step: np.ndarray, steps_per_epoch: float, axis: TimeAxis) -> np.ndarray:
    """(T,) where a run's steps lie on an axis that it shares with others; an epoch is its own, Init. is everybody's."""
    return np.where(step > 0, step / (steps_per_epoch if axis.unit == "epoch" else 1.0), axis.init).astype(np.float32)


def switch(member: Member, axis: TimeAxis) -> list[tuple[float, str]]:
    """(place, label) of the moment from which this run's loss acts alone, if that is not its start."""
    mark = member.config.schedule.mark(round(member.steps_per_epoch))
    if not mark or not 0 < mark[0] < member.config.epochs:
        return []
    return [(mark[0] * (1 if axis.unit == "epoch" else member.steps_per_epoch), mark[1])]


def switches(members: Sequence[Member], axis: TimeAxis, row: int = 0) -> tuple[list[dict], list[dict]]:
    """Shapes and annotations of the moments at which the losses of these runs change: a line a moment, named above the
    picture where it is one, and counted at the first of several. `row` is the line of text, from the picture up."""
    by_place = {f"{place:.4g}": (place, label) for member in members for place, label in switch(member, axis)}
    moments = sorted(by_place.values())
    if not moments:
        return [], []
    place, label = moments[0]
    text = label if len(moments) == 1 else f"{label}: {len(moments)} moments"
    note = {
        "x": float(np.log10(place)),
        "y": 1,
        "yref": "paper",
        "yanchor": "bottom",
        "yshift": 16 * row,
        "font": {"size": 12},
    }
    return [upright_line(place, "solid") for place, _ in moments], [note | {"text": text, "showarrow": False}]
