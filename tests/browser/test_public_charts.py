"""Outside the app, in a browser with any font, no title of an axis or a color bar lies on its tick labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from igbviz import charts
from igbviz.runs import queue
from tests.support.browser import overlapping_texts
from tests.support.public_charts import Made, arguments_of

pytestmark = pytest.mark.browser

# Some fonts are wider than the one here.
STYLE = "<style>body {margin: 0; font-family: sans-serif} .ytick text {letter-spacing: 3px}</style>"

# Titles that lie over tick labels of the same figure, or beyond its edges.
FAULTS = """() => {
    const faults = [];
    for (const figure of document.querySelectorAll("section")) {
        const around = figure.getBoundingClientRect();
        const boxes = (selector) => [...figure.querySelectorAll(selector)]
            .map((node) => [node.textContent, node.getBoundingClientRect()]).filter(([, box]) => box.width);
        const pairs = [["[class^=g-y] text", "[class*=yaxislayer] text"],
            ["[class^=g-x] text", "[class*=xaxislayer] text"], [".cbtitle text", ".cbaxis text"]];
        for (const [titles, labels] of pairs) for (const [title, a] of boxes(titles)) {
            for (const [label, b] of boxes(labels)) {
                const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
                const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
                if (across > 1 && down > 1) faults.push([figure.id, title, label]);
            }
            if (a.left < around.left || a.right > around.right || a.bottom > around.bottom) {
                faults.push([figure.id, title, "cut"]);
            }
        }
    }
    return faults;
}"""


def test_titles_keep_off_their_tick_labels(browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "ensure_worker", lambda *_, **__: None)
    drawn = {name: getattr(charts, name)(*given) for name, given in arguments_of(Made.in_(tmp_path)).items()}
    parts = [
        f'<section id="{name}">{figure.to_html(full_html=False, include_plotlyjs=not place)}</section>'
        for place, (name, figure) in enumerate(drawn.items())
    ]
    for width in (900, 600):
        page = browser.new_page(viewport={"width": width, "height": 800})
        page.set_content(STYLE + "".join(parts))
        page.wait_for_function(f"document.querySelectorAll('.main-svg .cartesianlayer').length >= {len(parts)}")
        assert page.locator(".ytitle").count() > 15, "there is something to measure"
        assert not page.evaluate(FAULTS)
        turned = {"bars"} if width == 600 else set()  # names that plotly turns lie in boxes larger than they are
        for name in drawn.keys() - turned:
            assert not overlapping_texts(page, f"[id='{name}']"), name
