"""All runs of a cache as rows for tables, the search in these rows, and what they take on the disk.

Rows are kept in memory and only those of changed folders are read again: every file of a run but its records is
replaced as a whole, which changes the date of the folder, and the records are never appended to without a new status.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from igbviz.losses import LOSSES
from igbviz.runs import annotations, shipped
from igbviz.runs.files import entries, free, stamp
from igbviz.runs.kinds import kind_of_values
from igbviz.runs.listing import listed
from igbviz.runs.run import Run
from igbviz.runs.trash import trashed

Row = dict[str, Any]
_WORDS = ("title", "id", "state", "kind", "dataset", "model", "initialization", "loss", "note", "remark", "submitted")
# The files too, and not the folder alone: somebody may edit them by hand.
_LOOKED_AT = ("", "/status.json", f"/{annotations.FILE}", "/config.json", "/schema.json", "/trajectory.bin")
_known: dict[str, dict[str, tuple[Any, ...]]] = {}  # cache: folder: (stamp, submitted, row)


def rows(cache: str | Path) -> list[Row]:
    """One mapping a run, newest first. A run that ships with the program is left out where the cache has one of the
    same name.

    Keys: id, state, kind (trained, untrained), name (that people gave it), title (its name, or else what it is made
    of), dataset, model, initialization, loss, knobs (of the loss, those that were turned), epochs, seed, seconds,
    submitted, note (what the program says of it), tags, remark (what people noted), archived, bytes, shipped.
    """
    root = os.path.abspath(cache)
    before, now = _known.get(root, {}), {}
    for folder in ("runs", "gallery"):
        for path in _folders(os.path.join(root, folder)):
            seen, known = stamp(*(path + name for name in _LOOKED_AT)), before.get(path)
            now[path] = (
                known if known and known[0] == seen else (seen, *_row(Path(path), is_annotated=seen[2] is not None))
            )
    _known[root] = now
    ordered = sorted(now.items(), key=lambda item: -item[1][1])
    own = {row["id"] for _, _, row in now.values() if not row["shipped"]}
    return [_now(path, row) for path, (_, _, row) in ordered if not (row["shipped"] and row["id"] in own)]


def _folders(root: str) -> list[str]:
    try:
        with os.scandir(root) as found:
            return [entry.path for entry in found if not entry.name.startswith(".") and entry.is_dir()]
    except FileNotFoundError:
        return []


def _row(path: Path, is_annotated: bool) -> tuple[float, Row]:
    """When the run in this folder was submitted, and its row."""
    line, said = listed(path), annotations.read(Run(path)) if is_annotated else annotations.Annotations()
    config, status = line.config or {}, line.status or {}
    submitted = status.get("submitted") or 0.0
    parts = {
        part: _word((config.get(part) or {}).get("name")) for part in ("dataset", "model", "initialization", "loss")
    }
    kind = kind_of_values(config)
    knobs = LOSSES[parts["loss"]].changed_knobs(config["loss"]) if parts["loss"] in LOSSES else ""
    loss = f"{parts['loss']} ({knobs})" if knobs else parts["loss"]
    what = loss if "loss" in kind.config.model_fields else kind.name
    made_of = (what, parts["model"], parts["dataset"], f"seed {config.get('seed', 0)}")
    return submitted, {
        "id": path.name,
        "state": line.state,
        "kind": kind.name,
        "name": said.name,
        "title": said.name or (" · ".join(filter(None, made_of)) if line.config else path.name),
        **parts,
        "knobs": knobs,
        "epochs": _number(config.get("epochs")),
        "seed": _number(config.get("seed")),
        "seconds": status.get("seconds"),
        "submitted": time.strftime("%Y-%m-%d %H:%M", time.localtime(submitted)) if submitted else "",
        "note": line.problem or status.get("message", ""),
        "tags": said.tags,
        "remark": said.note,
        "archived": said.archived,
        "bytes": line.run.size(),
        "shipped": shipped.is_shipped(line.run),
    }


def _now(path: str, row: Row) -> Row:
    """A copy for the caller. Whether somebody works on a run is no matter of its files."""
    if row["state"] in ("running", "lost"):
        return row | {"state": "running" if Run(Path(path)).is_alive else "lost"}
    return dict(row)


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> float | None:
    # A file from another program may say anything; a column of a table holds one type.
    return value if isinstance(value, int | float) and abs(value) < 2**53 else None


def find(
    rows: Iterable[Row], words: str = "", tags: Iterable[str] = (), archived: bool = False, **allowed: Sequence[Any]
) -> list[Row]:
    """The rows that hold every word somewhere, carry every tag and have an allowed value in each named column (none
    named: any value). Archived runs only if asked for."""
    asked, tags = words.lower().split(), set(tags)
    chosen = [(column, set(values)) for column, values in allowed.items() if values]
    return [
        row
        for row in rows
        if (archived or not row["archived"])
        and all(row[column] in values for column, values in chosen)
        and tags <= set(row["tags"])
        and (not asked or _holds(row, asked))
    ]


def _holds(row: Row, words: list[str]) -> bool:
    text = "\n".join([*(row[name] for name in _WORDS), str(row["seed"]), *row["tags"]]).lower()
    return all(word in text for word in words)


# The disk.


@dataclass(frozen=True)
class Usage:
    """Bytes: of the runs, of deleted runs, of everything else in the cache (data sets above all), and free on its
    disk."""

    runs: int
    trash: int
    rest: int
    free: int


def usage(cache: str | Path, rows: Iterable[Row]) -> Usage:
    """What these rows, the trash and the rest of the cache take. A link to another disk counts as nothing."""
    own = sum(row["bytes"] for row in rows if not row["shipped"])
    rest = sum(_tree_size(entry) for entry in entries(cache) if entry.name not in ("runs", "trash"))
    return Usage(own, sum(item.bytes for item in trashed(cache)), rest, free(cache))


def _tree_size(entry: os.DirEntry) -> int:
    if entry.is_dir(follow_symlinks=False):
        return sum(map(_tree_size, entries(entry.path)))
    return entry.stat(follow_symlinks=False).st_size
