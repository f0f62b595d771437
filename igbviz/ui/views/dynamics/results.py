"""The pictures of a question: those of a sweep, growing with its runs, or of the finished example."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from igbviz.charts.dynamics import groups as groups_charts
from igbviz.charts.dynamics import plane as plane_charts
from igbviz.config import RunConfig
from igbviz.datasets import DataError
from igbviz.runs.run import RunError
from igbviz.runs.sweep_config import Sweep
from igbviz.runs.sweeps import Group, Progress
from igbviz.spec import ConfigError
from igbviz.studies import dynamics, dynamics_examples
from igbviz.studies.comparison import Member
from igbviz.studies.dynamics_examples import QUANTITIES
from igbviz.trajectory.quantities import MEASURES
from igbviz.ui import refresh, shell
from igbviz.ui.groups import progress_of, show_progress, sweep_of
from igbviz.ui.live_chart import live_chart, payload
from igbviz.ui.members import Stamp, member_of
from igbviz.ui.messages import show_error
from igbviz.ui.query import from_query, set_query
from igbviz.ui.views.dynamics.questions import VIEWS


def show_group(view: str, group: Group, sweep: Sweep) -> None:
    """The picture of a sweep, growing with its runs; below it the controls, the progress and the explanation."""
    try:
        progress, config = progress_of(str(group.path)), sweep.configs()[-1]
        steps = dynamics.probed_steps(config)
    except (RunError, DataError, OSError) as error:
        show_error(error, icon=":material/broken_image:")
        return
    picture = st.container()
    quantity, step = _choose_quantity(view, steps)

    def update() -> float | None:
        # places of their own, so that the charts keep their position on the page, and with it their zoom
        now = progress_of(str(group.path))
        _draw_figures(_figures(view, str(group.path), quantity, step, _stamps(now)))
        show_progress(group, now)
        return None if now.ended else refresh.SLOW

    with picture:
        refresh.fragment(update, None if progress.ended else refresh.SLOW)
    _explain(view, quantity, config)
    shell.link("pages/Compare.py", "Compare these runs one by one", icon=":material/compare:", sweep=group.id)


def show_example(view: str, describe: Callable[[], Sweep]) -> None:
    """The picture of the finished example of a view."""
    example = dynamics_examples.read()[view]
    config = example.sweep.configs()[-1]
    picture = st.container()
    quantity, step = _choose_quantity(view, dynamics.probed_steps(config))
    with picture:
        _draw_figures(_example_figures(view, quantity, step))
    is_other = True
    with contextlib.suppress(ConfigError, DataError, OSError):
        is_other = describe().id != example.sweep.id
    facts = example.provenance
    st.caption(
        f"A finished example that ships with igbviz{' and not the setting chosen above' * is_other}: "
        f"{example.sweep}. {len(example.members)} runs, {facts['seconds']:.0f} s in all on {facts['device']} with "
        f"torch {facts['torch']}; {facts['data']}; {facts['date'][:10]}. Press **Start** to train "
        f"{'those chosen' if is_other else 'the same ones here and look into each of them'}."
    )
    _explain(view, quantity, config)


def _draw_figures(shown: dict[str, Any]) -> None:
    sentence, *details = shown["sentence"].split("\n\n")
    st.markdown(sentence)
    for column, (name, figure, height) in zip(st.columns(len(shown["figures"]) or 1), shown["figures"], strict=False):
        with column:
            live_chart(figure, key=f"bias-{name}", height=height)
    for text in details:
        st.caption(text)


def _explain(view: str, quantity: str, config: RunConfig) -> None:
    classes = len(config.dataset.facts().class_names)
    st.caption(f"**{VIEWS[view].question}** {VIEWS[view].caption.format(cut=dynamics.cut(classes), classes=classes)}")
    st.caption(MEASURES[quantity].caption)


def _choose_quantity(view: str, steps: list[int]) -> tuple[str, int]:
    """The quantity, and the step at which it is shown: for the plane always the last."""
    linked_quantity, at = from_query("quantity", QUANTITIES, QUANTITIES[view == "plane"]), st.query_params.get("at", "")
    quantity = st.segmented_control(
        "Quantity",
        QUANTITIES,
        required=True,
        key=f"bias-quantity-{view == 'plane'}",
        format_func=lambda name: MEASURES[name].title,
        default=linked_quantity,
    )
    set_query(quantity=quantity)
    if view == "plane" or len(steps) < 2:
        return quantity, steps[-1]
    value = int(at) if len(at) < 9 and at.isdecimal() and int(at) in steps else steps[-1]
    step = st.select_slider("At step", steps, value=value, key=f"bias-at-{steps[-1]}")
    set_query(at=str(step))
    return quantity, step


def _stamps(progress: Progress) -> tuple[Stamp, ...]:
    return tuple(Stamp.of(m.run, m.state) for m in progress.members if m.status is not None and m.run is not None)


# All viewers of a sweep share its figures.


@st.cache_resource(max_entries=64, show_spinner=False)
def _figures(view: str, group: str, quantity: str, step: int, stamps: tuple[Stamp, ...]) -> dict[str, Any]:
    """The sentence above the charts, with paragraphs for below them, and the figures as (name, payload, height)."""
    members = [member for stamp in stamps if (member := member_of(stamp)) is not None]
    return _drawn(view, sweep_of(group), members, quantity, step)


@st.cache_resource(max_entries=64, show_spinner=False)
def _example_figures(view: str, quantity: str, step: int) -> dict[str, Any]:
    example = dynamics_examples.read()[view]
    return _drawn(view, example.sweep, example.members, quantity, step)


def _drawn(view: str, sweep: Sweep, members: Sequence[Member], quantity: str, step: int) -> dict[str, Any]:
    if not members:
        return {"sentence": "The first network is being prepared ...", "figures": []}
    if view == "plane":
        plane = dynamics.plane(sweep, members, quantity)
        sentence = dynamics.describe_plane(plane, quantity, step)
        drawn = {"plane": plane_charts.trainability.spec(plane, sweep.base.model.activation, quantity, step)}
    elif view == "starts":
        settings, sentence = dynamics.starts(members), dynamics.describe_starts(members, quantity, step)
        drawn = {
            "time": groups_charts.over_time.spec(settings, quantity, step),
            "dots": groups_charts.result_against_start.spec(settings, quantity, step),
        }
    else:
        settings, sentence = dynamics.majorities(members), dynamics.describe_majorities(members, quantity, step)
        drawn = {"majority": groups_charts.over_time.spec(settings, quantity, step)}
    return {
        "sentence": sentence,
        "figures": [(name, payload(figure), figure["layout"]["height"]) for name, figure in drawn.items()],
    }
