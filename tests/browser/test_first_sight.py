"""The pages of untrained networks and of short trainings in a browser: the picture is there at once, high and large."""

from __future__ import annotations

import shutil

import pytest

from tests.support import ROOT
from tests.support.browser import visit

pytestmark = pytest.mark.browser

MAX_TOP = 330  # pixels, at which the main picture begins at the latest
FIRST_LOOK = {"width": 1280, "height": 720}
# The first chart of a view is its main picture.
PAGES = {
    "Initialisation": ".st-key-every_network-0",
    "Dynamics": ".st-key-bias-plane",
    "Dynamics?view=starts": ".st-key-bias-time",
    "Dynamics?view=majority": ".st-key-bias-majority",
}


@pytest.fixture
def with_gallery(shared_app) -> str:
    """The address of the app on a cache with the shipped runs and nothing else."""
    address, cache = shared_app
    shutil.copytree(ROOT / "cache" / "gallery", cache / "gallery", dirs_exist_ok=True)
    return address


@pytest.mark.parametrize("name", PAGES)
def test_the_main_picture_is_high_up_and_large(name: str, with_gallery: str, browser) -> None:
    page = visit(browser, f"{with_gallery}/{name}")
    page.set_viewport_size(FIRST_LOOK)
    chart = page.locator(f"{PAGES[name]} .igbviz-live-chart[data-points]")
    chart.wait_for(timeout=60_000)
    box = chart.bounding_box()
    assert box["y"] <= MAX_TOP and box["height"] >= 400, box
    assert not page.locator("[data-testid=stException], [data-testid=stSidebar] input").count()


def test_no_text_is_cut_at_the_edge_of_a_phone(with_gallery: str, browser) -> None:
    page = visit(browser, f"{with_gallery}/Initialisation")
    page.set_viewport_size({"width": 390, "height": 844})
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
