"""Interventions below a run: changes that might cure a stuck start, each explained, trained and compared with it."""

from __future__ import annotations

import streamlit as st

from igbviz.config import RunConfig
from igbviz.config.interventions import INTERVENTIONS, applicable, suggested
from igbviz.datasets import DataError
from igbviz.runs import shipped
from igbviz.runs.kinds import TRAINED, kind_of
from igbviz.runs.run import Run, RunError
from igbviz.runs.status import duration_in_words
from igbviz.runs.sweep_config import intervention_sweep, race_of_cure
from igbviz.runs.sweeps import Group, plan, submit_sweep
from igbviz.spec import ConfigError
from igbviz.studies.comparison import ESCAPE_IN_WORDS
from igbviz.ui import forms
from igbviz.ui.messages import plain, show_error
from igbviz.ui.provenance import ROUNDING
from igbviz.ui.query import go_to
from igbviz.ui.race.buttons import start_race

MAX_SEEDS = 20


def draw(run: Run) -> None:
    """The whole section for a readable training run; nothing for anything else."""
    try:
        config, diagnosis = shipped.config_to_repeat(run), _diagnosis(run)
    except RunError:
        return  # the view of the run reports it
    if kind_of(config) is not TRAINED:
        return
    st.header("What might cure a stuck start?", anchor=False)
    st.markdown(f"{diagnosis}Each change is trained as a run of its own, in a race against this one.")
    _first_to_try(run, config)
    with st.expander("All changes, several at once, and more seeds", icon=":material/healing:"):
        group = _any_of_all(run, config)
    if group:
        go_to("pages/Compare.py", sweep=group.id)


def _first_to_try(run: Run, config: RunConfig) -> None:
    """A button for each of the changes that cure most often, which starts a race against the run as it is."""
    if not (names := suggested(config)):
        return
    for column, name in zip(st.columns(len(names)), names, strict=True):
        title = INTERVENTIONS[name].title.removeprefix("Add ")
        with column:
            if st.button(f"Try: {title}", icon=":material/healing:", width="stretch", key=f"try-{run.id}-{name}"):
                start_race(race_of_cure(config, name), run.cache)
            st.caption(INTERVENTIONS[name]().explain(config))


def _any_of_all(run: Run, config: RunConfig) -> Group | None:
    """All changes to tick; the group once its button is pressed."""
    st.caption(ESCAPE_IN_WORDS)
    picked = [
        name
        for name in applicable(config)
        if st.checkbox(
            f"**{INTERVENTIONS[name].title}**: {INTERVENTIONS[name]().explain(config)}", key=f"cure-{run.id}-{name}"
        )
    ]
    seeds = st.number_input(
        "Seeds",
        value=1,
        step=1,
        help=f"Runs per change, with consecutive seeds from {config.seed}. {ROUNDING}",
        key=f"cure-{run.id}-seeds",
    )
    return _offer(run, config, picked, seeds) if picked else None


def _offer(run: Run, config: RunConfig, picked: list[str], seeds: int) -> Group | None:
    """The number of runs, their duration and the button; the group once it is pressed, an error if it cannot start."""
    try:
        sweep = intervention_sweep(config, picked, forms.in_range("Seeds", seeds, 1, MAX_SEEDS))
        expected = plan(sweep, run.cache)
        new = expected.runs - expected.finished
        st.caption(
            f"{new} new run{'s' * (new != 1)}, about **{duration_in_words(expected.seconds)}**, {expected.basis}."
        )
        if st.button("Try these", type="primary", icon=":material/healing:", key=f"cure-{run.id}-start"):
            return submit_sweep(sweep, run.cache)
    except (ConfigError, DataError, RunError, OSError) as error:
        show_error(error)
    return None


def _diagnosis(run: Run) -> str:
    """A sentence on whether this run has escaped its first guess; empty before its first probe."""
    trajectory = run.trajectory()
    if not len(trajectory):
        return ""
    guesses, step = trajectory[-1:].guess_fraction()[0], trajectory.escape_step()
    largest = f"{100 * guesses.max():.0f} % of its guesses are {plain(trajectory.class_names[int(guesses.argmax())])}"
    if step is None:
        return f"At its last probe this run had not escaped its first guess: {largest}. "
    if step:
        return f"This run escaped its first guess at step {step:,}. "
    return "This run's guesses were evenly spread from the start. "
