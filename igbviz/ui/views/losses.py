"""The page of losses: choose some, see their gradients over p with the images of a run, and compare all losses."""

from __future__ import annotations

import json
from functools import lru_cache
from html import escape as escaped
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import streamlit as st

from igbviz.charts import losses
from igbviz.charts.colors import NEUTRAL, ClassStyle
from igbviz.charts.losses import LOSS_CURVES, loss_style
from igbviz.charts.run import run_curves
from igbviz.losses import LOSSES, Custom, Loss, LossOfP, force
from igbviz.losses.force import ZONES, Zone
from igbviz.runs.library import Row
from igbviz.runs.run import Run, RunError
from igbviz.spec import ConfigError
from igbviz.trajectory import Trajectory, quantities
from igbviz.trajectory.trajectory import P_EDGES
from igbviz.trajectory.zones import images_by_zone
from igbviz.ui import escape, forms, shell
from igbviz.ui.live_chart import live_chart, payload
from igbviz.ui.messages import show_error
from igbviz.ui.query import loss_to_query
from igbviz.ui.runs import loss_title, run_rows, shown_trajectory

START = ["cross-entropy", "blurry", "piecewise-zero", "gce", "mae"]
MAX_LOSSES = 6
EVERY_CLASS = "all classes"
CARDS, SIGNAL_HEIGHT = 1010, 440  # pixels; the cards are as high as the picture beside them


class Shown(NamedTuple):
    """The contents of the chart over p: a run at one probe, if there is any, and the zones of one loss."""

    run: Run | None
    trajectory: Trajectory | None
    index: int
    focus: str | None
    shaded: list[Zone]


def draw(cache: Path) -> None:
    """The whole page. Every change redraws all of it, in about a tenth of a second."""
    st.markdown(
        "A loss decides **which images contribute a gradient**. If the loss is a function of p, the probability of the "
        "true class, each image contributes the gradient of cross-entropy times a factor w(p), the **force** of the "
        "loss. A network with a strong first guess (initial guessing bias, IGB) assigns almost every image a small p: "
        "where w is 0 there, the image is ignored (zero gradient), and where w is negative, the image is pushed away "
        "from its own class."
    )
    names = st.multiselect(
        "Losses",
        list(LOSSES),
        default=START,
        max_selections=MAX_LOSSES,
        format_func=lambda name: LOSSES[name].title,
        key="losses",
    )
    st.html(
        "<style>.st-key-cards .katex {font-size: 1.08em} .st-key-cards .katex-display {overflow-x: auto; overflow-y: "
        "hidden}</style>"
    )
    left, right = st.columns([1, 2.4], gap="medium")
    with left.container(height=CARDS, border=False, key="cards"):
        chosen = {name: loss for name in names if (loss := _card(name)) is not None}
    with right:
        shown = _map(chosen, cache)
    _contributions(shown)
    _over_lead(chosen)
    _table(shown.trajectory.classes if shown.trajectory is not None else 10)
    escape.draw()


def _card(name: str) -> Loss | None:
    """One loss with its formula, its hyperparameters and a link to train with it; None and an error if invalid."""
    kind, style = LOSSES[name], loss_style(name)
    with st.container(border=True):
        st.html(f"{_line_sample(style)} <b>{escaped(kind.title)}</b>")
        formula = st.empty()
        settings = forms.widgets(kind, {}, f"losses-{name}", drag=True)
        try:
            loss = kind(**settings)
        except ConfigError as error:
            show_error(error)
            return None
        formula.latex(forms.stacked_formula(loss))
        if isinstance(loss, Custom):
            for finding in loss.checks():
                st.warning(f"It {finding.text}.", icon=":material/warning:")
        st.caption(f"Effect on a class with low probability: {kind.effect}.  \n*{kind.source}*")
        shell.link("pages/Train.py", "Train with this loss", icon=":material/play_circle:", **loss_to_query(loss))
    return loss


def _line_sample(style: ClassStyle) -> str:
    """A sample of the line style of a loss, as HTML."""
    stops, at = [], 0
    for place, length in enumerate(style.dash or (34,)):
        stops.append(f"{'transparent' if place % 2 else style.color} {at}px {at + length}px")
        at += length
    stripes = f"repeating-linear-gradient(90deg, {', '.join(stops)})"
    box = "display:inline-block;width:34px;height:4px;margin-right:6px;vertical-align:middle"
    return f'<span style="{box};background:{stripes}"></span>'


