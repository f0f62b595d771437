"""The side bar of the Train page: the form of a run, its expected duration, and the button that starts it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from igbviz.config import PRESETS, RunConfig
from igbviz.config.optimizers import OPTIMIZERS
from igbviz.config.presets import DEFAULT
from igbviz.config.probe_plan import ProbePlan
from igbviz.config.run import digest
from igbviz.config.schedules import SCHEDULES
from igbviz.datasets import DATASETS, DataError
from igbviz.datasets.imbalance import Imbalance
from igbviz.datasets.label_noise import LABEL_NOISE
from igbviz.losses import LOSSES, Loss
from igbviz.models import INITIALIZATIONS, MODELS
from igbviz.runs import shipped
from igbviz.runs.duration import estimate
from igbviz.runs.run import Run, RunError
from igbviz.spec import ConfigError
from igbviz.ui import forms
from igbviz.ui.messages import duration_in_words, show_dead_link, show_error
from igbviz.ui.query import loss_from_query, turn_to
from igbviz.ui.runs import start_run

SHOWN_RUN = "(settings of the run shown)"


def draw(cache: Path, shown: Run | None) -> RunConfig | None:
    """Draw the form and return its configuration, None if it is not valid; the button submits and opens the run.

    `shown` is the run on the page, whose settings the form starts from.
    """
    key, base = _base(shown)
    top = st.container()
    try:
        config = RunConfig(**_choices(base, key))
        expected = estimate(config, cache)
    except (ConfigError, DataError, OSError) as error:
        show_error(error, top)
        return None
    pressed = top.button("Train", type="primary", icon=":material/play_arrow:", width="stretch", key="train")
    if pressed and (run := start_run(config, cache, own=True)):
        turn_to(run=run.id)
    top.caption(
        f"{expected.steps:,} steps, {expected.probes} probes: about **{duration_in_words(expected.seconds)}**, "
        f"{expected.basis}."
    )
    return config


def _base(shown: Run | None) -> tuple[str, RunConfig]:
    names = [name for name in PRESETS if name != "first-look"] + ([SHOWN_RUN] if shown else [])
    start = SHOWN_RUN if shown else DEFAULT  # a link to a run also opens its settings
    name = st.selectbox(
        "Preset",
        names,
        index=names.index(start),
        format_func=lambda n: PRESETS[n].title if n in PRESETS else n,
        key="preset",
    )
    if name == SHOWN_RUN:
        try:
            return f"run-{shown.id}", shipped.config_to_repeat(shown)
        except RunError as error:
            st.warning(f"{error}.")
            name = DEFAULT
    if name == DEFAULT and (loss := _linked_loss()):  # a link from the Losses page
        # other hyperparameters are another key, so that the widgets start from those of the link
        suffix = f"-{digest(loss.canonical())}" if len(loss.canonical()) > 1 else ""
        return f"{name}-{loss.name}{suffix}", PRESETS[name].config.with_(loss=loss)
    st.caption(PRESETS[name].look_for)
    return name, PRESETS[name].config


def _linked_loss() -> Loss | None:
    try:
        return loss_from_query(st.query_params)
    except ConfigError as error:
        show_dead_link(error)
        return None


def _choices(base: RunConfig, key: str) -> dict[str, Any]:
    fields = RunConfig.model_fields

    def part(label: str, field: str, registry) -> dict[str, Any]:
        return forms.choose_part(label, registry, getattr(base, field), f"{key}-{field}")

    def single(*names: str) -> dict[str, Any]:
        return {name: forms.widget(name, fields[name], getattr(base, name), f"{key}-{name}") for name in names}

    with st.expander("Loss", expanded=True, icon=":material/trending_down:"):
        chosen = {"loss": part("Loss", "loss", LOSSES), "schedule": part("When it acts", "schedule", SCHEDULES)}
    with st.expander("Network", icon=":material/hub:"):
        chosen |= {
            "model": part("Network", "model", MODELS),
            "initialization": part("Initialization", "initialization", INITIALIZATIONS),
        }
    with st.expander("Data", icon=":material/image:"):
        chosen |= {
            "dataset": part("Data", "dataset", DATASETS),
            "label_noise": part("Label noise", "label_noise", LABEL_NOISE),
        }
        chosen |= {"imbalance": _imbalance(chosen["dataset"], base.imbalance, f"{key}-imbalance")}
    with st.expander("Training", icon=":material/fitness_center:"):
        chosen |= {
            "optimizer": part("Optimizer", "optimizer", OPTIMIZERS),
            **single("batch_size", "epochs", "seed", "rounding_noise", "precision"),
        }
    with st.expander("Probes", icon=":material/monitoring:"):
        chosen |= {"probes": forms.widgets(ProbePlan, base.probes.model_dump(), f"{key}-probes")}
    return chosen


def _imbalance(dataset: dict[str, Any], start: Imbalance, key: str) -> dict[str, Any]:
    fields = Imbalance.hyperparameters()
    chosen = {"ratio": forms.widget("ratio", fields["ratio"], start.ratio, f"{key}-ratio")}
    if chosen["ratio"] == 1:
        return chosen
    try:
        names = DATASETS[dataset["name"]](**dataset).facts().class_names
    except (ConfigError, DataError, OSError):
        names = ()  # reported above the form
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
