"""The frame of every page: title, menu and links between pages."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import streamlit as st
from streamlit.errors import StreamlitPageNotFoundError

from igbviz.runs import files, queue


class Page(NamedTuple):
    title: str  # in the menu, on the window and above the page
    icon: str


PAGES = {  # in the order of the menu; paths are addresses that people have bookmarked, so only titles may change
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
# Inline, since named icons are fetched from the network: one class rises, one falls.
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" fill="none" stroke-width="2.4" stroke-linecap="round">'
    '<path d="M2 2.5C6 2.5 7 12 14 12" stroke="#d55e00"/><path d="M2 13.5C7 13.5 8 5 14 5" stroke="#2f74c0"/></svg>'
)
STYLE = (
    ".block-container {padding-top: 2.5rem; padding-bottom: 2rem}"  # a projector has little height
    # the header is taller than that padding and would cover the first heading
    "[data-testid=stHeader] {background: none}"
    # In a narrow window with the menu open, two charts side by side are too narrow, so they are stacked.
    "@media (max-width: 1060px) {.block-container {padding-left: 2rem; padding-right: 2rem}"
    ".stApp:has([data-testid=stSidebar][data-collapsed=false]) .block-container [data-testid=stColumn] {min-width: "
    "min(20rem, 100%)}"
    # a slider and its box stay side by side
    ".block-container [data-testid=stColumn] [data-testid=stColumn] {min-width: 0 !important}}"
    "[data-testid=stSidebar] .katex-display {font-size: 0.7em}"  # most formulas then fit
    # Selected items: white text on the dark theme's light blue is hard to read, so both themes use their own text color
    # on a tint.
    "[data-tag] {background: rgba(74, 144, 226, 0.28) !important}"
    "[data-tag], [data-tag] span, [data-tag] button {color: inherit !important}"
)


def frame(path: str, title: bool = True, wake_worker: bool = False) -> Path:
    """Draw window title, menu and page title; return the cache folder that the page works on.

    `wake_worker` starts a worker now, so that it is warm when the button that starts a run is pressed.
    """
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
    """A link to another page; only its label where a page runs on its own, without the others."""
    try:
        st.page_link(page, label=label, icon=icon, query_params=query or None)
    except StreamlitPageNotFoundError:
        st.caption(label)
