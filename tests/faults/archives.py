"""Archives, damaged or made by anybody: refused in a sentence, or a run that can be read; nothing else changes."""

from __future__ import annotations

import io
import json
import os
import warnings
import zipfile
from typing import Any

from hypothesis import strategies as st

from igbviz.config import RunConfig
from igbviz.runs import queue
from igbviz.runs.archive import ArchiveError, import_runs
from igbviz.runs.listing import list_runs
from tests.faults.inputs import JSON, changed, examine
from tests.faults.registry import Case, Lost, fault, one_sentence
from tests.support.archives import files_of, packed
from tests.support.stored_runs import finished
from tests.support.tiny import TINY

NAMES = [
    "config.json",
    "status.json",
    "schema.json",
    "trajectory.bin",
    "labels.json",
    "log.txt",
    "checkpoint.pt",
    "x.exe",
]
FOLDERS = ["", "../", "/", "a/", "A/", "a/b/", "..\\", "__MACOSX/", ".hidden/", "C:/", "é/", "x" * 200 + "/"]
CONTENTS = st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode())


@fault("archives", "archives with damaged bytes, foreign files and changed contents")
def archives(case: Case) -> None:
    queue.ensure_worker = lambda *_, **__: None
    run = finished(RunConfig(**TINY, seed=1), case.folder / "from")
    whole, content = packed(run).getvalue(), files_of(run)
    values = {name: json.loads(text) for name, text in content.items() if name.endswith(".json")}
    cache = case.folder / "to"
    own = finished(RunConfig(**TINY), cache)
    own_files, outside = files_of(own), {path for path in case.folder.rglob("*") if cache not in (path, *path.parents)}

    flips = st.lists(st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255)), min_size=1, max_size=8)
    edits = st.dictionaries(st.sampled_from(NAMES), CONTENTS | st.none(), max_size=2) | st.sampled_from(
        list(values)
    ).flatmap(lambda name: changed([values[name]]).map(lambda value: {name: json.dumps(value).encode()}))
    foreign = st.builds(str.__add__, st.sampled_from(FOLDERS), st.sampled_from(NAMES) | st.text(max_size=9))
    extra = st.dictionaries(foreign, CONTENTS, max_size=3)

    def flipped(changes: list[tuple[int, int]]) -> bytes:
        damaged = bytearray(whole)
        for position, byte in changes:
            damaged[position] = byte
        return bytes(damaged)

    def edited(changes: dict[str, bytes | None], more: dict[str, bytes], folder: str) -> bytes:
        files = {f"{folder}{name}": data for name, data in (content | changes).items() if data is not None} | more
        file = io.BytesIO()
        with warnings.catch_warnings(), zipfile.ZipFile(file, "w") as archive:
            warnings.simplefilter("ignore")
            for name, data in files.items():
                if name.partition("\0")[0] and name.isprintable():  # zipfile writes no others
                    archive.writestr(name, data)
        return file.getvalue()

    def check(archive: bytes) -> None:
        try:
            imported = import_runs(io.BytesIO(archive), cache)
        except ArchiveError as error:
            one_sentence(error)
            return
        for sentence in imported.refused:
            one_sentence(sentence)
        lines = {line.run.id: line for line in list_runs(cache)}
        for name in imported.new:
            assert not lines[name].problem and lines[name].is_imported, lines[name].problem
            lines[name].run.recorded()
            lines[name].run.delete()
        if files_of(own) != own_files or {line.run.id for line in list_runs(cache)} != {own.id}:
            raise Lost("the run that was here before")
        now = {path for path in case.folder.rglob("*") if cache not in (path, *path.parents)}
        assert now == outside and set(os.listdir(cache)) <= KNOWN, now - outside

    folders = st.sampled_from([f"{run.id}/", f"{run.id}/", "", "deep/er/" + f"{run.id}/", f"{own.id}/"])
    cuts = st.integers(0, len(whole)).map(lambda length: whole[:length])
    examine(case, flips.map(flipped) | cuts | st.builds(edited, edits, extra, folders), _quietly(check), 60)


KNOWN = {"runs", "queue", "queue.lock", "submit.lock", "arrivals.lock", "arrivals", "version", "workers"}


def _quietly(check: Any) -> Any:
    def quiet(value: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            check(value)

    return quiet
