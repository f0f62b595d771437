"""All runs of a cache as rows for tables, what they take on the disk, and a trash from which they come back.

    cache/trash/<nanoseconds since 1970>-<run id>   a deleted run, whole; what was deleted at one stroke has the same time

Rows are kept in memory and only those of changed folders are read again: every file of a run but its records is replaced as a whole,
which changes the date of the folder, and the records are never appended to without a new status.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from filelock import Timeout

from igbviz import dispatch, labels
from igbviz.files import stamp
from igbviz.listing import listed
from igbviz.losses import LOSSES
from igbviz.run_folder import Run, RunError

Row = dict[str, Any]
KEPT_DAYS = 7  # that a deleted run can be taken back
_WORDS = ("title", "id", "state", "kind", "dataset", "model", "initialization", "loss", "note", "remark", "submitted")
_TRASHED = re.compile(r"(\d{20})-(.+)")
# The files too, and not the folder alone: somebody may edit them by hand.
_LOOKED_AT = ("", "/status.json", f"/{labels.FILE}", "/config.json", "/schema.json", "/trajectory.bin")
_known: dict[str, dict[str, tuple[Any, ...]]] = {}  # cache: folder: (stamp, submitted, row)


def rows(cache: str | Path) -> list[Row]:
    """One mapping a run, newest first. A run that ships with the program is left out where the cache has one of the same name.

    Keys: id, state, kind (trained, untrained), name (that people gave it), title (its name, or else what it is made of), dataset, model,
    initialization, loss, knobs (of the loss, those that were turned), epochs, seed, seconds, submitted, note (what the program says of
    it), tags, remark (what people noted), archived, bytes, shipped.
    """
    root = os.path.abspath(cache)
    before, now = _known.get(root, {}), {}
    for folder in ("runs", "gallery"):
        for path in _folders(os.path.join(root, folder)):
            seen, known = stamp(*(path + name for name in _LOOKED_AT)), before.get(path)
            now[path] = known if known and known[0] == seen else (seen, *_read(Path(path), is_labelled=seen[2] is not None))
    _known[root] = now
    ordered = sorted(now.items(), key=lambda item: -item[1][1])
    own = {row["id"] for _, _, row in now.values() if not row["shipped"]}
    return [_today(path, row) for path, (_, _, row) in ordered if not (row["shipped"] and row["id"] in own)]


def _folders(root: str) -> list[str]:
    try:
        with os.scandir(root) as entries:
            return [entry.path for entry in entries if not entry.name.startswith(".") and entry.is_dir()]
    except FileNotFoundError:
        return []


def _read(path: Path, is_labelled: bool) -> tuple[float, Row]:
    line, said = listed(path), labels.read(Run(path)) if is_labelled else labels.Labels()
    config, status = line.config or {}, line.status or {}
    submitted = status.get("submitted") or 0.0
    parts = {part: _word((config.get(part) or {}).get("name")) for part in ("dataset", "model", "initialization", "loss")}
    untrained = "networks" in config and "loss" not in config
    knobs = _turned(config.get("loss") or {})
    what = "untrained" if untrained else f"{parts['loss']} ({knobs})" if knobs else parts["loss"]
    made_of = (what, parts["model"], parts["dataset"], f"seed {config.get('seed', 0)}")
    return submitted, {
        "id": path.name,
        "state": line.state,
        "kind": "untrained" if untrained else "trained",
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
        "bytes": size(path),
        "shipped": labels.is_shipped(line.run),
    }


def _today(path: str, row: Row) -> Row:
    """A copy for the caller. Whether somebody works on a run is no matter of its files."""
    if row["state"] in ("running", "lost"):
        return row | {"state": "running" if Run(Path(path)).is_alive else "lost"}
    return dict(row)


def _turned(loss: dict[str, Any]) -> str:
    """The knobs of a loss that are not at their defaults: 'detach weight', 'q 0.5'."""
    name = _word(loss.get("name"))
    knobs = LOSSES[name].knobs() if name in LOSSES else {}
    turned = {knob: loss[knob] for knob, field in knobs.items() if loss.get(knob, field.default) != field.default}
    return ", ".join(knob.replace("_", " ") + ("" if value is True else f" {value}"[:60]) for knob, value in turned.items())


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> float | None:
    # A file from another program may say anything; a column of a table holds one type.
    return value if isinstance(value, int | float) and abs(value) < 2**53 else None


def find(rows: Iterable[Row], words: str = "", tags: Iterable[str] = (), archived: bool = False, **allowed: Sequence[Any]) -> list[Row]:
    """The rows that hold every word somewhere, carry every tag and have an allowed value in each named column (none named: any value).
    Archived runs only if asked for."""
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


# Deleting, and taking it back.


@dataclass(frozen=True)
class Trashed:
    """A deleted run that can still be taken back."""

    path: Path

    @property
    def id(self) -> str:
        return _TRASHED.fullmatch(self.path.name)[2]

    @property
    def stroke(self) -> int:
        """When it was deleted, in nanoseconds since 1970; the same for all that were deleted together."""
        return int(_TRASHED.fullmatch(self.path.name)[1])

    @property
    def bytes(self) -> int:
        return _size_in_trash(self.path)


def trash(runs: Iterable[Run], timeout: float = 10.0) -> list[str]:
    """Delete runs at one stroke, so that `restore` can bring them back. Those that are being worked on are stopped first.

    Returns one sentence for every run that could not be deleted: it ships with the program, is gone, or its worker does not let go
    within `timeout` seconds.
    """
    stroke, problems, going = time.time_ns(), [], {}
    runs = list(runs)
    for run in runs:  # all are asked before the first is waited for
        if not labels.is_shipped(run) and run.path.is_dir() and _is_going(run):
            going[run] = (run.path / "stop").exists()
            run.stop_quietly()
    for run in runs:
        try:
            _trash(run, stroke, timeout, resumes=run in going and not going[run])
        except RunError as error:
            problems.append(f"{error}.")
    return problems


def _trash(run: Run, stroke: int, timeout: float, resumes: bool) -> None:
    labels.require_own(run)
    try:
        if not run.path.is_dir():
            raise FileNotFoundError
        with dispatch.lock(run.path / "lock", timeout=timeout):
            if resumes:
                _as_if_waiting(run)
            grave = run.cache / "trash" / f"{stroke:020d}-{run.id}"
            grave.parent.mkdir(exist_ok=True)
            run.path.rename(grave)  # gone for every reader at once
    except FileNotFoundError:
        raise RunError(f"run {run.id} is not there any more: somebody deleted it") from None
    except Timeout:
        raise RunError(f"run {run.id} is still being worked on after {timeout:g} s: try again in a moment") from None


def _is_going(run: Run) -> bool:
    try:
        return run.is_alive or not run.stored_status().ended
    except RunError:
        return True  # nobody knows


def _as_if_waiting(run: Run) -> None:
    """Undo the stop, so that a run that is taken back goes on."""
    (run.path / "stop").unlink(missing_ok=True)
    try:
        status = run.stored_status()
    except RunError:
        return
    if status.state == "stopped":
        run.write_status(status.model_copy(update={"state": "queued", "message": "Waiting for its turn."}))


def trashed(cache: str | Path) -> list[Trashed]:
    """What can be taken back, deleted last first."""
    try:
        names = sorted(os.listdir(Path(cache) / "trash"), reverse=True)
    except FileNotFoundError:
        return []
    return [Trashed(Path(cache) / "trash" / name) for name in names if _TRASHED.fullmatch(name)]


def restore(item: Trashed, cache: str | Path) -> Run:
    """Take a deleted run back; one that had not ended goes back into the queue. Raises RunError when it is gone, or has been made anew."""
    run = Run(Path(cache) / "runs" / item.id)
    with dispatch.lock(Path(cache) / "submit.lock"):
        if run.path.exists():
            raise RunError(f"run {run.id} was made again after it was deleted: delete that one to take this one back")
        try:
            item.path.rename(run.path)
        except FileNotFoundError:
            raise RunError(f"run {run.id} is not in the trash any more: it was taken back or removed for good") from None
    try:
        if not run.stored_status().ended:
            dispatch.enqueue(run.cache, run.id)
            dispatch.ensure_worker(run.cache)
    except RunError:
        pass  # it could not be read before either
    return run


def empty(cache: str | Path, older_than_days: float = 0.0) -> int:
    """Remove deleted runs for good, those that were deleted at least so long ago; returns how many."""
    until = time.time_ns() - older_than_days * 86_400e9
    old = [item for item in trashed(cache) if item.stroke <= until]
    for item in old:
        shutil.rmtree(item.path, ignore_errors=True)
    return len(old)


# The disk.


@dataclass(frozen=True)
class Usage:
    """Bytes: of the runs, of deleted runs, of everything else in the cache (data sets above all), and free on its disk."""

    runs: int
    trash: int
    rest: int
    free: int


def usage(cache: str | Path, rows: Iterable[Row]) -> Usage:
    """What these rows, the trash and the rest of the cache take. A link to another disk counts as nothing."""
    own = sum(row["bytes"] for row in rows if not row["shipped"])
    rest = sum(_tree(entry) for entry in _entries(cache) if entry.name not in ("runs", "trash"))
    return Usage(own, sum(item.bytes for item in trashed(cache)), rest, free(cache))


def free(cache: str | Path) -> int:
    """Bytes free on the disk of a cache, which need not exist yet."""
    folder = Path(cache).absolute()
    return shutil.disk_usage(next(path for path in (folder, *folder.parents) if path.exists())).free


def _tree(entry: os.DirEntry) -> int:
    if entry.is_dir(follow_symlinks=False):
        return sum(map(_tree, _entries(entry.path)))
    return entry.stat(follow_symlinks=False).st_size


def size(path: Path) -> int:
    """Bytes of the files in a run's folder; 0 when it is gone."""
    return sum(entry.stat(follow_symlinks=False).st_size for entry in _entries(path) if entry.is_file(follow_symlinks=False))


def _entries(path: str | Path) -> list[os.DirEntry]:
    try:
        with os.scandir(path) as entries:
            return list(entries)
    except OSError:
        return []


def in_words(count: int) -> str:
    """Bytes as a size that fits: '3.2 kB', '81.8 GB'."""
    for power, unit in ((9, "GB"), (6, "MB"), (3, "kB")):
        if count >= 10**power:
            return f"{count / 10**power:,.1f} {unit}"
    return f"{count} bytes"


@lru_cache(maxsize=20_000)
def _size_in_trash(path: Path) -> int:
    return size(path)
