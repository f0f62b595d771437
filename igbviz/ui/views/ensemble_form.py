"""The form of an ensemble of untrained networks: its main choices in a row with the button, the others in a drawer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from igbviz.datasets import DataError
from igbviz.ensembles import EnsembleConfig, expected_seconds, require_room
from igbviz.models import INITIALIZATIONS, MODELS
from igbviz.runs import shipped
from igbviz.runs.listing import is_complete
from igbviz.runs.run import Run, RunError
from igbviz.runs.status import duration_in_words
from igbviz.spec import ConfigError
from igbviz.ui import forms
from igbviz.ui.messages import quoting, show_error
from igbviz.ui.query import turn_to
from igbviz.ui.runs import start_run
from igbviz.ui.views import pictures

SHOWN, LINKED = "(the networks shown)", "(as in the link)"
BOX = 112  # pixels, of a main choice
MAIN = ("activation", "depth")  # hyperparameters of the architecture that are main choices
SIZES = ("networks", "inputs", "seed")
MEASUREMENTS = ("batch_norm", "passes", "gradients", "pretrained")


@dataclass(frozen=True)
class Start:
    title: str
    look_for: str
    config: EnsembleConfig


_NOISE = {"name": "gaussian-noise", "train_examples": 1000}
_GREY_32 = _NOISE | {"size": 32, "test_examples": 500}
STARTS = {
    "relu": Start(
        "ReLU, ten layers, noise",
        "The setting of the theory: γ grows with every layer, in very deep networks like the square of the depth.",
        EnsembleConfig(dataset=_NOISE, model={"name": "mlp", "depth": 10}),
    ),
    "two-classes": Start(
        "Two classes",
        "The distribution of the guess fraction of one class: one hump for weak bias, U-shaped for strong bias.",
        EnsembleConfig(dataset=_NOISE | {"classes": 2}, model={"name": "mlp", "depth": 10}, networks=500),
    ),
    "tanh": Start(
        "tanh without biases",
        "Without biases and on uncorrelated inputs, neutral at every depth: no class is favoured.",
        EnsembleConfig(dataset=_NOISE, model={"name": "mlp", "depth": 10, "activation": "tanh"}),
    ),
    "fashion": Start(
        "ReLU, three layers, clothes",
        "Real images are correlated, so the bias is stronger than on noise.",
        EnsembleConfig(dataset={"name": "fashion-mini"}, model={"name": "mlp", "depth": 3}),
    ),
    "resnet50": Start(
        "ResNet-50, untrained, noise",
        "With BatchNorm in eval mode nearly every input gets the same guess; compare with batch statistics.",
        EnsembleConfig(
            dataset=_GREY_32,
            model={"name": "resnet50"},
            networks=10,
            inputs=100,
            initialization={"name": "torchvision"},
        ),
    ),
}


def default_run(cache: Path) -> Run | None:
    """The finished ensemble that the page shows before anybody has drawn one: of the first start, usually shipped."""
    try:
        run = Run.open(next(iter(STARTS.values())).config.id, cache)
    except RunError:
        return None
    return run if is_complete(run) and run.stored_status().state == "done" else None


def draw(cache: Path, shown: Run | None, link: EnsembleConfig | None) -> EnsembleConfig | None:
    """Draw the form; its button submits the ensemble and opens it. The described ensemble, or None if it is invalid.

    The form begins with the configuration of the opened link, else with that of the ensemble shown.
    """
    top = st.container(key="form-row", horizontal=True, vertical_alignment="bottom")
    try:
        chosen, look_for = _choices(top, shown, link, cache)
        config = EnsembleConfig(**chosen)
        facts = config.dataset.facts()
        require_room(config, facts)
    except (ConfigError, DataError, OSError) as error:
        show_error(error)
        return None
    duration = duration_in_words(expected_seconds(config, facts))
    with top:
        pressed = st.button(
            f"Draw the networks · {duration}",
            type="primary",
            icon=":material/casino:",
            key="initialize",
            help=f"{config.networks:,} networks on {config.inputs:,} inputs: about {duration} by a rough guess. "
            + look_for,
        )
    if pressed and (run := start_run(config, cache)):
        turn_to(run=run.id)
    return config


def _choices(row: Any, shown: Run | None, link: EnsembleConfig | None, cache: Path) -> tuple[dict[str, Any], str]:
    """The values of the widgets, unchecked, and what to look for in the chosen start."""
    fields = EnsembleConfig.model_fields
    with row:
        with st.container(width=200):
            key, base, look_for = _base(shown, link)
        places = {name: st.container(width=BOX) for name in MAIN}
        drawer = st.popover("All settings", icon=":material/tune:")

    def part(label: str, field: str, registry) -> dict[str, Any]:
        return forms.choose_part(label, registry, getattr(base, field), f"{key}-{field}")

    def single(*names: str) -> dict[str, Any]:
        return {name: forms.widget(name, fields[name], getattr(base, name), f"{key}-{name}") for name in names}

    with drawer:
        chosen = single(*SIZES)
        chosen["model"] = _model(base.model, f"{key}-model", places)
        chosen |= {"initialization": part("Initialization", "initialization", INITIALIZATIONS)}
        chosen |= {"dataset": pictures.choose_data(base.dataset, f"{key}-dataset", cache)}
        chosen |= single(*MEASUREMENTS)
    return chosen, look_for


def _model(base: Any, key: str, places: Mapping[str, Any]) -> dict[str, Any]:
    """The architecture and its hyperparameters; those that have a place among the main choices stand there."""
    names = list(MODELS)
    name = st.selectbox(
        "Architecture",
        names,
        index=names.index(base.name),
        format_func=lambda name: MODELS[name].title_of(name),
        key=f"{key}-name",
    )
    chosen, values = {"name": name}, base.model_dump() if base.name == name else {}
    for field, info in MODELS[name].hyperparameters().items():
        with places.get(field, st.container()):
            chosen[field] = forms.widget(field, info, values.get(field, info.default), f"{key}-{name}-{field}")
    return chosen


def _base(shown: Run | None, link: EnsembleConfig | None) -> tuple[str, EnsembleConfig, str]:
    """The key of the widgets, the configuration that they begin with, and what to look for in it."""
    others = {SHOWN: shown, LINKED: link}
    names = [*STARTS, *(name for name, start in others.items() if start is not None)]
    first = 0 if names[-1] in STARTS else len(names) - 1
    name = st.selectbox("Start from", names, index=first, key="start",
                        format_func=lambda n: STARTS[n].title if n in STARTS else n)  # fmt: skip
    if name == LINKED:
        return f"link-{link.id}", link, ""
    if name == SHOWN:
        try:
            return f"run-{shown.id}", shipped.config_to_repeat(shown), ""
        except RunError as error:
            st.warning(quoting(f"{error}."))
            name = next(iter(STARTS))
    return name, STARTS[name].config, STARTS[name].look_for
