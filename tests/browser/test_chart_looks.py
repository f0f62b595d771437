"""A live chart wears the colours of the page, has room for every text, grows on a projector, and says what it shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from igbviz.charts.colors import DARK, LIGHT
from tests.support.servers import servers

APP = Path(__file__).with_name("growing_app.py")
CHART = ".st-key-curves .igbviz-live-chart"
RIGHT = ".st-key-right .igbviz-live-chart"

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def growing(tmp_path_factory) -> Iterator[str]:
    with servers(tmp_path_factory.mktemp("growing")) as start:
        yield start(APP)


@pytest.fixture
def look(browser, growing):
    """Open the app in a window of this size and scheme, and wait for both charts."""

    def open_page(width: int, height: int, query: str = "probes=400", scheme: str = "light"):
        page = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme).new_page()
        page.goto(f"{growing}/?{query}")
        for selector in (CHART, RIGHT):
            page.wait_for_selector(f"{selector}[data-points]", timeout=60_000)
        return page

    return open_page


def line_colors(page) -> list[str]:
    return page.evaluate(
        """(selector) => document.querySelector(selector)._fullData
            .filter((trace) => trace.mode === "lines").map((trace) => trace.line.color)""",
        CHART,
    )


def boxes(page, selector: str, inner: str) -> list[tuple[str, dict]]:
    """Texts or parts of a chart that are drawn, with their rectangles on the page."""
    return page.evaluate(
        """([selector, inner]) => [...document.querySelector(selector).querySelectorAll(inner)]
            .map((node) => [node.textContent, node.getBoundingClientRect().toJSON()])
            .filter(([_, box]) => box.width > 0)""",
        [selector, inner],
    )


def lie_over_each_other(one: dict, other: dict) -> bool:
    return (
        min(one["right"], other["right"]) - max(one["left"], other["left"]) > 1
        and min(one["bottom"], other["bottom"]) - max(one["top"], other["top"]) > 1
    )


def test_colours_follow_the_scheme_while_the_page_is_open(look):
    page = look(1500, 700)
    assert line_colors(page) == list(LIGHT)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(
        "([selector, color]) => document.querySelector(selector)._fullData[0].line.color === color",
        arg=[CHART, DARK[0]],
    )
    assert line_colors(page) == list(DARK)
    fills = page.evaluate("(selector) => document.querySelector(selector).outerHTML.includes('rgb(9, 79, 255)')", CHART)
    assert not fills, "no colour of the light page is left"
    red, green, blue = (int(DARK[1][at : at + 2], 16) for at in (1, 3, 5))
    sample = page.evaluate("getComputedStyle(document.querySelector('.sample')).color")
    assert sample == f"rgb({red}, {green}, {blue})", "HTML of a page"


@pytest.mark.parametrize(
    "width, query", [(1280, "probes=400&epochs=1"), (390, "probes=400&right=bars"), (800, "right=bars")]
)
def test_no_text_lies_over_another(look, width: int, query: str):
    page = look(width, 900, query)
    for selector in (CHART, RIGHT):
        texts = boxes(page, selector, ".gtitle, .xtitle, .ytitle, .xtick text, .legendtext, .annotation-text, .bartext")
        crossing = [
            (one, other)
            for index, (one, box) in enumerate(texts)
            for other, against in texts[:index]
            if lie_over_each_other(box, against)
        ]
        assert len(texts) > 8 and not crossing
        chart = page.locator(selector).bounding_box()
        left, right = chart["x"] - 1, chart["x"] + chart["width"] + 1
        assert all(left <= box["left"] and box["right"] <= right for _, box in texts), "nothing is cut"
        turns = page.locator(f"{selector} .xtick text").evaluate_all(
            "(nodes) => nodes.map((node) => node.getAttribute('transform') ?? '').filter((how) => /rotate/.test(how))"
        )
        assert all(turn.startswith("rotate(0,") for turn in turns)
        page.hover(selector)
        (title,), (bar,) = boxes(page, selector, ".gtitle"), boxes(page, selector, ".modebar")
        assert not lie_over_each_other(title[1], bar[1])


def test_the_projector_view_enlarges_every_text(look):
    page = look(1920, 1080, "probes=400&right=bars")
    sizes = """([selector]) => [...document.querySelectorAll(selector + " text")]
        .filter((text) => text.textContent.trim()).map((text) => parseFloat(getComputedStyle(text).fontSize))"""
    switch = """(on) => {
        document.documentElement.classList.toggle("igbviz-projector", on);
        window.dispatchEvent(new Event("igbviz-projector"));
    }"""
    height = "([selector, height]) => document.querySelector(selector)._fullLayout.height === height"
    before = {selector: page.evaluate(sizes, [selector]) for selector in (CHART, RIGHT)}
    assert all(min(values) >= 13 for values in before.values())
    page.evaluate(switch, True)
    for selector in (CHART, RIGHT):
        page.wait_for_function(height, arg=[selector, 768])
        assert min(page.evaluate(sizes, [selector])) >= 20
    page.evaluate(switch, False)
    for selector in (CHART, RIGHT):
        page.wait_for_function(height, arg=[selector, 480])
        assert page.evaluate(sizes, [selector]) == before[selector]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_chart_is_a_figure_with_words(look, scheme: str):
    page = look(1280, 720, scheme=scheme)
    assert page.get_by_role("figure", name="Probability of the true class: ").count() == 1
    page.hover(CHART)
    found = Axe().run(page, context=CHART).response["violations"]
    assert not found, json.dumps([(rule["id"], rule["nodes"][0]["html"][:200]) for rule in found])
