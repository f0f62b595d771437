"""A zip of pictures dropped in a browser: looked at, trained on, and drawn."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.support import ROOT
from tests.support.browser import STAGE_READY, choose, open_settings, probes_on_stage, visit
from tests.support.pictures import pets, zipped

pytestmark = [pytest.mark.browser, pytest.mark.worker]


def test_a_zip_of_twelve_pictures_is_trained_on(serve, cache, browser, artefacts) -> None:
    address = serve(ROOT / "app.py", env={"IGBVIZ_CACHE": str(cache), "IGBVIZ_DATA": str(cache / "data")})
    page = visit(browser, f"{address}/Train", reduced_motion="reduce")
    page.get_by_role("button", name="Train", exact=True).wait_for(timeout=60_000)
    open_settings(page, "Data")
    choose(page, "Data", "Your own pictures")
    page.locator("[class*=-upload-0] input[type=file]").set_input_files(
        {"name": "pets.zip", "mimeType": "application/zip", "buffer": zipped(pets(above="pets/")).getvalue()}
    )
    page.get_by_alt_text("4 pictures of dog").wait_for(timeout=60_000)
    assert page.get_by_text("dog: 4 + 2").is_visible()
    page.wait_for_timeout(1000)
    page.screenshot(path=artefacts / "pictures.png")
    violations = Axe().run(page).response["violations"]
    assert not [(rule["id"], node["html"][:200]) for rule in violations for node in rule["nodes"]]
    page.get_by_role("tab", name="Training", exact=True).click()
    epochs = page.locator("[class*=-epochs] input")
    epochs.fill("1")
    epochs.press("Enter")
    page.keyboard.press("Escape")
    page.get_by_text("1 steps show little").wait_for(timeout=20_000)
    page.get_by_role("button", name="Train", exact=True).click()
    page.wait_for_url("**/Train?run=image-folder-*", timeout=30_000)
    page.locator(STAGE_READY).wait_for(timeout=60_000)
    page.wait_for_function("() => +document.querySelector('.igbviz-stage')?.dataset.probes === 2", timeout=60_000)
    assert probes_on_stage(page) == 2, "Init. and the only step"
    assert not page.outside
