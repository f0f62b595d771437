"""Hostile archives. Each also contains one valid run, which is imported in every case."""

from __future__ import annotations

import io
import json
import os
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from igbviz.config import RunConfig
from igbviz.runs import files
from igbviz.runs.archive import ArchiveError, import_runs, limits
from igbviz.runs.run import Run
from tests.support.archives import Files, files_of, folder, packed, zipped


def changed(content: Files, file: str, change: Callable[[dict], object]) -> Files:
    values = json.loads(content[file])
    change(values)
    return content | {file: json.dumps(values).encode()}


def column(index: int, value: list) -> Callable[[dict], object]:
    return lambda values: values["columns"].__setitem__(index, value)


FOREIGN: dict[str, tuple[Callable[[Files], Files], str]] = {
    "pickle": (lambda c: c | {"trajectory.pkl": b"\x80\x04."}, "contains 'trajectory.pkl'"),
    "folder in it": (lambda c: c | {"deep/config.json": b"{}"}, "contains 'deep/config.json'"),
    "way out": (lambda c: c | {"../../../evil.txt": b"x"}, "contains '../../../evil.txt'"),
    "way out to a known name": (lambda c: c | {"../config.json": b"x"}, "contains '../config.json'"),
    "no config": (lambda c: {k: v for k, v in c.items() if k != "config.json"}, "lacks config.json"),
    "no status": (lambda c: {k: v for k, v in c.items() if k != "status.json"}, "lacks status.json"),
    "cut-off config": (lambda c: c | {"config.json": b'{"loss": {'}, "cannot be read: config.json"),
    "foreign config": (
        lambda c: c | {"config.json": b'{"spam": 1}'},
        "cannot be read: config.json: spam is not a field",
    ),
    "config that is a list": (lambda c: c | {"config.json": b"[1]"}, "cannot be read: config.json"),
    "deeply nested config": (lambda c: c | {"config.json": b"[" * 100_000}, "config.json"),
    "no text": (lambda c: c | {"config.json": b"\xff\xfe\x00"}, "cannot be read: config.json"),
    "another run's config": (lambda c: changed(c, "config.json", lambda v: v.update(seed=7)), "describes another run"),
    "cut-off status": (lambda c: c | {"status.json": b'{"state": "do'}, "status.json is damaged"),
    "unknown state": (
        lambda c: changed(c, "status.json", lambda v: v.update(state="dancing")),
        "status.json is damaged",
    ),
    "status beyond bounds": (
        lambda c: changed(c, "status.json", lambda v: v.update(step=10**300)),
        "counts that are too large",
    ),
    "cut-off records": (lambda c: c | {"trajectory.bin": c["trajectory.bin"][:-1]}, "trajectory.bin is damaged"),
    "records without schema": (lambda c: {k: v for k, v in c.items() if k != "schema.json"}, "no schema.json"),
    "cut-off schema": (lambda c: c | {"schema.json": b'{"columns": [['}, "schema.json is damaged"),
    "deeply nested schema": (lambda c: c | {"schema.json": b"[" * 100_000}, "schema.json is damaged"),
    "column of objects": (
        lambda c: changed(c, "schema.json", column(0, ["step", "|O", []])),
        "a column 'step' of type '|O'",
    ),
    "column of text": (
        lambda c: changed(c, "schema.json", column(0, ["step", "<U9", []])),
        "a column 'step' of type '<U9'",
    ),
    "column that the records lack": (
        lambda c: changed(c, "schema.json", lambda v: v["columns"].append(["spam", "<f8", []])),
        "trajectory.bin is damaged",
    ),
    "unknown column of objects": (
        lambda c: changed(c, "schema.json", lambda v: v["columns"].append(["spam", "|O", []])),
        "a column 'spam' of type '|O'",
    ),
    "unknown column of many types": (
        lambda c: changed(c, "schema.json", lambda v: v["columns"].append(["spam", "<f8,|O", []])),
        "a column 'spam' of type '<f8,|O'",
    ),
    "unknown column of another world": (
        lambda c: changed(c, "schema.json", lambda v: v["columns"].append(["spam", "<f8", [10**9, 10**9]])),
        "an impossible record",
    ),
    "unknown columns whose sizes overflow": (
        lambda c: changed(c, "schema.json", lambda v: v["columns"].extend([[w, "|b1", [2**31 - 1]] for w in "xyz"])),
        "an impossible record: it has more than 2147483647 bytes",
    ),
    "unknown column of nothing": (
        lambda c: changed(c, "schema.json", lambda v: v["columns"].append(["spam", "<f8", [0]])),
        "a column 'spam'",
    ),
    "enormous column": (lambda c: changed(c, "schema.json", column(0, ["step", "<i8", [10**9]])), "a column 'step'"),
    "column twice": (
        lambda c: changed(c, "schema.json", lambda v: v["columns"].append(["step", "<i8", []])),
        "lacks a column or repeats one",
    ),
    "lacking column": (lambda c: changed(c, "schema.json", lambda v: v["columns"].pop()), "lacks a column"),
    "other classes": (
        lambda c: changed(c, "schema.json", lambda v: v["class_names"].append("x")),
        "a column 'mean_prob'",
    ),
    "class names of numbers": (
        lambda c: changed(c, "schema.json", lambda v: v.update(class_names=[1, 2, 3])),
        "class_names",
    ),
    "no class names": (lambda c: changed(c, "schema.json", lambda v: v.pop("class_names")), "class_names"),
    "text for a number": (lambda c: changed(c, "schema.json", lambda v: v.update(parameters="many")), "parameters"),
    "endless epochs": (
        lambda c: changed(c, "schema.json", lambda v: v.update(steps_per_epoch=10**15)),
        "steps_per_epoch",
    ),
    "endless steps": (
        lambda c: changed(c, "schema.json", lambda v: v.update(steps=10**15)),
        "plans 1000000000000000 steps",
    ),
}


