"""What a viewer waits for, in a real browser: `python -m tests.benchmarks.page [--repeats 5] [--viewers 30]`.

Fresh: a server and a browser that have shown nothing yet. Cold: the worker starts with the server. Warm: it is waiting.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from igbviz.charts.browser import find_chromium
from igbviz.config import PRESETS, RunConfig
from igbviz.runs import locks
from igbviz.runs.listing import list_runs
from igbviz.runs.run import Run
from igbviz.runs.status import Status
from igbviz.trajectory import snapshot_dtype
from igbviz.trajectory.trajectory import columns_of
from igbviz.ui.refresh import FIRST_SECONDS
from igbviz.ui.shell import PAGES
from tests.benchmarks import previews, viewers
from tests.benchmarks.__main__ import a_long_run
from tests.benchmarks.app import app
from tests.support.browser import LAYOUT_SHIFT, shifted
from tests.support.processes import until
from tests.support.stored_runs import stored

LAPTOP, DESKTOP = {"width": 1280, "height": 720}, {"width": 1920, "height": 1080}
PICTURE = ".igbviz-stage[data-ready], .igbviz-live-chart[data-points]"
# Nothing is being computed, no part is still a placeholder, and every picture has been drawn.
SETTLED = """() => document.querySelector("[data-testid=stApp]")?.dataset.testScriptState === "notRunning"
  && document.querySelector("h1") && !document.querySelector("[data-testid=stSkeleton]")
  && ![...document.querySelectorAll(".igbviz-live-chart:not([data-points]), .igbviz-stage:not([data-ready])")]
    .some((picture) => picture.offsetParent)"""
# The run of the address is on the page, with a point of it.
POINT = """() => {
  const run = new URLSearchParams(location.search).get("run");
  const stage = document.querySelector(".igbviz-stage[data-ready]");
  if (!run) return false;
  if (document.querySelector(".igbviz-stage")) return stage?.dataset.run === run && Number(stage.dataset.probes) > 0;
  return Number(document.querySelector(".igbviz-live-chart[data-points]")?.dataset.points) > 0;
}"""


def address_of(path: str) -> str:
    """What follows the address of the server: a page's file name without .py, nothing for the first page."""
    return "" if path == "app.py" else Path(path).stem


def first_visit(browser: Browser, address: str) -> float:
    """Seconds to the first picture of the first page, without anything in the browser's store."""
    page = browser.new_context(viewport=LAPTOP).new_page()
    started = time.perf_counter()
    page.goto(address)
    page.wait_for_selector(PICTURE, timeout=60_000)
    page.context.close()
    return time.perf_counter() - started


def to_another_page(page: Page, title: str) -> float:
    """Seconds from the click in the menu until the other page, which has another heading, has settled."""
    before = page.locator("h1").inner_text()
    started = time.perf_counter()
    page.locator("[data-testid=stSidebar]").get_by_role("link", name=title, exact=True).click()
    moved = f"old => ({SETTLED})() && document.querySelector('h1').innerText !== old"
    page.wait_for_function(moved, arg=before, timeout=60_000)
    return time.perf_counter() - started


def click_to_point(page: Page, address: str, loss: str) -> float:
    """Seconds from the click on Train to a drawn point of a run that nobody has trained before."""
    page.goto(f"{address}/Train?loss={loss}")
    page.wait_for_function(SETTLED, timeout=60_000)
    started = time.perf_counter()
    page.get_by_role("button", name="Train", exact=True).click()
    page.wait_for_function(POINT, timeout=60_000)
    return time.perf_counter() - started


def layout_shift(browser: Browser, address: str, size: dict[str, int]) -> list[float]:
    """The cumulative layout shift of a page in the 3 s after it has settled, at a first and at a second visit."""
    context = browser.new_context(viewport=size)
    context.add_init_script(LAYOUT_SHIFT)
    shifts = []
    for _ in range(2):
        page = context.new_page()
        page.goto(address)
        page.wait_for_function(SETTLED, timeout=60_000)
        page.wait_for_timeout(3000)
        shifts.append(shifted(page))
        page.close()
    context.close()
    return shifts


