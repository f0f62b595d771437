"""The page of all runs: find, label, archive, delete, restore, export and import them.

An archived run is hidden from the list; the zip file that carries runs to another machine is a bundle.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from igbviz.disk.places import gallery
from igbviz.runs import annotations, library, trash
from igbviz.runs.files import format_bytes
from igbviz.runs.library import Row
from igbviz.runs.run import Run, RunError
from igbviz.runs.sweeps import RESUMABLE, WAITING
from igbviz.spec import ConfigError
from igbviz.ui import bundles, refresh, shell
from igbviz.ui.messages import plain
from igbviz.ui.runs import forget_rows, loss_title, run_rows
from igbviz.ui.views import pictures

PAGE = 500  # rows that are sent to the browser at once
REFRESH = 5.0  # seconds, while something in the list is waiting or running
UNDO_SECONDS = 900  # for which the last deletion can be undone above the list; afterwards it is in the trash below
MAX_COMPARED = 100
HELP = {
    "Archive": "Hide these runs from the list; **Include archived** above it shows them again. Nothing is deleted.",
    "Delete": "Move these runs to the trash below.",
}
ORDERS: dict[str, Callable[[list[Row]], list[Row]]] = {
    "newest first": lambda rows: rows,
    "oldest first": lambda rows: rows[::-1],
    "by name": lambda rows: sorted(rows, key=lambda row: row["title"].lower()),
    "largest first": lambda rows: sorted(rows, key=lambda row: -row["bytes"]),
    "longest first": lambda rows: sorted(rows, key=lambda row: -(row["seconds"] or 0.0)),
}
FILTERS = {"kind": "Kind", "state": "State", "dataset": "Data set", "model": "Network", "loss": "Loss", "tags": "Tags"}
COLUMNS = {
    "name": st.column_config.TextColumn("Name", width="medium"),
    "state": st.column_config.TextColumn("State", width="small"),
    "dataset": "Data set",
    "model": "Network",
    "loss": st.column_config.TextColumn("Loss", width="medium"),
    "knobs": "Hyperparameters",
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
    trash.empty(cache, trash.TRASH_DAYS)
    with st.container(key="said"):  # both always drawn, so that the table keeps its position on the page
        _show_messages()
    with st.container(key="undo-bar"):
        _undo(cache)
        _undo_archiving(cache)
    rows = run_rows(cache)
    if rows:
        filters, order = _filters(rows)
        is_active = any(row["state"] in WAITING for row in rows)
        refresh.fragment(lambda: _runs(cache, filters, order), REFRESH if is_active else None)
    else:
        st.info("There are no runs here yet.", icon=":material/info:")
        shell.link("pages/Train.py", "Train a first network", icon=":material/play_circle:")
    bundles.import_form(cache, _again)
    pictures.manage(cache, _again)
    _trash(cache)
    usage = _usage(str(cache))
    st.caption(
        f"The runs use {format_bytes(usage.runs)}, deleted runs {format_bytes(usage.trash)}, data sets and other files "
        f"{format_bytes(usage.rest)}; {format_bytes(usage.free)} are free on this disk."
    )


@st.cache_data(ttl=10, max_entries=4, show_spinner=False)
def _usage(cache: str) -> library.Usage:
    return library.usage(cache, run_rows(Path(cache)))


def _again(*sentences: str) -> None:
    """Redraw the page after a change, with messages about it."""
    st.session_state["library-said"] = sentences
    forget_rows()
    _usage.clear()
    st.rerun()


def _show_messages() -> None:
    for sentence in st.session_state.pop("library-said", ()):
        st.warning(plain(sentence), icon=":material/info:")


# Search.


def _filters(rows: Sequence[Row]) -> tuple[dict[str, Any], str]:
    """The arguments of `library.find`, and the order. The address holds all of them."""
    with st.container(key="filters", horizontal=True, vertical_alignment="bottom"):
        filters: dict[str, Any] = {"words": st.text_input("Find", placeholder="words", key="find", bind="query-params")}
        for column, label in FILTERS.items():
            values = sorted({value for row in rows for value in _values(row[column])})
            # a single value that all runs share filters nothing; a single tag does, since not all runs have one
            if len(values) > (column != "tags"):
                filters[column] = st.multiselect(
                    label, values, placeholder="all", key=column, bind="query-params", **_as_titles(column)
                )
        order = st.selectbox("Order", list(ORDERS), key="order", bind="query-params")
        if any(row["archived"] for row in rows):
            filters["archived"] = st.toggle("Include archived", key="archived", bind="query-params")
    return filters, order


def _matching(rows: Sequence[Row], words: str, **filters: Any) -> list[Row]:
    """The rows that `library.find` finds, with losses searched by their names or by the titles in the table."""
    titled = [{**row, "loss": loss_title(row["loss"])} for row in rows]
    ids = {row["id"] for version in (rows, titled) for row in library.find(version, words, archived=True)}
    return [row for row in library.find(rows, **filters) if row["id"] in ids]


def _as_titles(column: str) -> dict[str, Any]:
    """The options with which a widget shows the names in a column as titles."""
    return {"format_func": loss_title} if column == "loss" else {}


def _values(value: str | Iterable[str]) -> Iterable[str]:
    return ([value] if value else []) if isinstance(value, str) else value


def _runs(cache: Path, filters: dict[str, Any], order: str) -> float | None:
    """The list and the actions for the ticked runs; returns the seconds to the next redraw while a run is active."""
    rows = run_rows(cache)
    matching = ORDERS[order](_matching(rows, **filters))
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
    """The ticked rows. A tick belongs to a run, not to a row number: it moves along when runs come and go."""
    names = [row["id"] for row in shown]
    ticked = st.session_state.pop("library-tick", None)
    before = st.session_state.get("library-names", names)
    if ticked is None and before != names and "library-table" in st.session_state:
        ticked = [before[line] for line in st.session_state["library-table"]["selection"]["rows"] if line < len(before)]
    if ticked is not None:
        positions = [position for position, name in enumerate(names) if name in set(ticked)]
        st.session_state["library-table"] = {"selection": {"rows": positions}}
    st.session_state["library-names"] = names
    frame = pd.DataFrame(
        [
            {
                **row,
                "loss": loss_title(row["loss"]),
                "name": f"{row['name']} (recorded)" if row["kind"] == "recorded" else row["name"],
                "origin": _origin(row),
            }
            for row in shown
        ],
        columns=list(COLUMNS),
    )
    empty = [name for name in ("name", "knobs", "tags", "remark", "origin") if not frame[name].map(len).any()]
    selected = st.dataframe(
        frame,
        hide_index=True,
        on_select="rerun",
        selection_mode="multi-row",
        column_config=COLUMNS,
        column_order=[name for name in COLUMNS if name not in empty],
        placeholder="",
        height=min(460, 38 + 35 * max(len(frame), 1)),
        key="library-table",
        alt=f"{len(frame)} runs",
    ).selection.rows
    return [shown[position] for position in selected if position < len(shown)]


def _origin(row: Row) -> str:
    """Where a run comes from, unless it was trained here."""
    origins = {
        "ships with igbviz": row["shipped"],
        "recorded outside igbviz": row["kind"] == "recorded",
        "imported": row["imported"],
    }
    return ", ".join(origin for origin, holds in origins.items() if holds)


# Actions for the ticked runs.


def _actions(chosen: list[Row], cache: Path) -> None:
    own = [row for row in chosen if not row["shipped"]]
    with st.container(horizontal=True, vertical_alignment="center"):
        if len(chosen) == 1:
            label, icon = ("Open", "open_in_new") if own else ("Open, or run it yourself", "play_circle")
            shell.link("pages/Train.py", label, icon=f":material/{icon}:", run=chosen[0]["id"])
        elif 1 < len(chosen) <= MAX_COMPARED:
            shell.link(
                "pages/Compare.py", "Compare", icon=":material/compare:", runs=",".join(row["id"] for row in chosen)
            )
        # a new key makes a new popover, which starts closed
        saved = st.session_state.setdefault("library-saved", 0)
        with st.popover("Label", icon=":material/label:", disabled=not own, key=f"label-{saved}"):
            _label(own, cache)
        _button("Stop", "stop", [row for row in own if row["state"] in WAITING], cache, _each(Run.stop))
        _button("Resume", "play_arrow", [row for row in own if row["state"] in RESUMABLE], cache, _each(Run.resume))
        archived = bool(own) and all(row["archived"] for row in own)
        if archived:
            _button("Unarchive", "unarchive", own, cache, _each(partial(annotations.change, archived=False)))
        else:
            _button("Archive", "archive", own, cache, _archive)
        _button("Delete", "delete", own, cache, trash.trash)
        left_out = bundles.export_button(_opened(chosen, cache))
    if left_out:
        st.caption(plain(left_out))


def _button(label: str, icon: str, rows: list[Row], cache: Path, act: Callable[[list[Run]], list[str]]) -> None:
    """A button that applies one action to all these runs and reports those for which it failed."""
    if st.button(label, icon=f":material/{icon}:", disabled=not rows, key=label.lower(), help=HELP.get(label)):
        st.session_state.pop("library-archived", None)  # what can be undone is the last action
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


def _archive(runs: list[Run]) -> list[str]:
    """Hide these runs, and offer to undo it above the list."""
    problems = _each(partial(annotations.change, archived=True))(runs)
    st.session_state["library-archived"] = [run.id for run in runs if annotations.read(run).archived]
    return problems


def _undo_archiving(cache: Path) -> None:
    """What was archived last in this browser, and a button that undoes it."""
    names = st.session_state.get("library-archived", [])
    if not names:
        return
    with st.container(horizontal=True, vertical_alignment="center", border=True):
        archived = f"run `{names[0]}`" if len(names) == 1 else f"{len(names)} runs"
        st.markdown(f":material/archive: Archived and hidden from the list: {archived}")
        if st.button("Undo", icon=":material/undo:", key="undo-archive"):
            del st.session_state["library-archived"]
            runs = [Run(cache / "runs" / name) for name in names]
            st.session_state["library-tick"] = names
            _again(*_each(partial(annotations.change, archived=False))(runs))


def _opened(rows: Iterable[Row], cache: Path) -> list[Run]:
    return [Run((gallery(cache) if row["shipped"] else cache / "runs") / row["id"], cache) for row in rows]


def _label(rows: list[Row], cache: Path) -> None:
    """The form inside the popover: all labels of one run, or tags to add to or remove from several."""
    if not rows:
        return
    everywhere = sorted({tag for row in run_rows(cache) for tag in row["tags"]})
    runs = _opened(rows, cache)
    now = annotations.read(runs[0])
    # labels changed elsewhere make a new form with the current values
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
            drop = st.multiselect("Remove tags", carried, placeholder="choose", key=f"{key}-drop")
            change = partial(annotations.change, add=add, drop=drop)
        if st.form_submit_button("Save", type="primary", key=f"{key}-save"):
            st.session_state["library-saved"] += 1
            _again(*_each(change)(runs))


# Restoring deleted runs.


def _undo(cache: Path) -> None:
    """A button that undoes the last deletion, for some minutes. It is on the disk, so every browser shows it."""
    items = trash.list_trash(cache)
    last = [item for item in items if item.deleted_at == items[0].deleted_at]
    if not last or time.time_ns() - last[0].deleted_at > UNDO_SECONDS * 1e9:
        return
    with st.container(horizontal=True, vertical_alignment="center", border=True):
        deleted = f"run `{last[0].id}`" if len(last) == 1 else f"{len(last)} runs"
        st.markdown(f":material/delete: Deleted: {deleted}")
        if st.button("Undo", icon=":material/undo:", key="undo"):
            _restore(last, cache)


def _restore(items: Iterable[trash.TrashedRun], cache: Path) -> None:
    back, problems = [], []
    for item in items:
        try:
            back.append(trash.restore(item, cache).id)
        except (RunError, OSError) as error:
            problems.append(f"{error}.")
    st.session_state["library-tick"] = back
    _again(*problems)


def _trash(cache: Path) -> None:
    items = trash.list_trash(cache)
    with st.expander(f"Trash: {len(items)}", icon=":material/delete:", key="trash"):
        st.caption(f"Deleted runs are kept for {trash.TRASH_DAYS} days; removing them permanently frees their space.")
        if not items:
            return
        latest = items[:PAGE]
        table = pd.DataFrame({
            "id": [item.id for item in latest],
            "deleted": [time.strftime("%Y-%m-%d %H:%M", time.localtime(item.deleted_at / 1e9)) for item in latest],
            "bytes": [item.bytes for item in latest],
        })  # fmt: skip
        selected = st.dataframe(
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
            if st.button("Restore", icon=":material/undo:", disabled=not selected, key="take-back"):
                _restore([latest[line] for line in selected], cache)
            if st.button("Delete all permanently", icon=":material/delete_forever:", key="empty-trash"):
                trash.empty(cache)
                _again()
