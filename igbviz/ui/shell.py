"""The frame of every page: its title, in one place for menu, window and page; the menu; links between pages."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import streamlit as st
from streamlit.errors import StreamlitPageNotFoundError

from igbviz.runs import files, queue


class Page(NamedTuple):
    title: str  # in the menu, on the window and above the page
    icon: str


PAGES = {  # in the order of the menu; a path is an address that people have noted down, a title may change
    "app.py": Page("Home", ":material/home:"),
    "pages/Train.py": Page("Train and watch", ":material/play_circle:"),
    "pages/Initialisation.py": Page("Before training", ":material/casino:"),
    "pages/Dynamics.py": Page("From bias to training", ":material/scatter_plot:"),
    "pages/Losses.py": Page("Losses", ":material/trending_down:"),
    "pages/Phases.py": Page("Phase diagram", ":material/gradient:"),
    "pages/Robustness.py": Page("Robustness", ":material/shield:"),
    "pages/Paper.py": Page("The paper", ":material/fact_check:"),
    "pages/Lessons.py": Page("Lessons", ":material/school:"),
    "pages/Compare.py": Page("Compare", ":material/compare:"),
    "pages/Runs.py": Page("Runs", ":material/folder_open:"),
}
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


def frame(path: str, title: bool = True, wake_worker: bool = False) -> Path:
    """The frame of every page: window title, menu, and its title above it. Returns the cache folder that the page works
    on. `wake_worker`: have a worker warm before the button is pressed that starts a run."""
    st.set_page_config(page_title=f"{PAGES[path].title} · igbviz", page_icon=ICON, layout="wide")
    st.html(f"<style>{STYLE}</style>")
    with st.sidebar:
        st.markdown("### igbviz")
        for other, page in PAGES.items():
            link(other, page.title, icon=page.icon)
    if title:
        show_title(path)
    cache = files.cache_folder()  # read at every draw, so that tests can set it
    if wake_worker:
        queue.ensure_worker(cache)
    return cache


def show_title(path: str) -> None:
    st.title(PAGES[path].title, anchor=False)


def link(page: str, label: str, icon: str | None = None, **query: str) -> None:
    """A link to another page; only its label where a page is run by itself and has no siblings."""
    try:
        st.page_link(page, label=label, icon=icon, query_params=query or None)
    except StreamlitPageNotFoundError:
        st.caption(label)
