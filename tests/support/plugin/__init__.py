"""An installed package that adds a loss, a network and a data set, in a folder for PYTHONPATH.

`install` writes what pip would: the module, and beside it the folder of its metadata, where its entry point is.
"""

from __future__ import annotations

import shutil
from pathlib import Path

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
