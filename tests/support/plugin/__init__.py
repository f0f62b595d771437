"""An installed package that adds a loss, a network and a data set, in a folder for PYTHONPATH.

`install` writes what pip would: the module, and beside it the folder of its metadata, where its entry point is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

from tests.support import ROOT

EXAMPLE = Path(__file__).parent / "example.py"


def install(
    folder: Path, code: str | None = None, *, package: str = "toypack", version: str = "1.0", entry: str = "toys"
) -> Path:
    """Install the module `package`, the example or this code, as this version; another one of it is replaced."""
    for old in folder.glob(f"{package}-*.dist-info"):
        shutil.rmtree(old)
    metadata = folder / f"{package}-{version}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    (metadata / "entry_points.txt").write_text(f"[igbviz]\n{entry} = {package}\n")
    (folder / f"{package}.py").write_text(EXAMPLE.read_text() if code is None else code)
    return folder


def python(code: str, site: Path, cache: Path | None = None) -> str:
    """What the code prints in a process of its own that has the packages in `site` installed."""
    path = os.pathsep.join(map(str, (site, ROOT)))
    environment = os.environ | {"PYTHONPATH": path} | ({"IGBVIZ_CACHE": str(cache)} if cache else {})
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, cwd=site.parent, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout + done.stderr
