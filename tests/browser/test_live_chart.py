"""The live chart in a browser: zoom and hidden classes survive every update, in both themes and behind any prefix."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from igbviz.ui.assets import MOUNT
from tests.support.servers import servers

APP = Path(__file__).with_name("growing_app.py")
CHART = ".st-key-curves .igbviz-live-chart"
RIGHT = ".st-key-right .igbviz-live-chart"

pytestmark = pytest.mark.browser


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport={"width": 1500, "height": 700})
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("console", lambda message: page.problems.append(message.text) if message.type == "error" else None)
    return page


@pytest.fixture(scope="module")
def growing(tmp_path_factory) -> Iterator[str]:
    """The address of one server for all tests that change nothing."""
    with servers(tmp_path_factory.mktemp("growing")) as start:
        yield start(APP)


def drawn(page, selector: str = CHART) -> None:
    page.wait_for_selector(f"{selector}[data-points]", timeout=60_000)


def state(page) -> dict:
    """The state that the viewer may have changed, and a mark on the DOM node itself."""
    return page.evaluate(
        """(selector) => {
            const chart = document.querySelector(selector);
            return {
                tag: chart.viewersTag ?? null,
                x: chart._fullLayout.xaxis.range.map((edge) => edge.toFixed(6)),
                y: chart._fullLayout.yaxis.range.map((edge) => edge.toFixed(6)),
                hidden: chart._fullData
                    .filter((trace) => trace.visible === "legendonly")
                    .map((trace) => trace.legendgroup),
            };
        }""",
        CHART,
    )


def wait_for_updates(page, count: int) -> None:
    before = int(page.get_attribute(CHART, "data-draws"))
    page.wait_for_function(
        "([selector, draws]) => +document.querySelector(selector).dataset.draws >= draws", arg=[CHART, before + count]
    )


def test_zoom_and_hidden_classes_survive_updates(growing, page):
    page.goto(growing)
    drawn(page)
    page.evaluate("(selector) => { document.querySelector(selector).viewersTag = 'mine'; }", CHART)
    points, untouched = int(page.get_attribute(CHART, "data-points")), state(page)

    box = page.locator(f"{CHART} .nsewdrag").first.bounding_box()
    page.mouse.move(box["x"] + 0.1 * box["width"], box["y"] + 0.1 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.8 * box["height"], steps=8)
    page.mouse.up()
    page.wait_for_function(
        "([selector, old]) => document.querySelector(selector)._fullLayout.xaxis.range[1].toFixed(6) !== old",
        arg=[CHART, untouched["x"][1]],
    )
    page.locator(f"{CHART} .legendtoggle").nth(1).click()
    some_hidden = (
        "(selector) => document.querySelector(selector)._fullData.some((trace) => trace.visible === 'legendonly')"
    )
    page.wait_for_function(some_hidden, arg=CHART)

    touched = state(page)
    assert touched["x"] != untouched["x"] and touched["y"] != untouched["y"]
    assert touched["hidden"] == ["Trouser", "Trouser"]  # the line and its label at the end
    wait_for_updates(page, 3)
    assert state(page) == touched and touched["tag"] == "mine"
    assert int(page.get_attribute(CHART, "data-points")) > points
    assert not page.problems


def test_an_overtaken_update_does_not_take_the_chart_away(growing, page):
    """Streamlit cleans up after an update that a newer one overtook, while the chart is still on the page."""
    page.goto(growing)
    drawn(page)
    page.evaluate(
        """async (source) => {
            const mount = await import(URL.createObjectURL(new Blob([source], {type: "text/javascript"})));
            const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
            const module = loaded.find((name) => name.includes("/chart.js"));
            const place = document.body.appendChild(document.createElement("div"));
            const figure = '{"data": [], "layout": {}, "shared": []}';
            const data = {name: "overtaken", figure, height: 100, module, plotly: "already loaded"};
            const overtaken = mount.default({data, parentElement: place});
            window.leave = mount.default({data: {...data, height: 200}, parentElement: place});
            overtaken();
        }""",
        MOUNT.read_text(),
    )
    chart = page.locator(".overtaken")
    assert chart.evaluate("(chart) => chart.style.height") == "200px", "before anything has loaded"
    page.wait_for_selector(".overtaken[data-draws='1']")
    assert chart.count() == 1
    page.evaluate("document.querySelector('.overtaken').parentElement.remove(); leave()")
    assert not page.problems


def test_nothing_is_drawn_when_nothing_changed(growing, page):
    page.goto(f"{growing}/?probes=80")
    drawn(page)
    draws = page.get_attribute(CHART, "data-draws")
    ticks = page.get_by_test_id("stMain").get_by_text("tick ")
    seen = ticks.text_content()
    page.wait_for_function("([seen]) => !document.body.innerText.includes(seen)", arg=[seen])
    assert page.get_attribute(CHART, "data-draws") == draws
    assert page.get_attribute(CHART, "data-step") != ""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_chart_wears_the_theme(serve, page, artefacts, theme):
    page.goto(f"{serve(APP, theme=theme)}/?probes=400&right=bars")
    drawn(page)
    drawn(page, RIGHT)
    page.screenshot(path=artefacts / f"live_chart_{theme}.png")
    text, wanted = page.evaluate(
        """(selector) => {
            const chart = document.querySelector(selector);
            const colors = [chart._fullLayout.font.color, getComputedStyle(chart).getPropertyValue("--st-text-color")];
            return colors.map((color) => color.toLowerCase());
        }""",
        CHART,
    )
    assert text == wanted
    assert page.locator(f"{CHART} .modebar-btn[data-title^='Download as']").count() == 2
    assert page.locator(f"{CHART} .modebar-btn[data-title*='hare']").count() == 0  # nothing is sent to a cloud
    assert not page.problems


def test_plotly_loads_once_and_behind_a_prefix(serve, page):
    loaded = []
    page.on("request", lambda request: loaded.append(request.url) if "plotly.min.js" in request.url else None)
    address = serve(APP, base="lab/bias")
    page.goto(address)
    drawn(page)
    drawn(page, RIGHT)
    assert len(loaded) == 1 and loaded[0].startswith(f"{address}/component/")


def test_picture_buttons_save_files(growing, page, tmp_path):
    page.goto(f"{growing}/?probes=400")
    drawn(page)
    page.hover(CHART)
    for kind, opening in (("PNG", b"\x89PNG"), ("SVG", b"<svg")):
        with page.expect_download(timeout=30_000) as download:
            page.locator(f"{CHART} .modebar-btn[data-title='Download as {kind}']").click()
        download.value.save_as(tmp_path / "picture")
        assert download.value.suggested_filename == f"probability-of-the-true-class.{kind.lower()}"
        assert (tmp_path / "picture").read_bytes().startswith(opening)


def test_a_chart_comes_back_after_it_was_taken_away(growing, page):
    loaded = []
    page.on("request", lambda request: loaded.append(request.url) if "plotly.min.js" in request.url else None)
    page.goto(growing)
    drawn(page, RIGHT)
    toggle = page.get_by_text("Right chart")
    toggle.click()
    page.wait_for_selector(RIGHT, state="detached")
    toggle.click()
    drawn(page, RIGHT)
    assert page.locator(f"{RIGHT} .legendtoggle").count() == 10
    assert len(loaded) == 1 and not page.problems


def test_the_chart_follows_its_column(growing, page):
    page.goto(growing)
    drawn(page)
    page.set_viewport_size({"width": 1000, "height": 700})
    page.wait_for_function("""(selector) => {
        const chart = document.querySelector(selector);
        return chart.clientWidth < 480 && Math.abs(chart._fullLayout.width - chart.clientWidth) < 1;
    }""", arg=CHART)  # fmt: skip


def test_a_click_reaches_python(growing, page):
    page.goto(f"{growing}/?probes=400&right=bars")
    drawn(page, RIGHT)
    box = page.locator(f"{RIGHT} .nsewdrag").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.06, box["y"] + box["height"] - 6)
    page.wait_for_selector(f"{RIGHT} .hovertext")
    page.mouse.down()
    page.mouse.up()
    page.get_by_text("clicked: {'x': 0").wait_for(timeout=20_000)
