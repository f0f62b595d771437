"""What runs are tested on: no worker but where a test asks for one, and a finished run."""

from __future__ import annotations

from pathlib import Path

import pytest

from igbviz.config import RunConfig
from igbviz.runs import annotations, queue
from igbviz.runs.run import Run
from tests.support.stored_runs import finished


@pytest.fixture(autouse=True)
def nobody_works(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "worker" not in request.keywords:
        monkeypatch.setattr(queue, "ensure_worker", lambda *_, **__: None)


@pytest.fixture
def run(tiny: RunConfig, tmp_path: Path) -> Run:
    """A finished run in a cache of its own."""
    made = finished(tiny, tmp_path / "from")
    annotations.change(made, name="mine", tags=["keep"], note="look here")
    (made.path / "log.txt").write_text("hello\n")
    return made
