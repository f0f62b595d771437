"""The runs behind the page "The paper": three sets with their buttons, progress and results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from igbviz.datasets import DataError
from igbviz.runs.run import RunError
from igbviz.runs.status import duration_in_words
from igbviz.runs.sweeps import Group, Plan, plan, submit_sweep
from igbviz.spec import ConfigError
from igbviz.studies.paper import experiment
from igbviz.studies.paper.experiment import ALTERNATIVES, LOSSES, SETS, PaperRun
from igbviz.ui.groups import identified
from igbviz.ui.members import Stamp
from igbviz.ui.messages import plain
from igbviz.ui.query import set_query
from igbviz.ui.runs import forget_rows, run_rows


def named_folder() -> str:
    """The folder that CIFAR-10 is read from; empty if none is named."""
    return st.session_state.get("paper-folder", "").strip()


def cards(set_name: str, folder: str, cache: Path) -> None:
    """The three sets with their buttons."""
    for column, (name, paper_set) in zip(st.columns(len(SETS)), SETS.items(), strict=True):
        with column.container(border=True, height="stretch"):
            st.markdown(f"**{paper_set.title}**" + (" · shown above" if name == set_name else ""))
            st.markdown(paper_set.words)
            expected = planned(name, "", folder, cache)
            if expected is not None:
                st.caption(_plan_in_words(expected))
            measured = len(measured_runs(cache, name, "")[0])
            with st.container(horizontal=True):
                label = f"Show {measured} run{'s' * (measured != 1)}" if measured else "Show"
                if st.button(label, key=f"paper-show-{name}", icon=":material/visibility:", disabled=name == set_name):
                    set_query(set=name, **{"with": None, "seed": None})
                    st.rerun()
                finished = expected is not None and expected.finished == expected.runs
                if (
                    not finished
                    and st.button("Run", key=f"paper-run-{name}", icon=":material/play_arrow:", type="primary")
                    and submit(name, "", folder, cache)
                ):
                    set_query(set=name, **{"with": None})
                    st.rerun()
    with st.expander("CIFAR-10 as a folder of images", icon=":material/folder_open:"):
        st.text_input(
            "Folder with train/<class>/* and test/<class>/*",
            key="paper-folder",
            placeholder="empty: torchvision finds or downloads the original files",
            help="For machines that cannot download the original files. JPEG images differ slightly from the original "
            "pixels.",
        )


def _plan_in_words(expected: Plan) -> str:
    if expected.finished == expected.runs:
        return f"All {expected.runs} runs are finished: {len(LOSSES)} losses × {len(experiment.SEEDS)} seeds."
    done = f", {expected.finished} of them finished" if expected.finished else ""
    return (
        f"{expected.runs} runs ({len(LOSSES)} losses × {len(experiment.SEEDS)} seeds){done}; about "
        f"{duration_in_words(expected.seconds)} on this machine, {expected.basis}."
    )


def planned(set_name: str, alternative: str, folder: str, cache: Path) -> Plan | None:
    """The plan of these runs; None, and a message on the page, if they could not start."""
    try:
        return plan(identified(experiment.sweep(set_name, alternative, folder)), cache)
    except (ConfigError, DataError, OSError) as error:
        st.caption(f"{plain(str(error))}.")
        return None


def submit(set_name: str, alternative: str, folder: str, cache: Path) -> bool:
    """Start the unfinished runs; False, and an error on the page, if they cannot start."""
    try:
        submit_sweep(experiment.sweep(set_name, alternative, folder), cache)
    except (ConfigError, DataError, RunError, OSError) as error:
        st.error(f"{plain(str(error))}.", icon=":material/error:")
        return False
    forget_rows()
    return True


def _group(set_name: str, alternative: str, folder: str, cache: Path) -> Group | None:
    try:
        return Group.open(identified(experiment.sweep(set_name, alternative, folder)).id, cache)
    except (RunError, ConfigError, DataError):
        return None


def is_going(set_name: str, alternative: str, folder: str, cache: Path) -> bool:
    """Whether any of these runs is queued or running."""
    group = _group(set_name, alternative, folder, cache)
    return group is not None and not group.progress().ended


def show_progress(set_name: str, alternative: str, folder: str, cache: Path) -> bool:
    """The progress bar of an active group, always at the same position; returns whether the group is active."""
    place = st.container()
    group = _group(set_name, alternative, folder, cache)
    if group is None:
        return False
    progress = group.progress()
    summary = f"{ALTERNATIVES[alternative].title}: {progress.words}" if alternative else progress.words
    if progress.ended:
        if "failed" in progress.counts or "stopped" in progress.counts:
            place.caption(f"{summary}. **Run** resumes them.")
            _show_reasons(progress.members, place)
        return False
    with place.container(horizontal=True, vertical_alignment="center"):
        left = f"; {duration_in_words(progress.eta)} to go" if progress.eta is not None else ""
        st.progress(progress.share, f"{summary}{left}")
        if st.button("Stop all", icon=":material/stop:", key=f"paper-stop-{alternative}"):
            group.stop()
            st.rerun()
    return True


def _show_reasons(members: Sequence[Any], place: Any) -> None:
    """The distinct error messages of the failed runs."""
    reasons = {
        member.status.message
        for member in members
        if member.state == "failed" and member.status and member.status.message
    }
    for reason in sorted(reasons)[:3]:
        place.error(plain(reason), icon=":material/error:")


def measured_runs(cache: Path, set_name: str, alternative: str) -> tuple[list[PaperRun], list[str]]:
    """The runs of this set with a probe, and an error message for each that cannot be read."""
    return experiment.farthest_runs(run_rows(cache), cache, set_name, alternative)


def opening_set(cache: Path) -> str:
    """The set that the page opens with: the full one once a run of it has come to its end, which may be a shipped run
    with fewer probes, and until then the quick one."""
    whole = SETS["full"].config().epochs * 0.99
    return "full" if any(run.epoch > whole for run in measured_runs(cache, "full", "")[0]) else "quick"


def stamps(runs: Sequence[PaperRun]) -> tuple[Stamp, ...]:
    """Stamps of the state in which these runs were read, which may be older than the one on the disk."""
    return tuple(Stamp(str(run.run.path), run.trajectory.records.nbytes, run.state) for run in runs)