def _map(chosen: dict[str, Loss], cache: Path) -> Shown:
    """The chart over p with the images of a run, its controls, and the slider that selects the probe."""
    of_p = {name: loss for name, loss in chosen.items() if isinstance(loss, LossOfP)}
    parts = {name: force.zones(loss) for name, loss in of_p.items()}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        quantity = st.segmented_control(
            "Over p",
            list(LOSS_CURVES),
            default="weight",
            required=True,
            key="quantity",
            format_func=lambda name: LOSS_CURVES[name].title,
        )
        scale = st.segmented_control("Axis of p", ("log", "linear"), default="log", required=True, key="scale")
        divided = [name for name in parts if len(parts[name]) > 1]
        focus = None
        if parts:  # a selectbox that was empty once would stay without a selection
            focus = st.selectbox(
                "Shade the zones of",
                list(parts),
                index=list(parts).index(divided[0]) if divided else 0,
                format_func=lambda name: LOSSES[name].title,
                key="focus",
                width=190,
            )
    run, trajectory, only, index = _choose_run(cache)
    chart = st.container()
    classes = trajectory.classes if trajectory is not None else 10
    marks = [(1 / classes, "uniform guess, 1/K")]
    if trajectory is not None:
        median = trajectory.median_probability()
        where = (
            f"left of p = {losses.short(median)}" if median > P_EDGES[1] else f"below p = {losses.short(P_EDGES[1])}"
        )
        marks.append((median, f"half of the images start {where}"))
    snapshot = None if trajectory is None else (trajectory, index, only)
    shaded = parts.get(focus, [])
    with chart:
        live_chart(
            losses.over_p(of_p, quantity, log=scale == "log", shaded=shaded, marks=marks, run=snapshot),
            key="chart-over-p",
        )
    _caption(chosen, of_p, quantity, focus, shaded)
    return Shown(run, trajectory, index, focus, shaded)


def _caption(
    chosen: dict[str, Loss], of_p: dict[str, LossOfP], quantity: str, focus: str | None, shaded: list[Zone]
) -> None:
    sentences = [LOSS_CURVES[quantity].caption]
    if focus in of_p:
        description = (
            "; ".join(zone.describe() for zone in shaded)
            if len(shaded) <= losses.MAX_ZONES
            else "changes its sign too often to be shaded"
        )
        sentences.append(f"**{of_p[focus].title}** {description}.")
        sentences.append(
            "Zero gradient means: a force under 1 % of cross-entropy's, except where it only changes its sign."
        )
    if missing := [loss.title for name, loss in chosen.items() if name not in of_p]:
        sentences.append(
            f"Not in this chart, since not a function of p alone: {', '.join(missing)}; see *On the logits* below."
        )
    st.caption(" ".join(sentences))


def _choose_run(cache: Path) -> tuple[Run | None, Trajectory | None, int | None, int]:
    """The run whose images are drawn, its trajectory, the class shown (None for all) and the probe.

    The widgets are one row above the chart, so that the slider and its effect are visible together. Without any run, a
    link to the Train page.
    """
    rows = {
        row["id"]: row
        for row in run_rows(cache)
        if row["state"] not in ("unreadable", "queued") and row["kind"] != "untrained"
    }
    if not rows:
        st.info(
            "Train a network once, and this page shows which of its images contribute a gradient and which do not.",
            icon=":material/info:",
        )
        shell.link("pages/Train.py", "Train a first network", icon=":material/play_circle:")
        return None, None, None, 0
    choice, of_class, when = st.columns([2.2, 1, 1.8])
    linked = st.query_params.get("run")
    name = choice.selectbox(
        "Images of this run",
        list(rows),
        index=list(rows).index(linked if linked in rows else _latest_finished(rows)),
        format_func=lambda name: _run_in_words(rows[name], cache),
        key="images",
    )
    try:
        run = Run.open(name, cache)
        trajectory, _ = shown_trajectory(str(run.path), run.record_bytes), run.config  # both can be unreadable
    except RunError as error:
        st.warning(f"{error}.", icon=":material/broken_image:")
        return None, None, None, 0
    columns = trajectory.records.dtype
    if not len(trajectory) or "p_hist" not in columns.names or columns["p_hist"].shape[1] != len(P_EDGES) - 1:
        st.info("This run has no recorded probabilities of its images yet.", icon=":material/info:")
        return None, None, None, 0
    names = [EVERY_CLASS, *trajectory.class_names]
    place = of_class.selectbox("Show", range(len(names)), format_func=names.__getitem__, key="only")
    index = 0
    if len(trajectory) > 1:
        index = when.select_slider(
            "Probe", range(len(trajectory)), value=0, key="moment", format_func=lambda i: _moment(trajectory, i)
        )
    return run, trajectory, place - 1 if place else None, index


