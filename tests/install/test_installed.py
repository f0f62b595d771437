"""igbviz as it is installed: its command and its app from any folder, its cache in the folder of the user."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path

import pytest

import igbviz
from tests.support import ROOT
from tests.support.installed import Installed
from tests.support.processes import end_workers, until
from tests.support.servers import free_port, healthy

pytestmark = pytest.mark.usefixtures("verification")  # which begins as soon as there is an installed package


def test_the_wheel_has_what_lies_beside_the_package(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    pages = {f"igbviz/_app/pages/{page.name}" for page in ROOT.glob("pages/*.py")}
    shipped = {
        f"igbviz/_app/cache/gallery/{file.relative_to(ROOT / 'cache' / 'gallery')}"
        for file in ROOT.glob("cache/gallery/*/*")
    }
    assert {"igbviz/py.typed", "igbviz/_app/app.py", "igbviz/_app/.streamlit/config.toml"} | pages | shipped <= names
    sources = {name for name in names if name.startswith("igbviz/") and "/_app/" not in name}
    tracked = subprocess.run(["git", "ls-files", "igbviz"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    assert not tracked or {name for name in tracked if (ROOT / name).exists()} <= sources
    assert {Path(name).parts[0] for name in names} == {"igbviz", f"igbviz-{igbviz.__version__}.dist-info"}


@pytest.mark.worker
def test_the_command_trains_from_any_folder(installed: Installed) -> None:
    cache = installed.folder / "home" / (".cache" if sys.platform != "darwin" else "Library/Caches") / "igbviz"
    try:
        before = snapshot(installed.package)
        assert installed.run("--version") == f"igbviz {igbviz.__version__}\n"
        table = installed.run("train", "first-look", "epochs=0.02")
        assert "mean accuracy" in table
        (run,) = (cache / "runs").iterdir()
        lines = installed.run("runs")
        assert lines.count(run.name) == 1 and "first" not in os.listdir(installed.folder / "work")
        for shipped in ROOT.glob("cache/gallery/*/config.json"):
            assert lines.count(shipped.parent.name) == 1
        assert "mean accuracy" in installed.run("show", shipped.parent.name)
        assert snapshot(installed.package) == before, "an installed program may be read-only"
    finally:
        end_workers(cache)


def snapshot(folder: Path) -> set[tuple[str, int]]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {(str(path), path.stat().st_mtime_ns) for path in files}


def test_the_app_opens_from_any_folder_for_this_machine_only(installed: Installed) -> None:
    port, cache, log = free_port(), installed.folder / "other cache", installed.folder / "app.log"
    command = installed.command("app", "--cache", str(cache), f"--server.port={port}", "--server.headless", "true")
    with log.open("wb") as output:
        app = subprocess.Popen(
            command,
            cwd=installed.folder / "work",
            env=installed.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        until(lambda: app.poll() is not None or healthy(f"http://127.0.0.1:{port}"), 60, "the start of igbviz app")
        assert app.poll() is None, log.read_text()
        for page in ("", "Train", "Runs"):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/{page}") as answer:
                assert answer.status == 200 and "Bad" not in log.read_text()
        listening = Path("/proc/net/tcp")
        if listening.exists():
            places = {line.split()[1] for line in listening.read_text().splitlines()[1:]}
            assert f"0100007F:{port:04X}" in places and f"00000000:{port:04X}" not in places
    finally:
        app.terminate()
        app.wait(10)
        end_workers(cache)
