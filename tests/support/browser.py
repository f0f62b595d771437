"""A visitor's hands and eyes: a page that notes who it talks to, fields, and what a chart shows."""

from __future__ import annotations

CHART = ".igbviz-live-chart"
ROW, HEAD = 35, 35  # pixels of the table of runs


def visit(browser, address: str, **options):
    """A new page at this address; `outside` are its requests to any other machine."""
    page = browser.new_page(viewport={"width": 1400, "height": 1000}, **options)
    page.outside = []
    page.on(
        "request",
        lambda request: (
            page.outside.append(request.url)
            if not request.url.startswith(("http://127.0.0.1", "data:", "blob:"))
            else None
        ),
    )
    page.goto(address)
    return page


def number(page, name: str, key: str, value: str) -> None:
    """Type into a number field, called `name` on the page."""
    field = page.locator(f".st-key-{key} input")
    field.fill(value)
    field.press("Enter")


def seen(page) -> tuple[str, str, list]:
    """What the figure says of itself, how many points it has, and the lines it draws."""
    chart = page.locator(f"{CHART}[data-points]")
    chart.wait_for(timeout=60_000)
    lines = page.evaluate(
        f"document.querySelector('{CHART}')._fullData.map(t => [t.name, t.line?.color, t.line?.width, t.x.length, "
        "t.y[0]])"
    )
    return chart.get_attribute("aria-label"), chart.get_attribute("data-points"), lines
