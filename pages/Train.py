"""Describe a run, start it, watch it."""

import streamlit as st

from igbviz.runs.queue import ensure_worker
from igbviz.ui import shell
from igbviz.ui.live_chart import warm_up
from igbviz.ui.runs import open_run
from igbviz.ui.views import interventions, run_form, sweep, sweep_form
from igbviz.ui.views import run as run_view

cache = shell.shell("Train and watch")
ensure_worker(cache)  # warm before the button is pressed

run = open_run(st.query_params["run"], cache) if "run" in st.query_params else None
with st.sidebar:
    config = run_form.draw(cache, run)
    if config is not None:
        with st.expander("Many runs at once", icon=":material/grid_view:"):
            sweep_form.draw(config, cache)
if "sweep" in st.query_params:
    sweep.view(st.query_params["sweep"], cache)
elif run is not None:
    run_view.view(run)
    interventions.draw(run)
else:
    shell.how_it_works()
    warm_up()
