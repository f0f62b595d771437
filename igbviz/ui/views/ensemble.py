"""The page of untrained networks: their guesses, the bias of the ensemble and its theory; one ensemble or two."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from igbviz.charts import ensemble as ensemble_charts
from igbviz.charts import network as network_charts
from igbviz.ensembles import Ensemble, EnsembleConfig
from igbviz.ensembles.predictions import Prediction, prediction_for
from igbviz.ensembles.variations import changes
from igbviz.runs.kinds import UNTRAINED
from igbviz.runs.run import Run, RunError
from igbviz.ui import forms, progress, provenance, refresh, shell
from igbviz.ui.form_link import linked_base, write_form
from igbviz.ui.live_chart import live_chart, payload, warm_up
from igbviz.ui.messages import show_error
from igbviz.ui.query import set_query, turn_to
from igbviz.ui.runs import open_run, start_run
from igbviz.ui.views import ensemble_form
from igbviz.ui.views.untrained_networks import more

HEIGHT, MAIN_HEIGHT = 400, 430  # pixels
MAIN, PAIRED = "every_network", ("xaxis", "yaxis")  # the main picture; axes with one scale in a pair
SCALES = {
    "guesses": PAIRED,
    "gamma_by_depth": ("yaxis",),
    "outputs": PAIRED,
    "class_probabilities": ("yaxis",),
}
Stamps = tuple[tuple[str, int], ...]  # path and bytes of records of each ensemble
OF_ALL, OF_ONE = ("guesses", "gamma_by_depth"), ("outputs", "class_probabilities")


def draw(cache: Path) -> None:
    """The whole page: the form, and below it the one or two ensembles that the address names, or the first start's."""
    runs = [
        run
        for name in ("run", "against")
        if name in st.query_params and (run := open_run(st.query_params[name], cache, UNTRAINED))
    ]
    opened = runs[0] if runs else None
    link = linked_base("form", EnsembleConfig.model_validate)
    first = opened or (None if link else ensemble_form.default_run(cache))  # not other networks than those of a link
    with st.container(key="form-bar"):
        described = ensemble_form.draw(cache, opened, link)
    if described:
        is_shown = first is not None and described.id == first.id
        write_form("form", None if is_shown else described.canonical(incidental=True))
    if first:
        _view(runs or [first])
    else:
        why = "The networks of the link are in the form" if link else "No ensemble has been drawn here yet"
        st.info(f"{why}: press **Draw the networks**.", icon=":material/casino:")
        warm_up()
    st.caption(
        "Before they have learned anything, many networks favour one class over all inputs. This is called initial "
        "guessing bias (IGB). Choose an architecture and press **Draw the networks**: many networks with random "
        "weights are evaluated one by one on the same inputs. You see the outputs of one network, how strong the bias "
        "of all of them is, how it changes with depth, and what theory predicts. Then change one thing and compare the "
        "two ensembles side by side."
    )


def _view(runs: list[Run]) -> None:
    """One ensemble with its charts two by two, or two with the same charts next to each other."""
    try:
        configs, statuses = [run.config for run in runs], [run.status for run in runs]
        for run in runs:
            run.ensemble()  # raises if the schema cannot be read
    except RunError as error:
        show_error(f"{error}. The others are not affected", icon=":material/broken_image:")
        return

    chosen = more.choose()

    def update() -> float | None:
        now = [run.status for run in runs]
        stamps = tuple((str(run.path), run.record_bytes) for run in runs)
        _main_pictures(stamps, configs)
        for place, (column, run, status) in enumerate(zip(st.columns(len(runs)), runs, now, strict=True)):
            with column:
                progress.draw(run, status, key=f"{place}-")
        _what_if(runs[0], configs[0])
        _charts(stamps, min(config.networks for config in configs), chosen)
        return refresh.pace(*now)

    refresh.fragment(update, refresh.pace(*statuses))
    more.inside(chosen, runs[0])
    _train_these(configs[0])
    for run in runs:
        if schema := run.schema:
            inputs, weights = (
                provenance.counted(schema, "inputs", "inputs"),
                provenance.counted(schema, "parameters", "weights per network"),
            )
            provenance.draw(run, inputs, weights)


def _title(config: EnsembleConfig) -> str:
    model, start = config.model, config.initialization
    parts = [f"{config.networks} × {model.name}"]
    parts += [f"{name.replace('_', ' ')} {value}" for name, value in model.changes().items()]
    parts += [
        start.name,
        *(f"{name.replace('_', ' ')} {value}" for name, value in start.canonical().items() if name != "name"),
    ]
    if model.has_batch_norm:
        parts.append(
            {"eval": "eval mode", "batch": "batch statistics", "after": f"eval after {config.passes} batches"}[
                config.batch_norm
            ]
        )
    return ", ".join(parts) + f" · {config.dataset.name} · seed {config.seed}"


