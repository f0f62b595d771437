"""All runs of a cache as rows of a table, the search in these rows, and the disk space of the runs.

Rows are cached in memory, and only those of changed folders are read again: every file of a run except its records is
replaced as a whole, which changes the folder's modification time, and every new record comes with a new status.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from igbviz.disk.places import gallery
from igbviz.losses import LOSSES
from igbviz.runs import annotations, queue
from igbviz.runs.files import entries, folders, free, stamp
from igbviz.runs.kinds import RECORDED, kind_of_values
from igbviz.runs.listing import listed
from igbviz.runs.run import Run
from igbviz.runs.trash import list_trash

Row = dict[str, Any]
_TEXT_COLUMNS = (
    "title",
    "id",
    "state",
    "kind",
    "dataset",
    "model",
    "initialization",
    "loss",
    "note",
    "remark",
    "submitted",
)
# Not only the folder, but also its files: somebody may edit them by hand.
_WATCHED = ("", "/status.json", f"/{annotations.FILE}", "/config.json", "/schema.json", "/trajectory.bin")
_cached: dict[str, dict[str, tuple[Any, ...]]] = {}  # cache: folder: (stamp, submitted, row)


def rows(cache: str | Path) -> list[Row]:
    """One row per run, newest first. A shipped run is left out if the user has a run of the same id.

    Keys: id, state, kind (trained, untrained, recorded), name (annotated, else the title of a recorded run), title (the
    name, else loss, model, data set and seed), dataset, model, initialization, loss, knobs (hyperparameters of the loss
    that differ from their defaults), epochs, seed, seconds, submitted, note (from the program), tags, remark (the
    annotated note), archived, bytes, shipped, imported.
    """
    root = os.path.abspath(cache)
    before, after = _cached.get(root, {}), {}
    for folder in (os.path.join(root, "runs"), gallery(root)):
        for path in folders(folder):
            current, cached = stamp(*(path + name for name in _WATCHED)), before.get(path)
            if not cached or cached[0] != current:
                cached = (current, *_row(Path(path), is_annotated=current[2] is not None))
            after[path] = cached
    _cached[root] = after
    ordered = sorted(after.items(), key=lambda item: -item[1][1])
    own = {row["id"] for _, _, row in after.values() if not row["shipped"]}
    turns = queue.turns(Path(cache))
    return [
        _with_live_state(path, row, turns) for path, (_, _, row) in ordered if not (row["shipped"] and row["id"] in own)
    ]


def _row(path: Path, is_annotated: bool) -> tuple[float, Row]:
    """The time at which the run in this folder was submitted, in seconds since 1970, and its row."""
    line, labels = listed(path), annotations.read(Run(path)) if is_annotated else annotations.Annotations()
    config, status = line.config or {}, line.status or {}
    submitted = status.get("submitted") or 0.0
    parts = {
        part: _text((config.get(part) or {}).get("name")) for part in ("dataset", "model", "initialization", "loss")
    }
    kind = kind_of_values(config)
    hyperparameters = LOSSES[parts["loss"]].changed_hyperparameters(config["loss"]) if parts["loss"] in LOSSES else ""
    loss = f"{parts['loss']} ({hyperparameters})" if hyperparameters else parts["loss"]
    loss_or_kind = loss if "loss" in kind.config.model_fields else kind.name
    choices = (loss_or_kind, parts["model"], parts["dataset"], f"seed {config.get('seed', 0)}")
    given = _text(config.get("title")) if kind is RECORDED else ""
    return submitted, {
        "id": line.run.id,
        "state": line.state,
        "kind": kind.name,
        "name": labels.name or given,
        "title": labels.name or given or (" · ".join(filter(None, choices)) if line.config else line.run.id),
        **parts,
        "knobs": hyperparameters,
        "epochs": _number(config.get("epochs")),
        "seed": _number(config.get("seed")),
        "seconds": status.get("seconds"),
        "submitted": time.strftime("%Y-%m-%d %H:%M", time.localtime(submitted)) if submitted else "",
        "note": line.problem or status.get("message", ""),
        "tags": labels.tags,
        "remark": labels.note,
        "archived": labels.archived,
        "bytes": line.run.size(),
        "shipped": line.run.is_shipped,
        "imported": line.is_imported,
    }


def _with_live_state(path: str, row: Row, turns: Mapping[str, queue.Turn]) -> Row:
    """A copy for the caller, in its present state: neither whether a worker is alive nor the place in the queue shows
    in the run's files."""
    if row["state"] == "queued" and not row["shipped"] and (turn := turns.get(row["id"])):
        return row | {"note": str(turn)}
    if row["state"] in ("running", "lost"):
        return row | {"state": "running" if Run(Path(path)).is_alive else "lost"}
    return dict(row)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> float | None:
    # A file from another program may hold any value, but a column of a table has one type.
    return value if isinstance(value, int | float) and abs(value) < 2**53 else None


def find(
    rows: Iterable[Row], words: str = "", tags: Iterable[str] = (), archived: bool = False, **allowed: Sequence[Any]
) -> list[Row]:
    """The rows that contain every word in some text, have every tag, and an allowed value in each given column.

    An empty list of allowed values allows all. Archived runs are left out unless `archived` is set.
    """
    terms, tags = words.lower().split(), set(tags)
    filters = [(column, set(values)) for column, values in allowed.items() if values]
    return [
        row
        for row in rows
        if (archived or not row["archived"])
        and all(row[column] in values for column, values in filters)
        and tags <= set(row["tags"])
        and (not terms or _contains(row, terms))
    ]


def _contains(row: Row, terms: list[str]) -> bool:
    text = "\n".join([*(row[name] for name in _TEXT_COLUMNS), str(row["seed"]), *row["tags"]]).lower()
    return all(term in text for term in terms)


# Disk usage.


@dataclass(frozen=True)
class Usage:
    """Bytes of the runs, of the trash, of the rest of the cache (mostly data sets), and free bytes on its disk."""

    runs: int
    trash: int
    rest: int
    free: int


def usage(cache: str | Path, rows: Iterable[Row]) -> Usage:
    """The disk usage of these rows, the trash and the rest of the cache. Symbolic links are not followed."""
    own = sum(row["bytes"] for row in rows if not row["shipped"])
    rest = sum(_tree_size(entry) for entry in entries(cache) if entry.name not in ("runs", "trash"))
    return Usage(own, sum(item.bytes for item in list_trash(cache)), rest, free(cache))


def _tree_size(entry: os.DirEntry) -> int:
    try:
        if entry.is_dir(follow_symlinks=False):
            return sum(map(_tree_size, entries(entry.path)))
        return entry.stat(follow_symlinks=False).st_size
    except OSError:  # deleted in the meantime
        return 0
