"""Further pictures of untrained networks behind a switch, of which one is drawn at a time; the address says which."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from igbviz.charts.ensemble import same_scales
from igbviz.charts.untrained import centres as of_centres
from igbviz.charts.untrained import gradients as of_gradients
from igbviz.charts.untrained import regimes as of_regimes
from igbviz.ensembles.gradients import has_gradients
from igbviz.ensembles.predictions import prediction_for
from igbviz.runs.run import Run
from igbviz.studies import regimes
from igbviz.ui.live_chart import live_chart, payload
from igbviz.ui.query import from_query, set_query, turn_to
from igbviz.ui.runs import start_run

Stamps = tuple[tuple[str, int], ...]  # path and bytes of records of each ensemble
Drawn = list[dict[str, Any]]  # of each ensemble the payload of a figure and its sentence; empty where there is none
HEIGHT, OF_GRADIENTS, OF_REGIMES = 600, 460, 640  # pixels


def draw(stamps: Stamps, network: int) -> None:
    """The switch and the picture chosen, of one ensemble or of two beside each other."""
    first = next(iter(PICTURES))
    chosen = st.segmented_control(
        "More pictures", list(PICTURES), default=from_query("more", PICTURES, first), required=True, key="more",
        format_func=lambda name: PICTURES[name][0],
    )  # fmt: skip
    set_query(more=None if chosen == first else chosen)
    PICTURES[chosen][1](stamps, network)


def _centres(stamps: Stamps, network: int) -> None:
    _beside(_drawn_centres(stamps, network), "centres", HEIGHT)
    st.caption(of_centres.CAPTION)


def _gradients(stamps: Stamps, network: int) -> None:
    drawn = _drawn_gradients(stamps)
    if any(drawn):
        _beside(drawn, "gradients", OF_GRADIENTS)
        st.caption(of_gradients.CAPTION)
        return
    st.markdown("These networks were drawn without their gradients.")
    run = Run(Path(stamps[0][0]))
    if st.button("Draw them again, with gradients", icon=":material/casino:", key="with-gradients") and (
        other := start_run(run.config.with_(gradients=True), run.cache)
    ):
        turn_to(run=other.id, more="gradients")


def _regimes(stamps: Stamps, network: int) -> None:
    cache = Run(Path(stamps[0][0])).cache
    runs = regimes.read(cache)
    if not runs:
        st.markdown("The ensembles of this picture are not among the recorded runs here.")
        return
    figure, sentence = _drawn_regimes(tuple((name, str(run.path)) for name, run in runs.items()))
    st.markdown(sentence)
    live_chart(figure, key="regimes", height=OF_REGIMES)
    st.caption(f"{of_regimes.CAPTION} {regimes.CONDITIONS}")
    with st.container(horizontal=True):
        for name, run in runs.items():
            if st.button(f"Open {name}", key=f"open-{name}"):
                turn_to(run=run.id)


# The switch. Each draws its picture from the ensembles of the page and the number of the network shown.
PICTURES: dict[str, tuple[str, Callable[[Stamps, int], None]]] = {
    "centres": ("Two widths: γ", _centres),
    "regimes": ("Neutral, weak, deep", _regimes),
    "gradients": ("Gradients by layer", _gradients),
}


def _beside(drawn: Drawn, kind: str, height: int) -> None:
    """All sentences, and below them the charts, which begin at one height."""
    for column, of_run in zip(st.columns(len(drawn)), drawn, strict=True):
        column.markdown(of_run["sentence"] if of_run else "Not measured for these networks.")
    for place, (column, of_run) in enumerate(zip(st.columns(len(drawn)), drawn, strict=True)):
        if of_run:
            with column:
                live_chart(of_run["figure"], key=f"{kind}-{place}", height=height)


# All viewers of an ensemble share its figures: the key is the length of its file.


@st.cache_resource(max_entries=64, show_spinner=False)
def _drawn_centres(stamps: Stamps, network: int) -> Drawn:
    figures, sentences = [], []
    for path, _ in stamps:
        run = Run(Path(path))
        ensemble = run.ensemble()
        if not len(ensemble):
            figures.append({})
            sentences.append("")
            continue
        prediction = prediction_for(run.config, ensemble)
        gamma = None if prediction is None else float(prediction.gamma[-1])
        figures.append(of_centres.centres.spec(ensemble, min(network, len(ensemble) - 1), gamma, height=HEIGHT))
        sentences.append(of_centres.sentence(ensemble, gamma))
    return _together(figures, sentences, "xaxis", "xaxis2", "yaxis")


@st.cache_resource(max_entries=64, show_spinner=False)
def _drawn_gradients(stamps: Stamps) -> Drawn:
    figures, sentences = [], []
    for path, _ in stamps:
        run = Run(Path(path))
        ensemble = run.ensemble()
        if not len(ensemble) or not has_gradients(ensemble):
            figures.append({})
            sentences.append("")
            continue
        factors = of_gradients.factors_of(run)
        figures.append(of_gradients.gradients.spec(ensemble, factors, height=OF_GRADIENTS))
        sentences.append(of_gradients.sentence(ensemble, factors))
    return _together(figures, sentences, "yaxis", after=of_gradients.set_ticks)


@st.cache_resource(max_entries=4, show_spinner=False)
def _drawn_regimes(runs: tuple[tuple[str, str], ...]) -> tuple[str, str]:
    ensembles = {name: Run(Path(path)).ensemble() for name, path in runs}
    figure = of_regimes.regimes.spec(ensembles, title=regimes.TITLE, height=OF_REGIMES)
    return payload(figure), of_regimes.sentence(ensembles)


def _together(
    figures: list[dict[str, Any]],
    sentences: list[str],
    *axes: Any,
    after: Callable[[dict[str, Any]], None] | None = None,
) -> Drawn:
    """Payloads and sentences; the figures of two ensembles have the same scales, `after` which a layout is adapted."""
    if len(alike := [figure for figure in figures if figure]) > 1:
        same_scales(alike, *axes)
        for figure in alike if after else ():
            after(figure["layout"])
    return [
        {"figure": payload(figure), "sentence": sentence} if figure else {}
        for figure, sentence in zip(figures, sentences, strict=True)
    ]