@contextmanager
def live(cache: Path, probes: int) -> Iterator[Run]:
    """A run with this many probes that goes on: three probes a second, and it is no longer new."""
    config = PRESETS["first-look"].config.with_(batch_size=1, probes={"schedule": "batch", "size": 10}, seed=probes)
    trajectory, over = a_long_run(probes), threading.Event()
    run = stored(config, cache, trajectory, "running")
    run.write_status(run.stored_status().model_copy(update={"seconds": 2 * FIRST_SECONDS}))

    def grow() -> None:
        record = trajectory.records[-1:].copy()
        while not over.wait(0.3):
            record["step"] += 1
            with (run.path / "trajectory.bin").open("ab") as file:
                file.write(record.tobytes())

    with locks.lock(run.path / "lock"):  # as its worker would
        thread = threading.Thread(target=grow)
        thread.start()
        yield run
        over.set()
        thread.join()


def thousand_runs(cache: Path) -> None:
    recorded = a_long_run(50).records.tobytes()
    schema = {"columns": columns_of(snapshot_dtype(10)), "class_names": list(map(str, range(10)))}
    for seed in range(1000):
        config = RunConfig(seed=seed)
        path = cache / "runs" / config.id
        path.mkdir(parents=True)
        (path / "config.json").write_text(config.to_json())
        (path / "schema.json").write_text(json.dumps(schema))
        (path / "trajectory.bin").write_bytes(recorded)
        (path / "status.json").write_text(Status(state="done", snapshots=50, submitted=seed + 1).model_dump_json())


def report(label: str, seconds: list[float]) -> None:
    median, least, most = statistics.median(seconds), min(seconds), max(seconds)
    print(f"{label:48} median {median:.2f} s ({least:.2f}-{most:.2f}, n = {len(seconds)})", flush=True)


def with_a_browser(browser: Browser, folder: Path, repeats: int) -> None:
    opened, cold, warm, crowded = [], [], [], []
    within: dict[str, list[float]] = {page.title: [] for page in PAGES.values()}
    for repeat in range(repeats):
        cache = folder / str(repeat)
        with app(cache) as address:
            opened.append(first_visit(browser, address))
        with app(cache / "again") as address:
            page = browser.new_context(viewport=LAPTOP).new_page()
            cold.append(click_to_point(page, address, "gce"))
            until(lambda cache=cache: all(line.run.status.ended for line in list_runs(cache / "again")), 180, "its end")
            warm.append(click_to_point(page, address, "mae"))
            until(lambda cache=cache: all(line.run.status.ended for line in list_runs(cache / "again")), 180, "its end")
            for title in within:
                within[title].append(to_another_page(page, title))
            page.context.close()
    report("first visit of a fresh server, first picture", opened)
    report("click to first point, cold worker", cold)
    report("click to first point, warm worker", warm)
    for title, seconds in within.items():
        report(f"from another page to {title}, settled", seconds)

    previews.report(previews.in_the_browser(browser, folder / "previews", 2 * repeats))

    with app(folder / "shifts") as address:
        for path, page_of in PAGES.items():
            for size in (LAPTOP, DESKTOP):
                first, again = layout_shift(browser, f"{address}/{address_of(path)}", size)
                print(f"layout shift of {page_of.title} at {size['width']}: {first:.3f}, again {again:.3f}", flush=True)

    thousand_runs(folder / "crowded")
    with app(folder / "crowded") as address:
        for _ in range(repeats + 1):
            page = browser.new_page()
            started = time.perf_counter()
            page.goto(f"{address}/Runs")
            page.get_by_text("1,000 of 1,000 runs").wait_for(timeout=30_000)
            crowded.append(time.perf_counter() - started)
            page.close()
    report("Runs page with 1,000 runs", crowded[1:])


def refreshes(folder: Path) -> None:
    """What a refresh of a live stage costs, of a short run and of a long one."""
    for probes in (50, 50_000):
        cache = folder / f"live-{probes}"
        with app(cache) as address, live(cache, probes) as run:
            viewers.report(f"{probes:,} probes", *viewers.measure(viewers.socket_of(address), run, 1))


def main() -> None:
    parser = argparse.ArgumentParser("python -m tests.benchmarks.page")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--viewers", type=int, default=30)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox", "--disable-gpu"])
            with_a_browser(browser, folder, asked.repeats)
            browser.close()
        refreshes(folder)
        viewers.crowd(folder / "crowd", asked.viewers)


if __name__ == "__main__":
    main()
