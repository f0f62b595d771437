"""The app on its own cache, for the benchmarks that look at it from outside."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import ROOT
from tests.support.servers import servers


@contextmanager
def app(cache: Path) -> Iterator[str]:
    """The address of a fresh server that is ready to respond."""
    with tempfile.TemporaryDirectory() as folder, servers(Path(folder)) as start:
        yield start(ROOT / "app.py", env={"IGBVIZ_CACHE": str(cache)})
