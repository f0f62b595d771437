"""A race in a browser: pressed on the first page, watched to its end, and opened again from its link."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.browser import visit

pytestmark = [pytest.mark.browser, pytest.mark.worker]

LANES = ".igbviz-lanes"
CURSORS = "[...document.querySelectorAll('.igbviz-lanes .cursor')].map((line) => Math.round(+line.getAttribute('x1')))"


def at(page, percent: int) -> str:
    """The text of a lane's fate, with the player at this part of the time axis."""
    page.evaluate(f"""() => {{
        const time = document.querySelector('{LANES} .time'), low = Number(time.min), high = Number(time.max);
        time.value = low + (high - low) * {percent} / 100;
        time.dispatchEvent(new Event('input'));
    }}""")
    return page.locator(f"{LANES} .fate").first.inner_text()


def test_from_the_first_page_to_the_end_and_to_a_link(app, browser, artefacts: Path) -> None:
    address, cache = app
    shutil.copytree(ROOT / "cache" / "gallery", cache / "gallery")
    page = visit(browser, address)
    page.set_viewport_size({"width": 1280, "height": 720})
    page.get_by_role("button", name="Race", exact=True).click(timeout=60_000)
    page.wait_for_url("**/Race?lanes=*", timeout=60_000)
    page.locator(f"{LANES}[data-started='2']").wait_for(timeout=60_000)
    boxes = [page.locator(f"{LANES} {part}").bounding_box() for part in (".verdict", ".chart >> nth=1", ".player")]
    assert boxes[0]["y"] > 0 and max(box["y"] + box["height"] for box in boxes) <= 720, boxes
    assert boxes[1]["height"] >= 200 and boxes[1]["width"] >= 620
    page.locator(f"{LANES}[data-ended=true]").wait_for(timeout=240_000)
    page.screenshot(path=artefacts / "race_light.png")

    assert at(page, 0) == "has not left its guess yet"
    assert at(page, 60) == "left its guess at step 7"
    one, other = page.evaluate(CURSORS)
    assert one == other > 0
    verdict = page.locator(f"{LANES} .verdict").inner_text()
    assert verdict == "In the end: Cross-entropy left its guess at step 7, Generalized cross-entropy never."
    page.wait_for_url("**at=*")

    elsewhere = visit(browser, page.url, color_scheme="dark")
    elsewhere.locator(f"{LANES}[data-ended=true]").wait_for(timeout=60_000)
    assert elsewhere.locator(f"{LANES} .verdict").inner_text() == verdict
    assert elsewhere.locator(f"{LANES} .now").inner_text() == page.locator(f"{LANES} .now").inner_text()
    assert not elsewhere.locator(".st-key-race-run").count(), "nothing is left to be trained"
    assert not page.outside and not elsewhere.outside
