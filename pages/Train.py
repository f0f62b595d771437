"""Describe a run, start it, watch it."""

import streamlit as st

from igbviz import interventions_view, run_form, run_view, sweep_form, sweep_view, ui
from igbviz.live_chart import warm_up
from igbviz.runs.queue import ensure_worker

cache = ui.shell("Train and watch")
ensure_worker(cache)  # warm before the button is pressed

run = ui.open_run(st.query_params["run"], cache) if "run" in st.query_params else None
with st.sidebar:
    config = run_form.draw(cache, run)
    if config is not None:
        with st.expander("Many runs at once", icon=":material/grid_view:"):
            sweep_form.draw(config, cache)
if "sweep" in st.query_params:
    sweep_view.view(st.query_params["sweep"], cache)
elif run is not None:
    run_view.view(run)
    interventions_view.draw(run)
else:
    ui.how_it_works()
    warm_up()
