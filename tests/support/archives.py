"""Archives of runs, built from runs or file by file."""

from __future__ import annotations

import io
import zipfile

from igbviz.runs import archive
from igbviz.runs.archive import export_runs
from igbviz.runs.run import Run

Files = dict[str, bytes]


def packed(*runs: Run) -> io.BytesIO:
    file = io.BytesIO()
    assert export_runs(runs, file) == []
    return file


def files_of(run: Run) -> Files:
    return {file.name: file.read_bytes() for file in run.path.iterdir() if file.name in archive.FILES}


def zipped(entries: dict[str, bytes], *more: tuple[zipfile.ZipInfo, bytes]) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as written:
        for name, content in entries.items():
            written.writestr(name, content)
        for entry, content in more:
            written.writestr(entry, content)
    return file


def folder(name: str, content: Files) -> dict[str, bytes]:
    return {f"{name}/{file}": data for file, data in content.items()}
