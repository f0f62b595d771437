"""Every page and its main views: the address, the picture that it opens with, and what to press first, if anything."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

from igbviz.runs.sweep_config import Sweep
from igbviz.runs.sweeps import submit_sweep
from tests.support import ROOT
from tests.support.browser import HEAD, ROW
from tests.support.stored_runs import BASE, LOSSES, stored, story

FIRST_LOOK = "Train?run=fashion-mini-mlp-piecewise-zero-s0-f71620e6c6"
LANES = ".igbviz-lanes[data-ready]"
STAGE = ".st-key-stage .igbviz-stage[data-ready]"
SWEEP = Sweep(base=BASE, axes={"loss": list(LOSSES[:2]), "seed": [0, 1]})


class View(NamedTuple):
    address: str
    picture: str  # a selector
    press: str = ""  # "dialog" or "tick"


def _chart(key: str) -> str:
    return f"[class*=st-key-{key}] .igbviz-live-chart[data-points]"


VIEWS = (
    View("", STAGE),
    View("Train", STAGE),
    View(FIRST_LOOK, STAGE),
    View(f"{FIRST_LOOK}&chart=alive", STAGE),
    View(f"Train?sweep={SWEEP.id}", LANES),
    View("Race", LANES),
    View("Initialisation", _chart("every_network-0")),
    View("Initialisation?inside=rule&more=regimes", _chart("every_network-0")),
    View("Initialisation?inside=nodes&more=gradients", _chart("every_network-0")),
    View("Architectures", _chart("by-architecture")),
    View("Dynamics", _chart("bias-plane")),
    View("Dynamics?view=starts", _chart("bias-time")),
    View("Dynamics?view=majority", _chart("bias-majority")),
    View("Losses", _chart("chart-over-p")),
    View("Phases", _chart("phase-map")),
    View("Robustness", _chart("robust-trade-off")),
    View("Robustness?view=imbalance", _chart("robust-trade-off")),
    View("Paper", _chart("paper-figure-1")),
    View("Paper?view=claims", _chart("paper-figure-1")),
    View("Paper?view=choices", "[class*=st-key-paper-]"),
    View("Sources", _chart("sources-map")),
    View("Lessons", STAGE),
    View("Lessons?lesson=silent-zone&step=1", STAGE),
    View("Lessons?lesson=wrong-push&step=3", _chart("lesson-chart-0")),
    View("Lessons?lesson=wrong-push&step=4&presenter=1", _chart("lesson-chart-0")),
    View("Compare", _chart("compare-grid")),
    View("Compare?tab=overlay", _chart("compare-overlay")),
    View("Compare?tab=confusion", LANES),
    View("Compare?tab=table", "[data-testid=stDataFrame] canvas"),
    View("Compare", _chart("compare-grid"), press="dialog"),
    View("Runs", "[data-testid=stDataFrame] canvas"),
    View("Runs", "[data-testid=stDataFrame] canvas", press="tick"),
)


def fill(cache: Path) -> None:
    """The shipped runs, and a finished sweep of two losses and two seeds."""
    shutil.copytree(ROOT / "cache" / "gallery", cache / "gallery")
    for config in SWEEP.configs():
        escapes = 20 if config.loss.name == "cross-entropy" else None
        stored(config, cache, story(config.seed, even_from=escapes))
    submit_sweep(SWEEP, cache)


def show(page, server: str, view: View) -> None:
    """Open this view and wait until everything on it is drawn."""
    page.goto(f"{server}/{view.address}")
    page.locator(view.picture).first.wait_for(timeout=30_000)
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for(timeout=30_000)
    page.wait_for_function(_DRAWN, timeout=30_000)
    if view.press == "dialog":
        page.get_by_role("button", name="Select runs").click()
        page.get_by_role("dialog").locator("[data-testid=stDataFrame] canvas").first.wait_for(timeout=30_000)
    elif view.press == "tick":
        box = page.locator(view.picture).first.bounding_box()
        page.mouse.click(box["x"] + 16, box["y"] + HEAD + ROW / 2)
        page.get_by_text("1 ticked").first.wait_for(timeout=30_000)


# No part of the page waits for another: no skeleton, no empty chart, and the fonts are there.
_DRAWN = """() => document.fonts.status === "loaded" && !document.querySelector("[data-testid=stSkeleton]") &&
    [...document.querySelectorAll(".igbviz-live-chart")].every((chart) => !chart.clientWidth || chart.dataset.points)"""
