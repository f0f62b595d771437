"""From the click to the first drawn point, in a real browser: `python -m tests.benchmarks.page [--repeats 5]`.

Cold: a fresh server and cache, so that the worker starts with the page. Warm: a worker is already waiting.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from igbviz.charts.browser import find_chromium
from igbviz.config import RunConfig
from igbviz.runs.status import Status
from igbviz.trajectory import snapshot_dtype
from igbviz.trajectory.trajectory import columns_of
from tests.benchmarks.__main__ import a_long_run
from tests.support import ROOT
from tests.support.browser import STAGE_READY
from tests.support.processes import end_workers
from tests.support.servers import free_port


@contextmanager
def app(cache: Path) -> Iterator[str]:
    """The app on its own cache, ready to respond."""
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}", "--server.headless=true"]
    server = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | {"IGBVIZ_CACHE": str(cache)}, stdout=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    try:
        while True:
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=1)
                break
            except OSError:
                time.sleep(0.05)
        yield address
    finally:
        server.terminate()
        server.wait()
        end_workers(cache)


def click_to_point(page: Page, index: int) -> float:
    """Seconds from the click on one of the first page's buttons to a drawn point of the run that it starts."""
    before = page.url
    started = time.perf_counter()
    page.get_by_role("button", name="Run it here").nth(index).click()
    drawn = f"document.querySelector('.st-key-progress') && document.querySelector('{STAGE_READY}')"
    page.wait_for_function(f"old => location.href != old && {drawn}", arg=before, timeout=60_000)
    return time.perf_counter() - started


def report(label: str, seconds: list[float]) -> None:
    print(
        f"{label:40} median {statistics.median(seconds):.2f} s ({min(seconds):.2f}-{max(seconds):.2f}, n = "
        f"{len(seconds)})",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser("python -m tests.benchmarks.page")
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    opened, cold, warm, crowded = [], [], [], []
    with sync_playwright() as driver, tempfile.TemporaryDirectory() as folder:
        browser = driver.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox", "--disable-gpu"])
        for repeat in range(repeats):
            cache = Path(folder) / str(repeat)
            cache.mkdir()
            with app(cache) as address:
                page = browser.new_page()
                started = time.perf_counter()
                page.goto(address)
                page.get_by_role("button", name="Run it here").first.wait_for()
                opened.append(time.perf_counter() - started)
                cold.append(click_to_point(page, 0))
                page.get_by_text("in all").wait_for(timeout=180_000)
                page.get_by_role("link", name="Home").click()
                page.get_by_role("button", name="Run it here").nth(2).wait_for()
                page.wait_for_timeout(1000)
                warm.append(click_to_point(page, 1))
                page.close()
        cache = Path(folder) / "crowded"
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
        with app(cache) as address:
            for _ in range(repeats + 1):
                page = browser.new_page()
                started = time.perf_counter()
                page.goto(f"{address}/Runs")
                page.get_by_text("1,000 of 1,000 runs").wait_for(timeout=30_000)
                crowded.append(time.perf_counter() - started)
                page.close()
        browser.close()
    report("first page of a fresh server", opened)
    report("click to first point, cold worker", cold)
    report("click to first point, warm worker", warm)
    report("Runs page with 1,000 runs", crowded[1:])


if __name__ == "__main__":
    main()
