"""A sweep in a browser: from the form to the comparison, a link, an archive, and the same chart in another cache."""

from __future__ import annotations

from pathlib import Path

import pytest

from igbviz.runs.listing import list_runs
from tests.support import ROOT
from tests.support.browser import CHART, HEAD, in_dark, number, open_settings, seen, visit
from tests.support.processes import until

pytestmark = [pytest.mark.browser, pytest.mark.worker]


def whole(page, panels: int) -> tuple:
    """The contents of the grid once all of its rows are drawn."""
    until(
        lambda: page.wait_for_timeout(100) or seen(page)[0].startswith(f"{panels} runs"), 60, f"a grid of {panels} runs"
    )
    return seen(page)


def test_sweep_compare_link_export_import(serve, browser, cache: Path, tmp_path: Path, artefacts: Path) -> None:
    address = serve(ROOT / "app.py", env={"IGBVIZ_CACHE": str(cache)})
    page = visit(browser, f"{address}/Train")
    page.get_by_role("button", name="Train", exact=True).wait_for(timeout=60_000)
    open_settings(page, "Training")
    number(page, "Epochs", "first-look-cross-entropy-epochs", "0.05")
    page.wait_for_url("**changes=*", timeout=30_000)
    page.get_by_role("tab", name="Many runs at once").click()
    for loss in ("Cross-entropy", "Generalized cross-entropy", "Piecewise-zero"):
        page.locator(".st-key-sweep-loss input").click()
        page.locator(".st-key-sweep-loss input").fill(loss)
        page.get_by_role("option", name=loss, exact=True).click()
    number(page, "Seeds", "sweep-seeds", "2")
    page.get_by_role("button", name="Start 6 runs").click(timeout=30_000)
    page.get_by_text("6 done").wait_for(timeout=120_000)
    page.screenshot(path=artefacts / "sweep_light.png", full_page=True)

    page.get_by_role("link", name="Compare these runs").click()
    first = whole(page, 6)
    page.screenshot(path=artefacts / "sweep_compared_light.png", full_page=True)
    other = visit(browser, page.url, color_scheme="dark")
    assert whole(other, 6) == in_dark(first)
    other.screenshot(path=artefacts / "sweep_compared_dark.png", full_page=True)

    page.goto(f"{address}/Runs")
    box = page.locator("[data-testid=stDataFrame] canvas").first.bounding_box(timeout=60_000)
    page.mouse.click(box["x"] + 16, box["y"] + HEAD / 2)  # all of them
    page.get_by_text("6 ticked", exact=False).first.wait_for(timeout=20_000)
    with page.expect_download(timeout=60_000) as download:
        page.locator(".st-key-export button:visible").first.click()
    archive = tmp_path / "runs.zip"
    download.value.save_as(archive)

    fresh = tmp_path / "fresh"
    elsewhere = serve(ROOT / "app.py", env={"IGBVIZ_CACHE": str(fresh)})
    page = visit(browser, f"{elsewhere}/Runs")
    page.get_by_text("Import runs").click(timeout=60_000)
    page.locator("input[type=file]").set_input_files(archive)
    page.get_by_role("button", name="Import", exact=True).click()
    until(lambda: len(list_runs(fresh)) == 6, 60, "six runs in the other cache")
    ids = sorted((line.run for line in list_runs(cache)), key=lambda run: first[0].find(run.id))
    page.goto(f"{elsewhere}/Compare?runs={','.join(run.id for run in ids)}")
    again = whole(page, 6)
    assert sorted(map(str, again[2])) == sorted(map(str, first[2])), "the same lines, point for point"
    assert page.locator(CHART).count() == 1