def refused(file: io.BytesIO, good: Run, cache: Path) -> str:
    """The sentence about the refused run; asserts that the valid run, and nothing else, was imported."""
    before = {path for path in cache.parent.rglob("*") if cache not in (path, *path.parents)}
    imported = import_runs(file, cache)
    assert imported.new == [good.id] and len(imported.refused) == 1, imported
    assert os.listdir(cache / "runs") == [good.id] and files_of(Run.open(good.id, cache)) == files_of(good)
    assert {path for path in cache.parent.rglob("*") if cache not in (path, *path.parents)} == before
    assert set(os.listdir(cache)) <= {"runs", "submit.lock", "arrivals.lock"}
    assert "\n" not in imported.refused[0] and imported.refused[0].endswith(".")
    return imported.refused[0]


@pytest.mark.parametrize(("damage", "message"), FOREIGN.values(), ids=FOREIGN)
def test_an_invalid_run_is_refused_alone(
    damage: Callable[[Files], Files], message: str, tiny: RunConfig, run: Run, tmp_path: Path
) -> None:
    bad = tiny.with_(seed=5)
    content = damage(files_of(run) | {"config.json": bad.to_json().encode()})
    sentence = refused(zipped(folder(bad.id, content) | folder(run.id, files_of(run))), run, tmp_path / "to")
    assert message in sentence and bad.id in sentence


