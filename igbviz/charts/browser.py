"""A headless browser that turns figures into PNG files and HTML pages into PDF."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import plotly.graph_objects as go

from igbviz.charts.interface.figures import themed
from igbviz.runs.run import RunError


def find_chromium() -> str | None:
    """The path of an installed Chromium or Chrome, or None."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def save_png(figure: go.Figure, path: Path, width: int = 900) -> None:
    """Write a figure as PNG, `width` pixels wide, with a headless Chromium. Raises RunError where there is none."""
    program = find_chromium()
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        program = None
    if program is None:
        raise RunError(
            "a PNG of the figure needs playwright and a Chromium on the PATH: install both, or keep the old file"
        )
    page_text = themed(figure, dark=False).to_html(config={"staticPlot": True}, include_plotlyjs=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": width, "height": int(figure.layout.height)}, device_scale_factor=1.5)
        page.set_content(page_text.replace("<body>", '<body style="margin:0">', 1))
        page.wait_for_selector(".plotly .main-svg")
        page.evaluate("document.fonts.ready")
        temporary = path.with_name(f".{path.name}.{os.getpid()}.png")
        page.screenshot(path=temporary)
        browser.close()
    os.replace(temporary, path)


def print_pdf(page: str, height: int, width: int = 1400, timeout: float = 60.0) -> bytes:
    """Print an HTML page to PDF with a headless browser, on sheets of `width` by `height` pixels.

    Raises RunError without a browser, or if it fails or takes longer than `timeout` seconds.
    """
    program = find_chromium()
    if program is None:
        raise RunError("a PDF needs a Chromium or Chrome on the PATH")
    sheet = f"<style>@page{{size:{width}px {height}px;margin:0}}.modebar{{display:none}}</style></head>"
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "page.html", Path(folder) / "page.pdf"
        source.write_text(page.replace("</head>", sheet, 1), encoding="utf-8")
        flags = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--no-pdf-header-footer",
        ]
        waits = ["--virtual-time-budget=20000", f"--window-size={width},{height}", f"--user-data-dir={folder}/profile"]
        try:
            subprocess.run(
                [program, *flags, *waits, f"--print-to-pdf={target}", source.as_uri()],
                timeout=timeout, check=True, capture_output=True, stdin=subprocess.DEVNULL,
            )  # fmt: skip
            return target.read_bytes()
        except (OSError, subprocess.SubprocessError) as error:
            raise RunError(f"{program} could not print the PDF: {error}") from None
