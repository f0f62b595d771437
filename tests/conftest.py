"""Fixtures for all tests: small runs, an empty cache per test, and no worker left running."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from igbviz.config import RunConfig
from igbviz.runs import queue
from igbviz.runs.sweep_config import Sweep
from tests.support import ROOT
from tests.support.processes import end_workers
from tests.support.tiny import TINY, TWO_BY_TWO

# A relative name lies in each cache: so the caches of tests have no shipped runs but those that a test puts there.
os.environ["IGBVIZ_GALLERY"] = "gallery"


@pytest.fixture
def tiny() -> RunConfig:
    """16 steps per epoch, two epochs, 12 probes: well under a second."""
    return RunConfig(**TINY)


@pytest.fixture(scope="session")
def slow_tiny() -> RunConfig:
    """Long enough to be interrupted: 2,400 steps, with probes, momentum and BatchNorm state to restore."""
    return RunConfig(
        **TINY
        | {
            "model": {"name": "mlp", "depth": 3, "width": 64, "normalization": "batch"},
            "optimizer": {"name": "sgd", "learning_rate": 0.01, "momentum": 0.9},
            "epochs": 150,
            "probes": {"size": 60, "count": 200},
        }
    )


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Path]:
    """An empty cache folder; workers that a test starts on it are killed afterwards."""
    folder = tmp_path / "cache"
    folder.mkdir()
    yield folder
    end_workers(folder)


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The empty cache of pages opened in this process; the runs that they submit stay queued: no worker is started."""
    from igbviz.ui.runs import forget_rows  # imported here because Streamlit takes a second

    monkeypatch.setenv("IGBVIZ_CACHE", str(tmp_path))
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(queue, "ensure_worker", lambda *_, **__: None)
    forget_rows()
    return tmp_path


@pytest.fixture
def sweep() -> Sweep:
    """A grid of two losses and two seeds."""
    return Sweep(base=TINY, axes=TWO_BY_TWO)
