"""The page from bias to training: a form, a sweep of short training runs, and three views of it while it runs.

Before a sweep is started, the page shows the finished example of the question. The address holds its state: `sweep`,
`view`, `quantity`, `at` (the step shown) and `form`, the sweep that the form describes where it is not the one shown. A
link may also give only the point that the form starts from: `activation`, `sigma_w2`, `sigma_b2`, `depth`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from igbviz.charts import dynamics as dynamics_charts
from igbviz.config import RunConfig
from igbviz.datasets import DataError
from igbviz.datasets.imbalance import Imbalance
from igbviz.losses import LOSSES
from igbviz.models import INITIALIZATIONS, Mlp
from igbviz.models.initializations import Gaussian
from igbviz.runs.run import RunError
from igbviz.runs.sweep_config import Sweep
from igbviz.runs.sweeps import Group, Progress
from igbviz.spec import ConfigError
from igbviz.studies import dynamics, dynamics_examples
from igbviz.studies.comparison import Member
from igbviz.studies.dynamics import ACROSS, BASE, RATIO, SEEDS, UP
from igbviz.studies.dynamics_examples import QUANTITIES
from igbviz.trajectory.quantities import MEASURES
from igbviz.ui import forms, refresh, shell
from igbviz.ui.form_link import linked_base, write_form
from igbviz.ui.groups import linked_group, progress_of, show_other_question, show_progress, start_button, sweep_of
from igbviz.ui.live_chart import live_chart, payload
from igbviz.ui.members import Stamp, member_of
from igbviz.ui.messages import show_error
from igbviz.ui.provenance import ROUNDING
from igbviz.ui.query import from_query, set_query
from igbviz.ui.views import pictures

MAX_STEPS, MAX_SEEDS, MAX_POINTS = 10_000, 150, 30
MAX_SIGMA_W2, MAX_SIGMA_B2 = 25.0, 5.0  # of the plane, as on the page of phases
BOX = 130  # pixels, of a main choice
POINT = ("activation", "depth", "sigma_w2", "sigma_b2")


@dataclass(frozen=True)
class View:
    title: str
    question: str
    caption: str


VIEWS = {
    "plane": View(
        "Trainability",
        "One short training run at every point of a grid on the phase diagram, all with the same seed, learning rate "
        "and number of steps: where do networks learn?",
        "Bright cells have learned. Deep in the ordered phase (left of the edge of chaos) the differences between "
        "inputs fade before they reach the last layer; far in the chaotic one gradients explode, and some runs diverge "
        "(crosses). Empty cells are not trained yet. Another learning rate gives another map, and with one seed per "
        "cell some of the differences are chance. The color scale of a loss ends at twice its median.",
    ),
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
    described = linked_base("form", _parse)
    first = kind or (described and dynamics.kind(described))
    first = first or ("starts" if st.query_params.keys() & set(POINT) else "plane")
    view = st.segmented_control(
        "Question", list(VIEWS), default=from_query("view", VIEWS, first), required=True, key="bias-view",
        format_func=lambda name: VIEWS[name].title, label_visibility="collapsed",
    )  # fmt: skip
    set_query(view=view)
    with st.container(key="form-bar"):
        describe = _form(view, described or sweep, cache)
    if kind != view:  # a sweep of this setting may exist for this view
        group, sweep = _existing_group(describe, cache)
    _write_form(describe, shown=sweep if group else dynamics_examples.read()[view].sweep)
    if group:
        _show_group(view, group, sweep)
    else:
        _show_example(view, describe)


def _parse(values: Any) -> Sweep:
    """The sweep that a link describes. Raises ConfigError for one that answers no question of this page."""
    sweep = Sweep.model_validate(values)
    if dynamics.kind(sweep) is None or not isinstance(sweep.base.model, Mlp):
        raise ConfigError(((), "it answers no question of this page"))
    return sweep


def _write_form(describe: Callable[[], Sweep], shown: Sweep) -> None:
    """Write the described sweep into the address, unless it is the one that is shown."""
    with contextlib.suppress(ConfigError, DataError, OSError):  # reported beside the button; the address stays
        sweep = describe()
        base = {name: value for name, value in sweep.base.canonical(incidental=True).items() if name != "probes"}
        write_form("form", None if sweep.id == shown.id else {"base": base, "axes": sweep.axes})


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


def _form(view: str, shown: Sweep | None, cache: Path) -> Callable[[], Sweep]:
    """Draw the main choices of a view in a row with the button, and the others in a drawer; return a function that
    checks them and builds the sweep."""
    base, steps = _base(shown)
    key = f"bias-{base.id}"  # another base needs new widgets
    axes = shown.axes if shown and dynamics.kind(shown) == view else {}
    with st.container(key="form-row", horizontal=True, vertical_alignment="bottom"):
        with st.container(width=BOX):
            network = {"activation": _widget(Mlp, "activation", base.model.activation, key)}
        with st.container(width=BOX):
            network["depth"] = _widget(Mlp, "depth", base.model.depth, key)
        with st.container(width=BOX):
            steps = st.number_input(
                "Optimizer steps",
                value=_clipped(1, steps, MAX_STEPS),
                step=1,
                key=f"{key}-steps",
                help="Few on purpose: the question is how runs begin.",
            )
        drawer = st.popover("All settings", icon=":material/tune:")
        button = st.container(width=190)
    with drawer:
        axes_of = _axes(view, base, axes, key)
        network["width"] = _widget(Mlp, "width", base.model.width, key)
        start: dict[str, Any] | Gaussian = base.initialization
        if view != "plane":
            start = forms.choose_part("Initialization", INITIALIZATIONS, base.initialization, f"{key}-start")
        rate = _widget(type(base.optimizer), "learning_rate", base.optimizer.learning_rate, key)
        loss = forms.choose_part("Loss", LOSSES, base.loss, f"{key}-loss")
        data = pictures.choose_data(base.dataset, f"{key}-data", cache)
        seed = _widget(RunConfig, "seed", base.seed, key)

    def run_config() -> RunConfig:
        changed = base.with_(
            model=base.model.model_dump() | network, initialization=start, loss=loss, dataset=data, seed=seed,
            optimizer=base.optimizer.model_dump() | {"learning_rate": rate},
        )  # fmt: skip
        return dynamics.with_steps(changed, forms.in_range("Optimizer steps", steps, 1, MAX_STEPS))

    def describe() -> Sweep:
        return axes_of(run_config())

    with button:
        start_button(describe, cache, f"bias-start-{view}", compact=True)
    return describe


def _axes(view: str, base: RunConfig, axes: dict[str, list[Any]], key: str) -> Callable[[RunConfig], Sweep]:
    """The widgets of what the runs of a view differ in; return a function that makes the sweep of a run."""
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
        return lambda run: dynamics.over_plane(
            run,
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
        return lambda run: dynamics.over_seeds(run, forms.in_range("Seeds", seed_count, 2, MAX_SEEDS))
    ratio = max([choice.get("ratio", 1) for choice in axes.get("imbalance", [])], default=RATIO)
    ratio = st.number_input(
        "Class imbalance",
        value=_clipped(2, ratio, 1000),
        step=1,
        key=f"{key}-ratio",
        help=Imbalance.model_fields["ratio"].description,
    )
    return lambda run: dynamics.over_majorities(
        run,
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


def _show_group(view: str, group: Group, sweep: Sweep) -> None:
    """The picture of a sweep, growing with its runs; below it the controls, the progress and the explanation."""
    try:
        progress, config = progress_of(str(group.path)), sweep.configs()[-1]
        steps = dynamics.probed_steps(config)
    except (RunError, DataError, OSError) as error:
        st.error(f"{error}.", icon=":material/broken_image:")
        return
    picture = st.container()
    quantity, step = _choose_view(view, steps)

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


def _show_example(view: str, describe: Callable[[], Sweep]) -> None:
    """The picture of the finished example of a view."""
    example = dynamics_examples.read()[view]
    config = example.sweep.configs()[-1]
    picture = st.container()
    quantity, step = _choose_view(view, dynamics.probed_steps(config))
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


def _clipped(low: Any, value: Any, high: Any) -> Any:
    """A value from a link, within the limits of its widget."""
    return min(max(value, low), high)


def _choose_view(view: str, steps: list[int]) -> tuple[str, int]:
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
        drawn = {"plane": dynamics_charts.trainability.spec(plane, sweep.base.model.activation, quantity, step)}
    elif view == "starts":
        settings, sentence = dynamics.starts(members), dynamics.describe_starts(members, quantity, step)
        drawn = {
            "time": dynamics_charts.over_time.spec(settings, quantity, step),
            "dots": dynamics_charts.result_against_start.spec(settings, quantity, step),
        }
    else:
        settings, sentence = dynamics.majorities(members), dynamics.describe_majorities(members, quantity, step)
        drawn = {"majority": dynamics_charts.over_time.spec(settings, quantity, step)}
    return {
        "sentence": sentence,
        "figures": [(name, payload(figure), figure["layout"]["height"]) for name, figure in drawn.items()],
    }
