"""A run small enough for every test, a cache of its own for each, and no worker left behind."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
from PIL import Image

from igbviz.config import RunConfig
from igbviz.datasets import base, public
from igbviz.runs import queue
from tests.support import ROOT
from tests.support.processes import end_workers
from tests.support.tiny import TINY


@pytest.fixture
def tiny() -> RunConfig:
    """16 steps an epoch, two epochs, 12 probes: well under a second."""
    return RunConfig(**TINY)


@pytest.fixture
def slow_tiny() -> RunConfig:
    """Long enough to be caught running: some thousand steps, with probes, momentum and dropout-free BatchNorm state to
    restore."""
    return RunConfig(
        **TINY
        | {
            "model": {"name": "mlp", "depth": 3, "width": 64, "normalization": "batch"},
            "optimizer": {"name": "sgd", "learning_rate": 0.01, "momentum": 0.9},
            "epochs": 250,
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
def data_root(tmp_path, monkeypatch):
    """Nothing outside of this test's own folder is read or written."""
    root = tmp_path / "data"
    monkeypatch.setenv("IGBVIZ_DATA", str(root))
    monkeypatch.setattr(base, "PROJECT_DATA", tmp_path / "nothing here")
    monkeypatch.setattr(public, "SYSTEM_DATA", tmp_path / "nothing there")
    return root


@pytest.fixture
def offline(monkeypatch):
    def refuse(*_, **__):
        raise URLError("no network in this test")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)


@pytest.fixture
def folder(tmp_path):
    """An image folder of two classes, 3 + 2 PNGs each, of random colours, 12 wide and 10 high."""
    random = np.random.default_rng(0)
    for split, count in (("train", 3), ("test", 2)):
        for name in ("cat", "dog"):
            (tmp_path / "images" / split / name).mkdir(parents=True)
            for number in range(count):
                pixels = random.integers(0, 256, (10, 12, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / "images" / split / name / f"{number}.png")
    return tmp_path / "images"
