"""The page from bias to training: a form, a sweep of short training runs, and three views of it while it runs.

The address holds its state: `sweep`, `view`, `quantity` and `at` (the step shown); or, before a sweep is started, the
point that the form starts from: `activation`, `sigma_w2`, `sigma_b2`, `depth`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from igbviz.charts import dynamics as dynamics_charts
from igbviz.config import RunConfig
from igbviz.datasets import DATASETS, DataError
from igbviz.datasets.imbalance import Imbalance
from igbviz.losses import LOSSES
from igbviz.models import INITIALIZATIONS, Mlp
from igbviz.models.initializations import Gaussian
from igbviz.runs.run import RunError
from igbviz.runs.sweep_config import Sweep
from igbviz.runs.sweeps import Group, Progress
from igbviz.spec import ConfigError
from igbviz.studies import dynamics
from igbviz.studies.dynamics import ACROSS, BASE, RATIO, SEEDS, UP
from igbviz.trajectory.quantities import MEASURES
from igbviz.ui import forms, refresh, shell
from igbviz.ui.groups import linked_group, progress_of, show_other_question, show_progress, start_button, sweep_of
from igbviz.ui.live_chart import live_chart, payload
from igbviz.ui.members import Stamp, member_of
from igbviz.ui.messages import show_error
from igbviz.ui.provenance import ROUNDING
from igbviz.ui.query import from_query, set_query

QUANTITIES = ("balanced_accuracy", "train_loss", "guess_entropy")
MAX_STEPS, MAX_SEEDS, MAX_POINTS = 10_000, 150, 30
MAX_SIGMA_W2, MAX_SIGMA_B2 = 25.0, 5.0  # of the plane, as on the page of phases
POINT = ("activation", "depth", "sigma_w2", "sigma_b2")


@dataclass(frozen=True)
class View:
    title: str
    question: str
    caption: str


VIEWS = {
    "starts": View(
        "Neutral or prejudiced",
        "One setting with many random initializations. Some networks begin neutral, some prejudiced (with a strong "
        "initial guessing bias, IGB): do they learn differently?",
        "Line: mean of a group; band: ± one standard error; dotted: 1/K. The average over all seeds mixes the two "
        "groups. A start is *neutral* if its most guessed class gets less than **{cut:.2f}** of the guesses, otherwise "
        "*prejudiced*: with {classes} classes this is the mean at γ = 1, where theory draws the line. The cut is a "
        "convention; the dots show which networks lie near it. At Init. the groups differ in their guesses by "
        "definition; the question is how long they do. If you look at many steps, some of them show a difference by "
        "chance.",
    ),
    "plane": View(
        "Trainability",
        "One short training run at every point of a grid on the phase diagram, all with the same seed, learning rate "
        "and number of steps: where do networks learn?",
        "Bright cells have learned. Deep in the ordered phase (left of the edge of chaos) the differences between "
        "inputs fade before they reach the last layer; far in the chaotic one gradients explode, and some runs diverge "
        "(crosses). Empty cells are not trained yet. Another learning rate gives another map, and with one seed per "
        "cell some of the differences are chance. The color scale of a loss ends at twice its median.",
    ),
    "majority": View(
        "Class imbalance",
        "The same networks on imbalanced data, where the majority class is the one that they favour at Init., or the "
        "one that they favour least. Does a prejudice help when it agrees with the data?",
        "Line: mean over the seeds; band: ± one standard error; dotted: 1/K. The test images are balanced, so accuracy "
        "weights all classes equally. Balanced training data have more images, so the chart ends where the runs on "
        "imbalanced data have done their steps.",
    ),
}


def draw(cache: Path) -> None:
    """The whole page. A timer that ends with the last run redraws the part that changes."""
    group, sweep = _linked(cache)
    kind = dynamics.kind(sweep) if sweep else None
    view = st.segmented_control(
        "Question", list(VIEWS), default=from_query("view", VIEWS, kind or "starts"), required=True, key="bias-view",
        format_func=lambda name: VIEWS[name].title, label_visibility="collapsed",
    )  # fmt: skip
    st.markdown(VIEWS[view].question)
    set_query(view=view)
    with st.sidebar:
        top = st.container()
        describe = _form(view, sweep)
        with top:
            start_button(describe, cache, f"bias-start-{view}")
    if kind != view:  # a sweep of this setting may exist for this view
        group, sweep = _existing_group(describe, cache)
    if group is None:
        st.info(
            "Choose a setting on the left and press **Start**. The charts grow while the networks train.",
            icon=":material/info:",
        )
        return
    _show(view, group, sweep)


def _linked(cache: Path) -> tuple[Group | None, Sweep | None]:
    """The sweep that the address names; a warning where there is none."""
    if not (group := linked_group(cache)):
        return None, None
    sweep = sweep_of(str(group.path))
    if dynamics.kind(sweep) is None or not isinstance(sweep.base.model, Mlp):
        show_other_question(group)
        return None, None
    return group, sweep


def _existing_group(describe: Callable[[], Sweep], cache: Path) -> tuple[Group | None, Sweep | None]:
    try:
        group = Group.open(describe().id, cache)
    except (ConfigError, DataError, RunError, OSError):
        return None, None
    set_query(sweep=group.id)
    return group, sweep_of(str(group.path))


# The form.


def _form(view: str, shown: Sweep | None) -> Callable[[], Sweep]:
    """Draw the widgets of a view; return a function that checks them and builds the sweep."""
    base, steps = _base(shown)
    key = f"bias-{base.id}"  # another base needs new widgets
    axes = shown.axes if shown and dynamics.kind(shown) == view else {}
    with st.expander("Network and initialization", expanded=True, icon=":material/hub:"):
        network = {
            name: _widget(Mlp, name, getattr(base.model, name), key) for name in ("activation", "depth", "width")
        }
        start: dict[str, Any] | Gaussian = base.initialization
        if view != "plane":
            start = forms.choose_part("Initialization", INITIALIZATIONS, base.initialization, f"{key}-start")
    with st.expander("Training", icon=":material/trending_down:"):
        steps = st.number_input(
            "Optimizer steps",
            value=_clipped(1, steps, MAX_STEPS),
            step=1,
            key=f"{key}-steps",
            help="Few on purpose: the question is how runs begin.",
        )
        rate = _widget(type(base.optimizer), "learning_rate", base.optimizer.learning_rate, key)
        loss = forms.choose_part("Loss", LOSSES, base.loss, f"{key}-loss")
        data = forms.choose_part("Data", DATASETS, base.dataset, f"{key}-data")
        seed = _widget(RunConfig, "seed", base.seed, key)

    def run_config() -> RunConfig:
        changed = base.with_(
            model=base.model.model_dump() | network, initialization=start, loss=loss, dataset=data, seed=seed,
            optimizer=base.optimizer.model_dump() | {"learning_rate": rate},
        )  # fmt: skip
        return dynamics.with_steps(changed, forms.in_range("Optimizer steps", steps, 1, MAX_STEPS))

    if view == "plane":
        point = base.initialization if isinstance(base.initialization, Gaussian) else Gaussian()
        left, right = st.columns(2)
        points = (
            _clipped(2, len(axes.get(ACROSS, range(10))), MAX_POINTS),
            _clipped(2, len(axes.get(UP, range(6))), MAX_POINTS),
        )
        across = left.number_input("Points of σ²w", value=points[0], step=1, key=f"{key}-across")
        up = right.number_input("Points of σ²b", value=points[1], step=1, key=f"{key}-up")
        to_w = float(_clipped(0.1, max(axes.get(ACROSS, [4.0, 1.25 * point.sigma_w2])), MAX_SIGMA_W2))
        to_b = float(_clipped(0.01, max(axes.get(UP, [0.5, 1.25 * point.sigma_b2])), MAX_SIGMA_B2))
        max_w = left.number_input("σ²w up to", value=to_w, key=f"{key}-largest-w")
        max_b = right.number_input("σ²b up to", value=to_b, key=f"{key}-largest-b")
        return lambda: dynamics.over_plane(
            run_config(),
            forms.in_range("Points of σ²w", across, 2, MAX_POINTS),
            forms.in_range("Points of σ²b", up, 2, MAX_POINTS),
            forms.in_range("σ²w up to", max_w, 0.1, MAX_SIGMA_W2),
            forms.in_range("σ²b up to", max_b, 0.01, MAX_SIGMA_B2),
        )
    seeds = len(axes.get("seed", range(SEEDS if view == "starts" else 8)))
    seed_count = st.number_input(
        "Seeds",
        value=_clipped(2, seeds, MAX_SEEDS),
        step=1,
        key=f"{key}-{view}-seeds",
        help=f"Networks that differ in their random weights. {ROUNDING}",
    )
    if view == "starts":
        return lambda: dynamics.over_seeds(run_config(), forms.in_range("Seeds", seed_count, 2, MAX_SEEDS))
    ratio = max([choice.get("ratio", 1) for choice in axes.get("imbalance", [])], default=RATIO)
    ratio = st.number_input(
        "Class imbalance",
        value=_clipped(2, ratio, 1000),
        step=1,
        key=f"{key}-ratio",
        help=Imbalance.model_fields["ratio"].description,
    )
    return lambda: dynamics.over_majorities(
        run_config(),
        forms.in_range("Class imbalance", ratio, 2, 1000),
        forms.in_range("Seeds", seed_count, 2, MAX_SEEDS),
    )


def _base(shown: Sweep | None) -> tuple[RunConfig, int]:
    """The run that the form starts from and its steps: of the sweep shown, else of the point in the address."""
    try:
        if shown:
            return shown.base, dynamics.planned_steps(
                shown.configs()[-1]
            )  # balanced classes, the longer runs, never come last
        base = dynamics.at_point({name: st.query_params[name] for name in POINT if name in st.query_params})
        return base, dynamics.planned_steps(base)
    except (ConfigError, DataError, OSError) as error:
        show_error(error, icon=":material/link_off:")
        return BASE, dynamics.STEPS


def _widget(part: type, name: str, value: Any, key: str) -> Any:
    return forms.widget(name, part.model_fields[name], value, f"{key}-{name}")


# The charts.


def _show(view: str, group: Group, sweep: Sweep) -> None:
    try:
        progress, config = progress_of(str(group.path)), sweep.configs()[-1]
        steps = dynamics.probed_steps(config)
    except (RunError, DataError, OSError) as error:
        st.error(f"{error}.", icon=":material/broken_image:")
        return
    quantity, step = _choose_view(view, steps)

    def update() -> float | None:
        # containers of their own, so that the charts keep their position on the page, and with it their zoom
        head, text = st.container(), st.empty()
        now = progress_of(str(group.path))
        with head:
            show_progress(group, now)
        shown = _figures(view, str(group.path), quantity, step, _stamps(now))
        text.markdown(shown["sentence"])
        for column, (name, figure, height) in zip(
            st.columns(len(shown["figures"]) or 1), shown["figures"], strict=False
        ):
            with column:
                live_chart(figure, key=f"bias-{name}", height=height)
        return None if now.ended else refresh.SLOW

    refresh.fragment(update, None if progress.ended else refresh.SLOW)
    classes = len(config.dataset.facts().class_names)
    st.caption(VIEWS[view].caption.format(cut=dynamics.cut(classes), classes=classes))
    st.caption(MEASURES[quantity].caption)
    shell.link("pages/Compare.py", "Compare these runs one by one", icon=":material/compare:", sweep=group.id)


def _clipped(low: Any, value: Any, high: Any) -> Any:
    """A value from a link, within the limits of its widget."""
    return min(max(value, low), high)


def _choose_view(view: str, steps: list[int]) -> tuple[str, int]:
    """The quantity, and the step at which it is shown: for the plane always the last."""
    linked_quantity, at = from_query("quantity", QUANTITIES, QUANTITIES[view == "plane"]), st.query_params.get("at", "")
    with st.container(horizontal=True, vertical_alignment="bottom"):
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
    """The sentence above the charts, and the figures as (name, payload, height)."""
    sweep = sweep_of(group)
    members = [member for stamp in stamps if (member := member_of(stamp)) is not None]
    if not members:
        return {"sentence": "The first network is being prepared ...", "figures": []}
    if view == "plane":
        plane = dynamics.plane(sweep, members, quantity)
        sentence = dynamics.describe_plane(plane, step)
        drawn = {"plane": dynamics_charts.trainability(plane, sweep.base.model.activation, quantity, step)}
    elif view == "starts":
        settings, sentence = dynamics.starts(members), dynamics.describe_starts(members, quantity, step)
        drawn = {
            "time": dynamics_charts.over_time(settings, quantity, step),
            "dots": dynamics_charts.result_against_start(settings, quantity, step),
        }
    else:
        settings, sentence = dynamics.majorities(members), dynamics.describe_majorities(members, quantity, step)
        drawn = {"majority": dynamics_charts.over_time(settings, quantity, step)}
    return {
        "sentence": sentence,
        "figures": [(name, payload(figure), figure["layout"]["height"]) for name, figure in drawn.items()],
    }
