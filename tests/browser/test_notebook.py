"""The stage in JupyterLab: live, stopped by its button, in both themes, and a picture when the kernel is gone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from igbviz.runs.listing import list_runs
from tests.support.jupyter import end_kernels, jupyterlab, write_notebook

pytestmark = [pytest.mark.browser, pytest.mark.worker]
if os.environ.get("CI") != "true":
    pytest.importorskip("jupyterlab")

STAGE = ".igbviz-stage[data-ready]"
LONG = """
import igbviz
run = igbviz.submit({"epochs": 500, "seed": 5, "optimizer": {"name": "sgd", "learning_rate": 0.001}})
igbviz.watch(run)
"""
# The kernel is busy from the first probe to the last.
BUSY = """
import time, torch, igbviz
model = torch.nn.Linear(4, 2)
probe = igbviz.Probe(model, torch.randn(20, 4), torch.arange(20) % 2, schedule="batch")
igbviz.watch(probe)
for step in range(3000):
    probe()
    time.sleep(0.05)
"""
# As dark as the page around it, and in its colors.
IS_DARK = "stage => getComputedStyle(stage).colorScheme === 'dark'"
ZOOM = "stage => stage.querySelector('.plot')._fullLayout.xaxis.range.map(end => +end.toFixed(3))"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("lab")
    with jupyterlab(folder) as address:
        yield address, folder


def test_a_stage_lives_is_stopped_and_becomes_a_picture(browser, lab, artefacts: Path) -> None:
    address, folder = lab
    write_notebook(folder / "long.ipynb", LONG.strip(), "run.status.state")
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    open_notebook(page, f"{address}/lab/tree/long.ipynb")
    run_cells(page, 1)

    # It appears and grows.
    stage = page.locator(STAGE)
    stage.wait_for(timeout=60_000)
    probes = int(stage.get_attribute("data-probes"))
    page.wait_for_function(f"Number(document.querySelector('{STAGE}').dataset.probes) > {probes}", timeout=60_000)

    # A zoom stays when it grows further.
    whole = stage.evaluate(ZOOM)
    for _ in range(5):  # a drag of the test's mouse may begin before the chart hears it
        drag_over(page, page.locator(".igbviz-stage .plot .nsewdrag").first)
        page.wait_for_timeout(500)
        if (zoomed := stage.evaluate(ZOOM)) != whole:
            break
    assert zoomed != whole
    updates = int(stage.get_attribute("data-updates"))
    page.wait_for_function(f"Number(document.querySelector('{STAGE}').dataset.updates) > {updates}", timeout=60_000)
    assert stage.evaluate(ZOOM) == zoomed
    assert not stage.evaluate(IS_DARK)

    # Its button stops the run.
    page.get_by_role("button", name="Stop", exact=True).click()
    page.locator(".igbviz-notebook-foot", has_text="topped").wait_for(timeout=30_000)
    assert [run.state for run in list_runs(folder / "cache") if not run.run.is_shipped] == ["stopped"]

    # In the other theme it is dark.
    page.locator(".lm-MenuBar-itemLabel", has_text="Settings").click()
    page.locator(".lm-Menu-itemLabel", has_text="Theme").first.hover()
    page.locator(".lm-Menu-itemLabel", has_text="JupyterLab Dark").first.click()
    page.wait_for_function(f"({IS_DARK})(document.querySelector('{STAGE}'))", timeout=20_000)
    page.screenshot(path=artefacts / "notebook_dark.png")

    # A second stage needs no second plotly.js.
    assert page.evaluate("document.querySelectorAll('script[src^=blob]').length") == 1

    # Another day: the kernel is gone, and the picture is there in place of the stage.
    page.keyboard.press("Escape")
    page.keyboard.press("Control+s")
    page.wait_for_function("!document.querySelector('.lm-TabBar-tab.jp-mod-dirty')", timeout=20_000)
    end_kernels(address)
    open_notebook(page, f"{address}/lab/tree/long.ipynb?reset")
    page.locator("[id^=igbviz-picture] img.dark").wait_for(timeout=30_000)
    assert page.get_by_text("Error displaying widget").filter(visible=True).count() == 0
    page.screenshot(path=artefacts / "notebook_later.png")
    assert problems == []


def test_a_probe_is_shown_while_the_kernel_is_busy(browser, lab) -> None:
    address, folder = lab
    write_notebook(folder / "busy.ipynb", BUSY.strip(), "1 + 1")
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    open_notebook(page, f"{address}/lab/tree/busy.ipynb?reset")
    run_cells(page, 1)
    page.wait_for_function(f"Number(document.querySelector('{STAGE}')?.dataset.probes) > 5", timeout=60_000)
    assert page.locator(".jp-InputPrompt", has_text="[*]").count() == 1

    # Keys of JupyterLab stay its own beside the stage: arrows choose a cell, and do not move the player.
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowLeft")
    assert page.get_by_role("button", name="Live").get_attribute("aria-pressed") == "true"
    page.locator(".igbviz-stage .time").focus()
    page.keyboard.press("ArrowLeft")
    assert page.get_by_role("button", name="Live").get_attribute("aria-pressed") == "false"


def open_notebook(page, address: str) -> None:
    page.goto(address)
    page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=60_000)


def run_cells(page, count: int) -> None:
    page.get_by_text("(ipykernel) | Idle").wait_for(timeout=60_000)  # what is run earlier is forgotten
    page.locator(".jp-Notebook .cm-content").first.click()
    for _ in range(count):
        page.keyboard.press("Shift+Enter")


def drag_over(page, plot) -> None:
    """Zoom into the middle of the plot."""
    box = plot.bounding_box()
    place = [(box["x"] + part * box["width"], box["y"] + part * box["height"]) for part in (0.3, 0.8)]
    page.mouse.move(*place[0])
    page.mouse.down()
    page.mouse.move(*place[1], steps=5)
    page.mouse.up()
