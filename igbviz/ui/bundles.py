"""Bundles: zip files that carry runs to another machine, made by a button and imported by a form."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import streamlit as st

from igbviz.datasets.errors import some
from igbviz.runs import archive
from igbviz.runs.files import Stamp, stamp
from igbviz.runs.run import Run
from igbviz.ui.guard.uploads import free, refusal
from igbviz.ui.messages import show_error


def export_button(runs: list[Run]) -> str:
    """A button that downloads these runs; returns a sentence if it leaves some out."""
    try:
        archive.require_exportable([archive.exported_bytes(run) for run in runs])
        problem = archive.problem(runs[0]) if len(runs) == 1 else "" if runs else "Tick the runs to export."
    except archive.ArchiveError as error:
        problem = f"{error}."
    own_images = any(map(archive.shows_own_images, runs)) and st.checkbox(
        "Export thumbnails, too",
        key="export-images",
        help="The bundle then also has small pictures, at most 32 x 32 pixels, of up to 336 images of a run on a "
        "folder of yours. Whoever gets the bundle can see them. Without them it has only numbers and labels.",
    )
    st.download_button(
        "Export",
        data=lambda: bundle(runs, own_images),
        mime="application/zip",
        on_click="ignore",
        file_name=f"{runs[0].id}.zip" if len(runs) == 1 else f"igbviz-{len(runs)}-runs.zip",
        icon=":material/download:",
        disabled=bool(problem),
        key="export",
        help=problem
        or "A bundle (zip file) with configurations, records and labels, to be imported on another machine.",
    )
    return "" if problem else _left_out(runs)


def _left_out(runs: list[Run]) -> str:
    """A sentence about the runs that a bundle of these cannot have; empty if it has all."""
    if not (reasons := [reason for run in runs if (reason := _problem(run, stamp(run.path, *_files(run))))]):
        return ""
    count = f"{len(reasons)} of the {len(runs)} ticked runs {'is' if len(reasons) == 1 else 'are'}"
    return f"{count} left out of the export: {some([reason.removesuffix('.') for reason in reasons], 3)}."


@lru_cache(maxsize=5000)
def _problem(run: Run, _: Stamp) -> str:
    return archive.problem(run)


def _files(run: Run) -> list[Path]:
    return [run.path / name for name in archive.FILES]


def bundle(runs: list[Run], own_images: bool = False) -> io.BytesIO:
    file = io.BytesIO()
    archive.export_runs(runs, file, own_images=own_images)
    return file


def import_form(cache: Path, redraw: Callable[[], None]) -> None:
    """A form that imports runs from a bundle; `redraw` draws the page with them."""
    with st.expander("Import runs", icon=":material/upload:", key="take-in"):
        with st.form("take-in-form", border=False, clear_on_submit=True):
            max_size = archive.MAX_ARCHIVE // 2**20  # MB
            file = st.file_uploader(
                "A bundle of runs that was exported here or on another machine",
                "zip",
                max_upload_size=max_size,
                key="archive-file",
            )
            pressed = st.form_submit_button("Import", key="bring-in")
        if pressed:
            st.session_state.pop("library-taken", None)  # the result of the bundle before
        if pressed and (file is None or not file.getbuffer().nbytes):
            show_error(refusal() or "The bundle is missing, allowed: a zip made by Export", icon=":material/error:")
        elif pressed:
            try:
                with st.spinner("Unpacking and checking ..."):
                    st.session_state["library-taken"] = taken = archive.import_runs(file, cache)
            except (archive.ArchiveError, OSError) as error:
                show_error(error, icon=":material/error:")
            else:
                st.session_state["library-tick"] = taken.new
                redraw()
            finally:
                free(file, "archive-file")
        if taken := st.session_state.get("library-taken"):
            counts = {"Imported": taken.new, "Already here, unchanged": taken.known, "Rejected": taken.refused}
            st.markdown(". ".join(f"{label}: **{len(names)}**" for label, names in counts.items() if names) + ".")
            if taken.refused:
                st.text("\n".join(taken.refused))
