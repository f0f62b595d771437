"""JupyterLab on a free port, with notebooks that tests write."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import ROOT
from tests.support.processes import end_workers, until
from tests.support.servers import free_port


@contextmanager
def jupyterlab(folder: Path) -> Iterator[str]:
    """JupyterLab's address; it serves the notebooks in `folder`, where its settings and the cache of runs lie, too."""
    address = f"http://127.0.0.1:{(port := free_port())}"
    options = ["--no-browser", "--allow-root", f"--port={port}", "--IdentityProvider.token=", "--ip=127.0.0.1"]
    options += ["--ServerApp.disable_check_xsrf=True"]  # so that `end_kernels` may end them
    places = {name: str(folder / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "IPYTHONDIR")}
    own = {
        "PYTHONPATH": str(ROOT),
        "IGBVIZ_CACHE": str(folder / "cache"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "lab"),
    }
    with (folder / "jupyter.txt").open("wb") as output:
        command = [sys.executable, "-m", "jupyterlab", *options]
        server = subprocess.Popen(command, cwd=folder, env=os.environ | places | own, stdout=output, stderr=output)
        try:
            until(lambda: server.poll() is not None or _answers(address), 90, "the start of JupyterLab")
            assert server.poll() is None, (folder / "jupyter.txt").read_text()
            yield address
        finally:
            if server.poll() is None:
                end_kernels(address)
                server.kill()
            server.wait()
            end_workers(folder)


def write_notebook(path: Path, *cells: str) -> None:
    """A notebook of these cells of code."""
    blank = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    code = [blank | {"id": f"cell-{number}", "source": text} for number, text in enumerate(cells)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path.write_text(json.dumps({"cells": code, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))


def end_kernels(address: str) -> None:
    """As after a restart of the machine: what the notebooks show is all that is left."""
    with urllib.request.urlopen(f"{address}/api/sessions", timeout=10) as answer:
        sessions = json.load(answer)
    for session in sessions:
        request = urllib.request.Request(f"{address}/api/sessions/{session['id']}", method="DELETE")
        urllib.request.urlopen(request, timeout=20).close()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/api", timeout=1) as answer:
            return answer.status == 200
    except OSError:
        return False
