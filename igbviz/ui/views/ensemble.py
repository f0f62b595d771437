"""The page of untrained networks: their guesses, the bias of the ensemble and its theory; one ensemble or two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from igbviz.charts import ensemble as ensemble_charts
from igbviz.charts import network as network_charts
from igbviz.ensembles import Ensemble, EnsembleConfig
from igbviz.ensembles.predictions import Prediction, measured_first_layer, predicted_gamma
from igbviz.ensembles.variations import changes
from igbviz.runs.kinds import UNTRAINED
from igbviz.runs.run import Run, RunError
from igbviz.ui import forms, progress, provenance, refresh, shell
from igbviz.ui.live_chart import live_chart, payload, warm_up
from igbviz.ui.query import turn_to
from igbviz.ui.runs import open_run, start_run
from igbviz.ui.views import ensemble_form

HEIGHT = 400  # pixels


def draw(cache: Path) -> None:
    """The whole page: the form in the side bar, and beside it the one or two ensembles that the address names."""
    runs = [
        run
        for name in ("run", "against")
        if name in st.query_params and (run := open_run(st.query_params[name], cache, UNTRAINED))
    ]
    with st.sidebar:
        ensemble_form.draw(cache, runs[0] if runs else None)
    if runs:
        _view(runs)
    else:
        _introduction()
        warm_up()


def _introduction() -> None:
    st.markdown(
        "Before they have learned anything, many networks favour one class over all inputs. This is called initial "
        "guessing bias (IGB). Choose an architecture on the left and press **Draw the networks**: many networks with "
        "random weights are evaluated one by one on the same inputs.\n\nYou see the outputs of one network, how strong "
        "the bias of all of them is, how it changes with depth, and what theory predicts. Then change one thing and "
        "compare the two ensembles side by side."
    )


def _view(runs: list[Run]) -> None:
    """One ensemble with its charts two by two, or two with the same charts next to each other."""
    try:
        configs, statuses = [run.config for run in runs], [run.status for run in runs]
        for run in runs:
            run.ensemble()  # raises if the schema cannot be read
    except RunError as error:
        st.error(f"{error}. The others are not affected.", icon=":material/broken_image:")
        return
    _what_if(runs[0], configs[0])
    min_networks = min(config.networks for config in configs)
    network = st.number_input(
        "Network shown", value=0, step=1, key="network", help="Number of the network in the charts of a single network."
    )
    network = forms.clamped("Network shown", network, 0, min_networks - 1)

    def update() -> float | None:
        now = [run.status for run in runs]
        columns = st.columns(len(runs))
        for place, (run, config, status) in enumerate(zip(runs, configs, now, strict=True)):
            with columns[place]:
                st.subheader(_title(config), anchor=False)
                progress.draw(run, status, key=f"{place}-")
        _charts(runs, network)
        return refresh.pace(*now)

    refresh.fragment(update, refresh.pace(*statuses))
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
    parts += [f"{name.replace('_', ' ')} {value}" for name, value in model.canonical().items() if name != "name"]
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
    st.markdown("**What if ...**")
    with st.container(horizontal=True):
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
    """Charts at fixed positions while networks arrive: two per row, or the same chart of two ensembles."""
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


# All viewers of an ensemble share its figures: the key is the length of its file.


@st.cache_resource(max_entries=64, show_spinner=False)
def _drawn(path: str, size: int, network: int) -> dict[str, Any]:
    """Payloads of the charts by kind, the table of estimates and the assumptions of the theory's line.

    Empty before the first network.
    """
    run = Run(Path(path))
    ensemble, config = run.ensemble(), run.config
    if not len(ensemble):
        return {}
    prediction = _prediction(config, ensemble)
    gamma = (
        prediction.gamma[-1] if prediction else max(ensemble.gamma("cosine")[0], 0.0)
    )  # the distribution of the guesses is defined for every gamma
    charts = {
        "outputs": network_charts.outputs(ensemble, min(network, len(ensemble) - 1), height=HEIGHT),
        "guesses": ensemble_charts.guesses(ensemble, float(gamma), height=HEIGHT),
        "class_probabilities": network_charts.class_probabilities(
            ensemble, min(network, len(ensemble) - 1), height=HEIGHT
        ),
    }
    if "layer_centre" in ensemble.records.dtype.names:
        charts["gamma_by_depth"] = ensemble_charts.gamma_by_depth(ensemble, prediction, height=HEIGHT)
    basis = (
        f"Line: {prediction.basis}."
        if prediction
        else "Theory has no γ for this architecture; the distribution of guess fractions is drawn at the measured γ."
    )
    return {kind: payload(figure) for kind, figure in charts.items()} | {
        "table": ensemble_charts.estimators(ensemble),
        "basis": basis,
    }


def _prediction(config: EnsembleConfig, ensemble: Ensemble) -> Prediction | None:
    layered = "layer_centre" in ensemble.records.dtype.names
    start = measured_first_layer(ensemble) if layered and config.dataset.name != "gaussian-noise" else {}
    return predicted_gamma(config, **{name: value for name, value in start.items() if np.isfinite(value)})
