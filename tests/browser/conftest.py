"""What every browser test needs: a Chromium, a Streamlit server on a free port, and a page that tells when it has
drawn."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tests.support import ROOT
from tests.support.browser import find_chromium
from tests.support.processes import end_workers, free_port, healthy, until

ARTEFACTS = ROOT / "tests" / "artefacts"


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium for the whole session. Without one the tests are skipped, but on a CI machine they fail."""
    program = find_chromium()
    if program is None:
        sentence = "No Chromium found: install chromium or google-chrome to run the browser tests."
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(sentence)
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=program, args=flags)
        yield chromium
        chromium.close()


@pytest.fixture
def serve(tmp_path) -> Iterator[Callable[..., str]]:
    """serve(app, env=None, theme=None, base="") -> address. The servers and their workers end with the test; what they
    printed is in tmp_path, as are the caches they work on."""
    servers = []

    def start(app: str | Path, env: dict[str, str] | None = None, theme: str | None = None, base: str = "") -> str:
        port = free_port()
        options = {
            "server.port": port,
            "server.address": "127.0.0.1",
            "server.headless": "true",
            "server.fileWatcherType": "none",
            "server.baseUrlPath": base,
            "browser.gatherUsageStats": "false",
            "theme.base": theme or "light",
        }
        command = [sys.executable, "-m", "streamlit", "run", str(app)] + [
            f"--{name}={value}" for name, value in options.items()
        ]
        python_path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        output = (tmp_path / f"server-{port}.txt").open("wb")
        environment = os.environ | {"PYTHONPATH": python_path} | (env or {})
        server = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        servers.append((server, output))
        address = f"http://127.0.0.1:{port}/{base}".rstrip("/")
        until(lambda: server.poll() is not None or healthy(address), 60, f"the start of {app}")
        assert server.poll() is None, f"the server ended: {Path(output.name).read_text()}"
        return address

    yield start
    for server, output in servers:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        output.close()
    end_workers(tmp_path)  # last: a page that is still open has its server call a worker back


@pytest.fixture
def artefacts() -> Path:
    """The folder for screenshots, ignored by git."""
    ARTEFACTS.mkdir(exist_ok=True)
    return ARTEFACTS


@pytest.fixture
def app(serve, cache: Path):
    """The app on an empty cache, without a network: (address, cache)."""
    return serve(ROOT / "app.py", env={"IGBVIZ_CACHE": str(cache)}), cache
