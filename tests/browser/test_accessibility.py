"""Every page opens on its picture, nothing moves while it comes, and it breaks no rule of axe-core: WCAG A and AA and
its best practices, contrast included, in both color schemes."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from igbviz.ui.shell import PAGES
from tests.support.browser import LAYOUT_SHIFT, shifted
from tests.support.views import FIRST_LOOK, VIEWS, View, fill, show

pytestmark = pytest.mark.browser

LAPTOP, PHONE = {"width": 1280, "height": 720}, {"width": 390, "height": 844}
ON_A_PHONE = ("", FIRST_LOOK, "Losses")
HIGHEST = 330  # pixels from the top of a window of 1280x720 at which the picture begins, at the latest
LARGE = ("Initialisation", "Dynamics", "Dynamics?view=starts", "Dynamics?view=majority")
BESIDE_THE_MENU = "[data-testid=stSidebarUserContent] :is(input, select, [data-baseweb])"
# Not still yet: the steps of a lesson (0.15 to 0.43 where pictures come below each other), and a table's tools (0.13).
MOVING = ("Lessons?", "Compare?tab=table")
MOST_SHIFT = 0.05  # 1: everything is moved by the height of the window
# Colors alone differ between the schemes.
COLORS = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
STILL = "*, ::before, ::after {transition: none !important; animation: none !important}"


@pytest.fixture(scope="module")
def server(shared_app) -> str:
    address, cache = shared_app
    fill(cache)
    return address


@pytest.fixture(scope="module")
def page(browser):
    """One page for all views. Nothing moves: a color on its way to another one has a contrast of its own."""
    context = browser.new_context(viewport=LAPTOP, color_scheme="light", reduced_motion="reduce")
    page = context.new_page()
    still = f"new CSSStyleSheet({{}}).replace({STILL!r}).then((sheet) => document.adoptedStyleSheets.push(sheet))"
    page.add_init_script(still)
    page.add_init_script(LAYOUT_SHIFT)
    yield page
    context.close()


@pytest.fixture(autouse=True)
def no_page_left() -> None:
    """Here, the page stays for the next test."""


def broken(page, options: dict | None = None) -> list[tuple[str, str, str]]:
    """The rules that the page breaks: rule, element, and why."""
    violations = Axe().run(page, options=options).response["violations"]
    return [
        (rule["id"], node["html"][:200], node["failureSummary"][:300]) for rule in violations for node in rule["nodes"]
    ]


def turn(page, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    page.wait_for_function(
        "scheme => getComputedStyle(document.querySelector('.stApp')).colorScheme === scheme", arg=scheme
    )
    page.wait_for_timeout(100)  # charts are drawn anew


def test_every_page_is_looked_at() -> None:
    pages = {"" if path == "app.py" else Path(path).stem for path in PAGES}
    assert {view.address.partition("?")[0] for view in VIEWS} == pages


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: "-".join(filter(None, [view.address or "Home", view.press])))
def test_it_opens_on_its_picture_and_no_rule_is_broken(view: View, server: str, page) -> None:
    turn(page, "light") if page.url != "about:blank" else None
    show(page, server, view)
    box = page.locator(view.picture).first.bounding_box()
    assert view.press or 0 < box["y"] <= HIGHEST, box
    assert view.address not in LARGE or box["height"] >= 400, box
    assert not page.locator(f"[data-testid=stException], {BESIDE_THE_MENU}").count()
    assert not broken(page)
    may_move = view.press or view.address.startswith(MOVING)
    assert may_move or shifted(page) < MOST_SHIFT  # by now, widgets, formulas and charts have come, too
    assert page.locator("h1:visible").count() == 1
    turn(page, "dark")
    assert not broken(page, COLORS)


@pytest.mark.parametrize("address", ON_A_PHONE, ids=lambda address: address or "Home")
def test_no_rule_is_broken_on_a_phone(address: str, server: str, page) -> None:
    page.set_viewport_size(PHONE)
    turn(page, "light")
    show(page, server, next(view for view in VIEWS if view.address == address))
    assert not broken(page)
