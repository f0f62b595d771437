"""A run small enough for every test, a cache of its own for each, and no worker left behind."""

from __future__ import annotations

import os
import signal
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
from PIL import Image

from igbviz.config import RunConfig
from igbviz.datasets import base, public

TINY = {
    "dataset": {"name": "gaussian-noise", "size": 8, "train_examples": 256, "test_examples": 60, "classes": 3},
    "model": {"name": "mlp", "depth": 2, "width": 16},
    "optimizer": {"name": "sgd", "learning_rate": 0.05},
    "batch_size": 16,
    "epochs": 2,
    "probes": {"size": 60, "count": 12},
}


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


def worker_processes(cache: Path) -> dict[int, str]:
    """Process numbers of the keepers and workers of a cache, with their command lines."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if "igbviz.runs.worker" in command and str(cache.resolve()) in command:
            found[int(entry.name)] = command
    return found


def end_workers(cache: Path) -> None:
    until = time.monotonic() + 10
    while (alive := worker_processes(cache)) and time.monotonic() < until:
        for number in alive:
            try:
                os.kill(number, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.05)


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
