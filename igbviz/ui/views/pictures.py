"""The data of a form; and pictures of one's own: dropped as a zip, looked at, chosen and deleted."""

from __future__ import annotations

import base64
import contextlib
import html
import io
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from igbviz.datasets import DATASETS, DataError, ImageFolder, uploads
from igbviz.disk.zips import ArchiveError
from igbviz.runs import files
from igbviz.runs.run import RunError
from igbviz.runs.trash import delete_pictures
from igbviz.spec import ConfigError, Spec
from igbviz.ui import forms
from igbviz.ui.guard.uploads import free, refusal
from igbviz.ui.messages import plain, show_error

ELSEWHERE = ""  # among the uploaded sets: a folder that is typed
MAX_SHOWN = 10  # classes with thumbnails
ZOOM = 1.5  # of thumbnails
WIDTH = 300  # pixels: the box for a zip and the choice of pictures stand side by side where there is room


def choose_data(start: Spec, key: str, cache: Path) -> dict[str, Any]:
    """The selector of a data set and the widgets of its hyperparameters; their values, unchecked."""
    name = forms.choose_name("Data", DATASETS, start, key)
    values, key = forms.values_of(start, name), f"{key}-{name}"
    if DATASETS[name] is not ImageFolder:
        forms.describe(DATASETS[name])
        return {"name": name} | forms.widgets(DATASETS[name], values, key)
    with st.container(horizontal=True):
        with st.container(width=WIDTH):
            _drop(key, cache)
        with st.container(width=WIDTH):
            pictures, folder = _place(values.get("folder", ""), key, cache)
    if pictures:
        key = f"{key}-{pictures.folder.name}"
        if values.get("folder") != folder:
            values = {"size": pictures.size, "grayscale": pictures.grayscale}
        st.html(_thumbnails(pictures))
        st.caption(f"As the network sees them. {plain(pictures.words)}.")
    others = [field for field in ImageFolder.hyperparameters() if field != "folder"]
    chosen = {"name": name, "folder": folder} | forms.widgets(ImageFolder, values, key, only=others)
    if not pictures:
        with contextlib.suppress(ConfigError, DataError, OSError):  # reported where the configuration is built
            st.caption(f"Found: {plain(ImageFolder(**chosen).found())}.")
    return chosen


