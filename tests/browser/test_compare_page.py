"""The Compare page in a browser: select runs, point at a line, share the link, download, and follow active runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from igbviz.runs import locks
from igbviz.runs.run import Run
from igbviz.trajectory import Trajectory
from tests.support import ROOT
from tests.support.browser import CHART, HEAD, ROW, in_dark, seen, visit
from tests.support.processes import until
from tests.support.stored_runs import BASE, LOSSES, family, stored, story

pytestmark = pytest.mark.browser


def address_of(server: str, runs: list[Run], query: str = "") -> str:
    return f"{server}/Compare?runs={','.join(run.id for run in runs)}{query}"


def test_tick_point_share_and_export(serve, browser, own_cache: Path, tmp_path: Path) -> None:
    runs = family(own_cache, 2)
    address = serve(ROOT / "app.py", env={"IGBVIZ_CACHE": str(own_cache)})
    page = visit(browser, f"{address}/Compare")
    page.get_by_role("button", name="Select runs").click(timeout=60_000)
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("6 of 6 runs; 0 selected").wait_for(timeout=60_000)
    page.wait_for_timeout(500)  # the dialog moves as it opens
    for row, chosen in ((0, 1), (2, 2), (5, 3)):
        box = dialog.locator("[data-testid=stDataFrame] canvas").first.bounding_box()
        page.mouse.click(box["x"] + 16, box["y"] + HEAD + ROW * (row + 0.5))
        page.get_by_text(f"6 of 6 runs; {chosen} selected").wait_for(timeout=20_000)
    find = page.locator(".st-key-compare-find input")
    find.fill("cross-entropy")
    find.press("Enter")
    dialog.get_by_text("of them hidden by the filters").wait_for(timeout=20_000)
    dialog.get_by_role("button", name="Compare 3 runs").click()  # what a search hides stays selected
    dialog.wait_for(state="detached", timeout=20_000)
    until(lambda: page.wait_for_timeout(50) or seen(page)[0].startswith("3 runs"), 20, "three rows")
    page.locator("[data-testid=stMultiSelect] [data-tag]").nth(2).wait_for(timeout=20_000)

    page.get_by_text("steps", exact=True).click()
    page.wait_for_url(lambda url: "unit=step" in url, timeout=20_000)
    until(
        lambda: (
            page.wait_for_timeout(50)
            or page.evaluate(f"document.querySelector('{CHART}')._fullLayout.xaxis.range[1]") > 2
        ),
        20,
        "",
    )
    first = seen(page)
    other = visit(browser, page.url, color_scheme="dark")
    assert seen(other) == in_dark(first), "a second browser sees the same figure from the link alone"
    assert sum(run.id in other.url for run in runs) == 3

    for form, opening in (
        ("HTML", b"<!doctype html>"),
        ("CSV", b"\xef\xbb\xbfsetting,run,seed"),
        ("Parquet", b"PAR1"),
        ("PDF", b"%PDF"),
    ):
        with other.expect_download(timeout=60_000) as download:
            other.get_by_role("button", name=form, exact=True).click()
        download.value.save_as(tmp_path / "taken")
        assert (tmp_path / "taken").read_bytes().startswith(opening), form
    assert not page.outside and not other.outside


def test_the_pointer_marks_the_same_step_in_every_panel(serve, browser, own_cache: Path) -> None:
    runs = family(own_cache, 1)
    page = visit(browser, address_of(serve(ROOT / "app.py", env={"IGBVIZ_CACHE": str(own_cache)}), runs))
    seen(page)
    place = page.evaluate(f"""() => {{
        const g = document.querySelector('{CHART}'), box = g.getBoundingClientRect();
        const at = g._fullData.findIndex(t => t.x.length > 30);
        const {{ x, y, name }} = g._fullData[at], {{ xaxis, yaxis }} = g._fullLayout._plots.xy, i = 40;
        const left = xaxis.d2p(x[i]), top = yaxis.d2p(y[i]);
        return [box.left + xaxis._offset + left, box.top + yaxis._offset + top, left, name];
    }}""")
    page.mouse.move(place[0] - 4, place[1] - 4)
    page.mouse.move(place[0], place[1], steps=3)
    marks = page.locator(f"{CHART} .igbviz-linked")
    marks.wait_for(state="attached", timeout=20_000)
    assert (
        marks.locator("line").count() == 6
        and marks.locator("circle").count() == 6
        and marks.locator("text").count() == 5
    )
    page.wait_for_function(
        f"""at => {{  // the pointer passes another probe on its way, and Plotly updates every 50 ms at most
        const plots = Object.values(document.querySelector('{CHART}')._fullLayout._plots);
        const lines = [...document.querySelectorAll('{CHART} .igbviz-linked line')];
        const marked = lines.map(line => Number(line.getAttribute('x1')));
        const isMarked = p => marked.some(x => Math.abs(x - p.xaxis._offset - at) < 1);
        return plots.length === lines.length && plots.every(isMarked);
    }}""",
        arg=place[2],
        timeout=20_000,
    )
    with page.expect_download(timeout=30_000) as download:
        page.locator(f"{CHART} .modebar-btn[data-title='Download as SVG']").click()
    assert download.value.suggested_filename == "runs-side-by-side.svg"
    marks.wait_for(state="detached", timeout=20_000)


def test_a_run_that_goes_on_grows_in_place(serve, browser, own_cache: Path) -> None:
    whole = story(0).records
    run = stored(BASE, own_cache, Trajectory(whole[:20]), "running")
    done = stored(BASE.with_(loss=LOSSES[1]), own_cache, story(0, even_from=None))
    with locks.lock(run.path / "lock"):  # as its worker would
        page = visit(browser, address_of(serve(ROOT / "app.py", env={"IGBVIZ_CACHE": str(own_cache)}), [run, done]))
        seen(page)
        page.get_by_text("1 still running").wait_for(timeout=20_000)
        page.evaluate(f"document.querySelector('{CHART}').__mine = 1")
        longest = f"document.querySelector('{CHART}')._fullData.findLast(t => t.yaxis === 'y').x.length"
        assert page.evaluate(longest) == 20
        with (run.path / "trajectory.bin").open("ab") as file:
            file.write(whole[20:].tobytes())
        until(lambda: page.wait_for_timeout(100) or page.evaluate(longest) == len(whole), 30, "a longer line")
        assert page.evaluate(f"document.querySelector('{CHART}').__mine") == 1, "in the same chart"
    run.write_status(run.stored_status().model_copy(update={"state": "done"}))
    page.get_by_text("1 still running").wait_for(state="detached", timeout=30_000)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_screenshot(serve, browser, own_cache: Path, artefacts: Path, theme: str) -> None:
    runs = family(own_cache, 3)
    address = serve(ROOT / "app.py", env={"IGBVIZ_CACHE": str(own_cache)}, theme=theme)
    page = visit(browser, address_of(address, runs), color_scheme=theme)
    assert seen(page)[0].startswith("9 runs side by side")
    page.wait_for_timeout(500)
    page.screenshot(path=artefacts / f"compare_grid_{theme}.png")
    page.get_by_text("One quantity", exact=True).click()
    page.locator(f".st-key-compare-overlay {CHART}[data-points]").wait_for(timeout=30_000)
    page.wait_for_timeout(500)
    page.screenshot(path=artefacts / f"compare_overlay_{theme}.png")
    text, wanted = page.evaluate(f"""() => {{
        const chart = document.querySelector('.st-key-compare-overlay {CHART}'), style = getComputedStyle(chart);
        return [chart._fullLayout.font.color, style.getPropertyValue("--st-text-color")].map(c => c.toLowerCase());
    }}""")  # fmt: skip
    assert text == wanted and page.locator("[data-testid=stException]").count() == 0 and not page.outside
