"""Streamlit servers on free ports, which end with the context that started them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import ROOT
from tests.support.processes import end_workers, until


@contextmanager
def servers(folder: Path) -> Iterator[Callable[..., str]]:
    """Yield start(app, env=None, theme=None, base="") -> address. The servers and their workers end with the context.

    `folder` holds the output of the servers and their caches.
    """
    started = []

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
        output = (folder / f"server-{port}.txt").open("wb")
        environment = os.environ | {"PYTHONPATH": python_path} | (env or {})
        server = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        started.append((server, output))
        address = f"http://127.0.0.1:{port}/{base}".rstrip("/")
        until(lambda: server.poll() is not None or healthy(address), 120, f"the start of {app}")
        assert server.poll() is None, f"the server ended: {Path(output.name).read_text()}"
        return address

    try:
        yield start
    finally:
        for server, output in started:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
            output.close()
        end_workers(folder)  # last, since a page that is still open makes its server start a worker


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def healthy(address: str) -> bool:
    """Whether a Streamlit server answers there."""
    try:
        with urllib.request.urlopen(f"{address}/_stcore/health", timeout=1) as answer:
            return answer.status == 200
    except OSError:
        return False
