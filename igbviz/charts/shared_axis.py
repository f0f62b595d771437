"""One time axis for several runs: the positions of their probes on it, and the moments at which a loss changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from igbviz.charts.style import SMALL, vertical_line
from igbviz.charts.time_axis import TimeAxis, Unit, planned
from igbviz.studies.comparison import Member


def shared_axis(members: Sequence[Member], unit: Unit) -> TimeAxis:
    """The axis for all members, from the earliest first step to the latest planned end.

    It has steps where the epochs of a member are unknown.
    """
    per_epoch = max(member.steps_per_epoch for member in members)
    if unit == "epoch" and all(member.has_epochs for member in members):
        return TimeAxis(per_epoch, max(member.epochs for member in members), unit)
    return TimeAxis(per_epoch, max(member.epochs * member.steps_per_epoch for member in members) / per_epoch, "step")


def positions(step: np.ndarray, steps_per_epoch: float, axis: TimeAxis) -> np.ndarray:
    """(T,) positions of a run's steps on a shared axis, in that run's own epochs; step 0 lies at the common Init."""
    return np.where(step > 0, step / (steps_per_epoch if axis.unit == "epoch" else 1.0), axis.init).astype(np.float32)


def loss_change(member: Member, axis: TimeAxis) -> list[tuple[float, str]]:
    """(position, label) of the moment from which this run's loss acts alone; empty if it does from the start."""
    _, marks = planned(member.config, member.steps_per_epoch)
    return [(epoch * (1 if axis.unit == "epoch" else member.steps_per_epoch), label) for epoch, label in marks]


def loss_change_marks(members: Sequence[Member], axis: TimeAxis, row: int = 0) -> tuple[list[dict], list[dict]]:
    """Shapes and annotations for the moments at which the losses of these runs change, one vertical line per moment.

    A single moment is named above the plot; several are counted at the first. `row` counts lines of text upwards from
    the plot.
    """
    changes = [change for member in members for change in loss_change(member, axis)]
    moments = sorted({f"{position:.4g}": (position, label) for position, label in changes}.values())
    if not moments:
        return [], []
    first, label = moments[0]
    text = label if len(moments) == 1 else f"{label}: {len(moments)} moments"
    annotation = {
        "x": float(np.log10(first)),
        "y": 1,
        "yref": "paper",
        "yanchor": "bottom",
        "yshift": 18 * row,
        "font": {"size": SMALL},
    }
    return [vertical_line(position, "solid") for position, _ in moments], [
        annotation | {"text": text, "showarrow": False}
    ]


def moment_shapes(member: Member, axis: TimeAxis) -> list[dict[str, Any]]:
    """Shapes of one panel: the break after Init., and the moments of this run."""
    untrained = axis.decorations()[0][:2]
    return [
        *untrained,
        *(vertical_line(x, "dash" if label == "epoch 1" else "solid") for x, label in moments(member, axis)),
    ]


def moments(member: Member, axis: TimeAxis) -> list[tuple[float, str]]:
    """(position, label) of the end of the first epoch, and of the change of the loss, if there is one."""
    per_epoch = member.steps_per_epoch
    ends = [(1.0, "epoch 1")] if member.epochs >= 1 and per_epoch > 1 else []
    ends = [(epoch * (1 if axis.unit == "epoch" else per_epoch), label) for epoch, label in ends]
    return [*ends, *loss_change(member, axis)]
