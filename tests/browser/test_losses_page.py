"""The page of losses in a browser: change a hyperparameter and the probe, follow the link to train."""

from __future__ import annotations

from pathlib import Path

import pytest

from igbviz.config import PRESETS
from tests.support import ROOT
from tests.support.browser import visit
from tests.support.processes import until
from tests.support.stored_runs import finished

pytestmark = pytest.mark.browser

MAP = ".st-key-chart-over-p .igbviz-live-chart"
LEAD = ".st-key-chart-over-lead .igbviz-live-chart"


def drawn(page, chart: str) -> int:
    return int(page.locator(chart).get_attribute("data-draws") or 0)


def opened(browser, address: str, **options):
    page = visit(browser, f"{address}/Losses", **options)
    for chart in (MAP, LEAD):
        page.locator(f"{chart}[data-points]").wait_for(timeout=60_000)
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for(timeout=30_000)
    return page


def test_hyperparameters_and_the_probe_change_the_chart(serve, browser, own_cache: Path) -> None:
    finished(PRESETS["first-look-piecewise-zero"].config.with_(epochs=0.2), own_cache)
    page = opened(browser, serve(ROOT / "app.py", env={"IGBVIZ_CACHE": str(own_cache)}))
    assert page.locator(f"{MAP} .legend").count() >= 1 and page.locator(MAP).bounding_box()["width"] > 500
    line = f"document.querySelector('{MAP}')._fullData.find(trace => trace.name === 'Blurry')"
    trough = f"(line => line.x[line.y.indexOf(Math.min(...line.y))])({line})"
    before = drawn(page, MAP)
    assert 0.05 < page.evaluate(trough) < 0.06  # exp(-2 / 0.7)
    gamma = page.locator(".st-key-losses-blurry-gamma input")
    gamma.fill("0.2")
    gamma.press("Enter")
    until(lambda: page.wait_for_timeout(50) or drawn(page, MAP) > before, 20, "a new picture")
    assert page.evaluate(trough) < 1e-4, "the wrong way begins at a smaller p"

    before = drawn(page, MAP)
    slider = page.locator(".st-key-moment").locator("[role=slider], input[type=range]").first
    for _ in range(5):
        slider.press("ArrowRight")
    until(lambda: page.wait_for_timeout(50) or drawn(page, MAP) > before, 20, "another moment")
    page.get_by_text("Piecewise-zero", exact=True).first.wait_for()
    with page.expect_navigation(url=lambda url: "/Train?loss=blurry&" in url, wait_until="commit"):
        page.locator("a[href*='loss=blurry']").first.click()
    page.get_by_role("button", name="Train", exact=True).wait_for(timeout=30_000)
    assert page.locator("[class*=st-key][class*=gamma] input").last.input_value() == "0.2", "the loss as it was set"
    assert page.locator("[data-testid=stException]").count() == 0 and not page.outside
