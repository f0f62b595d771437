"""Temporary data folders, and no network."""

from __future__ import annotations

import urllib.request
from urllib.error import URLError

import numpy as np
import pytest
from PIL import Image

from igbviz.datasets import base, public


@pytest.fixture
def data_root(tmp_path, monkeypatch):
    """Nothing outside the temporary folder of the test is read or written."""
    root = tmp_path / "data"
    monkeypatch.setenv("IGBVIZ_DATA", str(root))
    monkeypatch.setattr(base, "DEFAULT_DATA", tmp_path / "nothing here")
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
