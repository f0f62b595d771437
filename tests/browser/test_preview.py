"""Before the button: the untrained network of the form stands in the place of the stage, and follows the form."""

from __future__ import annotations

import json
import re

import pytest

from igbviz.runs.run import Run
from tests.support.browser import LAYOUT_SHIFT, STAGE_READY, open_settings, shifted, visit
from tests.support.processes import until

pytestmark = [pytest.mark.browser, pytest.mark.worker]
PREVIEW = ".igbviz-untrained"


def shown(page) -> list[int]:
    return [int(text.rstrip("\u00a0 %")) for text in page.locator(f"{PREVIEW} .value").all_inner_texts()]


def test_the_preview_follows_the_form_and_is_where_the_run_begins(app, browser) -> None:
    address, cache = app
    page = visit(browser, f"{address}/Train")
    seed = page.get_by_label("Seed", exact=True)
    seed.wait_for(timeout=60_000)
    seen = set()
    for value in ("3", "4"):
        before = ready(page)
        seed.fill(value)
        seed.press("Enter")
        until(lambda b=before: page.wait_for_timeout(50) or ready(page) not in (None, b), 60, f"seed {value}")
        seen.add(page.locator(f"{PREVIEW} .verdict").inner_text())
        assert sum(shown(page)) in range(96, 105)
    assert len(seen) == 2 and all(re.match("Before any step it says .+ for", sentence) for sentence in seen)
    open_settings(page, "Network")
    depth = page.locator("[class*=-depth] input").first
    before = ready(page)
    depth.fill("2")
    depth.press("Enter")
    until(lambda: page.wait_for_timeout(50) or ready(page) not in (None, before), 60, "another depth")
    expected = shown(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Train", exact=True).click()
    page.wait_for_selector(STAGE_READY, timeout=60_000)
    until(lambda: page.wait_for_timeout(100) or "run=" in page.url, 20, "the run")
    run = Run(cache / "runs" / re.search(r"run=([\w-]+)", page.url)[1])
    until(lambda: bool(run.record_bytes), 30, "the first probe")
    assert expected == [round(100 * share) for share in run.trajectory().guess_fraction()[0]]
    page.locator(PREVIEW).wait_for(state="detached", timeout=10_000)
    assert json.loads((run.path / "config.json").read_text())["model"]["depth"] == 2


def test_on_a_phone_the_picture_comes_without_a_jump(app, browser) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.add_init_script(LAYOUT_SHIFT)
    page.goto(f"{app[0]}/Train?seed=5")
    until(lambda: page.wait_for_timeout(50) or ready(page), 60, "the preview")
    page.wait_for_timeout(800)
    assert shifted(page) < 0.05


def ready(page) -> str | None:
    preview = page.locator(f"{PREVIEW}[data-ready]:not(.waiting)")
    return preview.get_attribute("data-ready") if preview.count() else None
