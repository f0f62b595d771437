"""The page of all runs: find them, name them, put them away, delete them and take them back, carry them to another
machine."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from igbviz.runs import annotations, archive, library, trash
from igbviz.runs.files import in_words
from igbviz.runs.library import Row
from igbviz.runs.run import Run, RunError
from igbviz.runs.sweeps import RESUMABLE, WAITING
from igbviz.spec import ConfigError
from igbviz.ui import refresh, shell
from igbviz.ui.messages import plain
from igbviz.ui.runs import forget_rows, run_rows

PAGE = 500  # rows that are sent to the browser at once
REFRESH = 5.0  # seconds, while something in the list is waiting or running
UNDO_SECONDS = 900  # that the last deletion is offered to be undone above the list; later it lies in the trash below
MOST_COMPARED = 100
ORDERS: dict[str, Callable[[list[Row]], list[Row]]] = {
    "newest first": lambda rows: rows,
    "oldest first": lambda rows: rows[::-1],
    "by name": lambda rows: sorted(rows, key=lambda row: row["title"].lower()),
    "largest first": lambda rows: sorted(rows, key=lambda row: -row["bytes"]),
    "longest first": lambda rows: sorted(rows, key=lambda row: -(row["seconds"] or 0.0)),
}
FILTERS = {"state": "State", "dataset": "Data set", "model": "Network", "loss": "Loss", "tags": "Tags"}
COLUMNS = {
    "name": st.column_config.TextColumn("Name", width="medium"),
    "state": st.column_config.TextColumn("State", width="small"),
    "dataset": "Data set",
    "model": "Network",
    "loss": "Loss",
    "knobs": "Its knobs",
    "seed": st.column_config.NumberColumn("Seed", format="%d"),
    "epochs": st.column_config.NumberColumn("Epochs", format="%.4g"),
    "seconds": st.column_config.NumberColumn("Seconds", format="%.1f"),
    "bytes": st.column_config.NumberColumn("Size", format="bytes"),
    "submitted": "Date",
    "tags": st.column_config.ListColumn("Tags"),
    "remark": "Note",
    "origin": "Origin",
    "note": "State in words",
    "id": "Run",
}


def draw(cache: Path) -> None:
    """The whole page."""
    trash.empty(cache, trash.KEPT_DAYS)
    with st.container(key="said"):  # both always there, so that the table keeps its place on the page
        _show_messages()
    with st.container(key="undo-bar"):
        _undo(cache)
    rows = run_rows(cache)
    if rows:
        filters, order = _filters(rows)
        going = any(row["state"] in WAITING for row in rows)
        refresh.fragment(lambda: _runs(cache, filters, order), REFRESH if going else None)
    else:
        st.info("Nothing has run here yet.", icon=":material/info:")
        shell.link("pages/Train.py", "Train a first network", icon=":material/play_circle:")
    _bring_in(cache)
    _trash(cache)
    usage = _usage(str(cache))
    st.caption(
        f"The runs take {in_words(usage.runs)}, deleted ones {in_words(usage.trash)}, data sets and the like "
        f"{in_words(usage.rest)}; {in_words(usage.free)} are free on this disk."
    )


@st.cache_data(ttl=10, max_entries=4, show_spinner=False)
def _usage(cache: str) -> library.Usage:
    return library.usage(cache, run_rows(Path(cache)))


def _again(*sentences: str) -> None:
    """Draw the page afresh after a change, with what there is to say about it."""
    st.session_state["library-said"] = sentences
    forget_rows()
    _usage.clear()
    st.rerun()


def _show_messages() -> None:
    for sentence in st.session_state.pop("library-said", ()):
        st.warning(plain(sentence), icon=":material/info:")


# Finding.


def _filters(rows: Sequence[Row]) -> tuple[dict[str, Any], str]:
    """What `library.find` is asked for, and the order. All of it stands in the address."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        filters: dict[str, Any] = {"words": st.text_input("Find", placeholder="words", key="find", bind="query-params")}
        for column, label in FILTERS.items():
            values = sorted({value for row in rows for value in _values(row[column])})
            if len(values) > (
                column != "tags"
            ):  # one value that all runs have cannot be chosen by; a tag is something not all have
                filters[column] = st.multiselect(label, values, placeholder="all", key=column, bind="query-params")
        order = st.selectbox("Order", list(ORDERS), key="order", bind="query-params")
        if any(row["archived"] for row in rows):
            filters["archived"] = st.toggle("Archived too", key="archived", bind="query-params")
    return filters, order


