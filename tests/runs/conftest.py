"""What runs are tested on: no worker but where a test asks for one, and a finished run."""

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


@pytest.fixture(scope="session")
def undisturbed(slow_tiny: RunConfig) -> np.ndarray:
    """The records of the slow run when nobody stops or kills its worker."""
    return np.array(list(train(slow_tiny)))
