"""A headless browser that turns figures into pictures (PNG, SVG) and HTML pages into PDF."""

from __future__ import annotations

import base64
import html
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Literal
from urllib.parse import unquote_to_bytes

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


# What the page of a figure does after it is drawn: its content becomes the picture, as the text of a data URL.
_DRAW = """
const figure = document.querySelector(".plotly-graph-div");
Plotly.toImage(figure, %s).then((url) => { document.body.innerHTML = `<pre id="picture">${url}</pre>`; });
"""


def picture(
    figure: go.Figure,
    form: Literal["png", "svg"],
    *,
    dark: bool = False,
    width: int = 900,
    scale: float = 2.0,
    timeout: float = 60.0,
) -> bytes:
    """A figure as a PNG or SVG of `width` pixels (a PNG has `scale` times as many), drawn by a headless browser.

        Path("x.svg").write_bytes(picture(igbviz.charts.curves(trajectory), "svg"))

    Raises RunError without a browser, or if it fails or takes longer than `timeout` seconds.
    """
    options = {"format": form, "width": width, "height": int(figure.layout.height or 480)}
    options["scale"] = scale if form == "png" else 1
    page = themed(figure, dark).to_html(include_plotlyjs=True, post_script=_DRAW % json.dumps(options))
    drawn = _run_browser(f"a .{form}", page, ["--dump-dom"], timeout).decode()
    found = re.search(r'<pre id="picture">data:[^,]+,(.*?)</pre>', drawn, re.S)
    if found is None:
        raise RunError(f"the browser could not draw the .{form}: it did not finish")
    text = html.unescape(found[1])
    return unquote_to_bytes(text) if form == "svg" else base64.b64decode(text.partition("base64,")[2] or text)


def print_pdf(page: str, height: int, width: int = 1400, timeout: float = 60.0) -> bytes:
    """Print an HTML page to PDF with a headless browser, on sheets of `width` by `height` pixels.

    Raises RunError without a browser, or if it fails or takes longer than `timeout` seconds.
    """
    sheet = f"<style>@page{{size:{width}px {height}px;margin:0}}.modebar{{display:none}}</style></head>"
    page = page.replace("</head>", sheet, 1)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "page.pdf"
        flags = ["--no-pdf-header-footer", f"--window-size={width},{height}", f"--print-to-pdf={target}"]
        _run_browser("a PDF", page, flags, timeout)
        return target.read_bytes()


def _run_browser(what: str, page: str, flags: list[str], timeout: float) -> bytes:
    """What a headless browser prints that opens this page with these flags. Raises RunError."""
    program = find_chromium()
    if program is None:
        raise RunError(f"{what} needs a Chromium or Chrome on the PATH")
    common = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "page.html"
        source.write_text(page, encoding="utf-8")
        waits = ["--virtual-time-budget=20000", f"--user-data-dir={folder}/profile"]
        try:
            finished = subprocess.run(
                [program, *common, *waits, *flags, source.as_uri()],
                timeout=timeout, check=True, capture_output=True, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError) as error:
            raise RunError(f"{program} could not make {what}: {error}") from None
        return finished.stdout