def _values(value: str | Iterable[str]) -> Iterable[str]:
    return ([value] if value else []) if isinstance(value, str) else value


def _runs(cache: Path, filters: dict[str, Any], order: str) -> float | None:
    """The list and what one can do with the ticked runs; when to look again, while something runs."""
    rows = run_rows(cache)
    matching = ORDERS[order](library.find(rows, **filters))
    pages = max(1, -(-len(matching) // PAGE))
    table, first = st.container(), 0
    with st.container(horizontal=True, vertical_alignment="center"):
        place = st.empty()
        if pages > 1:
            first = PAGE * (st.pagination(pages, key="page", bind="query-params") - 1)
    shown = matching[first : first + PAGE]
    with table:
        chosen = _table(shown)
    part = f", {first + 1:,} to {first + len(shown):,} shown" if pages > 1 else ""
    place.caption(
        f"{len(matching):,} of {len(rows):,} runs{part}; {len(chosen)} ticked. Tick one to open or label it, several "
        "to compare them."
    )
    _actions(chosen, cache)
    return REFRESH if any(row["state"] in WAITING for row in rows) else None


def _table(shown: Sequence[Row]) -> list[Row]:
    """The ticked rows. A tick belongs to a run, not to a line: it moves along when runs come and go."""
    names = [row["id"] for row in shown]
    ticked = st.session_state.pop("library-tick", None)
    before = st.session_state.get("library-names", names)
    if ticked is None and before != names and "library-table" in st.session_state:
        ticked = [before[line] for line in st.session_state["library-table"]["selection"]["rows"] if line < len(before)]
    if ticked is not None:
        lines = [line for line, name in enumerate(names) if name in set(ticked)]
        st.session_state["library-table"] = {"selection": {"rows": lines}}
    st.session_state["library-names"] = names
    frame = pd.DataFrame(
        [{**row, "origin": "ships with igbviz" if row["shipped"] else ""} for row in shown], columns=list(COLUMNS)
    )
    empty = [name for name in ("name", "knobs", "tags", "remark", "origin") if not frame[name].map(len).any()]
    lines = st.dataframe(
        frame,
        hide_index=True,
        on_select="rerun",
        selection_mode="multi-row",
        column_config=COLUMNS,
        column_order=[name for name in COLUMNS if name not in empty],
        height=min(420, 38 + 35 * max(len(frame), 1)),
        key="library-table",
        alt=f"{len(frame)} runs",
    ).selection.rows
    return [shown[line] for line in lines if line < len(shown)]


# Doing something with the ticked runs.


def _actions(chosen: list[Row], cache: Path) -> None:
    own = [row for row in chosen if not row["shipped"]]
    with st.container(horizontal=True, vertical_alignment="center"):
        if len(chosen) == 1:
            label, icon = ("Open", "open_in_new") if own else ("Look, or run it yourself", "play_circle")
            shell.link("pages/Train.py", label, icon=f":material/{icon}:", run=chosen[0]["id"])
        elif 1 < len(chosen) <= MOST_COMPARED:
            shell.link(
                "pages/Compare.py", "Compare", icon=":material/compare:", runs=",".join(row["id"] for row in chosen)
            )
        saved = st.session_state.setdefault(
            "library-saved", 0
        )  # another key is another popover, and a new one is closed
        with st.popover("Label", icon=":material/label:", disabled=not own, key=f"label-{saved}"):
            _label(own, cache)
        _button("Stop", "stop", [row for row in own if row["state"] in WAITING], cache, _each(Run.stop))
        _button("Resume", "play_arrow", [row for row in own if row["state"] in RESUMABLE], cache, _each(Run.resume))
        away = bool(own) and all(row["archived"] for row in own)
        label, icon = ("Unarchive", "unarchive") if away else ("Archive", "archive")
        _button(label, icon, own, cache, _each(partial(annotations.change, archived=not away)))
        _button("Delete", "delete", own, cache, trash.trash)
        _export(chosen, cache)


def _button(label: str, icon: str, rows: list[Row], cache: Path, act: Callable[[list[Run]], list[str]]) -> None:
    """A button that does one thing to all these runs, and says for which of them it could not be done."""
    if st.button(label, icon=f":material/{icon}:", disabled=not rows, key=label.lower()):
        with st.spinner(f"{label} ..."):
            problems = act(_opened(rows, cache))
        _again(*problems)


def _each(act: Callable[[Run], Any]) -> Callable[[Iterable[Run]], list[str]]:
    def all_of(runs: Iterable[Run]) -> list[str]:
        problems = []
        for run in runs:
            try:
                act(run)
            except (ConfigError, RunError, OSError) as error:
                problems.append(f"{error}.")
        return problems

    return all_of


def _opened(rows: Iterable[Row], cache: Path) -> list[Run]:
    return [Run(cache / ("gallery" if row["shipped"] else "runs") / row["id"]) for row in rows]


def _label(rows: list[Row], cache: Path) -> None:
    """The form inside the popover: everything for one run, tags to add and to drop for several."""
    if not rows:
        return
    everywhere = sorted({tag for row in run_rows(cache) for tag in row["tags"]})
    runs = _opened(rows, cache)
    now = annotations.read(runs[0])
    # changed elsewhere, the form begins anew with what holds now
    key = f"label-{hash((now, *(row['id'] for row in rows)))}"
    with st.form(key, border=False):
        if len(rows) == 1:
            name = st.text_input(
                "Name", now.name, max_chars=annotations.MAX_NAME, placeholder=rows[0]["title"], key=f"{key}-name"
            )
            tags = st.multiselect(
                "Tags",
                sorted({*everywhere, *now.tags}),
                now.tags,
                accept_new_options=True,
                placeholder="choose, or type a new one",
                max_selections=annotations.MAX_TAGS,
                key=f"{key}-tags",
            )
            note = st.text_area("Note", now.note, max_chars=annotations.MAX_NOTE, key=f"{key}-note")
            change = partial(annotations.change, name=name, tags=tags, note=note)
        else:
            st.markdown(f"{len(rows)} runs")
            add = st.multiselect(
                "Add tags",
                everywhere,
                accept_new_options=True,
                placeholder="choose, or type a new one",
                key=f"{key}-add",
            )
            carried = sorted({tag for row in rows for tag in row["tags"]})
            drop = st.multiselect("Take off tags", carried, placeholder="choose", key=f"{key}-drop")
            change = partial(annotations.change, add=add, drop=drop)
        if st.form_submit_button("Save", type="primary", key=f"{key}-save"):
            st.session_state["library-saved"] += 1
            _again(*_each(change)(runs))


def _export(chosen: list[Row], cache: Path) -> None:
    try:
        archive.require_exportable([row["bytes"] for row in chosen])
        problem = "" if chosen else "Tick the runs that shall go into the archive."
    except archive.ArchiveError as error:
        problem = f"{error}."
    st.download_button(
        "Export",
        data=lambda: _archive(_opened(chosen, cache)),
        mime="application/zip",
        on_click="ignore",
        file_name=f"{chosen[0]['id']}.zip" if len(chosen) == 1 else f"igbviz-{len(chosen)}-runs.zip",
        icon=":material/download:",
        disabled=bool(problem),
        key="export",
        help=problem
        or "A zip archive with configuration, records and labels, for the same page on another machine. "
        "Runs that cannot be read are left out.",
    )


def _archive(runs: list[Run]) -> io.BytesIO:
    file = io.BytesIO()
    archive.export_runs(runs, file)
    return file


def _bring_in(cache: Path) -> None:
    """Runs from an archive."""
    with st.expander("Bring runs in", icon=":material/upload:", key="take-in"):
        with st.form("take-in-form", border=False, clear_on_submit=True):
            most = archive.MAX_ARCHIVE // 2**20
            file = st.file_uploader(
                "An archive that was exported here or on another machine",
                "zip",
                max_upload_size=most,
                key="archive-file",
            )
            pressed = st.form_submit_button("Bring in", key="bring-in")
        if pressed:
            st.session_state.pop("library-taken", None)  # what became of the archive before
        if pressed and file is None:
            st.error("An archive is missing, allowed: a zip file that Export has made.", icon=":material/error:")
        elif pressed:
            try:
                with st.spinner("Unpacking and checking ..."):
                    st.session_state["library-taken"] = taken = archive.import_runs(file, cache)
                st.session_state["library-tick"] = taken.new
                _again()
            except (archive.ArchiveError, OSError) as error:
                st.error(plain(f"{error}."), icon=":material/error:")
        if taken := st.session_state.get("library-taken"):
            counts = {"Came in": taken.new, "Here already, and left as they are": taken.known, "Refused": taken.refused}
            st.markdown(". ".join(f"{what}: **{len(names)}**" for what, names in counts.items() if names) + ".")
            if taken.refused:
                st.text("\n".join(taken.refused))


# Taking deletions back.


def _undo(cache: Path) -> None:
    """The last deletion, for some minutes. It lies on the disk, so a reload or another browser shows it too."""
    items = trash.trashed(cache)
    last = [item for item in items if item.stroke == items[0].stroke]
    if not last or time.time_ns() - last[0].stroke > UNDO_SECONDS * 1e9:
        return
    with st.container(horizontal=True, vertical_alignment="center", border=True):
        what = f"run `{last[0].id}`" if len(last) == 1 else f"{len(last)} runs"
        st.markdown(f":material/delete: Deleted: {what}")
        if st.button("Undo", icon=":material/undo:", key="undo"):
            _restore(last, cache)


def _restore(items: Iterable[trash.Trashed], cache: Path) -> None:
    back, problems = [], []
    for item in items:
        try:
            back.append(trash.restore(item, cache).id)
        except (RunError, OSError) as error:
            problems.append(f"{error}.")
    st.session_state["library-tick"] = back
    _again(*problems)


def _trash(cache: Path) -> None:
    items = trash.trashed(cache)
    with st.expander(f"Trash: {len(items)}", icon=":material/delete:", key="trash"):
        st.caption(
            f"Deleted runs are kept for {trash.KEPT_DAYS} days; their space is free once they are removed for good."
        )
        if not items:
            return
        latest = items[:PAGE]
        table = pd.DataFrame({
            "id": [item.id for item in latest],
            "deleted": [time.strftime("%Y-%m-%d %H:%M", time.localtime(item.stroke / 1e9)) for item in latest],
            "bytes": [item.bytes for item in latest],
        })  # fmt: skip
        lines = st.dataframe(
            table,
            hide_index=True,
            on_select="rerun",
            selection_mode="multi-row",
            height=min(300, 38 + 35 * len(latest)),
            column_config={"id": "Run", "deleted": "Deleted", "bytes": COLUMNS["bytes"]},
            key=f"trash-table-{hash(tuple(table['id']))}",
            alt=f"{len(latest)} deleted runs",
        ).selection.rows
        with st.container(horizontal=True):
            if st.button("Take back", icon=":material/undo:", disabled=not lines, key="take-back"):
                _restore([latest[line] for line in lines], cache)
            if st.button("Remove all for good", icon=":material/delete_forever:", key="empty-trash"):
                trash.empty(cache)
                _again()
