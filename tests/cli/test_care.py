"""Looking after a cache: what `doctor` finds, what `clean` removes, and the version of a cache."""

from __future__ import annotations

import os
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from igbviz.cli import clean, doctor, main
from igbviz.config import RunConfig
from igbviz.datasets import ImageFolder, uploads
from igbviz.runs import trash
from igbviz.runs.files import CACHE_VERSION, NewerCache
from igbviz.runs.run import Run, RunError
from igbviz.runs.submit import submit
from tests.support.pictures import pets, zipped
from tests.support.stored_runs import finished


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class TestDoctor:
    def lines(self, cache: Path, capsys: pytest.CaptureFixture, *options: str) -> tuple[int, dict[str, str]]:
        """The exit status and the line of each check, with its remedy."""
        code = main(["doctor", "--cache", str(cache), "--port", str(free_port()), *options])
        lines: list[str] = []
        for line in capsys.readouterr().out.splitlines():
            if line.startswith(" "):
                lines[-1] += line
            else:
                lines.append(line)
        return code, {line.split()[1]: line for line in lines}

    def test_a_healthy_machine(self, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
        code, lines = self.lines(tmp_path, capsys)
        assert code == 0 and all(line.startswith("ok") for line in lines.values()), lines
        assert list(lines) == [
            "versions",
            "torch",
            "torchvision",
            "plugins",
            "cache",
            "disk",
            "pictures",
            "memory",
            "port",
            "clock",
        ]
        assert "Python 3" in lines["versions"] and "streamlit" in lines["versions"]
        assert not list(tmp_path.iterdir()), "it leaves nothing"

    def test_a_cache_that_cannot_be_written(
        self, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuses(path: Path, *_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr(Path, "write_text", refuses)
        code, lines = self.lines(tmp_path, capsys)
        assert code == 1 and lines["cache"].startswith("broken") and "permission denied" in lines["cache"]
        assert "to mend it: make it writable" in lines["cache"]
        assert [name for name, line in lines.items() if line.startswith("broken")] == ["cache"]

    def test_a_port_in_use(self, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            code, lines = self.lines(tmp_path, capsys, "--port", str(other.getsockname()[1]))
        assert code == 1 and "in use" in lines["port"] and "--server.port" in lines["port"]

    def test_the_pages_may_be_open(self, tmp_path: Path) -> None:
        class Healthy(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_: object) -> None:
                pass

        with HTTPServer(("127.0.0.1", 0), Healthy) as server:
            threading.Thread(target=server.handle_request, daemon=True).start()
            finding = doctor.port(server.server_port)
        assert finding == doctor.Finding(f"the pages are served on {server.server_port}")

    def test_little_room(self, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(doctor, "free", lambda _: 3_000_000)
        monkeypatch.setattr(doctor, "CGROUP", tmp_path)
        (tmp_path / "memory.max").write_text("900000000\n")
        (tmp_path / "memory.current").write_text("700000000\n")
        (tmp_path / "memory.stat").write_text("anon 600000000\ninactive_file 100000000\n")
        code, lines = self.lines(tmp_path, capsys)
        assert code == 1 and "3.0 MB free" in lines["disk"] and "igbviz clean" in lines["disk"]
        assert "300.0 MB free" in lines["memory"] and "to mend it" in lines["memory"]

    def test_little_room_for_pictures(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        uploads.add(zipped(pets()), "pets.zip", tmp_path)
        finding = doctor.pictures(tmp_path)
        assert finding.found.startswith("12.3 kB of uploaded pictures") and not finding.remedy
        monkeypatch.setattr(uploads, "MAX_TOTAL", uploads.MAX_UPLOAD)
        assert "clean --pictures" in doctor.pictures(tmp_path).remedy

    def test_a_wrong_clock(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        now = time.time()
        with monkeypatch.context() as patch:
            patch.setattr(time, "time", lambda: now - 3600)
            assert "disk of the cache is 3600 s ahead" in doctor.clock(tmp_path).found
            patch.setattr(time, "time", lambda: 0.0)
            assert "before this program was written" in doctor.clock(tmp_path).found
        assert not doctor.clock(tmp_path).remedy

    def test_a_check_that_fails_in_another_way(
        self, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fails() -> doctor.Finding:
            raise ImportError("libtorch.so: cannot open shared object file\nmore")

        monkeypatch.setattr(doctor, "torch_computes", fails)
        code, lines = self.lines(tmp_path, capsys)
        assert code == 1 and "ImportError: libtorch.so: cannot open shared object file" in lines["torch"]
        assert "pip install -r requirements.txt" in lines["torch"]


class TestClean:
    @pytest.fixture
    def cache(self, tiny: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """One of each kind that is removed, beside one that is not."""
        cache, hours_ago = tmp_path / "cache", time.time() - 7200
        monkeypatch.setenv("IGBVIZ_DATA", str(tmp_path / "data"))
        monkeypatch.setattr(clean, "DEFAULT_CACHE", cache)
        done, stopped = finished(tiny, cache), finished(tiny.with_(seed=1), cache, "stopped")
        for run in (done, stopped):
            (run.path / "checkpoint.pt").write_bytes(b"c" * 2000)
        for name in (".status.json.12-34", "checkpoint.tmp"):
            (done.path / name).write_bytes(b"x" * 10)
            os.utime(done.path / name, (hours_ago, hours_ago))
        (done.path / ".status.json.56-78").write_text("{")  # may be being written
        for days in (1, 8):
            folder = cache / "trash" / f"{int((time.time() - days * 86_400) * 1e9):020d}-deleted"
            folder.mkdir(parents=True)
            (folder / "config.json").write_text("{}")
        for split in ("train", "test"):
            for name in ("cats", "dogs"):
                (place := tmp_path / "images" / split / name).mkdir(parents=True)
                Image.new("RGB", (8, 8)).save(place / "one.png")
        images = ImageFolder(folder=str(tmp_path / "images"), size=8)
        images.load("cpu")
        submit(tiny.with_(dataset=images, probes={"size": 10, "count": 2}), cache)
        np.savez(tmp_path / "data" / "decoded" / "0123.npz", train=np.zeros(9))
        return cache

    REMOVED = (".status.json.12-34", "0123.npz", "checkpoint.pt", "checkpoint.tmp")

    def test_a_dry_run_removes_nothing(self, cache: Path, capsys: pytest.CaptureFixture) -> None:
        before = sorted(cache.parent.rglob("*"))
        assert main(["clean", "--dry-run", "--cache", str(cache)]) == 0
        out = capsys.readouterr().out
        assert sorted(cache.parent.rglob("*")) == before
        lines = out.splitlines()
        assert len(lines) == 6 and "can be removed" in lines[-1] and "2.0 kB  the checkpoint of a finished run" in out
        names = sorted(Path(line.rpartition(": ")[2]).name for line in lines[:-1])
        assert names[0] == ".status.json.12-34" and {*names} > {*self.REMOVED}

    def test_it_removes_what_it_lists(self, cache: Path, capsys: pytest.CaptureFixture) -> None:
        before = set(cache.parent.rglob("*"))
        assert main(["clean", "--cache", str(cache)]) == 0
        listed = {Path(line.rpartition(": ")[2]) for line in capsys.readouterr().out.splitlines()[:-1]}
        assert {path for path in before - set(cache.parent.rglob("*")) if path.parent not in listed} == listed
        assert {path.name for path in listed} > {*self.REMOVED}
        assert main(["clean", "--cache", str(cache)]) == 0
        assert capsys.readouterr().out.startswith("0 bytes removed"), "nothing is left to remove"

    def test_pictures_go_only_on_request_and_if_no_run_uses_them(
        self, tiny: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("IGBVIZ_DATA", str(tmp_path / "data"))
        used, unused = (uploads.add(zipped(pets(count)), "pets.zip", tmp_path) for count in (3, 4))
        run = submit(tiny.with_(dataset=ImageFolder(folder=str(used.folder), size=8)), tmp_path)
        for name in (".pets-0.12-34", ".deleted-5"):
            (tmp_path / "pictures" / name / "train").mkdir(parents=True)
            os.utime(tmp_path / "pictures" / name, (0, 0))
        assert main(["clean", "--cache", str(tmp_path)]) == 0
        assert sorted(path.name for path in (tmp_path / "pictures").glob("*")) == sorted(
            [".lock", used.folder.name, unused.folder.name]
        )
        assert trash.trash([run]) == []
        assert main(["clean", "--pictures", "--cache", str(tmp_path)]) == 0
        assert uploads.sets(tmp_path) == [used]


class TestVersion:
    def test_the_first_writer_notes_it(self, tiny: RunConfig, tmp_path: Path) -> None:
        run = submit(tiny, tmp_path)
        assert (tmp_path / "version").read_text() == f"{CACHE_VERSION}\n" and Run.open(run.id, tmp_path) == run

    @pytest.mark.parametrize("text", [None, "0", "not a number", ""])
    def test_an_older_one_is_read(self, text: str | None, tiny: RunConfig, tmp_path: Path) -> None:
        run = finished(tiny, tmp_path)
        if text is not None:
            (tmp_path / "version").write_text(text)
        assert main(["runs", "--cache", str(tmp_path)]) == 0 and submit(tiny, tmp_path) == run

    def test_a_newer_one_is_refused_in_one_sentence(
        self, tiny: RunConfig, tmp_path: Path, capsys: pytest.CaptureFixture
    ) -> None:
        run = finished(tiny, tmp_path)
        (tmp_path / "version").write_text(str(CACHE_VERSION + 1))
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(NewerCache, match=f"has version {CACHE_VERSION + 1}, allowed: up to {CACHE_VERSION}"):
            submit(tiny.with_(seed=9), tmp_path)
        with pytest.raises(RunError, match="update igbviz"):
            Run.open(run.id, tmp_path)
        assert main(["runs", "--cache", str(tmp_path)]) == 2
        assert capsys.readouterr().err.count("\n") == 1 and sorted(tmp_path.rglob("*")) == before
        assert doctor.can_write(tmp_path).remedy.startswith("update igbviz")


def test_a_folder_in_place_of_a_checkpoint_keeps_nothing_else(
    tiny: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("IGBVIZ_DATA", str(tmp_path / "data"))
    checkpoints = [finished(tiny.with_(seed=seed), tmp_path).path / "checkpoint.pt" for seed in (1, 2, 3)]
    checkpoints[0].mkdir()
    checkpoints[1].symlink_to(checkpoints[1].name)
    checkpoints[2].write_bytes(b"x")
    assert main(["clean", "--cache", str(tmp_path)]) == 0
    assert not any(map(os.path.lexists, checkpoints)) and capsys.readouterr().out.count("checkpoint of a finished") == 3


def test_a_number_that_is_no_port() -> None:
    assert doctor.port(99_999).remedy.startswith("choose one from 1 to 65535")
