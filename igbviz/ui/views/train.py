"""The Train page: the form in a bar, and below it the run or the sweep that the address names, or recorded runs."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from igbviz.config import PRESETS, RunConfig
from igbviz.config.presets import look_for
from igbviz.runs.run import Run
from igbviz.runs.shipped import shipped_run
from igbviz.ui import refresh, shell
from igbviz.ui.groups import heading, linked_group, sweep_of
from igbviz.ui.messages import plain
from igbviz.ui.provenance import ROUNDING
from igbviz.ui.runs import first_looks, open_run
from igbviz.ui.share import hidden
from igbviz.ui.stage import stage
from igbviz.ui.views import run as run_view
from igbviz.ui.views import run_form, sweep, untrained


def draw(cache: Path) -> None:
    """The whole page."""
    query = st.query_params
    run = open_run(query["run"], cache) if "run" in query and "sweep" not in query else None
    group = linked_group(cache)
    if st.context.is_embedded and not group:
        _alone(cache, run)
        return
    with st.container(key="title"):
        if group:
            st.title(plain(heading(sweep_of(str(group.path)))), anchor=False)
        else:
            _title(run)
    is_recorded = run is not None and run.is_recorded  # nothing can be trained from it, so there is no form
    config = None if is_recorded else run_form.draw(cache, run)
    if group:
        sweep.view(group)
    elif run is not None:
        if config:
            untrained.beside(run, config, cache)
        run_view.view(run)
    else:
        look = _recorded(cache, config)
        if look:
            st.caption(look)
        if not hidden.is_hidden("more"):
            _introduction()


def _alone(cache: Path, run: Run | None) -> None:
    """In a frame on another page: the stage. Without a run the form decides which, so it is there, but not seen."""
    with shell.unseen():
        _title(run)
        config = None if run else run_form.draw(cache, None)
    with shell.alone():
        if run is not None:
            run_view.view(run)
        else:
            _recorded(cache, config)


def _title(run: Run | None) -> None:
    if run is not None and (title := run_view.title_of(run)):
        st.title(title, anchor=False)
    else:
        shell.show_title("pages/Train.py")


def _recorded(cache: Path, config: RunConfig | None) -> str:
    """Something to see before anything is trained: the recorded run that the form describes, or else the untrained
    network of the form, or else the three first looks. Returns what to say below it."""
    described = shipped_run(config, cache) if config else None
    if described is None and config and untrained.in_place_of_stage(config, cache):
        return look_for(config)
    runs = {"Recorded": described} if described else {}
    if described is None or config == PRESETS["first-look"].config:
        runs = first_looks(cache)
    if not runs:
        return ""

    def update() -> None:
        stage(runs, key="stage", play=True)

    refresh.fragment(update, None)
    look = look_for(config) if config else ""
    note = "These are recorded examples, not your settings: press **Train** to see those."
    if described:
        note = "Recorded: press **Train** to train it here, live."
    return " ".join(filter(None, [look, note if config else ""]))


def _introduction() -> None:
    st.markdown(
        "Choose a preset and a loss above and press **Train**. The network trains in a process of its own: you may "
        "close the page, reload it or send its link to somebody else, and the run goes on.\n\nThe charts begin at "
        "**Init.**, the network before its first step. Their time axis is logarithmic, because much of the initial "
        "guessing bias (IGB) is lost or kept within the first batches. The first chart shows, for each class, the mean "
        "probability that the network assigns to it on its own images; under *Accuracy* is the fraction of these "
        "images that are classified correctly (per-class accuracy, or recall). The class that the untrained network "
        f"favours is drawn bold.\n\n{ROUNDING} Compare several seeds before you trust a difference, or repeat one seed "
        "with rounding noise."
    )
