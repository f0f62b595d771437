"""The bar above the stage of the Train page: what to train, the button that starts it, and a drawer with the rest.

The address holds the form (`igbviz.ui.form_link`). It is read when a link is opened or a run is started, and from then
on written after every change.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import streamlit as st

from igbviz import plugins
from igbviz.config import PRESETS, RunConfig
from igbviz.config.optimizers import OPTIMIZERS
from igbviz.config.presets import DEFAULT
from igbviz.config.probe_plan import ProbePlan
from igbviz.config.schedules import SCHEDULES
from igbviz.datasets import DATASETS, DataError, ImageFolder
from igbviz.datasets.imbalance import Imbalance
from igbviz.datasets.label_noise import LABEL_NOISE
from igbviz.losses import LOSSES, Custom, Loss
from igbviz.models import INITIALIZATIONS, MODELS
from igbviz.runs import shipped
from igbviz.runs.duration import estimate
from igbviz.runs.run import Run, RunError
from igbviz.runs.status import duration_in_words
from igbviz.spec import ConfigError
from igbviz.ui import forms, sliders
from igbviz.ui.messages import plain, quoting, show_dead_link, show_error
from igbviz.ui.query import from_query, set_query, turn_to
from igbviz.ui.run_query import FIELDS, form_from_query, form_to_query
from igbviz.ui.runs import start_run
from igbviz.ui.views import pictures, sweep_form

SHOWN_RUN = "(settings of the run shown)"
FEW_STEPS = 20  # which a run on few pictures of one's own may have
MAX_IN_BAR = 2  # hyperparameters of a loss; the others are in the drawer


class Start(NamedTuple):
    """What the widgets of the form began with: a preset or the run shown, and the changes of a link."""

    preset: str
    key: str  # of the widgets; another start has other keys, so that they begin anew
    config: RunConfig


def draw(cache: Path, shown: Run | None) -> RunConfig | None:
    """Draw the form and return its configuration, None if it is not valid; the button submits and opens the run.

    `shown` is the run on the page, whose settings the form starts from.
    """
    shown = _repeatable(shown)
    _follow_address(shown)
    with st.container(key="form-bar", gap="xsmall"):
        st.checkbox("Settings of a new run", key="form-fold")
        first = st.container(key="form-choices", horizontal=True, vertical_alignment="bottom", gap="small")
        second = st.container(horizontal=True, vertical_alignment="bottom", gap="small")
        below = st.container()
    with first:
        base = _base(shown)
    with second:
        loss = st.container(key="form-loss", horizontal=True, vertical_alignment="bottom", gap="small")
        # another drawer, and so a closed one, once a run or a sweep is started
        opened = st.query_params.get("sweep") or st.query_params.get("run") or "none"
        drawer = st.popover("All settings", icon=":material/tune:", key=f"form-drawer-{opened}")
        action = st.container(
            key="form-action", horizontal=True, vertical_alignment="center", gap="small", width="content"
        )
    choices, formula, more = _choices(st.session_state["form-start"], first, loss, drawer, cache)
    try:
        config = RunConfig(**choices)
        expected = estimate(config, cache)
    except (ConfigError, DataError, OSError) as error:
        show_error(error, below)
        return None
    formula.markdown(rf"$\displaystyle {config.loss.latex()}$")
    _write_address(config, base, shown)
    details = f"{expected.steps:,} steps, {expected.probes} probes, {expected.basis}."
    with action:
        pressed = st.button("Train", type="primary", icon=":material/play_arrow:", key="train")
        st.caption(f"about **{duration_in_words(expected.seconds)}**", help=details, width="content")
    if isinstance(config.dataset, ImageFolder) and expected.steps < FEW_STEPS:
        below.caption(
            f"{expected.steps} steps show little: more epochs or smaller batches (*Training*, in *All "
            "settings*) make it longer."
        )
    with more:
        sweep_form.draw(config, cache)
    if pressed and (run := start_run(config, cache, own=True)):
        if shown is not None and run.path == shown.path and run.status.ended:
            st.toast("These settings are those of the run shown, which is trained. Change one, or press Another seed.")
        else:
            turn_to(run=run.id)
    return config


# The address and the start of the form.


def _follow_address(shown: Run | None) -> None:
    """Start the form anew if the address is not what the form has written: a link was opened, or a run started."""
    state, address = st.session_state, _address(shown)
    if state.get("form-address") == address and "preset" in state:
        return
    state["form-count"] = count = state.get("form-count", -1) + 1
    usual = SHOWN_RUN if shown else DEFAULT  # a link to a run also opens its settings
    name = from_query("preset", [*_presets()], usual)
    start = _start(name, shown, count)
    try:
        start = start._replace(config=form_from_query(st.query_params, start.config))
    except ConfigError as error:
        show_dead_link(error)
    if shown is None:  # a link with the loss of another preset is that preset
        name = next((other for other in _presets() if PRESETS[other].config == start.config), name)
        start = start._replace(preset=name)
    state["form-start"], state["preset"] = start, name


def _repeatable(run: Run | None) -> Run | None:
    """The run if the form can show its settings; else a warning and None."""
    if run is not None:
        try:
            shipped.config_to_repeat(run)
        except RunError as error:
            st.warning(quoting(f"{error}."))
            return None
    return run


def _address(shown: Run | None) -> dict[str, str]:
    return {name: st.query_params[name] for name in FIELDS if name in st.query_params} | {
        "run": shown.id if shown else ""
    }


def _write_address(config: RunConfig, base: RunConfig, shown: Run | None) -> None:
    name = st.session_state["form-start"].preset
    usual = SHOWN_RUN if shown else DEFAULT
    set_query(preset=name if name not in (usual, SHOWN_RUN) else None, **form_to_query(config, base))
    st.session_state["form-address"] = _address(shown)


def _presets() -> list[str]:
    return [name for name in PRESETS if name != "first-look"]


def _start(name: str, shown: Run | None, count: int) -> Start:
    """The form as a preset or the run shown fills it."""
    again = f"-{count}" if count else ""
    if name == SHOWN_RUN:
        return Start(name, f"run-{shown.id}{again}", shipped.config_to_repeat(shown))
    return Start(name, f"{name}{again}", PRESETS[name].config)


def _base(shown: Run | None) -> RunConfig:
    """Draw the selector of presets; the configuration of the one selected, which the address is compared with."""
    state = st.session_state
    name = st.selectbox(
        "Preset",
        _presets() + ([SHOWN_RUN] if shown else []),
        format_func=lambda n: PRESETS[n].title if n in PRESETS else n,
        key="preset",
    )
    chosen = _start(name, shown, state["form-count"])
    if name != state["form-start"].preset:
        state["form-start"] = chosen
    return chosen.config


# The widgets.


def _choices(start: Start, first: Any, second: Any, drawer: Any, cache: Path) -> tuple[dict[str, Any], Any, Any]:
    """The values of all widgets, unchecked; the places of the formula and of the form of many runs."""
    base, key, fields = start.config, start.key, RunConfig.model_fields

    def part(label: str, field: str, registry) -> dict[str, Any]:
        return forms.choose_part(label, registry, getattr(base, field), f"{key}-{field}")

    def single(*names: str) -> dict[str, Any]:
        return {name: forms.widget(name, fields[name], getattr(base, name), f"{key}-{name}") for name in names}

    with first:
        with st.container(key="form-loss-name"):
            loss_name = forms.choose_name("Loss", LOSSES, base.loss, f"{key}-loss")
        model_name = forms.choose_name("Network", MODELS, base.model, f"{key}-model")
        with st.container(key="form-seed", width=130):
            chosen = single("seed")
    kind, loss_key = LOSSES[loss_name], f"{key}-loss-{loss_name}"
    values, in_bar = forms.values_of(base.loss, loss_name), _in_bar(kind)
    loss = {"name": loss_name}
    chosen["stacked"] = base.stacked  # no widget sets it, but it belongs to what the run shown is
    with second:
        if in_bar:
            width = 380 if kind is Custom else (240, 330)[len(in_bar) - 1]
            with st.container(key="form-knobs", horizontal=True, vertical_alignment="bottom", gap="small", width=width):
                loss |= forms.widgets(kind, values, loss_key, drag=True, only=in_bar)
        formula = st.container(key="form-formula").empty()
    with drawer, st.container(key="drawer"):
        losses, network, data, training, probes, more = st.tabs(
            ["Loss", "Network", "Data", "Training", "Probes", "Many runs at once"]
        )
    with drawer:
        for problem in plugins.problems():
            st.caption(plain(f"{problem[0].upper()}{problem[1:]}."))
    with losses:
        forms.describe(kind)
        others = [name for name in kind.hyperparameters() if name not in in_bar]
        chosen["loss"] = loss | forms.widgets(kind, values, loss_key, only=others)
        chosen["schedule"] = part("When it acts", "schedule", SCHEDULES)
    with network:
        forms.describe(MODELS[model_name])
        settings = forms.widgets(
            MODELS[model_name], forms.values_of(base.model, model_name), f"{key}-model-{model_name}"
        )
        chosen["model"] = {"name": model_name} | settings
        chosen["initialization"] = part("Initialization", "initialization", INITIALIZATIONS)
    with data:
        chosen["dataset"] = pictures.choose_data(base.dataset, f"{key}-dataset", cache)
        chosen["label_noise"] = part("Label noise", "label_noise", LABEL_NOISE)
        chosen["imbalance"] = _imbalance(chosen["dataset"], base.imbalance, f"{key}-imbalance")
    with training:
        chosen["optimizer"] = part("Optimizer", "optimizer", OPTIMIZERS)
        chosen |= single("batch_size", "epochs", "rounding_noise", "precision")
    with probes:
        chosen["probes"] = forms.widgets(ProbePlan, base.probes.model_dump(), f"{key}-probes")
    return chosen, formula, more


def _in_bar(kind: type[Loss]) -> list[str]:
    """The hyperparameters that stand in the bar: a formula of one's own with its parameters, else the first sliders."""
    if kind is Custom:
        return list(kind.hyperparameters())
    return [name for name, field in kind.hyperparameters().items() if sliders.of_field(field)][:MAX_IN_BAR]


def _imbalance(dataset: dict[str, Any], start: Imbalance, key: str) -> dict[str, Any]:
    fields = Imbalance.hyperparameters()
    chosen = {"ratio": forms.widget("ratio", fields["ratio"], start.ratio, f"{key}-ratio")}
    if chosen["ratio"] == 1:
        return chosen
    try:
        names = DATASETS[dataset["name"]](**dataset).facts().class_names
    except (ConfigError, DataError, OSError):
        names = ()  # reported below the bar
    labels = {"favoured": "favoured at Init.", "unfavoured": "least favoured at Init."} | dict(enumerate(names))
    options = list(labels)
    chosen["majority"] = st.selectbox(
        fields["majority"].title,
        options,
        index=options.index(start.majority) if start.majority in options else 0,
        format_func=lambda option: labels.get(option, str(option)),
        help=fields["majority"].description,
        key=f"{key}-majority-{dataset['name']}",
    )
    return chosen
