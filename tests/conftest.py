"""A run small enough for every test, a cache of its own for each, and no worker left behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from igbviz.config import RunConfig
from igbviz.runs import queue
from igbviz.runs.sweep_config import Sweep
from tests.support import ROOT
from tests.support.processes import end_workers
from tests.support.tiny import TINY, TWO_BY_TWO


@pytest.fixture
def tiny() -> RunConfig:
    """16 steps an epoch, two epochs, 12 probes: well under a second."""
    return RunConfig(**TINY)


@pytest.fixture(scope="session")
def slow_tiny() -> RunConfig:
    """Long enough to be caught running: some thousand steps, with probes, momentum and dropout-free BatchNorm state to
    restore."""
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
    """An empty cache folder; the workers that a test started on it are ended with it."""
    folder = tmp_path / "cache"
    folder.mkdir()
    yield folder
    end_workers(folder)


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The empty cache that pages opened in this process work on; what they submit waits, for no worker is called."""
    from igbviz.ui.runs import forget_rows  # not before it is needed: Streamlit takes a second

    monkeypatch.setenv("IGBVIZ_CACHE", str(tmp_path))
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(queue, "ensure_worker", lambda *_, **__: None)
    forget_rows()
    return tmp_path


@pytest.fixture
def sweep() -> Sweep:
    return Sweep(base=TINY, axes=TWO_BY_TWO)
