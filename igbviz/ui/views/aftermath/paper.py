"""Below Figure 2 of the paper: what its losses do to the first guess within one epoch, and what is left of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from igbviz.charts.classes.first_epoch import first_epoch
from igbviz.charts.classes.lasting_bias import lasting_bias
from igbviz.studies.comparison import Member, Setting
from igbviz.studies.lasting_bias import IN_WORDS, sentence
from igbviz.studies.paper.experiment import PaperRun
from igbviz.ui.live_chart import live_chart, payload

Rows = Sequence[tuple[str, Sequence[tuple[PaperRun, Member]]]]  # a title, and the runs of its seeds


def draw(rows: Rows, seed: str) -> None:
    """Both pictures; the bars are those of one seed, the first one if all are shown."""
    picked = {title: _of_seed(runs, seed) for title, runs in rows}
    of_one = {title: run for title, run in picked.items() if run is not None}
    if not of_one:
        return
    st.header("After the first epoch", anchor=False)
    figure = first_epoch.spec({title: run.trajectory for title, run in of_one.items()})
    live_chart(payload(figure), key="paper-first-epoch", height=figure["layout"]["height"])
    number = next(iter(of_one.values())).seed
    st.caption(
        f"Fraction of all test images that are guessed as each class, the favoured class first: pale at Init., full "
        f"after the first epoch; one network, seed {number}. Dotted: 1/K."
    )
    st.header("What is left of the bias", anchor=False)
    settings = [
        Setting(title, place, tuple(member for _, member in runs)) for place, (title, runs) in enumerate(rows) if runs
    ]
    figure = lasting_bias.spec(settings)
    live_chart(payload(figure), key="paper-lasting-bias", height=figure["layout"]["height"])
    st.caption(f"**{sentence(settings)}** {IN_WORDS} {_lengths(rows)}")


def _of_seed(runs: Sequence[tuple[PaperRun, Member]], seed: str) -> PaperRun | None:
    """The run of this seed; where none is named, that of the first."""
    named = [run for run, _ in runs if not seed.isdigit() or run.seed == int(seed)]
    return min(named, key=lambda run: run.seed, default=None)


def _lengths(rows: Rows) -> str:
    """After how long a training this is: the paper speaks of 20 epochs."""
    epochs = sorted({round(run.epoch, 2) for _, runs in rows for run, _ in runs})
    ends = f"{epochs[0]:g}" if len(epochs) == 1 else f"{epochs[0]:g} to {epochs[-1]:g}"
    return f"The runs end after {ends} epoch{'s' * (ends != '1')}."


def rows_of(
    members: Mapping[str, Sequence[tuple[PaperRun, Member]]], titles: Mapping[tuple[str, str], str]
) -> list[tuple[str, list[tuple[PaperRun, Member]]]]:
    """The runs of every loss and variant under the title of their row, in the order of `titles`."""
    found = [
        (title, [(run, member) for run, member in members[variant] if run.loss == loss])
        for (loss, variant), title in titles.items()
    ]
    return [(title, runs) for title, runs in found if runs]
