"""The page itself: which question, the form with what its address says, and the picture below it.

Before a sweep is started, the page shows the finished example of the question. The address holds its state: `sweep`,
`view`, `quantity`, `at` (the step shown), `map` (the quantity of the map) and `form`, the sweep that the form describes
where it is not the one shown. A link may also give only what the form starts from: the point `activation`, `sigma_w2`,
`sigma_b2`, `depth`, and the class ratio `ratio`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from igbviz.datasets import DataError
from igbviz.models import Mlp
from igbviz.runs.run import RunError
from igbviz.runs.sweep_config import Sweep
from igbviz.runs.sweeps import Group
from igbviz.spec import ConfigError
from igbviz.studies import dynamics, dynamics_examples
from igbviz.ui.form_link import linked_base, write_form
from igbviz.ui.groups import linked_group, show_other_question, sweep_of
from igbviz.ui.query import from_query, set_query
from igbviz.ui.views.dynamics import form, imbalance_map, results
from igbviz.ui.views.dynamics.questions import VIEWS


def draw(cache: Path) -> None:
    """The whole page. A timer that ends with the last run redraws the part that changes."""
    group, sweep = _linked(cache)
    kind = dynamics.kind(sweep) if sweep else None
    described = linked_base("form", _parse)
    first = kind or (described and dynamics.kind(described))
    first = first or ("starts" if st.query_params.keys() & set(form.POINT) else "plane")
    view = st.segmented_control(
        "Question", list(VIEWS), default=from_query("view", VIEWS, first), required=True, key="bias-view",
        format_func=lambda name: VIEWS[name].title, label_visibility="collapsed",
    )  # fmt: skip
    set_query(view=view)
    with st.container(key="form-bar"):
        describe = form.draw(view, described or sweep, cache)
    if kind != view:  # a sweep of this setting may exist for this view
        group, sweep = _existing_group(describe, cache)
    _write_form(describe, shown=sweep if group else dynamics_examples.read()[view].sweep)
    if group:
        results.show_group(view, group, sweep)
    else:
        results.show_example(view, describe)
    if view == "majority":
        imbalance_map.draw()


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