FORGED: dict[str, tuple[Callable[[Files], Files], str]] = {
    "no records": (lambda c: {k: v for k, v in c.items() if k != "trajectory.bin"}, "trajectory.bin is missing"),
    "too few records": (
        lambda c: c | {"trajectory.bin": c["trajectory.bin"][: len(c["trajectory.bin"]) // 2]},
        "trajectory.bin has 6 records, status.json counts 12",
    ),
    "impossible records": (lambda c: c | {"trajectory.bin": b"\xff" * len(c["trajectory.bin"])}, "trajectory.bin: its"),
}


@pytest.mark.parametrize(("damage", "message"), FORGED.values(), ids=FORGED)
def test_a_run_that_could_not_be_read_is_refused_instead_of_listed_as_unreadable(
    damage: Callable[[Files], Files], message: str, tiny: RunConfig, run: Run, tmp_path: Path
) -> None:
    bad = tiny.with_(seed=5)
    content = damage(files_of(run) | {"config.json": bad.to_json().encode()})
    assert message in refused(zipped(folder(bad.id, content) | folder(run.id, files_of(run))), run, tmp_path / "to")


def test_the_run_without_damage_is_imported(tiny: RunConfig, run: Run, tmp_path: Path) -> None:
    """Without the damage of the test above, the run is imported."""
    other = tiny.with_(seed=5)
    content = files_of(run) | {"config.json": other.to_json().encode()}
    assert import_runs(zipped(folder(other.id, content)), tmp_path / "to").new == [other.id]


@pytest.mark.parametrize(
    "name",
    ["../evil/config.json", "/etc/passwd", "//x", "..", "C:\\evil\\config.json", "UPPER/config.json", "read-me.txt",
     "a b/config.json", "x" * 152 + "/config.json", "~/config.json",
     "<b>x</b>/config.json", "é/config.json"],
)  # fmt: skip
def test_names_never_leave_the_cache(name: str, run: Run, tmp_path: Path) -> None:
    sentence = refused(zipped({name: b"{}"} | folder(run.id, files_of(run))), run, tmp_path / "to")
    assert "is not in a run's folder" in sentence and len(sentence) < 250


def test_a_null_byte_hides_nothing(run: Run, tmp_path: Path) -> None:
    entry = zipfile.ZipInfo("abc/config.json")
    entry.filename = "abc/config.json\0.pkl"
    sentence = refused(zipped(folder(run.id, files_of(run)), (entry, b"{}")), run, tmp_path / "to")
    assert r"config.json\x00.pkl" in sentence


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_no_links_and_no_devices(kind: int, tiny: RunConfig, run: Run, tmp_path: Path) -> None:
    bad = tiny.with_(seed=5).id
    entry = zipfile.ZipInfo(f"{bad}/config.json")
    entry.external_attr = (kind | 0o777) << 16
    sentence = refused(zipped(folder(run.id, files_of(run)), (entry, b"/etc/passwd")), run, tmp_path / "to")
    assert f"run {bad}: config.json is a link or a device" in sentence


def test_a_file_twice(tiny: RunConfig, run: Run, tmp_path: Path) -> None:
    bad = tiny.with_(seed=5).id
    with pytest.warns(UserWarning, match="Duplicate name"):
        file = zipped(
            folder(run.id, files_of(run)) | {f"{bad}/config.json": b"{}"},
            (zipfile.ZipInfo(f"{bad}/config.json"), b"{}"),
        )
    assert "contains config.json twice" in refused(file, run, tmp_path / "to")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unusual_packing(method: int, tiny: RunConfig, run: Run, tmp_path: Path) -> None:
    entry = zipfile.ZipInfo(f"{tiny.with_(seed=5).id}/config.json")
    entry.compress_type = method
    assert "compressed by another method" in refused(
        zipped(folder(run.id, files_of(run)), (entry, b"{}")), run, tmp_path / "to"
    )


def test_a_bomb_by_ratio(tiny: RunConfig, run: Run, tmp_path: Path) -> None:
    bad = tiny.with_(seed=5)
    content = files_of(run) | {"config.json": bad.to_json().encode(), "trajectory.bin": bytes(20_000_000)}
    sentence = refused(zipped(folder(bad.id, content) | folder(run.id, files_of(run))), run, tmp_path / "to")
    assert "trajectory.bin unpacks to more than 300 times its size" in sentence


def test_a_bomb_by_size(tiny: RunConfig, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = tiny.with_(seed=5)
    content = files_of(run) | {"config.json": bad.to_json().encode(), "log.txt": os.urandom(1_000_001)}
    sentence = refused(zipped(folder(bad.id, content) | folder(run.id, files_of(run))), run, tmp_path / "to")
    assert "log.txt is 1.0 MB large, allowed: at most 1.0 MB" in sentence
    monkeypatch.setattr(limits, "MAX_CONTENT", 100_000)
    with pytest.raises(ArchiveError, match="unpacked, allowed: at most 100.0 kB"):
        import_runs(zipped({f"{bad.id}/log.txt": bytes(200_000)}), tmp_path / "other")
    assert not (tmp_path / "other" / "runs").exists()


def test_a_bomb_that_lies_about_its_size(tiny: RunConfig, run: Run, tmp_path: Path) -> None:
    bad = tiny.with_(seed=5).id
    file = zipped({f"{bad}/config.json": b" " * 900_000, f"{bad}/status.json": b"{}"} | folder(run.id, files_of(run)))
    raw = file.getvalue()
    assert raw.count(struct.pack("<L", 900_000)) == 2  # once before the file, once in the directory
    sentence = refused(io.BytesIO(raw.replace(struct.pack("<L", 900_000), struct.pack("<L", 10))), run, tmp_path / "to")
    assert f"run {bad}: config.json is damaged" in sentence


def test_a_flipped_bit(tiny: RunConfig, run: Run, tmp_path: Path) -> None:
    bad = tiny.with_(seed=5).id
    raw = bytearray(
        zipped(
            {f"{bad}/log.txt": os.urandom(1000), f"{bad}/config.json": b"{}", f"{bad}/status.json": b"{}"}
            | folder(run.id, files_of(run))
        ).getvalue()
    )
    raw[500] ^= 1
    assert f"run {bad}: log.txt is damaged" in refused(io.BytesIO(raw), run, tmp_path / "to")


def test_more_than_the_disk_holds(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "free", lambda _: 2000)
    with pytest.raises(ArchiveError, match="allowed: at most 1.0 kB, half of the free disk space"):
        import_runs(packed(run), tmp_path / "to")


def _long_directory(raw: bytes) -> bytes:
    start = raw.rfind(b"PK\5\6")
    return raw[: start + 12] + struct.pack("<L", 9_000_000) + raw[start + 16 :]


INVALID_ARCHIVES = {
    "nothing": (lambda raw: b"", "is not a zip archive"),
    "text": (lambda raw: b"hello", "is not a zip archive"),
    "cut off": (lambda raw: raw[: len(raw) // 2], "is not a zip archive"),
    "empty": (lambda raw: zipped({}).getvalue(), "the archive is empty"),
    "endless directory": (_long_directory, "far more files than 2000 runs have"),
    "64-bit directory": (
        lambda raw: raw[: raw.rfind(b"PK\5\6")] + b"PK\6\7" + bytes(16) + raw[raw.rfind(b"PK\5\6") :],
        "far more files",
    ),
    "too many runs": (
        lambda raw: zipped({f"r{n}/config.json": b"" for n in range(2001)}).getvalue(),
        "2001 runs, allowed: at most 2000",
    ),
}


@pytest.mark.parametrize(("damage", "message"), INVALID_ARCHIVES.values(), ids=INVALID_ARCHIVES)
def test_an_invalid_archive(damage: Callable[[bytes], bytes], message: str, run: Run, tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=message):
        import_runs(io.BytesIO(damage(packed(run).getvalue())), tmp_path / "to")
    assert not (tmp_path / "to" / "runs").exists()


def test_an_archive_without_its_beginning_is_refused(run: Run, tmp_path: Path) -> None:
    raw = packed(run).getvalue()
    imported = import_runs(io.BytesIO(raw[len(raw) // 2 :]), tmp_path / "to")
    assert not imported.new and "is damaged" in imported.refused[0]


def test_too_large_an_archive(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_ARCHIVE", 100)
    with pytest.raises(ArchiveError, match="allowed: at most 100 bytes"):
        import_runs(packed(run), tmp_path / "to")


def test_the_bytes_of_a_damaged_archive_are_not_quoted(run: Run, tmp_path: Path) -> None:
    """zipfile quotes a name as long as the damaged header says, here thousands of bytes of the records."""
    archive = bytearray(zipped(folder(run.id, files_of(run))).getvalue())
    archive[26:28] = (2000).to_bytes(2, "little")  # the length of the first file's name
    (sentence,) = import_runs(io.BytesIO(archive), tmp_path / "to").refused
    assert run.id in sentence and "is damaged" in sentence and len(sentence) < 400 and sentence.isprintable()
