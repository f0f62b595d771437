"""Describe a run, start it, watch it."""

import streamlit as st

from igbviz import run_form, run_view, ui
from igbviz.dispatch import ensure_worker

cache = ui.shell("Train and watch")
ensure_worker(cache)  # warm before the button is pressed

run = ui.open_run(st.query_params["run"], cache) if "run" in st.query_params else None
with st.sidebar:
    run_form.draw(cache, run)
if run is not None:
    run_view.view(run)
else:
    ui.how_it_works()
