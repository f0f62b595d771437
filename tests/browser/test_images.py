"""The images on the stage: they follow the player, are filtered, found by keyboard, and drawn in the chart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe

from igbviz.config.presets import PRESETS
from igbviz.losses.force import pulls
from igbviz.runs.run import Run
from igbviz.runs.submit import submit
from igbviz.trajectory.images import MAX_WRONG, PER_CLASS, probabilities_of_bytes, probability_bytes
from tests.support.browser import visit
from tests.support.processes import end_workers
from tests.support.servers import servers

APP = Path(__file__).with_name("stage_app.py")
PANEL, TILE = ".igbviz-stage .images", ".igbviz-stage .tile[data-image='{}']"
FIRST_LOOK = PRESETS["first-look-piecewise-zero"].config.with_(epochs=1)
MISLABELED = PRESETS["first-look-cross-entropy"].config.with_(epochs=1, label_noise={"name": "symmetric", "rate": 0.4})
TESTS, WRONG = 10 * PER_CLASS, 10 * (MAX_WRONG // 10)  # as many of each class

pytestmark = [pytest.mark.browser, pytest.mark.worker]


@pytest.fixture(scope="module")
def shown(tmp_path_factory) -> Iterator[tuple[str, dict[str, Run]]]:
    """The address of the app, and the runs that it can show, trained by a worker."""
    folder = tmp_path_factory.mktemp("images")
    cache = folder / "cache"
    runs = {"piecewise-zero": submit(FIRST_LOOK, cache), "mislabeled": submit(MISLABELED, cache)}
    try:
        assert {run.wait(timeout=300).state for run in runs.values()} == {"done"}
        with servers(folder) as start:
            yield start(APP, env={"IGBVIZ_CACHE": str(cache)}), runs
    finally:
        end_workers(cache)


def opened(browser, shown, name: str, query: str = "", size=(1280, 720), **options):
    address, runs = shown
    page = visit(browser, "about:blank", **options)
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("console", lambda line: page.problems.append(line.text) if line.type == "error" else None)
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(f"{address}/?runs={runs[name].id}&panel=images{query}")
    page.locator(f"{PANEL}[data-filter]").wait_for(timeout=30_000)
    return page


class Recorded(NamedTuple):
    """What a run says of its images at the T probes that the stage shows."""

    step: np.ndarray  # (T,)
    p: np.ndarray  # (T, N)
    guess: np.ndarray  # (T, N)
    pull: np.ndarray  # (T, N)
    labels: np.ndarray  # (N,) the true ones
    given: np.ndarray  # (N,) the wrong ones, or -1

    @classmethod
    def of(cls, run: Run) -> Recorded:
        images, step = run.images(), run.glance().step
        shown = images[np.isin(run.trajectory().step, step)]
        sent = probabilities_of_bytes()[probability_bytes(shown.probability)]
        pull = pulls(run.config.loss, sent, run.trajectory().classes)
        return cls(step, shown.probability, shown.guess, pull, images.labels, images.given)


# The color of the frame of an image, in the middle of its left side.
FRAME = """(image) => {
    const canvas = document.querySelector(".igbviz-stage .grid canvas"), ratio = window.devicePixelRatio;
    const tile = document.querySelector(`.igbviz-stage .tile[data-image='${image}']`);
    const size = tile.offsetWidth * ratio, gap = Math.max(1, Math.round(0.05 * size));
    const [x, y] = [tile.offsetLeft * ratio + gap, tile.offsetTop * ratio + size / 2];
    return [...canvas.getContext("2d").getImageData(x, y, 1, 1).data].slice(0, 3);
}"""
COLOR = """(k) => getComputedStyle(document.querySelectorAll(".igbviz-stage .name i")[k]).backgroundColor"""


def color_of(page, k: int) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", page.evaluate(COLOR, k))]


def test_an_image_changes_its_frame_at_the_probe_where_its_guess_changes(browser, shown) -> None:
    run = shown[1]["piecewise-zero"]
    step, p, guess, pull, *_ = Recorded.of(run)
    names = run.trajectory().class_names
    probe, image = next(
        (t, i)
        for t, i in np.argwhere(guess[1:] != guess[:-1]) + [1, 0]
        if pull[t, i] == 0 == pull[t - 1, i] and guess[t - 1, i] == guess[0, i]
    )
    page = opened(browser, shown, "piecewise-zero", f"&at={step[probe - 1]}")
    tile, panel = page.locator(TILE.format(image)), page.locator(PANEL)
    for key, now in ((None, probe - 1), ("ArrowRight", probe)):
        page.mouse.move(5, 5)
        if key:
            page.keyboard.press(key)
        assert np.abs(np.subtract(page.evaluate(FRAME, int(image)), color_of(page, int(guess[now, image])))).max() <= 2
        tile.hover()
        assert panel.get_attribute("data-guess") == names[guess[now, image]]
        assert float(panel.get_attribute("data-p")) == pytest.approx(p[now, image], abs=0.004)  # a byte of its root
    said = page.locator(f"{PANEL} .said").inner_text()
    assert f"guessed {names[guess[probe, image]]} since step {step[probe]}," in said and said.endswith(
        "ignored by this loss."
    )
    assert not page.problems


@pytest.mark.parametrize("name", ["piecewise-zero", "mislabeled"])
def test_the_counts_are_those_of_the_records(browser, shown, name: str) -> None:
    run = shown[1][name]
    step, _, guess, pull, labels, given = Recorded.of(run)
    for probe in (0, len(guess) // 2, len(guess) - 1):
        page = opened(browser, shown, name, f"&at={step[probe]}")
        texts = page.locator(".igbviz-stage .filters button").all_inner_texts()
        expected = ["All", f"Never heard {np.sum(pull[: probe + 1].max(0) <= 0)}"]
        right = np.sum((guess[probe] == labels) & (given < 0))
        words = f"{right} of {TESTS} images are guessed as their class, {np.sum(pull[probe] == 0)} "
        if name == "mislabeled":
            learned = np.sum(guess[probe] == given)
            expected.append(f"Memorised {learned}")
            words += f"of all {len(labels)} are ignored by the loss, {learned} of {WRONG} wrong labels are learned."
        else:
            words += "are ignored by the loss."
        assert texts == expected
        assert page.locator(f"{PANEL} canvas").get_attribute("aria-label") == words
        page.close()


def test_the_line_of_an_image_is_kept_and_a_link_shows_it_again(browser, shown) -> None:
    page = opened(browser, shown, "piecewise-zero")
    names, line = page.locator(".igbviz-stage .names"), page.locator(".igbviz-stage .over path.image")
    page.locator(TILE.format(36)).hover()
    names.get_by_text("Image 37: Dress").wait_for()
    assert line.get_attribute("d").count("L") == int(page.locator(".igbviz-stage").get_attribute("data-probes")) - 1
    page.mouse.move(5, 5)
    assert line.get_attribute("d") == "" and names.get_by_text("Image 37").count() == 0

    sent = []
    page.on("request", lambda request: sent.append(request.url))
    page.get_by_role("button", name=re.compile("^Never heard")).click()
    page.locator(TILE.format(36)).click()
    page.mouse.move(5, 5)
    page.wait_for_url("**image=37*")
    assert names.get_by_text("Image 37: Dress").count() == 1
    assert not [url for url in sent if "favicon" not in url], "the address changes without a word to the server"
    page.goto(page.url)
    page.locator(f"{PANEL}[data-filter=never][data-image='37']").wait_for(timeout=30_000)
    names.get_by_text("Image 37: Dress").wait_for()
    page.get_by_role("tab", name="Bars").click()
    page.locator(".igbviz-stage .row").first.wait_for()
    assert names.get_by_text("Image 37").count() == 0 and page.locator(".igbviz-stage .row .thumb").count() == 10
    assert not page.problems


# The length of a bar, and the sides of the plot.
SIDES = """() => {
    const {xaxis, yaxis} = document.querySelector(".igbviz-stage .plot")._fullLayout;
    return [document.querySelector(".igbviz-stage .track").clientWidth, xaxis._length, yaxis._length];
}"""


@pytest.mark.parametrize(("size", "least"), [((1280, 720), (90, 620, 320)), ((1920, 1080), (160, 1000, 520))])
def test_beside_thumbnails_bars_are_long_and_the_plot_is_large(browser, shown, size, least) -> None:
    page = opened(browser, shown, "piecewise-zero", size=size)
    page.get_by_role("tab", name="Bars").click()
    page.locator(".igbviz-stage .row .thumb").first.wait_for()
    page.wait_for_function(f"({SIDES})()[1] >= {least[1]}")
    assert all(side >= wanted for side, wanted in zip(page.evaluate(SIDES), least, strict=True))
    last, player = (page.locator(f".igbviz-stage .{part}").bounding_box() for part in ("row >> nth=-1", "player"))
    assert last["y"] + last["height"] <= player["y"]


def test_filters_leave_the_images_that_they_name(browser, shown) -> None:
    page = opened(browser, shown, "mislabeled", "&at=100")
    _, _, guess, _, _, given = Recorded.of(shown[1]["mislabeled"])
    tiles = page.locator(f"{PANEL} .tile:not(.out):visible")
    assert tiles.count() == TESTS + WRONG
    page.get_by_role("button", name="Show these only: Coat").or_(
        page.locator(f"{PANEL} .name[data-filter='4']")
    ).click()
    assert [int(tile.get_attribute("data-image")) for tile in tiles.all()] == list(range(48, 60))
    page.locator(f"{PANEL} .name[data-filter=wrong]").click()
    assert tiles.count() == WRONG
    page.get_by_role("button", name=re.compile("^Memorised")).click()
    probe = int(page.locator(".igbviz-stage").get_attribute("data-probe"))
    learned = np.flatnonzero(guess[probe] == given)
    assert sorted(int(tile.get_attribute("data-image")) for tile in tiles.all()) == learned.tolist()
    assert not page.problems


@pytest.mark.parametrize(("size", "scheme"), [((1280, 720), "light"), ((390, 844), "dark")])
def test_the_keyboard_finds_every_image_and_no_rule_is_broken(browser, shown, size, scheme) -> None:
    page = opened(browser, shown, "mislabeled", size=size, color_scheme=scheme)
    page.get_by_role("tab", name="Images").focus()
    page.keyboard.press("ArrowLeft")
    page.locator(".igbviz-stage .row").first.wait_for()
    page.keyboard.press("ArrowRight")
    page.locator(TILE.format(0)).focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "ArrowLeft", "ArrowLeft"):
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.ariaLabel") == "Image 25: Pullover"
    page.keyboard.press("Enter")
    assert page.locator(TILE.format(24)).get_attribute("aria-pressed") == "true"
    assert page.locator(f"{PANEL} .said").inner_text().startswith("Pullover, guessed ")
    violations = Axe().run(page, ".igbviz-stage").response["violations"]
    assert [(rule["id"], [node["html"][:120] for node in rule["nodes"]]) for rule in violations] == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth") and not page.problems
