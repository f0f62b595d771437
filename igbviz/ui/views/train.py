"""The Train page: the form in the side bar, and beside it the run or the sweep that the address names."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from igbviz.ui import shell
from igbviz.ui.groups import linked_group
from igbviz.ui.live_chart import warm_up
from igbviz.ui.provenance import ROUNDING
from igbviz.ui.runs import open_run
from igbviz.ui.views import interventions, run_form, sweep, sweep_form
from igbviz.ui.views import run as run_view


def draw(cache: Path) -> None:
    """The whole page."""
    run = open_run(st.query_params["run"], cache) if "run" in st.query_params else None
    with st.sidebar:
        config = run_form.draw(cache, run)
        if config is not None:
            with st.expander("Many runs at once", icon=":material/grid_view:"):
                sweep_form.draw(config, cache)
    if group := linked_group(cache):
        sweep.view(group)
    elif run is not None and "sweep" not in st.query_params:
        run_view.view(run)
        interventions.draw(run)
    else:
        _introduction()
        warm_up()


def _introduction() -> None:
    shell.show_title("pages/Train.py")
    st.markdown(
        "Choose a preset on the left and press **Train**. The network trains in a process of its own: you may close "
        "the page, reload it or send its link to somebody else, and the run goes on.\n\nThe charts begin at "
        "**Init.**, the network before its first step. Their time axis is logarithmic, because much of the initial "
        "guessing bias (IGB) is lost or kept within the first batches. The left chart shows, for each class, the mean "
        "probability that the network assigns to it on its own images; the right one the fraction of these images that "
        "are classified correctly (per-class accuracy, or recall). The class that the untrained network favours is "
        f"drawn bold.\n\n{ROUNDING} Compare several seeds before you trust a difference, or repeat one seed with "
        "rounding noise."
    )
