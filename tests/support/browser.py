"""Browser tests: open a page and record its requests, fill in fields, read a chart."""

from __future__ import annotations

from igbviz.charts.colors import DARK_FOR

CHART = ".igbviz-live-chart"
STAGE = ".st-key-stage .igbviz-stage"
STAGE_READY = f"{STAGE}[data-ready]"
STAGE_PROBES = "data-probes"  # the attribute with the number of probes that the stage has
ROW, HEAD = 35, 35  # pixels of the table of runs


def visit(browser, address: str, **options):
    """Open a page at this address. Its attribute `outside` lists the requests to other machines."""
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
    """Type `value` into the number field with this key; `name` is its label."""
    field = page.locator(f".st-key-{key} input")
    field.fill(value)
    field.press("Enter")


def choose(page, label: str, option: str) -> None:
    """Select an option of the selectbox with this label."""
    box = page.get_by_role("combobox", name=label, exact=True)
    box.click()
    page.get_by_role("option", name=option, exact=True).click()


def chosen(page, label: str) -> str:
    """The option that the selectbox with this label shows."""
    return page.get_by_role("combobox", name=label, exact=True).input_value()


def open_settings(page, tab: str) -> None:
    """Open the drawer of the form of the Train page at this tab."""
    page.get_by_role("button", name="All settings").click(timeout=30_000)
    page.get_by_role("tab", name=tab, exact=True).click()


def probes_on_stage(page) -> int:
    return int(page.locator(STAGE).get_attribute(STAGE_PROBES) or 0)


def seen(page) -> tuple[str, str, list]:
    """The aria-label of the figure, its number of points, and name, color, width, length and first y of each line."""
    chart = page.locator(f"{CHART}[data-points]")
    chart.wait_for(timeout=60_000)
    lines = page.evaluate(
        f"document.querySelector('{CHART}')._fullData.map(t => [t.name, t.line?.color, t.line?.width, t.x.length, "
        "Number.isFinite(t.y[0]) ? t.y[0] : null])"
    )
    return chart.get_attribute("aria-label"), chart.get_attribute("data-points"), lines


def in_dark(figure: tuple[str, str, list]) -> tuple[str, str, list]:
    """What `seen` returns of the same figure on a dark page."""
    words, points, lines = figure
    return words, points, [[name, DARK_FOR.get(color, color), *rest] for name, color, *rest in lines]


# Runs before the page: adds up how far parts are moved without anybody's doing (1: the whole window, by its height).
LAYOUT_SHIFT = """window.shifts = [];
new PerformanceObserver((list) => window.shifts.push(...list.getEntries().filter((entry) => !entry.hadRecentInput)))
  .observe({type: "layout-shift", buffered: true});"""


def shifted(page) -> float:
    """The sum since the page was opened, in a page with LAYOUT_SHIFT."""
    return page.evaluate("window.shifts.reduce((sum, entry) => sum + entry.value, 0)")


def overlapping_texts(page, selector: str, tolerance: float = 4) -> list[tuple[str, str]]:
    """The pairs of visible texts in these figures whose boxes overlap by more than `tolerance` pixels both ways.

    The box of a turned text is upright and larger than its letters, so turned texts count only with others like them.
    """
    return [tuple(pair) for pair in page.evaluate(_OVERLAPS, [selector, tolerance])]


_OVERLAPS = """([selector, tolerance]) => {
    const pairs = [];
    for (const figure of document.querySelectorAll(selector)) {
        const texts = [...figure.querySelectorAll("svg text")].filter((text) => {
            const box = text.getBoundingClientRect(), style = getComputedStyle(text);
            return text.textContent.trim() && box.width && style.visibility !== "hidden" && style.opacity !== "0" &&
                !text.closest(".modebar");
        });
        const turned = (text) => /rotate\\((?!0[,)])/.test(text.getAttribute("transform") ?? "");
        texts.forEach((text, place) => texts.slice(0, place).forEach((other) => {
            if (turned(text) !== turned(other)) return;
            const a = text.getBoundingClientRect(), b = other.getBoundingClientRect();
            const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
            const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
            if (across > tolerance && down > tolerance) pairs.push([text.textContent, other.textContent]);
        }));
    }
    return pairs;
}"""
