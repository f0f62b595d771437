"""From a change of the form to the picture of the untrained network: `python -m tests.benchmarks.previews`.

With a worker that is idle, and with one that trains. Also what a training loses to a viewer who changes the form all
the time.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from pathlib import Path
from unittest.mock import patch

import torch
from playwright.sync_api import Browser, Page, sync_playwright

from igbviz.charts.browser import find_chromium
from igbviz.config import PRESETS
from igbviz.runs import previews, queue
from igbviz.runs.previews.answering import Answerer
from igbviz.runs.session import work_on
from igbviz.runs.submit import submit
from tests.benchmarks.app import app
from tests.support.processes import until

# The key of the seed's box is pressed; the picture of another network is there.
CHANGED = """() => new Promise((done) => {
  const preview = () => document.querySelector(".igbviz-untrained");
  const before = preview()?.dataset.ready, pressed = performance.now();
  document.querySelector("[class*=-seed] button[data-testid=stNumberInputStepUp]").click();
  const look = () => {
    const now = preview()?.dataset.ready;
    if (now && now !== before && !preview().classList.contains("waiting")) done(performance.now() - pressed);
    else requestAnimationFrame(look);
  };
  look();
})"""


def to_picture(page: Page, repeats: int, rest: float = 1.0) -> list[float]:
    """Seconds from the press to the new bars, for the next seeds."""
    seconds = []
    for _ in range(repeats + 1):
        seconds.append(page.evaluate(CHANGED) / 1000)
        page.wait_for_timeout(1000 * rest)
    return seconds[1:]  # the first also loads our modules


def in_the_browser(browser: Browser, folder: Path, repeats: int) -> dict[str, list[float]]:
    cache = folder / "cache"
    with app(cache) as address:
        page = browser.new_context(viewport={"width": 1280, "height": 720}).new_page()
        page.goto(f"{address}/Train")
        page.get_by_role("button", name="Train", exact=True).wait_for(timeout=60_000)
        page.wait_for_timeout(6000)  # the worker starts and warms up
        idle = to_picture(page, repeats)
        run = submit(PRESETS["first-look"].config.with_(epochs=400, seed=10_000), cache, own=True)
        until(lambda: run.status.snapshots > 3, 60, "the training")
        training = to_picture(page, repeats)
        assert not run.status.ended
        run.stop()
        page.context.close()
    return {"change to picture, worker idle": idle, "change to picture, worker trains": training}


def lost(folder: Path, repeats: int) -> dict[str, list[float]]:
    """The seconds of the same short training, alone and with a viewer who changes the form all the time."""
    config = PRESETS["first-look"].config
    seconds: dict[str, list[float]] = {"a training alone": [], "with previews asked all the time": []}
    for repeat in range(repeats):
        for label, taken in seconds.items():
            cache = folder / f"{label[:4].strip()}-{repeat}"
            answerer, over = Answerer(cache, torch.device("cpu")), threading.Event()
            answerer.warm_up()

            def ask(cache: Path = cache, over: threading.Event = over) -> None:
                seed = 1
                while not over.wait(0.1):
                    previews.ask(cache, "0123abcd", config.with_(seed=(seed := seed + 1)))

            viewer = threading.Thread(target=ask if "previews" in label else over.wait)
            viewer.start()
            with patch.object(queue, "ensure_worker"):  # it is trained here
                run = submit(config.with_(seed=repeat), cache, own=True)
            started = time.perf_counter()
            list(work_on(run, torch.device("cpu"), meanwhile=answerer.between_steps))
            taken.append(time.perf_counter() - started)
            over.set()
            viewer.join()
    return seconds


def report(seconds: dict[str, list[float]]) -> None:
    for label, times in seconds.items():
        spread = f"({min(times):.3f}-{max(times):.3f}, n = {len(times)})"
        print(f"{label:48} median {statistics.median(times):.3f} s {spread}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser("python -m tests.benchmarks.previews")
    parser.add_argument("--repeats", type=int, default=12)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox", "--disable-gpu"])
            report(in_the_browser(browser, Path(name), asked.repeats))
            browser.close()
        report(lost(Path(name), asked.repeats // 3))


if __name__ == "__main__":
    main()
