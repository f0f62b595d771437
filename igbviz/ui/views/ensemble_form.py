"""The side bar of the page of untrained networks: the form of an ensemble and the button that draws it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from igbviz.datasets import DATASETS, DataError
from igbviz.ensembles import EnsembleConfig, require_room
from igbviz.models import INITIALIZATIONS, MODELS
from igbviz.runs.run import Run, RunError
from igbviz.spec import ConfigError
from igbviz.ui import forms
from igbviz.ui.messages import show_error
from igbviz.ui.query import turn_to
from igbviz.ui.runs import start_run

SHOWN = "(the networks shown)"
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


def draw(cache: Path, shown: Run | None) -> None:
    """Draw the form; its button submits the ensemble and opens it."""
    key, base = _base(shown)
    top = st.container()
    try:
        config = EnsembleConfig(**_choices(base, key))
        require_room(config, config.dataset.facts())
    except (ConfigError, DataError, OSError) as error:
        show_error(error, top)
        return
    pressed = top.button(
        "Draw the networks", type="primary", icon=":material/casino:", width="stretch", key="initialize"
    )
    if pressed and (run := start_run(config, cache)):
        turn_to(run=run.id)


def _base(shown: Run | None) -> tuple[str, EnsembleConfig]:
    names = [*STARTS, *([SHOWN] if shown else [])]
    name = st.selectbox("Start from", names, index=len(names) - 1 if shown else 0, key="start",
                        format_func=lambda n: STARTS[n].title if n in STARTS else n)  # fmt: skip
    if name == SHOWN:
        try:
            return f"run-{shown.id}", shown.config
        except RunError as error:
            st.warning(f"{error}.")
            name = next(iter(STARTS))
    st.caption(STARTS[name].look_for)
    return name, STARTS[name].config


def _choices(base: EnsembleConfig, key: str) -> dict[str, Any]:
    fields = EnsembleConfig.model_fields

    def part(label: str, field: str, registry) -> dict[str, Any]:
        return forms.choose_part(label, registry, getattr(base, field), f"{key}-{field}")

    def single(names: tuple[str, ...]) -> dict[str, Any]:
        return {name: forms.widget(name, fields[name], getattr(base, name), f"{key}-{name}") for name in names}

    with st.expander("Networks", expanded=True, icon=":material/hub:"):
        chosen = single(SIZES) | {"model": part("Architecture", "model", MODELS)}
    with st.expander("Initialization", icon=":material/casino:"):
        chosen |= {"initialization": part("Initialization", "initialization", INITIALIZATIONS)}
    with st.expander("Inputs", icon=":material/image:"):
        chosen |= {"dataset": part("Data", "dataset", DATASETS)}
    with st.expander("What is measured", icon=":material/straighten:"):
        chosen |= single(MEASUREMENTS)
    return chosen
