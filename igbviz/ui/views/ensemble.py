"""Untrained networks on the page: what each of them guesses, how all of them are prejudiced, and what theory says; one
ensemble or two side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from igbviz.charts import ensemble as ensemble_charts
from igbviz.ensembles import Ensemble, EnsembleConfig
from igbviz.ensembles.predictions import Prediction, measured_start, predicted_gamma
from igbviz.ensembles.variations import changes
from igbviz.runs.run import Run, RunError
from igbviz.ui import forms, progress, refresh, shell
from igbviz.ui.live_chart import live_chart, payload
from igbviz.ui.runs import start_run
from igbviz.ui.views.ensemble_form import show

HEIGHT = 400  # pixels


def view(runs: list[Run]) -> None:
    """One ensemble with its charts two by two, or two with the same charts next to each other."""
    try:
        configs, statuses = [run.config for run in runs], [run.status for run in runs]
        for run in runs:
            run.ensemble()  # a torn schema is told of here
    except RunError as error:
        st.error(f"{error}. The others are not affected.", icon=":material/broken_image:")
        return
    what_if(runs[0], configs[0])
    fewest = min(config.networks for config in configs)
    network = st.number_input(
        "Look at network", value=0, step=1, key="network", help="The charts of a single network show this one."
    )
    network = forms.nearest("Look at network", network, 0, fewest - 1)

    def look() -> float | None:
        now = [run.status for run in runs]
        columns = st.columns(len(runs))
        for place, (run, config, status) in enumerate(zip(runs, configs, now, strict=True)):
            with columns[place]:
                st.subheader(title(config), anchor=False)
                progress.draw(run, status, show, key=f"{place}-")
        _charts(runs, network)
        return refresh.pace(*now)

    refresh.fragment(look, refresh.pace(*statuses))
    _train_these(configs[0])
    for run in runs:
        if schema := run.schema:
            inputs, weights = (
                progress.counted(schema, "inputs", "inputs"),
                progress.counted(schema, "parameters", "weights a network"),
            )
            progress.provenance(run, inputs, weights)


def title(config: EnsembleConfig) -> str:
    model, start = config.model, config.initialization
    words = [f"{config.networks} × {model.name}"]
    words += [f"{name.replace('_', ' ')} {value}" for name, value in model.canonical().items() if name != "name"]
    words += [
        start.name,
        *(f"{name.replace('_', ' ')} {value}" for name, value in start.canonical().items() if name != "name"),
    ]
    if model.has_batch_norm:
        words.append(
            {"eval": "eval mode", "batch": "batch statistics", "after": f"eval after {config.passes} batches"}[
                config.batch_norm
            ]
        )
    return ", ".join(words) + f" · {config.dataset.name} · seed {config.seed}"


def what_if(run: Run, config: EnsembleConfig) -> None:
    """Buttons that change one thing and put the two ensembles side by side."""
    st.markdown("**What if ...**")
    with st.container(horizontal=True):
        for key, (change, other) in changes(config).items():
            if st.button(change.title, help=change.expect, key=f"what-if-{key}") and (
                against := start_run(other, run.cache)
            ):
                show(run, against)


def _train_these(config: EnsembleConfig) -> None:
    """On from here: how networks that begin like these learn."""
    model, start = config.model, config.initialization
    if model.name == "mlp" and start.name == "gaussian":
        point = {
            "activation": model.activation,
            "depth": model.depth,
            "sigma_w2": start.sigma_w2,
            "sigma_b2": start.sigma_b2,
        }
        shell.link(
            "pages/Dynamics.py",
            "Train many like these",
            ":material/scatter_plot:",
            **{name: str(value) for name, value in point.items()},
        )


def _charts(runs: list[Run], network: int) -> None:
    """Every chart keeps its place while networks arrive. One ensemble: two charts a row; two: the same chart of both."""
    drawn = [_drawn(str(run.path), run.record_bytes, network) for run in runs]
    if not any(drawn):
        st.info("The first network is being drawn ...", icon=":material/hourglass_empty:")
        return
    kinds = [kind for kind in ensemble_charts.CAPTIONS if any(kind in charts for charts in drawn)]
    places = [(kind, i) for kind in kinds for i in range(len(runs))]
    for row in range(0, len(places), 2):
        for column, (kind, i) in zip(st.columns(2), places[row : row + 2], strict=False):
            with column:
                if kind in drawn[i]:
                    live_chart(drawn[i][kind], key=f"{kind}-{i}", height=HEIGHT)
                    st.caption(ensemble_charts.CAPTIONS[kind])
                else:
                    st.caption("Only fully connected networks are measured layer by layer.")
    for column, charts in zip(st.columns(len(runs)), drawn, strict=True):
        if charts:
            with column:
                st.dataframe(pd.DataFrame(charts["table"]), hide_index=True)
                st.caption(charts["basis"])


# Everybody who watches the same ensemble at the same moment shares its figures: the key is the length of its file.


@st.cache_resource(max_entries=64, show_spinner=False)
def _drawn(path: str, size: int, network: int) -> dict[str, Any]:
    """Payloads of the charts by kind, the table of estimates and what the theory's line assumes; empty before the first
    network."""
    run = Run(Path(path))
    ensemble, config = run.ensemble(), run.config
    if not len(ensemble):
        return {}
    prediction = _prediction(config, ensemble)
    gamma = (
        prediction.gamma[-1] if prediction else max(ensemble.gamma("cosine")[0], 0.0)
    )  # the law of the guesses holds at any gamma
    charts = {
        "outputs": ensemble_charts.outputs(ensemble, min(network, len(ensemble) - 1), height=HEIGHT),
        "guesses": ensemble_charts.guesses(ensemble, float(gamma), height=HEIGHT),
        "class_probabilities": ensemble_charts.class_probabilities(
            ensemble, min(network, len(ensemble) - 1), height=HEIGHT
        ),
    }
    if "layer_centre" in ensemble.records.dtype.names:
        charts["gamma_by_depth"] = ensemble_charts.gamma_by_depth(ensemble, prediction, height=HEIGHT)
    basis = (
        f"Line: {prediction.basis}."
        if prediction
        else "Theory has no γ for this architecture; the law of the guesses is drawn at the measured one."
    )
    return {kind: payload(figure) for kind, figure in charts.items()} | {
        "table": ensemble_charts.estimators(ensemble),
        "basis": basis,
    }


def _prediction(config: EnsembleConfig, ensemble: Ensemble) -> Prediction | None:
    layered = "layer_centre" in ensemble.records.dtype.names
    start = measured_start(ensemble) if layered and config.dataset.name != "gaussian-noise" else {}
    return predicted_gamma(config, **{name: value for name, value in start.items() if np.isfinite(value)})
