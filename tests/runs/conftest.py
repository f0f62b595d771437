"""Fixtures for runs: no worker except in tests marked `worker`, and a finished run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from igbviz.config import RunConfig
from igbviz.runs import annotations, queue
from igbviz.runs.run import Run
from igbviz.training.loop import train
from tests.support.stored_runs import finished


@pytest.fixture(autouse=True)
def no_worker(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs stay queued, except in tests marked `worker`."""
    if "worker" not in request.keywords:
        monkeypatch.setattr(queue, "ensure_worker", lambda *_, **__: None)


@pytest.fixture
def run(tiny: RunConfig, tmp_path: Path) -> Run:
    """A finished, annotated run in its own cache."""
    run = finished(tiny, tmp_path / "from")
    annotations.change(run, name="mine", tags=["keep"], note="look here")
    (run.path / "log.txt").write_text("hello\n")
    return run


@pytest.fixture(scope="session")
def undisturbed(slow_tiny: RunConfig) -> np.ndarray:
    """The records of the slow run when its worker is neither stopped nor killed."""
    return np.array(list(train(slow_tiny)))
