"""Two runs as confusion matrices in a browser: while one of them grows, by keyboard, and from a link."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe

from igbviz.runs import locks
from igbviz.trajectory.confusion import Difference, difference
from tests.support import ROOT
from tests.support.browser import visit
from tests.support.stored_runs import BASE, LOSSES, stored
from tests.support.trajectories import trajectory

pytestmark = pytest.mark.browser

VIEW = ".igbviz-lanes .difference"
NUMBERS = f"[...document.querySelectorAll('{VIEW} .minus tbody td')].map((cell) => cell.textContent)"


def shows(page, expected: Difference) -> None:
    """Check what the page shows at a moment against the trajectories."""
    page.locator(f"{VIEW}[data-steps='{expected.steps[0]},{expected.steps[1]}']").wait_for(timeout=30_000)
    assert page.locator(f"{VIEW} .most").inner_text() == expected.sentence()
    numbers = [float(text.replace("−", "-") or 0) for text in page.evaluate(NUMBERS)]
    assert np.allclose(numbers, expected.values.reshape(-1), atol=1e-9), "50 images per class: two digits are exact"


def test_it_is_exact_grows_and_is_moved_by_keys(serve, browser, own_cache: Path) -> None:
    whole, other = trajectory(60, last_step=400, seed=1), trajectory(25, last_step=300, seed=2)
    half = whole[:30]
    run = stored(BASE, own_cache, half, "running")
    done = stored(BASE.with_(loss=LOSSES[1]), own_cache, other)
    address = serve(ROOT / "app.py", env={"IGBVIZ_CACHE": str(own_cache)})
    with locks.lock(run.path / "lock"):  # as its worker would
        page = visit(browser, f"{address}/Compare?tab=confusion&runs={run.id},{done.id}&at=33&cell=6-2")
        then = difference(half.thinned(), other.thinned(), 33)
        shows(page, then)
        cell = page.locator(f"{VIEW} .minus tbody tr").nth(6).locator("td").nth(2)
        assert cell.get_attribute("aria-selected") == "true" and page.locator(f"{VIEW}[data-cell='62']").count()
        assert not Axe().run(page).response["violations"]

        cell.focus()
        page.keyboard.press("ArrowRight")
        assert page.evaluate("document.activeElement.getAttribute('aria-label')") == then.named(6, 3)
        assert page.locator(f"{VIEW} .tip").inner_text() == then.named(6, 3)
        page.keyboard.press("Enter")
        page.wait_for_url("**cell=6-3**", timeout=10_000)

        with (run.path / "trajectory.bin").open("ab") as file:
            file.write(whole.records[30:].tobytes())
        page.locator(f".igbviz-lanes .time[max='{np.log10(400)}']").wait_for(timeout=30_000)
        page.locator(".igbviz-lanes .time").focus()
        page.keyboard.press("End")
        shows(page, difference(whole.thinned(), other.thinned(), 400))
    assert not page.outside
