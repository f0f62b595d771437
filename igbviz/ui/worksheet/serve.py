"""The worksheets of the lessons on the app's own server: a page to print for each."""

from __future__ import annotations

import streamlit as st
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from igbviz.disk.places import cache_folder
from igbviz.studies.lessons import LESSONS
from igbviz.studies.lessons.worksheet import answers
from igbviz.ui import assets
from igbviz.ui.worksheet.page import worksheet

FOLDER = "worksheets"
ICON = ":material/print:"


def button(name: str) -> None:
    """Opens the worksheet of a lesson in a tab of its own; a page without our server has it as a file instead."""
    if assets.served:
        st.link_button("Worksheet", f"{assets.prefix()}/{FOLDER}/{name}", icon=ICON, type="tertiary")
        return
    page = worksheet(LESSONS[name], f"/Lessons?lesson={name}")
    st.download_button(
        "Worksheet", page, f"{name}.html", "text/html", icon=ICON, type="tertiary", key="lesson-worksheet"
    )


def serve(request: Request) -> Response:
    """The worksheet of a lesson; with `?answers`, the answers on a second page."""
    name = request.path_params["name"]
    if name not in LESSONS:
        allowed = f"lesson is {name[:80]!r}, allowed: one of {', '.join(LESSONS)}"
        return PlainTextResponse(f"This link leads nowhere: {allowed}.", status_code=404)
    address = f"{str(request.base_url).rstrip('/')}{assets.prefix()}/Lessons?lesson={name}"
    lesson = LESSONS[name]
    solved = answers(lesson, cache_folder()) if "answers" in request.query_params else None
    return HTMLResponse(worksheet(lesson, address, solved), headers={"cache-control": "no-store"})
