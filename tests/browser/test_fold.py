"""What is seen without scrolling: the whole stage on Home and Train, clear of what floats above the page."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from igbviz.config import PRESETS
from igbviz.runs.submit import submit
from tests.support import ROOT

pytestmark = pytest.mark.browser

DRAWN = "[data-testid=stApp][data-test-script-state=notRunning]"
LAPTOP, PROJECTOR = {"width": 1280, "height": 720}, {"width": 1920, "height": 1080}
LEAST_PLOT = {1280: (620, 320), 1920: (1000, 520)}  # pixels, by the width of the window
WITH_SLIDER = PRESETS["first-look-piecewise-zero"].config
# With a slider, a title of two lines, a long verdict, and three buttons beside it.
FULL = "fashion-mini-symmetric-noise-40-mlp-piecewise-zero-s0-97b49a3048"


@pytest.fixture(scope="module")
def app(shared_app) -> tuple[str, Path]:
    """The app with the shipped runs: (address, cache)."""
    shutil.copytree(ROOT / "cache" / "gallery", shared_app[1] / "gallery")
    return shared_app


def parts_of_the_stage(page) -> dict[str, dict[str, float]]:
    stage = page.locator(".igbviz-stage[data-ready]")
    stage.wait_for(timeout=60_000)
    return {part: stage.locator(f".{part}").bounding_box() for part in ("verdict", "plot", "player")}


def assert_above_the_fold(page) -> None:
    for size in (LAPTOP, PROJECTOR):
        page.set_viewport_size(size)
        page.wait_for_timeout(500)  # the stage follows the width of the window
        boxes = parts_of_the_stage(page)
        wide, high = LEAST_PLOT[size["width"]]
        assert boxes["plot"]["width"] >= wide and boxes["plot"]["height"] >= high, boxes
        assert boxes["verdict"]["y"] > 0 and max(b["y"] + b["height"] for b in boxes.values()) <= size["height"], boxes


@pytest.mark.parametrize("name", ["", "Train", f"Train?run={FULL}"])
def test_the_whole_stage_is_above_the_fold(app, browser, name: str) -> None:
    page = browser.new_page(viewport=LAPTOP)
    page.goto(f"{app[0]}/{name}")
    page.locator(DRAWN).wait_for(timeout=60_000)
    assert_above_the_fold(page)


@pytest.mark.worker
def test_also_while_the_run_goes_on(app, browser) -> None:
    address, cache = app
    run = submit(WITH_SLIDER.with_(epochs=400), cache)
    page = browser.new_page(viewport=LAPTOP)
    try:
        page.goto(f"{address}/Train?run={run.id}")
        page.locator(".st-key-progress .stProgress").wait_for(timeout=60_000)
        page.get_by_text("to go", exact=False).wait_for(timeout=60_000)
        assert_above_the_fold(page)
        page.set_viewport_size(LAPTOP)
        page.locator(".st-key-stop button").click(timeout=10_000)  # nothing lies on it
        page.locator(".st-key-resume button").wait_for(timeout=30_000)
    finally:
        run.stop()


def test_titles_are_alike_and_clear_of_what_floats_above_the_page(app, browser) -> None:
    page, looks = browser.new_page(), {}
    for size in (LAPTOP, {"width": 390, "height": 844}):
        page.set_viewport_size(size)
        for name in ("", "Train", f"Train?run={WITH_SLIDER.id}", "Losses", "Lessons"):
            page.goto(f"{app[0]}/{name}")
            page.locator(DRAWN).wait_for(timeout=60_000)
            looks[name] = page.evaluate("getComputedStyle(document.querySelector('h1')).fontSize")
            title = page.locator("h1").bounding_box()
            for button in page.locator("[data-testid=stHeader] button:visible").all():
                box = button.bounding_box()
                apart = box["y"] + box["height"] <= title["y"] or box["x"] >= title["x"] + title["width"]
                assert apart, (name, size, box, title)
            bar = page.locator("[data-testid=stHeader]")
            if bar.evaluate("bar => getComputedStyle(bar).backdropFilter") != "none":  # it blurs what is below it
                assert bar.bounding_box()["height"] <= title["y"], (name, size)
    assert set(looks.values()) == {"28px"}
