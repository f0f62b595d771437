"""On a phone, too, the picture comes first, Next stays where it is, and what names things is not cut."""

from __future__ import annotations

import pytest

from tests.support.browser import visit
from tests.support.views import FIRST_LOOK, STAGE, VIEWS, View, fill, show

pytestmark = pytest.mark.browser

LAPTOP, PHONE = {"width": 1280, "height": 720}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def server(shared_app) -> str:
    """The app with the shipped runs and a finished sweep."""
    address, cache = shared_app
    fill(cache)
    return address


def test_on_a_phone_the_verdict_comes_first_then_the_chart_the_player_and_the_panels(server: str, browser) -> None:
    page = browser.new_page(viewport=PHONE, reduced_motion="reduce")
    show(page, server, View(FIRST_LOOK, STAGE))
    parts = [page.locator(f"{STAGE} .{part}").bounding_box() for part in ("verdict", "chart", "player", "side")]
    for above, below in zip(parts, parts[1:], strict=False):
        assert above["y"] + above["height"] <= below["y"] + 1, parts
    assert parts[1]["width"] >= 390 - 2 * 16, "the chart has the whole width between the margins of the page"
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390


def test_next_stays_where_it_is(server: str, browser) -> None:
    page, places = browser.new_page(viewport=LAPTOP), set()
    for step in (1, 2, 3):
        show(page, server, View(f"Lessons?lesson=wrong-push&step={step}", ".st-key-lesson-next button"))
        box = page.locator(".st-key-lesson-next button").first.bounding_box()
        places.add((round(box["x"]), round(box["y"])))
    assert len(places) == 1 and max(y for _, y in places) < 200, places


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


def test_texts_of_the_grid_do_not_overprint(server: str, browser) -> None:
    page = browser.new_page()
    for size in (LAPTOP, PHONE):
        page.set_viewport_size(size)
        show(page, server, View("Compare", ".igbviz-live-chart[data-points]"))
        page.wait_for_timeout(500)
        assert not page.evaluate(OVERPRINTS), size


CUT = """() => [...document.querySelectorAll('.igbviz-live-chart')].flatMap((chart) => {
    const edge = chart.getBoundingClientRect();
    return [...chart.querySelectorAll('svg text')].filter((text) => text.textContent.trim()).filter((text) => {
        const box = text.getBoundingClientRect();
        return box.width && (box.top < edge.top - 1 || box.right > edge.right + 1 || box.left < edge.left - 1);
    }).map((text) => text.textContent);
})"""


def test_no_text_of_a_lesson_chart_is_cut(server: str, browser) -> None:
    page = browser.new_page(viewport=LAPTOP)
    show(page, server, next(view for view in VIEWS if view.address == "Lessons?lesson=wrong-push&step=3"))
    assert not page.evaluate(CUT)


def test_no_text_is_cut_at_the_edge_of_a_phone(server: str, browser) -> None:
    page = visit(browser, f"{server}/Initialisation")
    page.set_viewport_size(PHONE)
    charts = page.locator(".igbviz-live-chart[data-points]")
    charts.nth(4).wait_for(timeout=60_000)
    page.wait_for_timeout(500)  # the charts follow the width of the window
    cut = page.evaluate("""() => [...document.querySelectorAll('.igbviz-live-chart')].flatMap((chart) => {
        const edge = chart.getBoundingClientRect();
        return [...chart.querySelectorAll('text')].filter((text) => text.textContent.trim()).filter((text) => {
            const box = text.getBoundingClientRect();
            return box.width && (box.right > edge.right + 1 || box.left < edge.left - 1);
        }).map((text) => text.textContent);
    })""")
    assert not cut
