"""Archives that people zip by hand, on any system, from a run's folder or from several."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import pytest

from igbviz.config import RunConfig
from igbviz.runs.archive import import_runs
from igbviz.runs.run import Run
from tests.support.archives import files_of, folder, zipped
from tests.support.stored_runs import finished


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


@pytest.mark.parametrize("places", [("a/", "b/"), ("", "b/c/"), ("a/", "a/b/")])
def test_runs_on_different_levels(places: tuple[str, str], run: Run, tiny: RunConfig, tmp_path: Path) -> None:
    runs = run, finished(tiny.with_(seed=5), tmp_path / "from")
    entries = {}
    for place, one in zip(places, runs, strict=True):
        entries |= {place: b""} if place else {}
        entries |= {f"{place}{name}": content for name, content in folder(one.id, files_of(one)).items()}
    imported = import_runs(zipped(entries), tmp_path / "to")
    assert sorted(imported.new) == sorted(one.id for one in runs) and not imported.refused


def test_a_whole_cache(run: Run, tmp_path: Path) -> None:
    others = {"cache/": b"", "cache/queue/": b"", "cache/queue.lock": b"", "cache/version": b"1",
              "README.txt": b"x", "cache/workers/worker.log": b"x", "$RECYCLE.BIN/x": b"x",
              f"cache/runs/{run.id}/thumbs.db": b"x"}  # fmt: skip
    imported = import_runs(zipped(others | folder(f"cache/runs/{run.id}", files_of(run))), tmp_path / "to")
    assert imported.new == [run.id] and not imported.refused


def test_sizes_of_64_bits(run: Run, tmp_path: Path) -> None:
    raw = zipped(folder(run.id, files_of(run))).getvalue()
    end = raw.rfind(b"PK\5\6")
    count, size, offset = struct.unpack_from("<HLL", raw, end + 10)
    record = struct.pack("<4sQHHLLQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, offset)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, end, 1)
    plain = struct.pack("<4sHHHHLLH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    assert import_runs(io.BytesIO(raw[:end] + record + locator + plain), tmp_path / "to").new == [run.id]
    lying = record[:40] + struct.pack("<Q", 10**12) + record[48:]
    with pytest.raises(ValueError, match="far more files"):
        import_runs(io.BytesIO(raw[:end] + lying + locator + plain), tmp_path / "to")


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
