"""Below the picture: which images of the run get a gradient, the gradients on the logits, and a table of all losses."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from igbviz.charts import losses
from igbviz.charts.colors import NEUTRAL
from igbviz.charts.run import run_curves
from igbviz.losses import LOSSES, Loss, force
from igbviz.losses.force import ZONES
from igbviz.runs.run import Run
from igbviz.trajectory import Trajectory, quantities
from igbviz.trajectory.zones import images_by_zone
from igbviz.ui.live_chart import live_chart, payload
from igbviz.ui.messages import plain
from igbviz.ui.runs import shown_trajectory
from igbviz.ui.views.losses.run_choice import Shown, moment

SIGNAL_HEIGHT = 440  # pixels


def verdict(shown: Shown) -> str:
    """What the selected loss does to the images of the run at this probe, in one sentence; empty without a run."""
    if shown.trajectory is None or shown.focus is None:
        return ""
    fractions = images_by_zone(shown.trajectory, shown.index, shown.shaded)
    silent, wrong = (np.average(fractions[:, k], weights=shown.trajectory.class_sizes()[shown.index]) for k in (1, 2))
    return (
        f"**{LOSSES[shown.focus].title} at {moment(shown.trajectory, shown.index)}: {100 * silent:.0f} % of the images "
        f"have zero gradient, {100 * wrong:.0f} % are pushed the wrong way.**"
    )


def contributions(shown: Shown) -> None:
    """Per class: the fraction of images in each zone of the selected loss, and the gradient norm of the run's loss."""
    run, trajectory, index, focus, shaded = shown
    if run is None or trajectory is None:
        return
    st.header("Which images contribute a gradient", anchor=False)
    by_zone, signal = st.columns([1, 1.3], gap="medium")
    favoured = trajectory.favoured()
    if focus is not None:
        fractions = images_by_zone(trajectory, index, shaded)
        names = [f"{name} ★" if k == favoured else name for k, name in enumerate(trajectory.class_names)]
        frame = pd.DataFrame(100 * fractions, columns=list(ZONES.values()))
        frame.insert(0, "class", names)
        percent = {
            title: st.column_config.NumberColumn(title.removeprefix("pushes the "), format="%.0f %%")
            for title in ZONES.values()
        }
        with by_zone:
            st.markdown(f"**{LOSSES[focus].title} at {moment(trajectory, index)}**")
            st.dataframe(frame, hide_index=True, column_config=percent, height=min(420, 38 + 35 * len(frame)))
            st.caption(
                "Fraction of the images of each class in the shaded zones: what this loss would do to the network of "
                "the run at this probe. ★: the class that the untrained network favours."
            )
    else:
        by_zone.caption(
            "Choose a loss that depends on p alone, and this table shows, per class, which images it would ignore."
        )
    with signal:
        if not trajectory.has_loss:
            st.caption("The probe of this run did not know its loss, so the gradients of its training are unknown.")
            return
        live_chart(_signal(run, trajectory, index), key="chart-signal", height=SIGNAL_HEIGHT)
        st.caption(
            f"The gradient per class with the loss that this run was trained with ({plain(run.config.loss.title)}). "
            f"{quantities.QUANTITIES['signal'].caption} {run.config.loss.selection_note} The vertical line marks the "
            "probe selected above."
        )


def _signal(run: Run, trajectory: Trajectory, index: int) -> str:
    """The payload of the training signal over time, shared by all viewers, with a line at one probe."""
    spec = json.loads(_curves(str(run.path), run.record_bytes))
    time = trajectory.epoch if trajectory.has_epochs else trajectory.step
    place = float(time[index]) or spec["layout"]["xaxis"]["tickvals"][0]
    line = {
        "type": "line",
        "x0": place,
        "x1": place,
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "line": {"width": 2.5, "color": NEUTRAL},
    }
    spec["layout"]["shapes"].append(line)
    return json.dumps(spec, separators=(",", ":"))


def over_lead(chosen: dict[str, Loss]) -> None:
    st.header("On the logits", anchor=False)
    if not chosen:
        return
    live_chart(_lead_payload(tuple(chosen.items())), key="chart-over-lead", height=losses.LEAD_HEIGHT)
    st.caption(
        "Ten classes, of which a wrong one leads all others by the number of logits on the axis. A step of training "
        "raises a logit with a negative gradient and lowers one with a positive gradient. To escape the first guess, "
        "the true class has to be raised (top) and the favoured one lowered (middle): normalized losses hardly lower "
        "the favoured class, and losses with zero gradient do neither. A loss much stronger than the others leaves the "
        "chart; its label gives its range. Drag the axis to see it."
    )


def table(classes: int) -> None:
    st.header("All losses", anchor=False)
    frame = pd.DataFrame(_ranking(classes))
    frame["train"] = [f"Train?loss={name}" for name in frame["name"]]
    frame["of p only"] = frame["of p only"].map({True: "p", False: "all logits"})
    forces = ["even", "rare"]
    st.dataframe(
        frame.style.format(losses.short, subset=forces),  # the cells stay numbers, so that they sort as such
        hide_index=True,
        column_order=["title", "even", "rare", "train", "effect", "of p only", "source"],
        column_config={
            "title": st.column_config.TextColumn("loss", width=220),
            "even": st.column_config.NumberColumn(f"force at 1/{classes}"),
            "rare": st.column_config.NumberColumn("force at 1e-4"),
            "train": st.column_config.LinkColumn("train", display_text="train with it", width=80),
            "effect": st.column_config.TextColumn("on a class with low probability, it ...", width=560),
            "of p only": st.column_config.TextColumn("depends on", width=90),
            "source": st.column_config.TextColumn("source", width=300),
        },
        height=38 + 35 * len(frame),
        key="family",
    )
    st.caption(
        "Force: the gradient on the true class's logit in units of that of cross-entropy, at the default "
        "hyperparameters; for a loss of p this is w(p). Losses of all logits are evaluated where one wrong class leads "
        f"the {classes - 1} others, which are equal, by so much that the true class has this p. At 1/{classes} all "
        "logits are equal and LogitNorm would divide by zero, so the value is taken just below. Click on a heading to "
        "sort."
    )


# Shared by all viewers of a run; the key is the length of its file.


@st.cache_resource(max_entries=16, show_spinner=False)
def _curves(path: str, size: int) -> str:
    run = Run(Path(path))
    options = {"legend": False, "title": "Training signal per class", "height": SIGNAL_HEIGHT}
    plan = {"steps_per_epoch": run.steps_per_epoch}
    return payload(run_curves(shown_trajectory(path, size), run.config, "signal", **plan, **options))


@lru_cache(maxsize=16)
def _lead_payload(chosen: tuple[tuple[str, Loss], ...]) -> str:
    return payload(losses.over_lead.spec(dict(chosen)))


@st.cache_data(max_entries=8, show_spinner=False)
def _ranking(classes: int) -> list[dict]:
    return force.ranking(classes)
