"""Losses, the phase diagram and robustness in a browser: the picture comes first, and no text lies on another."""

from __future__ import annotations

import shutil

import pytest

from tests.support import ROOT
from tests.support.browser import overlapping_texts, visit

pytestmark = pytest.mark.browser

PICTURES = {
    "Losses": "chart-over-p",
    "Phases": "phase-map",
    "Robustness": "robust-trade-off",
    "Robustness?view=imbalance": "robust-trade-off",
}
OTHERS = {
    "Losses": ["chart-over-lead"],
    "Robustness": ["robust-time"],
    "Robustness?view=imbalance": ["robust-time"],
}


@pytest.fixture(scope="module")
def gallery(shared_app: tuple[str, object]) -> str:
    """The address of the app with the shipped runs."""
    address, cache = shared_app
    shutil.copytree(ROOT / "cache" / "gallery", cache / "gallery")
    return address


def opened(browser, address: str, name: str, width: int, height: int):
    page = visit(browser, f"{address}/{name}")
    page.set_viewport_size({"width": width, "height": height})
    for key in [PICTURES[name], *OTHERS.get(name, [])]:
        page.locator(f".st-key-{key} .igbviz-live-chart[data-points]").wait_for(timeout=60_000)
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for(timeout=30_000)
    page.wait_for_timeout(500)  # the charts follow the width of the window
    return page


@pytest.mark.parametrize("name", PICTURES)
def test_the_picture_comes_first_and_is_large(name: str, gallery: str, browser) -> None:
    page = opened(browser, gallery, name, 1280, 720)
    box = page.locator(f".st-key-{PICTURES[name]} .igbviz-live-chart").bounding_box()
    assert box["y"] <= 330 and box["height"] >= 400 and box["width"] >= (450 if name == "Phases" else 700)
    assert page.locator("[data-testid=stException]").count() == 0 and not page.outside


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", PICTURES)
def test_no_text_lies_on_another(name: str, width: int, gallery: str, browser) -> None:
    page = opened(browser, gallery, name, width, 844)
    for key in [PICTURES[name], *OTHERS.get(name, [])]:
        assert not overlapping_texts(page, f".st-key-{key} .igbviz-live-chart"), key


def test_texts_that_overlap_are_found(browser) -> None:
    """The two tests above would pass if nothing were ever found."""
    page = browser.new_page()
    texts = "".join(f'<text x="{x}" y="20">{name}</text>' for name, x in (("one", 0), ("two", 8), ("three", 90)))
    page.set_content(f'<div class="figure"><svg width="200" height="50">{texts}</svg></div>')
    assert overlapping_texts(page, ".figure") == [("two", "one")]