def _what_if(run: Run, config: EnsembleConfig) -> None:
    """Buttons that change one thing and show the two ensembles side by side."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("**What if ...**", width="content")
        for key, (change, other) in changes(config).items():
            if st.button(change.title, help=change.expect, key=f"what-if-{key}") and (
                against := start_run(other, run.cache)
            ):
                turn_to(run=run.id, against=against.id)


def _train_these(config: EnsembleConfig) -> None:
    """A link to the page that shows how networks with this initialization learn."""
    model, start = config.model, config.initialization
    if model.name == "mlp" and start.name == "gaussian":
        point = {
            "activation": model.activation,
            "depth": model.depth,
            "view": "starts",
            "sigma_w2": start.sigma_w2,
            "sigma_b2": start.sigma_b2,
        }
        shell.link(
            "pages/Dynamics.py",
            "Train many like these",
            ":material/scatter_plot:",
            **{name: str(value) for name, value in point.items()},
        )


def _main_pictures(stamps: Stamps, configs: list[EnsembleConfig]) -> None:
    """Above each picture one sentence on what came of it; the same number of elements before and after the first
    network, so that the charts keep their position on the page, and with it their zoom."""
    drawn = _drawn(stamps, 0)
    for place, (column, charts, config) in enumerate(zip(st.columns(len(stamps)), drawn, configs, strict=True)):
        with column:
            st.markdown(charts["summary"] if charts else "The first network is being drawn ...")
            if charts:
                live_chart(charts[MAIN], key=f"{MAIN}-{place}", height=MAIN_HEIGHT)
            st.caption(_title(config))
    st.caption(ensemble_charts.CAPTIONS[MAIN])


def _charts(stamps: Stamps, networks: int, chosen: str) -> None:
    """Charts at fixed positions while networks arrive: two per row, or the same chart of two ensembles."""
    if not any(_drawn(stamps, 0)):
        return
    _rows(OF_ALL, _drawn(stamps, 0))
    linked = st.query_params.get("network", "0")
    network = st.number_input(
        "Network shown",
        value=int(linked) if linked.isdecimal() and len(linked) < 7 else 0,
        step=1,
        key="network",
        help="Number of the network in the charts of a single network.",
        width=200,
    )
    network = forms.clamped("Network shown", network, 0, networks - 1)
    set_query(network=str(network) if network else None)
    drawn = _drawn(stamps, network)
    _rows(OF_ONE, drawn)
    for column, charts in zip(st.columns(len(drawn)), drawn, strict=True):
        if charts:
            with column:
                st.dataframe(pd.DataFrame(charts["table"]), hide_index=True)
                st.caption(charts["basis"])
    more.draw(stamps, network, chosen)


def _rows(kinds: tuple[str, ...], drawn: Sequence[dict[str, Any]]) -> None:
    """The charts of these kinds. Two ensembles have the same kind beside each other, with one caption below both."""
    kinds = tuple(kind for kind in kinds if any(kind in charts for charts in drawn))
    rows = [[(kind, place) for place in range(len(drawn))] for kind in kinds]
    if len(drawn) == 1:
        rows = [[(kind, 0) for kind in kinds]]
    for row in rows:
        for column, (kind, place) in zip(st.columns(2), row, strict=False):
            with column:
                if kind in drawn[place]:
                    live_chart(drawn[place][kind], key=f"{kind}-{place}", height=HEIGHT)
                elif drawn[place]:
                    st.caption("Only fully connected networks are measured layer by layer.")
                if len(drawn) == 1:
                    st.caption(ensemble_charts.CAPTIONS[kind])
        if len(drawn) > 1:
            st.caption(ensemble_charts.CAPTIONS[row[0][0]])


# All viewers of an ensemble share its figures: the key is the length of its file.


@st.cache_resource(max_entries=64, show_spinner=False)
def _drawn(stamps: Stamps, network: int) -> list[dict[str, Any]]:
    """For each ensemble the payloads of its charts by kind, its summary, the table of estimates and the assumptions of
    the theory's line; empty before its first network. Two ensembles have the same scales."""
    pair = len(stamps) > 1
    figures, texts = [], []
    for path, _ in stamps:
        run = Run(Path(path))
        ensemble, config = run.ensemble(), run.config
        prediction = prediction_for(config, ensemble) if len(ensemble) else None
        figures.append(_figures(ensemble, prediction, network, pair) if len(ensemble) else {})
        texts.append(_texts(ensemble, config, prediction) if len(ensemble) else {})
    for kind, axes in SCALES.items():
        if len(alike := [of_run[kind] for of_run in figures if kind in of_run]) > 1:
            ensemble_charts.same_scales(alike, *axes)
    return [
        {kind: payload(figure) for kind, figure in of_run.items()} | text
        for of_run, text in zip(figures, texts, strict=True)
    ]


def _figures(ensemble: Ensemble, prediction: Prediction | None, network: int, pair: bool) -> dict[str, dict[str, Any]]:
    # the distribution of the guesses is defined for every gamma
    gamma = float(prediction.gamma[-1] if prediction else max(ensemble.gamma("cosine")[0], 0.0))
    network = min(network, len(ensemble) - 1)
    figures = {
        MAIN: network_charts.every_network.spec(ensemble, height=MAIN_HEIGHT),
        "guesses": ensemble_charts.guesses.spec(ensemble, gamma, height=HEIGHT, relative=pair),
        "outputs": network_charts.outputs.spec(ensemble, network, height=HEIGHT, relative=pair),
        "class_probabilities": network_charts.class_probabilities.spec(ensemble, network, height=HEIGHT),
    }
    if "layer_centre" in ensemble.records.dtype.names:
        figures["gamma_by_depth"] = ensemble_charts.gamma_by_depth.spec(ensemble, prediction, height=HEIGHT)
    return figures


def _texts(ensemble: Ensemble, config: EnsembleConfig, prediction: Prediction | None) -> dict[str, Any]:
    basis = (
        f"Line: {prediction.basis}."
        if prediction
        else "Theory has no γ for this architecture; the distribution of guess fractions is drawn at the measured γ."
    )
    return {
        "summary": ensemble_charts.summary(ensemble, config.networks),
        "table": ensemble_charts.estimators(ensemble),
        "basis": basis,
    }
