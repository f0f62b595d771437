"""The phase diagram in a browser: click a point of the plane, and follow the buttons from there."""

from __future__ import annotations

from pathlib import Path

import pytest

from igbviz.runs.listing import list_runs
from tests.support.browser import visit
from tests.support.processes import until

pytestmark = [pytest.mark.browser, pytest.mark.worker]

MAP = ".st-key-phase-map .igbviz-live-chart"


def opened(browser, address: str):
    page = visit(browser, f"{address}/Phases")
    page.locator(f"{MAP}[data-points]").wait_for(timeout=60_000)
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for(timeout=30_000)
    return page


def value(page, key: str) -> float:
    return float(page.locator(f".st-key-{key} input").input_value())


def click_into_the_map(page, across: float, up: float) -> None:
    """Click at these fractions of the plane's width and height, from the lower left."""
    box = page.locator(f"{MAP} .nsewdrag").bounding_box()
    x, y = box["x"] + across * box["width"], box["y"] + (1 - up) * box["height"]
    page.mouse.move(x - 3, y - 3)
    page.mouse.move(x, y, steps=3)  # plotly clicks on what it hovers
    page.locator(f"{MAP} .hoverlayer .hovertext").first.wait_for(timeout=15_000)
    page.mouse.click(x, y)


def test_a_click_sets_the_point_and_the_buttons_go_on_from_it(shared_app, browser) -> None:
    address, cache = shared_app
    page = opened(browser, address)
    assert value(page, "phase-w") == 1.76 and value(page, "phase-b") == 0.05
    click_into_the_map(page, 0.75, 0.5)  # the plane goes to 4 and 0.5
    until(lambda: page.wait_for_timeout(50) or value(page, "phase-w") != 1.76, 30, "the clicked point in the fields")
    assert value(page, "phase-w") == pytest.approx(3.0, abs=0.1) and value(page, "phase-b") == pytest.approx(
        0.25, abs=0.02
    )
    star = f"document.querySelector('{MAP}')._fullData.find(trace => trace.name === 'chosen point').x[0]"
    until(
        lambda: page.wait_for_timeout(50) or page.evaluate(star) == value(page, "phase-w"),
        15,
        "the star at the clicked point",
    )
    clicked = value(page, "phase-w"), value(page, "phase-b")

    page.get_by_role("button", name="Initialize here").click()
    page.wait_for_url("**/Initialisation?run=*", timeout=30_000)
    page.get_by_role("heading", name="Before training").wait_for(timeout=30_000)
    (listed,) = list_runs(cache)
    start = listed.run.config.initialization
    assert (start.sigma_w2, start.sigma_b2) == clicked and page.url.endswith(listed.run.id)
    assert page.locator("[data-testid=stException]").count() == 0 and not page.outside
    listed.run.stop()


def test_from_the_plane_to_many_trainings(shared_app, browser, artefacts: Path) -> None:
    address, _ = shared_app
    page = opened(browser, address)
    page.get_by_role("button", name="Train many here").click()
    page.wait_for_url("**/Dynamics?*sigma_w2=1.76*", timeout=30_000)
    page.get_by_role("button", name="Start 20 runs").wait_for(timeout=30_000)
    page.get_by_role("button", name="All settings").click()
    page.locator("[data-testid=stNumberInput]", has_text="Seeds").locator("input").fill("2")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Start 2 runs").click(timeout=30_000)
    page.wait_for_url("**/Dynamics?*sweep=*", timeout=30_000)
    chart = page.locator(".st-key-bias-time .igbviz-live-chart[data-points]")
    chart.wait_for(timeout=60_000)
    page.get_by_text("2 done").first.wait_for(timeout=30_000)
    until(
        lambda: page.wait_for_timeout(100) or "all (n = 2)" in chart.get_attribute("aria-label"),
        30,
        "both seeds in the picture",
    )
    page.screenshot(path=artefacts / "dynamics_light.png")
    assert page.locator("[data-testid=stException]").count() == 0 and not page.outside
