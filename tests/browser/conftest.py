"""Fixtures of the browser tests: Chromium, and the app on a server per test or per module."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from igbviz.charts.browser import find_chromium
from tests.support import ROOT
from tests.support.servers import servers

ARTEFACTS = ROOT / "tests" / "artefacts"


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium for the whole session. Without one the tests are skipped, but on a CI machine they fail."""
    program = find_chromium()
    if program is None:
        sentence = "No Chromium found: install chromium or google-chrome to run the browser tests."
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(sentence)
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=program, args=flags)
        yield chromium
        chromium.close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Servers of one test."""
    with servers(tmp_path) as start:
        yield start


@pytest.fixture(scope="module")
def shared_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The app on a cache that the tests of a module share: (address, cache)."""
    folder = tmp_path_factory.mktemp("shared")
    with servers(folder) as start:
        yield start(ROOT / "app.py", env={"IGBVIZ_CACHE": str(folder / "cache")}), folder / "cache"


@pytest.fixture(autouse=True)
def no_page_left(browser) -> Iterator[None]:
    """A page left open keeps polling its server, even after the server has stopped."""
    yield
    for context in browser.contexts:
        context.close()


@pytest.fixture
def artefacts() -> Path:
    """The folder for screenshots, ignored by git."""
    ARTEFACTS.mkdir(exist_ok=True)
    return ARTEFACTS


@pytest.fixture
def app(serve, cache: Path):
    """The app on an empty cache, without a network: (address, cache)."""
    return serve(ROOT / "app.py", env={"IGBVIZ_CACHE": str(cache)}), cache
