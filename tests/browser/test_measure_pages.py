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


@pytest.mark.parametrize("name", PICTURES)
def test_the_picture_comes_first_and_no_text_lies_on_another(name: str, gallery: str, browser) -> None:
    page = visit(browser, f"{gallery}/{name}")
    page.set_viewport_size({"width": 1280, "height": 720})
    charts = [f".st-key-{key} .igbviz-live-chart" for key in (PICTURES[name], *OTHERS.get(name, []))]
    for chart in charts:
        page.locator(f"{chart}[data-points]").wait_for(timeout=60_000)
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for(timeout=30_000)
    page.wait_for_timeout(500)  # the charts follow the width of the window
    box = page.locator(charts[0]).bounding_box()
    assert box["y"] <= 330 and box["height"] >= 400 and box["width"] >= (450 if name == "Phases" else 700)
    assert not overlapping_texts(page, ", ".join(charts))

    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(1000)
    assert page.locator(charts[0]).bounding_box()["width"] < 390
    assert not overlapping_texts(page, ", ".join(charts))
    assert page.locator("[data-testid=stException]").count() == 0 and not page.outside


def test_texts_that_overlap_are_found(browser) -> None:
    """The test above would pass if nothing were ever found."""
    page = browser.new_page()
    texts = "".join(f'<text x="{x}" y="20">{name}</text>' for name, x in (("one", 0), ("two", 8), ("three", 90)))
    page.set_content(f'<div class="figure"><svg width="200" height="50">{texts}</svg></div>')
    assert overlapping_texts(page, ".figure") == [("two", "one")]
