"""The Train page in a browser: start a run, watch it grow, reload, share the link, stop and resume it."""

from __future__ import annotations

from pathlib import Path

import pytest

from igbviz.runs.listing import list_runs
from tests.support import ROOT
from tests.support.browser import STAGE, STAGE_READY, number, open_settings, probes_on_stage, visit
from tests.support.processes import until

pytestmark = [pytest.mark.browser, pytest.mark.worker]

MORE = ".st-key-chart-more .igbviz-live-chart"  # the chart of what the stage does not show


def long_run(page) -> None:
    """Set up a run of some minutes in the form and start it."""
    open_settings(page, "Training")
    number(page, "Epochs", "first-look-cross-entropy-epochs", "400")
    page.get_by_text("about 4 min", exact=False).or_(page.get_by_text(" min", exact=False)).first.wait_for(
        timeout=15_000
    )
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Train", exact=True).click()
    page.locator(".st-key-progress").wait_for(timeout=30_000)
    page.locator(STAGE_READY).wait_for(timeout=60_000)


def test_button_to_curves_to_link(app, browser, artefacts: Path) -> None:
    address, cache = app
    page = visit(browser, address)
    page.get_by_role("button", name="Run it here").first.click(timeout=60_000)
    page.wait_for_url("**/Train?run=*", timeout=30_000)
    page.locator(STAGE_READY).wait_for(timeout=60_000)
    first = probes_on_stage(page)
    page.evaluate(f"document.querySelector('{STAGE}').__mine = 1")
    until(lambda: page.wait_for_timeout(200) or probes_on_stage(page) > first, 30, "a growing curve")
    page.get_by_text("in all", exact=False).wait_for(timeout=120_000)
    page.wait_for_timeout(1500)  # the last figure
    assert probes_on_stage(page) == 60
    assert page.evaluate(f"document.querySelector('{STAGE}').__mine") == 1, "the same from the first point to the last"
    assert page.locator(MORE).get_attribute("data-points") == "60"
    assert page.get_by_role("heading", level=1).inner_text().startswith("Cross-entropy\nfully connected on ")
    page.screenshot(path=artefacts / "train_light.png", full_page=True)
    assert not page.outside, "nothing comes from the network"

    other = visit(browser, page.url, color_scheme="dark")  # a second browser, from the link alone
    other.locator(STAGE_READY).wait_for(timeout=30_000)
    assert probes_on_stage(other) == 60
    other.wait_for_timeout(1000)
    other.screenshot(path=artefacts / "train_second_browser.png", full_page=True)

    page.get_by_role("button", name="Another seed").click()
    page.wait_for_url(lambda url: "-s1-" in url, timeout=20_000)
    until(lambda: len(list_runs(cache)) == 2, 20, "a second run")


def test_zoom_and_hidden_class_survive_updates(app, browser) -> None:
    address, _ = app
    page = visit(browser, f"{address}/Train")
    long_run(page)
    chart = page.locator(MORE)
    page.locator(f"{MORE}[data-points]").wait_for(timeout=30_000)
    page.evaluate(f"document.querySelector('{MORE}').__mine = 1")
    chart.locator(".legendtoggle").nth(1).click()
    page.wait_for_timeout(600)  # plotly waits for a double click
    box = chart.locator(".nsewdrag").first.bounding_box()
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.2 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.7 * box["height"], steps=5)
    page.mouse.up()
    look = "[g.__mine, g._fullLayout.xaxis.range, g._fullLayout.yaxis.range, g._fullData.map(t => t.visible)]"
    state = f"(() => {{ const g = document.querySelector('{MORE}'); return {look} }})()"
    page.wait_for_timeout(300)
    before = page.evaluate(state)
    assert before[0] == 1 and "legendonly" in before[3]
    for _ in range(3):
        draws = int(chart.get_attribute("data-draws"))
        until(
            lambda old=draws: page.wait_for_timeout(200) or int(chart.get_attribute("data-draws")) > old,
            60,
            "an update",
        )
    assert page.evaluate(state) == before


def test_reload_stop_resume_and_a_server_that_restarts(app, serve, browser) -> None:
    address, cache = app
    page = visit(browser, f"{address}/Train")
    long_run(page)
    (listed,) = list_runs(cache)
    page.reload()
    page.locator(STAGE_READY).wait_for(timeout=30_000)
    assert listed.run.id in page.url
    page.get_by_test_id("stMainBlockContainer").get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Resume").wait_for(timeout=20_000)
    assert listed.run.status.state == "stopped"
    page.get_by_role("button", name="Resume").click()
    page.get_by_test_id("stMainBlockContainer").get_by_role("button", name="Stop").wait_for(timeout=20_000)
    until(lambda: listed.run.status.state == "running", 30, "going on")

    page.close()  # nobody looks, and the server goes; the run does not care
    second = serve(ROOT / "app.py", env={"IGBVIZ_CACHE": str(cache)})
    again = visit(browser, f"{second}/Train?run={listed.run.id}")
    again.locator(STAGE_READY).wait_for(timeout=30_000)
    before = listed.run.status.step
    until(lambda: listed.run.status.step > before, 30, "a run that goes on")
    listed.run.stop()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_open_without_an_error(serve, browser, cache: Path, artefacts: Path, theme: str) -> None:
    address = serve(ROOT / "app.py", env={"IGBVIZ_CACHE": str(cache)}, theme=theme)
    page = visit(browser, "about:blank")
    for name in ("", "Train", "Runs"):
        page.goto(f"{address}/{name}")
        page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for(timeout=30_000)
        page.get_by_text("igbviz").first.wait_for()
        assert page.get_by_role("dialog").count() == 0 and page.locator("[data-testid=stException]").count() == 0
        page.screenshot(path=artefacts / f"page_{name or 'Home'}_{theme}.png", full_page=True)
        assert not page.outside


def test_the_bar_at_the_top_hides_nothing_of_the_first_heading(shared_app, browser) -> None:
    """The header overlaps the heading: a background would cut off parts of its letters."""
    address, _ = shared_app
    page = visit(browser, f"{address}/Train?sweep=none")
    first = page.locator("[data-testid=stMain] [data-testid=stAlert]")
    first.wait_for(timeout=30_000)
    bar = page.locator("[data-testid=stHeader]").bounding_box()
    paint = page.evaluate("getComputedStyle(document.querySelector('[data-testid=stHeader]')).backgroundColor")
    assert paint == "rgba(0, 0, 0, 0)" or first.bounding_box()["y"] >= bar["y"] + bar["height"]
