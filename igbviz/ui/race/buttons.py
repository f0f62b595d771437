"""The buttons that start a race, and the names of its lanes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import streamlit as st

from igbviz.config import RunConfig
from igbviz.config.interventions import INTERVENTIONS
from igbviz.datasets import DataError
from igbviz.losses import LOSSES, Custom
from igbviz.runs import queue
from igbviz.runs.run import RunError
from igbviz.runs.sweep_config import (
    INTERVENTION,
    MAX_LANES,
    Sweep,
    label,
    race_of_cure,
    race_of_losses,
    rival,
    title,
)
from igbviz.runs.sweeps import submit_sweep
from igbviz.spec import ConfigError
from igbviz.ui.messages import show_error
from igbviz.ui.query import go_to
from igbviz.ui.race.query import race_to_query
from igbviz.ui.runs import loss_title

PAGE, ICON = "pages/Race.py", ":material/sports_score:"
SAME = "The same weights at the start and the same batches in the same order"


def lane_names(race: Sweep) -> dict[str, str]:
    """The name of each run of a sweep by what differs in it: its loss, 'seed 1', 'Blurry + BatchNorm'."""
    choices, names = race.choices(), {}
    for config in race.configs():
        parts = (_named(path, value, config, race.base) for path, value in choices[config.id].items())
        names[config.id] = " · ".join(parts)
    often = Counter(names.values())
    return {run: _in_full(name, choices[run]) if often[name] > 1 else name for run, name in names.items()}


def _named(path: str, value: object, config: RunConfig, base: RunConfig) -> str:
    if path == "loss":
        return config.loss.title
    if path == INTERVENTION:
        name = value if isinstance(value, str) else value and value["name"]
        return f"{base.loss.title} + {_short(name)}" if name else base.loss.title
    return f"{title(path)} {label(value)}"


def _short(intervention: str) -> str:
    return INTERVENTIONS[intervention].title.removeprefix("Add ")


def _in_full(name: str, choice: dict[str, object]) -> str:
    """With the settings of its parts: 'Generalized cross-entropy (q 0.5)'."""
    settings = [label(value).partition(" (")[2].rstrip(")") for value in choice.values() if isinstance(value, dict)]
    return f"{name} ({', '.join(filter(None, settings))})" if any(settings) else name


def race_buttons(config: RunConfig, cache: Path, *, cure: str | None = None) -> None:
    """Beside a run: a race against the usual rival, one against losses of one's own choice, and one against a cure."""
    queue.expect_race(cache)
    against = rival(config.loss)
    with st.container(key="race-buttons", horizontal=True, vertical_alignment="center"):
        words = f"{config.loss.title} against {against.title}, live on one time axis. {SAME}."
        if st.button("Race", icon=ICON, help=words, key="race"):
            start_race(race_of_losses(config, [config.loss, against]), cache)
        with st.popover("against", key="race-others"):
            choose_losses(config, cache)
        if cure and st.button(
            f"Try: {_short(cure)}",
            icon=":material/healing:",
            help=f"A race against itself. {INTERVENTIONS[cure]().explain(config)}",
            key="race-cure",
        ):
            start_race(race_of_cure(config, cure), cache)


def choose_losses(config: RunConfig, cache: Path) -> None:
    """Up to three losses to race against, and the button."""
    names = [name for name in LOSSES if name != config.loss.name and LOSSES[name] is not Custom]
    picked = st.multiselect(
        f"{config.loss.title} against",
        names,
        default=[rival(config.loss).name],
        max_selections=MAX_LANES - 1,
        format_func=loss_title,
        key="race-against",
    )
    st.caption(f"{SAME}: only the loss differs.")
    if picked:
        queue.expect_race(cache, len(picked) + 1)
    pressed = st.button("Start the race", type="primary", icon=ICON, key="race-start", disabled=not picked)
    if pressed:
        start_race(race_of_losses(config, [config.loss, *(LOSSES[name]() for name in picked)]), cache)


def start_race(race: Sweep, cache: Path) -> None:
    """Train what has not been trained yet, and open the page of the race; an error where that fails."""
    try:
        submit_sweep(race, cache, race=True)
    except (ConfigError, DataError, RunError, OSError) as error:
        show_error(error, icon=":material/error:")
        return
    go_to(PAGE, **race_to_query(race))
