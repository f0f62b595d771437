"""A small app for the browser test: the stage of the runs that the address names, redrawn every half second."""

import streamlit as st

from igbviz.disk.places import cache_folder
from igbviz.runs.run import Run
from igbviz.ui import refresh
from igbviz.ui.stage import stage

st.set_page_config(layout="wide")
st.html("<style>.block-container {padding: 2rem 1.5rem !important; max-width: none !important}</style>")
st.text_input("Name")
runs = {name: Run.open(name, cache_folder()) for name in st.query_params["runs"].split(",")}


def update() -> float:
    stage(runs, key="stage", play="play" in st.query_params)
    return 0.5


refresh.fragment(update, 0.5)
