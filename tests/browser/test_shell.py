"""The frame of every page in a browser: the menu, the projector view, and an index page that already has its look."""

from __future__ import annotations

import pytest

from igbviz.ui.shell import PAGES
from tests.support import ROOT
from tests.support.browser import LAYOUT_SHIFT, shifted, visit

pytestmark = pytest.mark.browser

SIDE_BAR = "[data-testid=stSidebar]"
DRAWN = "[data-testid=stApp][data-test-script-state=notRunning]"
LAPTOP, PHONE = {"width": 1280, "height": 720}, {"width": 390, "height": 844}


def opened(browser, address: str, size: dict[str, int] = LAPTOP):
    page = visit(browser, "about:blank")
    page.set_viewport_size(size)
    page.refused = []
    page.on("response", lambda answer: page.refused.append(answer.url) if answer.status >= 400 else None)
    page.goto(address)
    page.locator(DRAWN).wait_for(timeout=60_000)
    return page


def projecting(page) -> bool:
    return page.evaluate("document.documentElement.classList.contains('igbviz-projector')")


def test_the_whole_menu_is_seen_on_a_laptop(shared_app, browser) -> None:
    page = opened(browser, f"{shared_app[0]}/Lessons")
    links = page.locator(f"{SIDE_BAR} a")
    links.nth(len(PAGES) - 1).wait_for(timeout=30_000)
    boxes = [link.bounding_box() for link in links.all()]
    assert len(boxes) == len(PAGES) and max(box["y"] + box["height"] for box in boxes) < LAPTOP["height"]
    assert page.locator(SIDE_BAR).bounding_box()["width"] == 208
    assert (
        page.get_by_role("heading", level=1).count() == 1 and page.locator(f"{SIDE_BAR} :is(h1, h2, h3)").count() == 0
    )


def test_on_a_phone_the_menu_closes_behind_a_link(shared_app, browser) -> None:
    page = opened(browser, f"{shared_app[0]}/Lessons", PHONE)
    page.get_by_test_id("stExpandSidebarButton").click()
    page.locator(f"{SIDE_BAR}[data-collapsed=false]").wait_for()
    page.locator(SIDE_BAR).get_by_role("link", name="Phase diagram").click()
    page.locator(f"{SIDE_BAR}[data-collapsed=true]").wait_for(state="attached", timeout=10_000)
    page.wait_for_url("**/Phases")


def test_p_shows_the_picture_alone(shared_app, browser) -> None:
    page = opened(browser, f"{shared_app[0]}/Phases")
    heard = "window.heard = []; addEventListener('igbviz-projector', (event) => window.heard.push(event.detail))"
    page.evaluate(heard)
    page.evaluate("document.body.appendChild(document.createElement('input')).focus()")
    page.keyboard.press("p")
    assert not projecting(page) and page.evaluate("document.activeElement.value") == "p", "it is being typed"
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("p")
    assert projecting(page) and not page.locator(SIDE_BAR).is_visible()
    assert page.locator("[data-testid=stMain]").evaluate("main => getComputedStyle(main).paddingLeft") == "0px"
    page.goto(f"{shared_app[0]}/Lessons")
    page.locator(DRAWN).wait_for(timeout=60_000)
    assert projecting(page), "on the next page of this tab, too"
    page.evaluate(heard)
    page.keyboard.press("Escape")
    page.locator(SIDE_BAR).get_by_role("button", name="Projector view").click()
    page.get_by_role("button", name="Leave projector view").click()
    assert not projecting(page) and page.evaluate("window.heard") == [False, True, False]
    assert opened(browser, shared_app[0]).locator(SIDE_BAR).is_visible(), "another tab is left alone"


@pytest.mark.parametrize("base", ["", "lab/bias"])
def test_nothing_is_asked_in_vain_and_plotly_is_packed_and_kept(serve, shared_app, browser, cache, base: str) -> None:
    address = serve(ROOT / "app.py", env={"IGBVIZ_CACHE": str(cache)}, base=base) if base else shared_app[0]
    page = visit(browser, "about:blank")
    answers = []
    page.on("response", lambda answer: answers.append(answer))
    page.goto(f"{address}/Phases")
    page.locator(".igbviz-live-chart[data-points]").first.wait_for(timeout=60_000)
    assert not [answer.url for answer in answers if answer.status >= 400] and not page.outside
    (plotly,) = [answer for answer in answers if "plotly.min.js" in answer.url]
    assert plotly.url.startswith(f"{address}/assets/") and plotly.headers["content-encoding"] == "gzip"
    assert "immutable" in plotly.headers["cache-control"]
    page.goto(f"{address}/Phases?depth=3")
    page.locator(".igbviz-live-chart[data-points]").first.wait_for(timeout=60_000)
    entry = "performance.getEntriesByType('resource').find((entry) => entry.name.includes('plotly.min.js'))"
    assert page.evaluate(f"{entry}.transferSize") == 0, "from the browser's own store"


@pytest.mark.parametrize("name", ["Train", "Lessons"])
def test_the_page_does_not_jump_on_arrival(shared_app, browser, name: str) -> None:
    page = browser.new_page(viewport=LAPTOP)
    page.add_init_script(LAYOUT_SHIFT)
    page.goto(f"{shared_app[0]}/{name}")
    page.locator(DRAWN).wait_for(timeout=60_000)
    page.locator(f"{SIDE_BAR} a").nth(len(PAGES) - 1).wait_for(timeout=30_000)
    page.wait_for_timeout(1000)
    assert shifted(page) < 0.05


def test_embedded_there_is_no_menu(shared_app, browser) -> None:
    page = opened(browser, f"{shared_app[0]}/Lessons?embed=true")
    page.get_by_role("heading", level=1).wait_for()
    assert page.locator(SIDE_BAR).count() == 0 and page.locator("h1").bounding_box()["x"] < 100
