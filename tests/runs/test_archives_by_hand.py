"""Archives that people zip by hand, on any system, from a run's folder or from several."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from igbviz.runs.archive import import_runs
from igbviz.runs.run import Run
from tests.support.archives import files_of, folder, zipped


def clutter(name: str) -> dict[str, bytes]:
    return {
        ".DS_Store": b"x",
        f"__MACOSX/{name}/._config.json": b"x",
        f"{name}/.DS_Store": b"x",
        f"{name}/Thumbs.db": b"x",
        f"{name}/desktop.ini": b"x",
    }


def written_on_windows(entries: dict[str, bytes]) -> io.BytesIO:
    """With backslashes, which `zipfile` would replace while writing."""
    raw = zipped({name.replace("/", "|"): content for name, content in entries.items()}).getvalue()
    for name in entries:
        raw = raw.replace(name.replace("/", "|").encode(), name.replace("/", "\\").encode())
    return io.BytesIO(raw)


@pytest.mark.parametrize("above", ["", "my runs/", "my runs/cache/runs/"])
@pytest.mark.parametrize("pack", [zipped, written_on_windows])
def test_runs_in_folders_with_clutter(above: str, pack, run: Run, tmp_path: Path) -> None:
    inside = folder(run.id, files_of(run)) | clutter(run.id) | {f"{run.id}/": b""}
    entries = {f"{above}{name}": content for name, content in inside.items()} | ({above: b""} if above else {})
    imported = import_runs(pack(entries), tmp_path / "to")
    assert imported.new == [run.id] and not imported.refused
    assert files_of(Run.open(run.id, tmp_path / "to")) == files_of(run)


def test_the_files_of_a_run_without_a_folder(run: Run, tmp_path: Path) -> None:
    assert import_runs(zipped(files_of(run) | {".DS_Store": b"x"}), tmp_path / "to").new == [run.id]
    assert files_of(Run.open(run.id, tmp_path / "to")) == files_of(run)


def test_the_whole_folder_of_a_run_without_what_could_be_executed(run: Run, tmp_path: Path) -> None:
    for name in ("checkpoint.pt", "lock", "stop"):
        (run.path / name).write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for path in run.path.iterdir():
            archive.write(path, f"{run.id}/{path.name}")
    assert import_runs(file, tmp_path / "to").new == [run.id]
    names = {path.name for path in (tmp_path / "to" / "runs" / run.id).iterdir()}
    assert names == {*files_of(run), "imported.json"}


def test_nothing_but_clutter_is_empty(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the archive is empty"):
        import_runs(zipped(clutter("x")), tmp_path / "to")
