"""The frame of every page: window title, menu, links between pages."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.errors import StreamlitPageNotFoundError

from igbviz.runs.queue import cache_folder

MENU = (
    ("app.py", "Home", ":material/home:"),
    ("pages/Train.py", "Train and watch", ":material/play_circle:"),
    ("pages/Initialisation.py", "Before training", ":material/casino:"),
    ("pages/Dynamics.py", "From bias to training", ":material/scatter_plot:"),
    ("pages/Losses.py", "Losses", ":material/trending_down:"),
    ("pages/Phases.py", "Phase diagram", ":material/gradient:"),
    ("pages/Robustness.py", "Robustness", ":material/shield:"),
    ("pages/Paper.py", "The paper", ":material/fact_check:"),
    ("pages/Lessons.py", "Lessons", ":material/school:"),
    ("pages/Compare.py", "Compare", ":material/compare:"),
    ("pages/Runs.py", "Runs", ":material/folder_open:"),
)
# Drawn here, since named icons are fetched from the network: a class that rises, one that falls.
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" fill="none" stroke-width="2.4" stroke-linecap="round">'
    '<path d="M2 2.5C6 2.5 7 12 14 12" stroke="#d55e00"/><path d="M2 13.5C7 13.5 8 5 14 5" stroke="#2f74c0"/></svg>'
)
STYLE = (
    ".block-container {padding-top: 2.5rem; padding-bottom: 2rem}"  # a projector has few lines
    # it reaches below that padding, and would cover the top of the first heading
    "[data-testid=stHeader] {background: none}"
    # Beside the menu a narrow window leaves two charts no width for their lines: there they stand one below the other.
    "@media (max-width: 1060px) {.block-container {padding-left: 2rem; padding-right: 2rem}"
    ".stApp:has([data-testid=stSidebar][data-collapsed=false]) .block-container [data-testid=stColumn] {min-width: "
    "min(20rem, 100%)}"
    # a slider and its number stay together
    ".block-container [data-testid=stColumn] [data-testid=stColumn] {min-width: 0 !important}}"
    "[data-testid=stSidebar] .katex-display {font-size: 0.7em}"  # most formulas fit, in part below each other
    # Chosen items: on the light blue of the dark theme white letters could hardly be read, so both themes have their
    # own text on a tint.
    "[data-tag] {background: rgba(74, 144, 226, 0.28) !important}"
    "[data-tag], [data-tag] span, [data-tag] button {color: inherit !important}"
)


def shell(title: str) -> Path:
    """The frame of every page: window title, menu. Returns the cache folder that the page works on."""
    st.set_page_config(page_title=f"{title} · igbviz", page_icon=ICON, layout="wide")
    st.html(f"<style>{STYLE}</style>")
    with st.sidebar:
        st.markdown("### igbviz")
        for path, label, icon in MENU:
            link(path, label, icon=icon)
    return cache_folder()  # read at every draw, so that tests can set it


def link(page: str, label: str, icon: str | None = None, **query: str) -> None:
    """A link to another page; only its label where a page is run by itself and has no siblings."""
    try:
        st.page_link(page, label=label, icon=icon, query_params=query or None)
    except StreamlitPageNotFoundError:
        st.caption(label)


def how_it_works() -> None:
    """What the Train page says before a run is chosen."""
    st.title("Train and watch", anchor=False)
    st.markdown(
        "Choose a preset on the left and press **Train**. The network trains in a process of its own: you may close "
        "the page, reload it or send its link to somebody else, and the run goes on.\n\nThe charts begin at "
        "**Init.**, the network before its first step, and run on a logarithmic time axis, because the first "
        "prejudice is won or lost within the first batches. On the left the probability a class gets, on the right "
        "how many of its images are recognised; the class that the untrained network favours is drawn bold."
    )
