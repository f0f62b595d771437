"""The untrained network of the form, before the button: in the place of the stage, or on a card beside a run."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from igbviz.config import PRESETS, RunConfig
from igbviz.datasets import DataError
from igbviz.runs import files, previews
from igbviz.runs.run import Run, RunError
from igbviz.runs.status import duration_in_words
from igbviz.ui.messages import quoting
from igbviz.ui.previews import asked, is_served, preview

LOOKED = "untrained-looked"  # in the session: the key that the button was pressed for


def in_place_of_stage(config: RunConfig, cache: Path) -> bool:
    """Draw the untrained network large, unless its Init. is that of the recorded examples; whether it was drawn."""
    if previews.key_of(config) == previews.key_of(PRESETS["first-look"].config) or not _is_wanted(config, cache):
        return False
    with st.container(key="stage"):
        return _draw(config, cache)


def beside(run: Run, config: RunConfig, cache: Path) -> None:
    """Draw the untrained network on a card, if the form has another one than the run on the page."""
    try:
        is_shown = previews.begin_alike(run.config, config)
    except RunError:
        is_shown = True
    if not is_shown and _is_wanted(config, cache):
        with st.container(key="untrained-card"):
            _draw(config, cache, small=True)


def _is_wanted(config: RunConfig, cache: Path) -> bool:
    """Whether a look is to be taken now: at small networks always, at large ones when the button is pressed."""
    if not is_served():
        return False
    try:
        if previews.is_small(config) or st.session_state.get(LOOKED) == (key := previews.key_of(config)):
            return True
        seconds = previews.expected_seconds(config, cache)
    except (DataError, OSError):
        return False  # reported below the bar
    if seconds > previews.MAX_SECONDS:
        return False
    with st.container(key="untrained-card"):
        st.button(
            f"Look at the untrained network :small[(about {duration_in_words(max(seconds, 1.0))})]",
            icon=":material/casino:",
            key="untrained-look",
            on_click=lambda: st.session_state.update({LOOKED: key}),
        )
    return False


def _draw(config: RunConfig, cache: Path, small: bool = False) -> bool:
    try:
        preview(asked(config, cache), small=small)
        return True
    except OSError as error:
        why = files.read_only(cache) or files.full(cache) or files.in_words(error)
        st.caption(quoting(f"No look at the untrained network: {why}."))
        return False
