"""The Train page in a browser: start a run, watch it grow, zoom, reload, share the link, stop and resume it."""

from __future__ import annotations

from pathlib import Path

import pytest

from igbviz.runs.listing import list_runs
from tests.support import ROOT
from tests.support.browser import number, visit
from tests.support.processes import until

pytestmark = [pytest.mark.browser, pytest.mark.worker]

LEFT = ".st-key-chart-left .igbviz-live-chart"
RIGHT = ".st-key-chart-right .igbviz-live-chart"


def points(page, chart: str = LEFT) -> int:
    return int(page.locator(chart).get_attribute("data-points") or 0)


def long_run(page) -> None:
    """Set up a run of some minutes in the form and start it."""
    page.get_by_role("button", name="Train", exact=True).wait_for(timeout=30_000)
    page.get_by_text("Training", exact=True).click()
    number(page, "Epochs", "first-look-cross-entropy-epochs", "400")
    page.get_by_text("1,252,", exact=False).or_(page.get_by_text("125,200 steps", exact=False)).first.wait_for(
        timeout=15_000
    )
    page.get_by_role("button", name="Train", exact=True).click()
    page.locator(f"{LEFT}[data-points]").wait_for(timeout=60_000)


def test_button_to_curves_to_link(app, browser, artefacts: Path) -> None:
    address, cache = app
    page = visit(browser, address)
    page.get_by_role("button", name="Watch").first.click()
    page.locator(f"{LEFT}[data-points]").wait_for(timeout=60_000)
    first = points(page)
    page.evaluate(f"document.querySelector('{LEFT}').__mine = 1")
    until(lambda: page.wait_for_timeout(200) or points(page) > first, 30, "a growing curve")
    page.get_by_text("in all", exact=False).wait_for(timeout=120_000)
    page.wait_for_timeout(1500)  # the last figure
    assert points(page) == points(page, RIGHT) == 60
    assert page.evaluate(f"document.querySelector('{LEFT}').__mine") == 1, (
        "the same chart from the first point to the last"
    )
    names = page.evaluate(f"document.querySelector('{LEFT}')._fullLayout.xaxis.ticktext")
    assert names[0] == "Init." and page.get_by_text("favoured at Init.").count() > 0
    page.screenshot(path=artefacts / "train_light.png", full_page=True)
    assert not page.outside, "nothing comes from the network"

    other = visit(browser, page.url, color_scheme="dark")  # a second browser, from the link alone
    other.locator(f"{LEFT}[data-points]").wait_for(timeout=30_000)
    assert points(other) == points(page)
    other.wait_for_timeout(1000)
    other.screenshot(path=artefacts / "train_second_browser.png", full_page=True)

    page.get_by_role("button", name="Run again with another seed").click()
    page.wait_for_url(lambda url: "-s1-" in url, timeout=20_000)
    until(lambda: len(list_runs(cache)) == 2, 20, "a second run")


def test_zoom_and_hidden_class_survive_updates(app, browser) -> None:
    address, _ = app
    page = visit(browser, f"{address}/Train")
    long_run(page)
    chart = page.locator(LEFT)
    page.evaluate(f"document.querySelector('{LEFT}').__mine = 1")
    chart.locator(".legendtoggle").nth(1).click()
    page.wait_for_timeout(600)  # plotly waits for a double click
    box = chart.locator(".nsewdrag").first.bounding_box()
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.2 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.7 * box["height"], steps=5)
    page.mouse.up()
    look = "[g.__mine, g._fullLayout.xaxis.range, g._fullLayout.yaxis.range, g._fullData.map(t => t.visible)]"
    state = f"(() => {{ const g = document.querySelector('{LEFT}'); return {look} }})()"
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
    page.locator(f"{LEFT}[data-points]").wait_for(timeout=30_000)
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
    again.locator(f"{LEFT}[data-points]").wait_for(timeout=30_000)
    before = listed.run.status.step
    until(lambda: listed.run.status.step > before, 30, "a run that goes on")
    listed.run.stop()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_open_without_an_error(serve, browser, cache: Path, artefacts: Path, theme: str) -> None:
    address = serve(ROOT / "app.py", env={"IGBVIZ_CACHE": str(cache)}, theme=theme)
    for name in ("", "Train", "Runs"):
        page = visit(browser, f"{address}/{name}")
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


def test_in_a_narrow_window_every_chart_has_the_whole_width(shared_app, browser) -> None:
    """Beside the menu, 900 pixels leave each of two charts less than 220, of which labels take 160."""
    address, _ = shared_app
    page = visit(browser, address)
    page.get_by_role("button", name="Watch").first.click()
    page.locator(f"{RIGHT}[data-points]").wait_for(timeout=60_000)
    wide = [page.locator(chart).bounding_box() for chart in (LEFT, RIGHT)]
    assert wide[0]["y"] == wide[1]["y"] and wide[0]["width"] > 400, "side by side where there is room"
    page.set_viewport_size({"width": 900, "height": 1000})
    until(
        lambda: page.wait_for_timeout(200) or page.locator(LEFT).bounding_box()["width"] > 500,
        20,
        "a chart that fills the column",
    )
    narrow = [page.locator(chart).bounding_box() for chart in (LEFT, RIGHT)]
    assert narrow[1]["y"] > narrow[0]["y"] + narrow[0]["height"] and narrow[1]["width"] == narrow[0]["width"]


def test_the_turned_names_of_classes_do_not_run_into_the_words_below_them(shared_app, browser) -> None:
    address, _ = shared_app
    page = visit(browser, address)
    page.set_viewport_size({"width": 900, "height": 1000})
    page.get_by_role("button", name="Watch").first.click()
    page.locator(".st-key-chart-bars .igbviz-live-chart[data-points]").wait_for(timeout=60_000)
    overlap = """() => {
        const ticks = [...document.querySelectorAll(".st-key-chart-bars .xtick")];
        const under = ticks.map((tick) => tick.getBoundingClientRect().bottom);
        return Math.max(...under) - document.querySelector(".st-key-chart-bars .xtitle").getBoundingClientRect().top;
    }"""
    assert page.evaluate(overlap) <= 1
