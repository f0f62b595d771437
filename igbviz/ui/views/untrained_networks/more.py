"""Further pictures of untrained networks behind a switch, of which one is drawn at a time; the address says which.

Those of the ensembles on the page are drawn below the switch, in the part of the page that follows the drawing of
networks. Those of hidden nodes do not change with it, and have parts of their own: the page draws them with `inside`.
"""

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
from igbviz.ui.views.node_means import nodes, rule

Stamps = tuple[tuple[str, int], ...]  # path and bytes of records of each ensemble
Drawn = list[dict[str, Any]]  # of each ensemble the payload of a figure and its sentence; empty where there is none
HEIGHT, OF_GRADIENTS, OF_REGIMES = 600, 460, 640  # pixels


def choose() -> str:
    """The picture chosen, or that of a link just opened; to be called before `draw` on every run of the whole page."""
    state = st.session_state
    linked = from_query("inside", INSIDE, "") or from_query("more", OF_ENSEMBLES, "")
    if linked and linked != state.get("more-written"):
        state["more"] = state["more-written"] = linked
    elif "more" not in state:  # forgotten where there was no switch, as before the first network
        state["more"] = state.get("more-written", FIRST)
    return state["more"]


def draw(stamps: Stamps, network: int, chosen: str) -> None:
    """The switch, and its picture if that is one of the ensembles; `chosen` is what `choose` has returned."""
    titles = {name: title for name, (title, _) in (OF_ENSEMBLES | INSIDE).items()}
    now = st.segmented_control("More pictures", list(titles), required=True, key="more", format_func=titles.get,
                               wrap=True)  # fmt: skip
    set_query(
        more=now if now in OF_ENSEMBLES and now != FIRST else None,
        inside=now if now in INSIDE else None,
        **({} if now == "rule" else dict.fromkeys(rule.SETTINGS)),
    )
    st.session_state["more-written"] = now
    if now != chosen and {now, chosen} & INSIDE.keys():
        st.rerun()  # what is below this part of the page changes
    if now in OF_ENSEMBLES:
        OF_ENSEMBLES[now][1](stamps, network)


def inside(chosen: str, run: Run) -> None:
    """The picture of hidden nodes, if one is chosen."""
    if chosen in INSIDE:
        INSIDE[chosen][1](run)


def _centres(stamps: Stamps, network: int) -> None:
    _beside(_drawn_centres(stamps, network), "centres", HEIGHT)
    st.caption(of_centres.CAPTION)


def _gradients(stamps: Stamps, network: int) -> None:
    drawn = _drawn_gradients(stamps)
    if any(drawn):
        _beside(drawn, "gradients", OF_GRADIENTS)
        st.caption(of_gradients.CAPTION)
        return
    st.markdown("These networks were drawn without their gradients. Draw them again, or open some that have theirs:")
    run = Run(Path(stamps[0][0]))
    with st.container(horizontal=True):
        if st.button("Draw them again, with gradients", icon=":material/casino:", key="with-gradients") and (
            other := start_run(run.config.with_(gradients=True), run.cache)
        ):
            turn_to(run=other.id, more="gradients")
        _openers(regimes.read(run.cache), more="gradients")


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
        _openers(runs)


def _openers(runs: dict[str, Run], **query: str) -> None:
    for name, run in runs.items():
        if st.button(f"Open {name}", key=f"open-{name}"):
            turn_to(run=run.id, **query)


# The switch. Each of the first draws its picture from the ensembles of the page and the number of the network shown,
# each of the others from the first ensemble.
OF_ENSEMBLES: dict[str, tuple[str, Callable[[Stamps, int], None]]] = {
    "centres": ("Two widths: γ", _centres),
    "regimes": ("Neutral, weak, deep", _regimes),
    "gradients": ("Gradients by layer", _gradients),
}
INSIDE: dict[str, tuple[str, Callable[[Run], None]]] = {
    "rule": ("The mean of a node decides", rule.draw),
    "nodes": ("Nodes of two networks", nodes.draw),
}
FIRST = next(iter(OF_ENSEMBLES))


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
