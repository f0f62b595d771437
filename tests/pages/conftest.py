"""Every page works on a cache of its own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_cache(own_cache: Path) -> Path:
    return own_cache