def _latest_finished(rows: dict[str, Row]) -> str:
    """The newest finished run, else the newest. A diverged run has little to show."""
    return next((name for name, row in rows.items() if row["state"] == "done"), next(iter(rows)))


def _run_in_words(row: Row, cache: Path) -> str:
    """A run in one line; custom losses share one name, so they are shown by their formula."""
    loss = _formula(str(cache), row["id"]) if row["loss"] == "custom" else loss_title(row["loss"])
    return f"{loss} · {row['model']} · {row['dataset']} · seed {row['seed']} · {row['state']}"


@lru_cache(maxsize=256)
def _formula(cache: str, name: str) -> str:
    """The formula of a run with its parameters: 'f = -p**g*log(p), g = 0.7'. Cached, since a config never changes."""
    try:
        loss = Run.open(name, cache).config.loss
    except RunError:
        return "custom"
    return ", ".join([f"f = {loss.formula}", *(f"{symbol} = {value:g}" for symbol, value in loss.parameters.items())])


def _moment(trajectory: Trajectory, index: int) -> str:
    step = int(trajectory.step[index])
    return f"step {step:,}" if step else "init"


def _contributions(shown: Shown) -> None:
    """Per class: the fraction of images in each zone of the selected loss, and the gradient norm of the run's loss."""
    run, trajectory, index, focus, shaded = shown
    if run is None:
        return
    st.subheader("Which images contribute a gradient", anchor=False)
    table, signal = st.columns([1, 1.3], gap="medium")
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
        with table:
            silent, wrong = (np.average(fractions[:, k], weights=trajectory.class_sizes()[index]) for k in (1, 2))
            st.markdown(
                f"**{LOSSES[focus].title} at {_moment(trajectory, index)}: {silent:.0%} of the images with zero "
                f"gradient, {wrong:.0%} pushed the wrong way**"
            )
            st.dataframe(frame, hide_index=True, column_config=percent, height=min(420, 38 + 35 * len(frame)))
            st.caption(
                "Fraction of the images of each class in the shaded zones: what this loss would do to the network of "
                "the run at this probe. ★: the class that the untrained network favours."
            )
    else:
        table.caption(
            "Choose a loss that depends on p alone, and this table shows, per class, which images it would ignore."
        )
    with signal:
        live_chart(_signal(run, trajectory, index), key="chart-signal", height=SIGNAL_HEIGHT)
        st.caption(
            f"The gradient per class with the loss that this run was trained with ({run.config.loss.title}). "
            f"{quantities.QUANTITIES['signal'].caption} {run.config.loss.selection_note} The vertical line marks the "
            "probe selected above."
        )


def _signal(run: Run, trajectory: Trajectory, index: int) -> str:
    """The payload of the training signal over time, shared by all viewers, with a line at one probe."""
    spec = json.loads(_curves(str(run.path), run.record_bytes))
    place = float(trajectory.epoch[index]) or spec["layout"]["xaxis"]["tickvals"][0]
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


def _over_lead(chosen: dict[str, Loss]) -> None:
    st.subheader("On the logits", anchor=False)
    if not chosen:
        return
    live_chart(_lead_payload(tuple(chosen.items())), key="chart-over-lead", height=losses.lead_height(chosen))
    st.caption(
        "Ten classes, of which a wrong one leads all others by the number of logits on the axis. A step of training "
        "raises a logit with a negative gradient and lowers one with a positive gradient. To escape the first guess, "
        "the true class has to be raised (left) and the favoured one lowered (middle): normalized losses hardly lower "
        "the favoured class, and losses with zero gradient do neither. A loss much stronger than the others leaves the "
        "chart; its label gives its range. Drag the axis to see it."
    )


def _table(classes: int) -> None:
    st.subheader("All losses", anchor=False)
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
    options = {"legend": False, "title": "Training signal per class", "height": SIGNAL_HEIGHT, "checked": False}
    plan = {"steps_per_epoch": run.steps_per_epoch}
    return payload(run_curves(shown_trajectory(path, size), run.config, "signal", **plan, **options))


@lru_cache(maxsize=16)
def _lead_payload(chosen: tuple[tuple[str, Loss], ...]) -> str:
    return payload(losses.over_lead(dict(chosen)))


@st.cache_data(max_entries=8, show_spinner=False)
def _ranking(classes: int) -> list[dict]:
    return force.ranking(classes)
