"""The picture beside the words of a lesson: charts of its runs, runs that are training, or a run that is shipped.

There is always one, also on steps of words only: those keep the picture that was shown last, and a lesson begins with
a shipped run that plays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from igbviz.charts.lessons import figure
from igbviz.config import RunConfig
from igbviz.runs.kinds import TRAINED
from igbviz.runs.run import Run
from igbviz.runs.sweeps import members_of
from igbviz.studies import comparison
from igbviz.studies.lessons import LESSONS
from igbviz.studies.lessons import results as recorded
from igbviz.studies.lessons.parts import (
    FORCE_WITH_IMAGES,
    OF_ENSEMBLES,
    OF_SETTINGS,
    ON_STAGE,
    RACE,
    Lesson,
    Look,
    Picture,
    Step,
)
from igbviz.studies.lessons.results import find, is_finished
from igbviz.trajectory.verdict import verdict
from igbviz.ui import refresh
from igbviz.ui.live_chart import live_chart, payload
from igbviz.ui.messages import quoting
from igbviz.ui.race.lanes import lanes
from igbviz.ui.runs import loss_title, shipped_by_loss
from igbviz.ui.stage import stage

HEIGHTS = {1: 430, 2: 280, 3: 240}  # pixels of each chart, by their number
TALLER = 80  # pixels more for a chart with notes above its plot, or with a second panel


def draw(lesson: Lesson, step: Step, cache: Path) -> None:
    """The charts of this step or of an earlier one; until one of them can be drawn, a shipped run."""
    pictures = lesson.pictures(step)
    names = {name for picture in pictures if picture.kind not in OF_SETTINGS for name in picture.runs}
    runs = {name: find(lesson.runs[name], cache) for name in names}
    if pictures and all(run is not None and is_finished(run) for run in runs.values()):
        draw_charts(lesson, pictures, runs, with_verdicts=isinstance(step, Look))
    else:
        draw_shipped(lesson.opening, cache)


def draw_charts(
    lesson: Lesson, pictures: Sequence[Picture], runs: Mapping[str, Run], *, with_verdicts: bool = False
) -> None:
    """Charts one below the other, so that two runs can be compared at the same moment. `with_verdicts`: what came of
    each training, below its last chart."""
    for place, picture in enumerate(pictures):
        title = picture.title.removesuffix(".")
        st.markdown(f"**{title}.** {picture.look_for}" if picture.look_for else f"**{picture.title}**")
        if picture.kind in ON_STAGE:
            _on_stage(lesson, picture, runs)
            continue
        run, config = runs.get(picture.run), lesson.runs[picture.run]
        height = HEIGHTS[len(pictures)] + TALLER * (picture.kind in (*OF_ENSEMBLES, FORCE_WITH_IMAGES))
        if picture.kind in OF_SETTINGS:
            chart = _of_settings(picture.kind, config.id, height)
        else:
            chart = _chart(picture.kind, str(run.path), run.record_bytes, height)
        live_chart(chart, key=f"lesson-chart-{place}-{picture.kind}", height=height)
        is_last = picture.run not in {later.run for later in pictures[place + 1 :]}
        if with_verdicts and run is not None and run.kind is TRAINED and is_last:
            st.caption(quoting(_verdict(str(run.path), run.record_bytes, run.status.state)))


def _on_stage(lesson: Lesson, picture: Picture, runs: Mapping[str, Run]) -> None:
    """The player of these runs: all lanes of a race, or the images of one."""
    shown = [runs[name] for name in picture.runs]
    titles = _titles([run.config for run in shown])
    if picture.kind == RACE:
        draw_race(shown)
        return
    # The stage reads the address once, when it is made: what is asked there already stays.
    asked = {"panel": "images", "images": picture.filter}
    st.query_params.update({name: text for name, text in asked.items() if name not in st.query_params})
    key = f"lesson-stage-{picture.run}-{picture.filter}"
    refresh.fragment(lambda: stage(dict(zip(titles, shown, strict=True)), key=key, play=True), None)


def draw_race(runs: Sequence[Run]) -> None:
    """The runs below each other on one time axis, from the start."""
    ids = [run.id for run in runs]
    titles = _titles([run.config for run in runs])
    lanes(dict(zip(titles, members_of(ids, runs[0].cache), strict=True)), key=f"lanes-{'-'.join(ids)}", play=True)


def draw_training(runs: Sequence[Run]) -> bool:
    """The stage of those runs that have a probe; False if none has one."""
    shown = [run for run in runs if run.kind is TRAINED and run.record_bytes]
    if not shown:
        return False
    stage(dict(zip(_titles([run.config for run in shown]), shown, strict=True)), key="stage")
    return True


def draw_shipped(loss: str, cache: Path) -> None:
    """The shipped run of the paper's network with this loss, playing; nothing without a gallery."""
    names = shipped_by_loss(cache)
    if loss not in names:
        return
    run, title = Run.open(names[loss], cache), loss_title(loss)
    refresh.fragment(lambda: stage({title: run}, key="stage", play=True), None)
    st.caption(f"A recorded run to begin with: the paper's network, trained with {title[:1].lower()}{title[1:]}.")


def _titles(configs: Sequence[RunConfig]) -> list[str]:
    """What sets each apart; of a single run only its loss."""
    return comparison.labels(configs) if len(configs) > 1 else [configs[0].loss.title]


# All viewers of a lesson share its results: the key is the length of the run's file.


@st.cache_resource(max_entries=64, show_spinner=False)
def result(path: str, size: int) -> Any:
    """What this run has recorded: a trajectory or an ensemble."""
    return recorded.result(Run(Path(path)))


@st.cache_resource(max_entries=128, show_spinner=False)
def _chart(kind: str, path: str, size: int, height: int) -> str:
    run = Run(Path(path))
    per_epoch = run.steps_per_epoch if run.kind is TRAINED else None
    return payload(figure(kind, result(path, size), run.config, height, per_epoch))


@st.cache_resource(max_entries=64, show_spinner=False)
def _verdict(path: str, size: int, state: str) -> str:
    return verdict(result(path, size), diverged=state == "diverged").sentence


@st.cache_resource(max_entries=32, show_spinner=False)
def _of_settings(kind: str, config_id: str, height: int) -> str:
    config = next(config for lesson in LESSONS.values() for config in lesson.runs.values() if config.id == config_id)
    return payload(figure(kind, None, config, height))
