"""The form of the Train page in a browser: it keeps the loss, it is low enough for the stage, it folds on a phone."""

from __future__ import annotations

import shutil
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from igbviz.runs.listing import list_runs
from tests.support import ROOT
from tests.support.browser import STAGE, choose, chosen, number, open_settings, visit
from tests.support.processes import until

pytestmark = [pytest.mark.browser, pytest.mark.worker]


def run_in(page) -> str:
    (name,) = parse_qs(urlsplit(page.url).query)["run"]
    return name


@pytest.mark.parametrize("way", ["the page of losses", "a link"])
def test_a_second_train_finds_the_run_that_the_first_has_started(way: str, app, browser) -> None:
    address, cache = app
    if way == "a link":
        loss, title = "mae", "Mean absolute error"
        page = visit(browser, f"{address}/Train?loss=mae")
    else:
        loss, title = "blurry", "Blurry"
        page = visit(browser, f"{address}/Losses")
        page.get_by_role("link", name="Train with this loss").nth(1).click(timeout=60_000)
        page.wait_for_url("**/Train?*blurry*")
    open_settings(page, "Training")
    epochs = page.locator("[class*=-epochs] input")
    epochs.fill("1")
    epochs.press("Enter")
    page.wait_for_url("**changes=*", timeout=20_000)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Train", exact=True).click()
    page.wait_for_url("**/Train?run=*", timeout=20_000)
    run = run_in(page)
    assert f"-{loss}-" in run
    shown = "(settings of the run shown)"
    until(lambda: page.wait_for_timeout(100) or chosen(page, "Preset") == shown, 20, "the settings of the run")
    assert chosen(page, "Loss") == title
    page.get_by_role("button", name="Train", exact=True).click()
    page.wait_for_timeout(2000)
    assert run_in(page) == run and [line.run.id for line in list_runs(cache)] == [run]


def test_a_preset_and_a_number_are_in_the_link(shared_app, browser) -> None:
    address, _ = shared_app
    page = visit(browser, f"{address}/Train")
    page.get_by_role("button", name="Train", exact=True).wait_for(timeout=60_000)
    choose(page, "Preset", "First look: Piecewise-zero")
    page.wait_for_url("**preset=first-look-piecewise-zero*", timeout=20_000)
    number(page, "Seed", "first-look-piecewise-zero-seed", "7")
    page.wait_for_url("**changes=*", timeout=20_000)
    other = visit(browser, page.url)
    other.get_by_role("button", name="Train", exact=True).wait_for(timeout=60_000)
    assert other.get_by_label("Seed", exact=True).input_value() == "7"
    assert chosen(other, "Loss") == "Piecewise-zero"
    page.go_back()
    until(lambda: page.wait_for_timeout(200) or "changes" not in page.url, 10, "the address before")
    until(lambda: page.wait_for_timeout(200) or page.get_by_label("Seed", exact=True).input_value() == "0", 10, "0")


@pytest.fixture
def recorded(serve, cache: Path) -> str:
    """The app with the runs that ship with it."""
    shutil.copytree(ROOT / "cache" / "gallery", cache / "gallery")
    return serve(ROOT / "app.py", env={"IGBVIZ_CACHE": str(cache)})


def test_the_stage_begins_early(recorded, browser) -> None:
    page = visit(browser, recorded)
    page.set_viewport_size({"width": 1280, "height": 720})
    for path in ("", "Train", "Train?loss=sce", "Train?loss=piecewise-zero"):
        page.goto(f"{recorded}/{path}")
        page.locator(STAGE).wait_for(timeout=60_000)
        page.wait_for_timeout(500)
        assert page.locator(STAGE).bounding_box()["y"] <= 330
        if path:
            title = page.get_by_role("heading", level=1).bounding_box()
            bar = page.locator(".st-key-form-bar").bounding_box()
            assert bar["y"] + bar["height"] - title["y"] <= 175, path


def test_on_a_phone_the_form_is_folded(recorded, browser) -> None:
    page = visit(browser, f"{recorded}/Train")
    page.set_viewport_size({"width": 390, "height": 844})
    preset = page.locator(".st-key-preset")
    train = page.get_by_role("button", name="Train", exact=True)
    train.wait_for(timeout=60_000)
    assert not preset.is_visible() and train.is_visible()
    page.get_by_text("Settings of a new run").click()
    preset.wait_for(timeout=10_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_enter_selects_the_one_loss_that_was_typed(shared_app, browser) -> None:
    address, _ = shared_app
    page = visit(browser, f"{address}/Train")
    page.get_by_role("button", name="Train", exact=True).wait_for(timeout=60_000)
    open_settings(page, "Many runs at once")
    box = page.locator(".st-key-sweep-loss input")
    box.click()
    box.fill("Cross-entropy")
    assert page.get_by_role("option").count() > 1
    box.press("Enter")
    page.get_by_role("button", name="Start 3 runs").wait_for(timeout=20_000)
    tags = page.locator(".st-key-sweep-loss [data-tag]")
    until(lambda: page.wait_for_timeout(100) or tags.count() == 1, 10, "one loss")
    assert tags.inner_text().strip() == "Cross-entropy"
