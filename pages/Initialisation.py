"""Untrained networks: draw many, watch what they guess, compare with theory."""

import streamlit as st

from igbviz.ensembles import EnsembleConfig
from igbviz.runs.queue import ensure_worker
from igbviz.ui import shell
from igbviz.ui.live_chart import warm_up
from igbviz.ui.runs import open_run
from igbviz.ui.views import ensemble, ensemble_form

cache = shell.shell("Initialisation")
ensure_worker(cache)  # warm before the button is pressed

runs = [
    run
    for name in ("run", "against")
    if name in st.query_params and (run := open_run(st.query_params[name], cache, EnsembleConfig))
]
with st.sidebar:
    ensemble_form.draw(cache, runs[0] if runs else None)
st.title("Before training", anchor=False)
if runs:
    ensemble.view(runs)
else:
    st.markdown(
        "Nothing has been learned yet, and still most networks have an opinion: over all inputs they favour one "
        "class. Choose an architecture on the left and press **Draw the networks**. They arrive one by one, each "
        "with its own weights, and all are asked about the same inputs.\n\nYou will see the outputs of one network, "
        "how strongly all of them are prejudiced, how the prejudice grows with depth, and the line that theory draws "
        "through it. Then change one thing, and look at both side by side."
    )
    warm_up()
