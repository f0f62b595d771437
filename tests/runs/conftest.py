"""Fixtures for runs: no worker except in tests marked `worker`, and a finished run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from igbviz.config import RunConfig
from igbviz.runs import annotations, queue
from igbviz.runs.run import Run
from igbviz.training.loop import Training
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
def undisturbed_run(slow_tiny: RunConfig) -> tuple[np.ndarray, bytes]:
    training = Training(slow_tiny)
    probes = [(snapshot, training.images) for snapshot in training.ticks() if snapshot is not None]
    return np.array([snapshot for snapshot, _ in probes]), b"".join(images.tobytes() for _, images in probes)


@pytest.fixture
def undisturbed(undisturbed_run: tuple[np.ndarray, bytes]) -> np.ndarray:
    """The records of the slow run when its worker is neither stopped nor killed."""
    return undisturbed_run[0]


@pytest.fixture
def undisturbed_images(undisturbed_run: tuple[np.ndarray, bytes]) -> bytes:
    """The content of its images.bin."""
    return undisturbed_run[1]
