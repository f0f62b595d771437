"""The form of a question: the main choices in a row with the button, the others in a drawer."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st

from igbviz.config import RunConfig
from igbviz.datasets import DataError
from igbviz.datasets.imbalance import Imbalance
from igbviz.losses import LOSSES
from igbviz.models import INITIALIZATIONS, Mlp
from igbviz.models.initializations import Gaussian
from igbviz.runs.sweep_config import Sweep
from igbviz.spec import ConfigError
from igbviz.studies import dynamics
from igbviz.studies.dynamics import ACROSS, BASE, RATIO, SEEDS, UP
from igbviz.ui import forms
from igbviz.ui.groups import start_button
from igbviz.ui.messages import show_error
from igbviz.ui.provenance import ROUNDING
from igbviz.ui.query import number_from_query
from igbviz.ui.views import pictures

MAX_STEPS, MAX_SEEDS, MAX_POINTS = 10_000, 150, 30
MAX_SIGMA_W2, MAX_SIGMA_B2 = 25.0, 5.0  # of the plane, as on the page of phases
MAX_RATIO = 1000  # of the classes
BOX = 130  # pixels, of a main choice
POINT = ("activation", "depth", "sigma_w2", "sigma_b2")
ANEW = "bias-anew"


def draw(view: str, shown: Sweep | None, cache: Path) -> Callable[[], Sweep]:
    """Draw the main choices of a view in a row with the button, and the others in a drawer; return a function that
    checks them and builds the sweep."""
    base, steps = _base(shown)
    key = f"bias-{base.id}{st.session_state.get(ANEW, '')}"  # another base needs new widgets
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

    @lru_cache(maxsize=1)  # the button and the page ask for it; a sweep checks all of its runs, up to 500
    def describe() -> Sweep:
        return axes_of(run_config())

    with button:
        start_button(describe, cache, f"bias-start-{view}", compact=True)
    return describe


def start_anew() -> None:
    """Let the form of the next draw begin with what the address says, whatever was typed into this one."""
    st.session_state[ANEW] = st.session_state.get(ANEW, 0) + 1


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
    linked = number_from_query("ratio", 2, MAX_RATIO, RATIO)
    ratio = max([choice.get("ratio", 1) for choice in axes.get("imbalance", [])], default=linked)
    ratio = st.number_input(
        "Class imbalance",
        value=_clipped(2, ratio, MAX_RATIO),
        step=1,
        key=f"{key}-ratio",
        help=Imbalance.model_fields["ratio"].description,
    )
    return lambda run: dynamics.over_majorities(
        run,
        forms.in_range("Class imbalance", ratio, 2, MAX_RATIO),
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


def _clipped(low: Any, value: Any, high: Any) -> Any:
    """A value from a link, within the limits of its widget."""
    return min(max(value, low), high)
