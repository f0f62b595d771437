"""Taken along from the stage, in a browser: embedded, with parts hidden, as a link, as a GIF and as a film."""

from __future__ import annotations

import shutil

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image

from igbviz.config import RunConfig
from tests.support import ROOT
from tests.support.browser import STAGE, STAGE_READY, visit
from tests.support.stored_runs import stored, story

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(shared_app) -> str:
    """The page of a finished run."""
    app, cache = shared_app
    run = stored(RunConfig(seed=1, epochs=4, batch_size=100), cache, story(8))
    return f"{app}/Train?run={run.id}"


def opened(browser, address: str, size: tuple[int, int] = (1280, 720), **options):
    page = visit(browser, "about:blank", **options)
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(address)
    page.locator(STAGE_READY).wait_for(timeout=60_000)
    return page


def share(page, item: str) -> None:
    page.get_by_role("button", name="Share").click()
    page.get_by_role("menuitem", name=item).click()


@pytest.mark.parametrize("size", [(800, 500), (1280, 720)])
def test_embedded_there_is_the_stage_and_nothing_else(browser, address: str, size: tuple[int, int]) -> None:
    page = opened(browser, f"{address}&embed=true&at=20", size)
    page.wait_for_function("(high) => document.querySelector('[data-testid=stMain]').scrollHeight <= high", arg=size[1])
    beside = page.evaluate("""() => [...document.querySelectorAll('[data-testid=stApp] *')].filter((part) => {
        const text = [...part.childNodes].some((node) => node.nodeType === 3 && node.nodeValue.trim());
        const {width, height} = part.getBoundingClientRect();
        const seen = width > 1 && height > 1 && part.checkVisibility();
        return text && seen && !part.closest('.igbviz-stage, h1, script, style');
    }).map((part) => part.textContent)""")
    assert beside == []
    stage = page.locator(STAGE).bounding_box()
    assert stage["width"] > size[0] - 40 and size[1] - 40 < stage["height"] < size[1]
    for part in ("player", "row >> nth=-1", "chart"):
        box = page.locator(f"{STAGE} .{part}").bounding_box()
        assert box["y"] + box["height"] <= size[1], part
    assert page.locator(f"{STAGE} .chart").bounding_box()["height"] > 0.55 * size[1]
    assert page.get_by_role("heading", level=1).count() == 1, "heard, not seen"


def test_a_link_hides_parts_and_goes_on_hiding_them(browser, address: str) -> None:
    page = opened(browser, f"{address}&hide=form,verdict,bars,player,progress,title,more")
    for part in (".st-key-form-bar", ".st-key-progress", f"{STAGE} .verdict", f"{STAGE} .side", f"{STAGE} .player"):
        assert page.locator(part).first.is_hidden(), part
    assert page.get_by_text("More of this run").count() == 0
    chart, stage = (page.locator(part).bounding_box() for part in (f"{STAGE} .chart", STAGE))
    assert chart["width"] == stage["width"], "the picture takes the room of the bars"
    page.keyboard.press("ArrowLeft")
    page.wait_for_url("**at=*")
    page.get_by_role("link", name="Losses", exact=True).click()
    page.wait_for_url("**/Losses*")
    assert "hide=form" in page.url


def test_the_link_of_the_dialog_restores_the_view(browser, address: str) -> None:
    page = opened(browser, address)
    page.get_by_role("tab", name="Guesses").click()
    page.get_by_role("button", name="Steps").click()
    page.locator(f"{STAGE}[data-view=guess_fraction]").wait_for()
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    moment = page.locator(STAGE).get_attribute("data-probe")
    button = page.get_by_role("button", name="Share")
    button.focus()
    page.keyboard.press("ArrowDown")
    page.get_by_role("menuitem", name="Link").and_(page.locator(":focus")).wait_for()
    assert not broken(page)
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Link to this view")
    dialog.get_by_role("img", name="QR code of the link").wait_for()
    assert "--server.address 0.0.0.0" in dialog.inner_text(), "nobody else can open a link to this machine"
    assert not broken(page)
    link, frame = (dialog.get_by_role("textbox").nth(row).input_value() for row in (0, 1))
    assert frame.startswith('<iframe src="http') and "&amp;embed=true" in frame and "embed" not in link
    page.keyboard.press("Escape")
    assert dialog.count() == 0 and button.evaluate("(button) => button === document.activeElement")
    other = opened(browser, link)
    other.locator(f"{STAGE}[data-view=guess_fraction][data-probe='{moment}']").wait_for()
    assert other.get_by_role("button", name="Steps").get_attribute("aria-pressed") == "true"


def broken(page) -> list[str]:
    return [rule["id"] for rule in Axe().run(page).response["violations"]]


def test_the_stage_as_a_gif_and_as_a_film(browser, shared_app, tmp_path) -> None:
    """Of a run with images, whose bars have thumbnails."""
    app, cache = shared_app
    run = next((ROOT / "cache" / "gallery").glob("fashion-mini-mlp-cross-entropy-s0-*"))
    shutil.copytree(run, cache / "runs" / run.name)
    page = opened(browser, f"{app}/Train?run={run.name}&at=20")
    before = page.locator(STAGE).get_attribute("data-probe")
    with page.expect_download(timeout=60_000) as download:
        share(page, "GIF")
    download.value.save_as(tmp_path / "stage.gif")
    assert Image.open(tmp_path / "stage.gif").n_frames == 60
    if not page.evaluate("'MediaRecorder' in window"):
        assert page.get_by_role("menuitem", name="Film").count() == 0
        return
    with page.expect_download(timeout=60_000) as download:
        share(page, "Film")
        page.wait_for_function(f"document.querySelector('{STAGE} progress')?.value > 0.1", timeout=60_000)
        page.get_by_role("button", name="Stop").click()
    assert download.value.suggested_filename.endswith((".mp4", ".webm"))
    download.value.save_as(tmp_path / "film")
    assert (tmp_path / "film").stat().st_size > 10_000
    assert page.locator(STAGE).get_attribute("data-probe") == before
