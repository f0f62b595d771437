"""The frame of every page: title, menu and links between pages."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.errors import StreamlitPageNotFoundError

from igbviz.disk.places import cache_folder
from igbviz.runs import files, queue
from igbviz.ui.messages import plain, quoting
from igbviz.ui.query import with_hidden
from igbviz.ui.share import hidden


class Page(NamedTuple):
    title: str  # in the menu, on the window and above the page
    icon: str


GROUPS = {  # in the order of the menu; paths are addresses that people have bookmarked, so only titles may change
    "Watch": {
        "app.py": Page("Home", ":material/home:"),
        "pages/Train.py": Page("Train and watch", ":material/play_circle:"),
        "pages/Race.py": Page("Race", ":material/sports_score:"),
        "pages/Compare.py": Page("Compare", ":material/compare:"),
    },
    "Understand": {
        "pages/Losses.py": Page("Losses", ":material/trending_down:"),
        "pages/Initialisation.py": Page("Before training", ":material/casino:"),
        "pages/Architectures.py": Page("Architectures", ":material/account_tree:"),
        "pages/Dynamics.py": Page("From bias to training", ":material/scatter_plot:"),
        "pages/Phases.py": Page("Phase diagram", ":material/gradient:"),
        "pages/Lessons.py": Page("Lessons", ":material/school:"),
    },
    "Measure": {
        "pages/Robustness.py": Page("Robustness", ":material/shield:"),
        "pages/Paper.py": Page("The paper", ":material/fact_check:"),
        "pages/Sources.py": Page("Sources", ":material/menu_book:"),
    },
    "Library": {"pages/Runs.py": Page("Runs", ":material/folder_open:")},
}
PAGES = {path: page for pages in GROUPS.values() for path, page in pages.items()}
# Inline, since named icons are fetched from the network: one class rises, one falls.
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" fill="none" stroke-width="2.4" stroke-linecap="round">'
    '<path d="M2 2.5C6 2.5 7 12 14 12" stroke="#d55e00"/><path d="M2 13.5C7 13.5 8 5 14 5" stroke="#2f74c0"/></svg>'
)


def frame(path: str, title: bool = True, wake_worker: bool = False) -> Path:
    """Draw window title, menu and page title; return the cache folder that the page works on.

    `wake_worker` starts a worker now, so that it is warm when the button that starts a run is pressed.
    """
    st.set_page_config(page_title=f"{PAGES[path].title} · igbviz", page_icon=ICON, layout="wide")
    if not st.context.is_embedded:
        _menu()
    hidden.warn_of_unknown_parts()
    if title:
        show_title(path)
    cache = cache_folder()  # read at every draw, so that tests can set it
    try:
        files.require_readable(cache)
    except files.NewerCache as error:
        st.error(plain(f"{error}."), icon=":material/update:")
        st.stop()
    if problem := files.read_only(cache) or files.full(cache):
        st.warning(quoting(f"{problem[0].upper()}{problem[1:]}."), icon=":material/hard_drive:")
    if wake_worker:
        queue.ensure_worker(cache)
    return cache


def _menu() -> None:
    """The links in groups. Their headings are plain text: a page has one outline, and it begins with its title."""
    with st.sidebar, st.container(key="menu"):
        st.html('<p class="igbviz-brand">igbviz</p>')
        for group, pages in GROUPS.items():
            st.html(f'<p class="igbviz-group">{group}</p>')
            for path, page in pages.items():
                link(path, page.title, icon=page.icon)
        st.html('<button type="button" class="igbviz-project">Projector view (P)</button>')  # heard by shell.js


def unseen() -> DeltaGenerator:
    """A place for what an embedded page has, but does not show: its title for a screen reader, the form that a link
    has filled in."""
    return st.container(key="unseen")


def alone() -> DeltaGenerator:
    """The place of the stage that is as high as the frame in which the page is embedded."""
    return st.container(key="alone")


def show_title(path: str) -> None:
    st.title(PAGES[path].title, anchor=False)


def link(page: str, label: str, icon: str | None = None, **query: str) -> None:
    """A link to another page; only its label where a page runs on its own, without the others."""
    try:
        st.page_link(page, label=label, icon=icon, query_params=with_hidden(query) or None)
    except StreamlitPageNotFoundError:
        st.caption(label)
