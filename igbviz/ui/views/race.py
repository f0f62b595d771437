"""The page of a race: its lanes from the start to the end, or the offer to run it."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from igbviz.datasets import DataError
from igbviz.runs import queue
from igbviz.runs.run import RunError
from igbviz.runs.status import duration_in_words
from igbviz.runs.sweep_config import INTERVENTION, Sweep
from igbviz.runs.sweeps import MISSING, RESUMABLE, WAITING, SweepRun, members_of, plan, stop_all
from igbviz.spec import ConfigError
from igbviz.ui import refresh, shell
from igbviz.ui.groups import identified
from igbviz.ui.messages import plain, show_dead_link, show_error
from igbviz.ui.race.buttons import SAME, choose_losses, lane_names, start_race
from igbviz.ui.race.lanes import lanes
from igbviz.ui.race.query import race_from_query


def draw(cache: Path) -> None:
    """The whole page."""
    try:
        asked = race_from_query(st.query_params)
    except ConfigError as error:
        show_dead_link(error)
        asked = race_from_query({})
    with st.container(key="title", horizontal=True, vertical_alignment="center"):
        st.title(f"Race :small[{plain(_setting(asked))}]", anchor=False, width="stretch")
        with st.popover("Other losses", icon=":material/tune:"):
            choose_losses(asked.base, cache)
    try:
        race = identified(asked)
        names = lane_names(race)
        _offer(race, cache)
    except (ConfigError, DataError, RunError, OSError) as error:
        show_error(error)
        return

    def update() -> float | None:
        now = _lined_up(names, cache)
        lanes(now, key=f"lanes-{race.id}", play=True)
        _state(now)
        return _pace(now)

    refresh.fragment(update, _pace(_lined_up(names, cache)))
    differs = "one change is all that differs" if INTERVENTION in race.axes else "only the loss differs"
    st.caption(f"{SAME}: {differs}. A link to this page is the same race anywhere.")
    with st.container(horizontal=True):
        for run_id, name in names.items():
            shell.link("pages/Train.py", plain(name), icon=":material/play_circle:", run=run_id)
        shell.link("pages/Compare.py", "Compare", icon=":material/compare:", runs=",".join(names))


def _setting(race: Sweep) -> str:
    config = race.base
    network, data = config.model.title_of(config.model.name), config.dataset
    parts = (data.title_of(data.name), config.label_noise.label, config.imbalance.label)
    return f"{network[:1].lower()}{network[1:]} on {', '.join(filter(None, parts))} · seed {config.seed}"


def _lined_up(names: dict[str, str], cache: Path) -> dict[str, SweepRun]:
    """The runs at this moment, by the names of their lanes."""
    return dict(zip(names.values(), members_of(names, cache), strict=True))


def _offer(race: Sweep, cache: Path) -> None:
    """A button for what has not been trained yet or was stopped."""
    states = [member.state for member in members_of([config.id for config in race.configs()], cache)]
    if not any(state == MISSING or state in RESUMABLE for state in states):
        return
    queue.expect_race(cache, len(states))
    expected = plan(race, cache)
    with st.container(key="race-offer", horizontal=True, vertical_alignment="center"):
        if st.button("Start the race", type="primary", icon=":material/sports_score:", key="race-run"):
            start_race(race, cache)
        done = f"{expected.finished} of {expected.runs} runs are there already; " if expected.finished else ""
        st.caption(f"{done}about **{duration_in_words(expected.seconds)}**, {expected.basis}.", width="content")


def _state(members: dict[str, SweepRun]) -> None:
    """How far it is, and a button that stops it; nothing once all have ended."""
    going = [member for member in members.values() if member.state in WAITING]
    if not going:
        return
    with st.container(key="race-state", horizontal=True, vertical_alignment="center"):
        etas = [member.status.eta for member in going if member.status and member.status.eta is not None]
        share = sum(member.share for member in members.values()) / len(members)
        to_go = f", {duration_in_words(max(etas))} to go" if etas else ""
        words = f"{len(going)} of {len(members)} still running: {100 * share:.0f} % of the steps{to_go}"
        st.caption(words, width="content")
        if st.button("Stop", icon=":material/stop:", key="race-stop"):
            stop_all(going)
            st.rerun()


def _pace(members: dict[str, SweepRun]) -> float | None:
    statuses = [member.status for member in members.values() if member.status]
    return refresh.pace(*statuses) if statuses else None
