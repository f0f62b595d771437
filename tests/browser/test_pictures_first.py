"""Lessons, Compare and the paper open on a picture: it begins high on the page, and what names things is not cut."""

from __future__ import annotations

import shutil

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.support import ROOT

pytestmark = pytest.mark.browser

HIGHEST = 330  # pixels from the top of a window of 1280x720 at which the picture begins, at the latest
PICTURES = {
    "Lessons": ".st-key-stage",
    "Lessons?lesson=silent-zone&step=1": ".st-key-stage",
    "Lessons?lesson=wrong-push&step=3": "[class*=st-key-lesson-chart-0]",
    "Lessons?lesson=wrong-push&step=4&presenter=1": "[class*=st-key-lesson-chart-0]",
    "Compare": ".st-key-compare-grid",
    "Compare?tab=overlay": ".st-key-compare-overlay",
    "Paper": "[class*=st-key-paper-figure-1]",
    "Paper?view=claims": "[class*=st-key-paper-figure-1]",
}


@pytest.fixture(scope="module")
def server(shared_app) -> str:
    """The app with the shipped runs."""
    address, cache = shared_app
    shutil.copytree(ROOT / "cache" / "gallery", cache / "gallery")
    return address


# The colors of captions and of chosen buttons are Streamlit's.
RULES = {"rules": {"color-contrast": {"enabled": False}}}
OVERPRINTS = """() => {
    const chart = document.querySelector('.igbviz-live-chart'), edge = chart.getBoundingClientRect();
    const texts = [...chart.querySelectorAll('.annotation-text, .xtick text, .ytick text, .legendtext')];
    const boxes = texts.map(t => [t.textContent, t.getBoundingClientRect()]).filter(([, b]) => b.width);
    const wrong = boxes.filter(([, b]) => b.left < edge.left - 1 || b.right > edge.right + 1).map(([t]) => t);
    const isTick = t => /^[\\d.]+$|Init/.test(t);  // turned ticks have wide boxes
    boxes.forEach(([t, a], i) => boxes.slice(i + 1).forEach(([u, b]) => {
        const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (wide > 1 && high > 3 && !(isTick(t) && isTick(u))) wrong.push(t + ' / ' + u);
    }));
    return wrong;
}"""


def go(page, address: str, awaited: str):
    """Open this address; returns the place of what is awaited there."""
    page.goto(address)
    page.locator(awaited).first.wait_for(timeout=60_000)
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for(timeout=30_000)
    return page.locator(awaited).first.bounding_box()


def test_the_picture_begins_high_on_a_page_that_all_can_read(server: str, browser) -> None:
    page, found = browser.new_page(viewport={"width": 1280, "height": 720}), {}
    for address, picture in PICTURES.items():
        found[address] = go(page, f"{server}/{address}", picture)["y"]
        broken = Axe().run(page, options=RULES).response["violations"]
        assert not [(each["id"], each["nodes"][0]["html"][:200]) for each in broken], address
        assert page.locator("h1:visible").count() == 1, address
    assert all(top <= HIGHEST for top in found.values()), found


def test_next_stays_where_it_is(server: str, browser) -> None:
    page, places = browser.new_page(viewport={"width": 1280, "height": 720}), set()
    for step in (1, 2, 3):
        box = go(page, f"{server}/Lessons?lesson=wrong-push&step={step}", ".st-key-lesson-next button")
        places.add((round(box["x"]), round(box["y"])))
    assert len(places) == 1 and max(y for _, y in places) < 200, places


def test_texts_of_the_grid_do_not_overprint(server: str, browser) -> None:
    page = browser.new_page()
    for width, height in ((1280, 720), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        go(page, f"{server}/Compare", ".igbviz-live-chart[data-points]")
        page.wait_for_timeout(500)
        assert not page.evaluate(OVERPRINTS), width