def _drop(key: str, cache: Path) -> None:
    """The box for a zip. What was dropped is unpacked at once, chosen and forgotten; the next box is empty."""
    if files.read_only(cache):
        return  # the page says so at its top
    state = st.session_state
    box = f"{key}-upload-{state.get(f'{key}-boxes', 0)}"
    limit = min(uploads.MAX_UPLOAD // uploads.MB, st.get_option("server.maxUploadSize"))
    file = st.file_uploader(
        "Drop a zip, one folder for each class",
        "zip",
        max_upload_size=limit,
        key=box,
        help=f"At least 2 folders with at least {uploads.MIN_IMAGES} pictures each; a part is left for testing unless "
        "there are folders train and test. The pictures stay on this server until they are deleted on the page Runs.",
    )
    refused = f"{key}-refused"
    problem = refusal() if file is None else None
    if file is not None:
        try:
            with st.spinner("Unpacking, and looking at every picture ..."):
                pictures = uploads.add(file, file.name, cache)
        except (ArchiveError, DataError, OSError) as error:
            problem = files.in_words(error) if isinstance(error, OSError) else str(error)  # without the frames
        else:
            state.pop(refused, None)
            state[f"{key}-uploads"] = state.get(f"{key}-uploads", 0) + 1
            state[f"{key}-uploaded"] = str(pictures.folder)
        free(file, box)
    if problem:
        state[refused] = problem
    if file is not None or problem:
        state[f"{key}-boxes"] = state.get(f"{key}-boxes", 0) + 1
        st.rerun()
    if refused in state:
        show_error(state[refused], icon=":material/error:")


def _place(start: str, key: str, cache: Path) -> tuple[uploads.Pictures | None, str]:
    """The uploaded set that is chosen, or None; and the folder of the pictures."""
    state, sets = st.session_state, {str(pictures.folder): pictures for pictures in uploads.sets(cache)}
    folder = ELSEWHERE
    if sets:
        options, titles = [*sets, ELSEWHERE], dict(zip(sets, _titles(sets.values()), strict=True))
        wanted = state.get(f"{key}-uploaded", start or options[0])
        folder = st.selectbox(
            "Pictures",
            options,
            index=options.index(wanted if wanted in sets else ELSEWHERE),
            format_func=lambda option: titles.get(option, "A folder on this machine"),
            key=f"{key}-pictures-{state.get(f'{key}-uploads', 0)}",
        )
    if folder != ELSEWHERE:
        return sets[folder], folder
    field = ImageFolder.model_fields["folder"]
    return None, forms.widget("folder", field, "" if start in sets else start, f"{key}-folder")


def _titles(sets: Iterable[uploads.Pictures]) -> list[str]:
    """What is said of each set; of two that would be called the same, also the end of their folders' names."""
    sets, titles = list(sets), []
    for pictures in sets:
        train, test = map(sum, zip(*pictures.counts, strict=True))
        titles.append(f"{pictures.title}: {train} + {test} pictures of {len(pictures.class_names)} classes")
    return [
        title if titles.count(title) == 1 else f"{title} ({pictures.folder.name[-4:]})"
        for title, pictures in zip(titles, sets, strict=True)
    ]


@st.cache_resource(max_entries=32, show_spinner=False)
def _thumbnails(pictures: uploads.Pictures) -> str:
    """The first pictures of each class in a row, with the numbers of all."""
    from PIL import Image

    rows = []
    for name, (train, test), images in zip(pictures.class_names, pictures.counts, pictures.images(), strict=True):
        shown = images[: min(train, uploads.THUMBNAILS)]
        side, file = shown.shape[1], io.BytesIO()
        Image.fromarray(shown.swapaxes(0, 1).reshape(side, -1, 3)).save(file, "JPEG", quality=90)
        source = f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
        label = html.escape(name)
        width, height = (round(ZOOM * pixels) for pixels in (side * len(shown), side))
        rows.append(
            f'<figure><img src="{source}" width="{width}" height="{height}" alt="{len(shown)} pictures of {label}">'
            f"<figcaption>{label}: {train} + {test}</figcaption></figure>"
        )
    if more := len(rows) - MAX_SHOWN:
        rows[MAX_SHOWN:] = [f"<figure><figcaption>and {more} more classes</figcaption></figure>"] if more > 0 else []
    return f'<div class="igbviz-pictures">{"".join(rows)}</div>'


def manage(cache: Path, redraw: Callable[..., None]) -> None:
    """The list of uploaded sets, to delete some; `redraw` draws the page anew, with sentences about what failed."""
    sets = uploads.sets(cache)
    if not sets:
        return
    with st.expander(f"Uploaded pictures: {len(sets)}", icon=":material/photo_library:", key="uploaded"):
        st.caption("Runs that were trained on pictures keep their results when the pictures are deleted.")
        table = pd.DataFrame({
            "pictures": _titles(sets),
            "bytes": [pictures.bytes for pictures in sets],
            "uploaded": [time.strftime("%Y-%m-%d %H:%M", time.localtime(pictures.uploaded)) for pictures in sets],
        })  # fmt: skip
        selected = st.dataframe(
            table,
            hide_index=True,
            on_select="rerun",
            selection_mode="multi-row",
            height=min(300, 38 + 35 * len(sets)),
            column_config={
                "pictures": "Pictures",
                "bytes": st.column_config.NumberColumn("Size", format="bytes"),
                "uploaded": "Uploaded",
            },
            key=f"uploaded-table-{hash(tuple(pictures.folder for pictures in sets))}",
            alt=f"{len(sets)} uploaded sets of pictures",
        ).selection.rows
        with st.popover("Delete", icon=":material/delete:", disabled=not selected, key=f"delete-{len(sets)}"):
            chosen = [sets[line] for line in selected if line < len(sets)]
            st.markdown(f"Delete {', '.join(plain(pictures.title) for pictures in chosen)} for good?")
            if st.button("Delete for good", icon=":material/delete_forever:", key="delete-pictures"):
                problems = []
                for pictures in chosen:
                    try:
                        delete_pictures(pictures, cache)
                    except (RunError, OSError) as error:
                        problems.append(f"{error}.")
                redraw(*problems)
