"""The stage in a browser: the plot, the names, the player by mouse and keyboard, and a run that grows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from igbviz.config import RunConfig
from igbviz.runs.run import Run
from igbviz.trajectory import Trajectory, snapshot_dtype
from tests.support.browser import visit
from tests.support.servers import servers
from tests.support.stored_runs import STEPS, stored, story

APP = Path(__file__).with_name("stage_app.py")
STAGE = ".igbviz-stage"
NAMES = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
LONG = ["handwritten digit zero", "automobile and truck", "a very long class name indeed", *NAMES[3:]]
MANY = [f"sweet pepper {k}" for k in range(100)]
SIZES = [(1280, 720), (1920, 1080), (390, 844)]

pytestmark = pytest.mark.browser


def crowded(seed: int = 3) -> Trajectory:
    """Classes that end close together, cross, and lie at zero for a while."""
    run, rng = story(seed=8), np.random.default_rng(seed)
    own = np.clip(np.cumsum(rng.normal(0, 0.05, (len(run), 10)), 0) * np.linspace(0, 1, len(run))[:, None], 0, 0.95)
    own[:, 8] = np.linspace(0.95, 0.2, len(run))
    table = np.repeat(((1 - own) / 9)[:, :, None], 10, 2)
    table[:, np.arange(10), np.arange(10)] = own
    run.records["mean_prob"] = table
    return run


def noisy() -> Trajectory:
    """Some labels are wrong: first resisted, then memorized."""
    clean = story(8)
    records = np.zeros(len(clean), snapshot_dtype(10, noisy=True))
    for name in clean.records.dtype.names:
        records[name] = clean.records[name]
    records["memorised"], records["resisted"] = np.linspace(0.1, 0.6, len(records)), 0.2
    records["otherwise"] = 1 - records["memorised"] - records["resisted"]
    return Trajectory(records)


@pytest.fixture(scope="module")
def shown(tmp_path_factory) -> Iterator[tuple[str, dict[str, Run]]]:
    """The address of the app, and the runs that it can show."""
    folder = tmp_path_factory.mktemp("stage")
    cache = folder / "cache"
    runs = {
        "escaped": stored(RunConfig(seed=1, epochs=4, batch_size=100), cache, story(8), names=NAMES),
        "stuck": stored(RunConfig(seed=2, epochs=4, batch_size=100), cache, story(8, even_from=None), names=NAMES),
        "crowded": stored(RunConfig(seed=3, epochs=4, batch_size=100), cache, crowded(), names=NAMES),
        "long": stored(RunConfig(seed=4, epochs=4, batch_size=100), cache, story(2, even_from=None), names=LONG),
        "many": stored(RunConfig(seed=5, epochs=4, batch_size=100), cache, story(8, classes=100), names=MANY),
        "noisy": stored(RunConfig(seed=6, epochs=4, batch_size=100), cache, noisy(), names=NAMES),
    }
    with servers(folder) as start:
        yield start(APP, env={"IGBVIZ_CACHE": str(cache)}), runs


def opened(browser, shown, *names: str, size=(1280, 720), play: bool = False, **options):
    address, runs = shown
    page = visit(browser, "about:blank", **options)
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(f"{address}/?runs={','.join(runs[name].id for name in names)}{'&play=1' if play else ''}")
    page.locator(f"{STAGE}[data-ready]").wait_for(timeout=30_000)
    return page


def at(page) -> int:
    return int(page.locator(STAGE).get_attribute("data-probe"))


def go(page, probe: int) -> None:
    page.evaluate(f"""() => {{
        const time = document.querySelector('{STAGE} .time');
        const low = Number(time.min), high = Number(time.max);
        time.value = low + (high - low) * {probe} / 100;
        time.dispatchEvent(new Event('input'));
    }}""")


# The names of the lines as they stand, and all texts of the axes.
OVERLAPS = """() => {
    const boxes = [...document.querySelectorAll('.igbviz-stage .names text, .igbviz-stage .plot text')]
        .filter((text) => text.textContent.trim()).map((text) => [text.textContent, text.getBoundingClientRect()]);
    const found = [];
    boxes.forEach(([a, one], i) => boxes.slice(i + 1).forEach(([b, other]) => {
        const apart = one.right <= other.left + 1 || other.right <= one.left + 1 || one.bottom <= other.top + 3
            || other.bottom <= one.top + 3;
        if (!apart) found.push([a, b]);
    }));
    const stage = document.querySelector('.igbviz-stage .chart').getBoundingClientRect();
    boxes.forEach(([a, one]) => {
        if (one.right > stage.right + 1 || one.left < stage.left - 1) found.push([a, 'edge']);
    });
    return found;
}"""


@pytest.mark.parametrize("size", SIZES)
def test_no_name_overlaps_another_or_an_axis(browser, shown, size) -> None:
    page = opened(browser, shown, "crowded", size=size)
    for probe in (0, 20, 45, 60, 75, 88, 95, 100):
        go(page, probe)
        assert page.evaluate(OVERLAPS) == [], f"at {probe} %"
    gaps = page.evaluate("""() => {
        const names = [...document.querySelectorAll('.igbviz-stage .names text')];
        const places = names.map((text) => +text.getAttribute('y'));
        return places.sort((a, b) => a - b).slice(1).map((place, i) => place - places[i]);
    }""")
    assert min(gaps) >= 14
    assert not page.problems


# Parts of the stage whose text is wider or higher than they are.
CUT = """(selector) => [...document.querySelectorAll('.igbviz-stage ' + selector)]
    .filter((part) => part.scrollWidth > part.clientWidth + 1 || part.scrollHeight > part.clientHeight + 2)
    .map((part) => part.textContent)"""


@pytest.mark.parametrize("size", [(1280, 720), (390, 844)])
def test_long_names_have_room(browser, shown, size) -> None:
    page = opened(browser, shown, "long", size=size)
    assert page.evaluate(OVERLAPS) == []
    (name,) = [text for text in page.locator(f"{STAGE} .names text").all_text_contents() if text.startswith("a very")]
    assert name == "a very long class name indeed ★" or name.endswith("… ★")
    assert page.evaluate(CUT, ".who") == []
    page.get_by_role("tab", name="Confusion").click()
    page.locator(f"{STAGE} .matrix td").first.wait_for()
    assert page.evaluate(CUT, ".matrix :is(th, td)") == []
    assert not page.problems


@pytest.mark.parametrize("size", [(1280, 720), (390, 844)])
def test_many_classes_are_a_few_lines_and_bars(browser, shown, size) -> None:
    page = opened(browser, shown, "many", size=size)
    assert sorted(page.locator(f"{STAGE} .names text").all_text_contents()) == ["3 lines at 0.9", "sweet pepper 8 ★"]
    go(page, 0)
    assert page.evaluate(OVERLAPS) == [] and page.evaluate(CUT, ".who") == []
    assert page.locator(f"{STAGE} .row").count() == 13
    assert page.locator(f"{STAGE} .who").last.inner_text() == "88 other classes"
    if size[0] > 640:
        bars, player = (page.locator(f"{STAGE} .{part}").bounding_box() for part in ("row >> nth=-1", "player"))
        assert bars["y"] + bars["height"] <= player["y"]


def test_wrong_labels_are_not_classes(browser, shown) -> None:
    page = opened(browser, shown, "noisy")
    page.get_by_role("tab", name="Wrong labels").click()
    page.locator(f"{STAGE}[data-view=wrong_labels]").wait_for()
    assert page.evaluate(OVERLAPS) == []
    opacities = "[...document.querySelectorAll('.scatterlayer .trace')].map((trace) => trace.style.opacity)"
    page.locator(f"{STAGE} .row").first.click()
    assert page.evaluate(opacities) == ["0.8"] * 3, "no line belongs to T-shirts"
    page.get_by_role("tab", name="Accuracy").click()
    page.locator(f"{STAGE}[data-view=accuracy]").wait_for()
    page.mouse.move(0, 0)
    page.wait_for_function(f"{opacities}[0] === '1' && {opacities}[1] === '0.2'")


@pytest.mark.parametrize("view", ["Probability", "Confusion"])
def test_the_projector_view_is_read_from_the_last_row(browser, shown, view: str) -> None:
    page = opened(browser, shown, "crowded", size=(1920, 1080))
    page.get_by_role("tab", name=view).click()
    page.evaluate("""() => {
        document.documentElement.classList.add("igbviz-projector");
        window.dispatchEvent(new Event("igbviz-projector"));
    }""")
    smallest = """() => Math.min(...[...document.querySelectorAll('.igbviz-stage *')]
        .filter((part) => part.checkVisibility() && [...part.childNodes].some((node) => node.nodeValue?.trim()))
        .map((part) => parseFloat(getComputedStyle(part).fontSize)))"""
    page.wait_for_function(f"({smallest})() >= 20")
    assert page.evaluate(OVERLAPS) == [] and page.evaluate(CUT, ":is(.who, .value, th, td, .now, button)") == []
    title = 120  # pixels above the stage on the first page
    assert page.locator(STAGE).bounding_box()["height"] <= 1080 - title
    chart = page.locator(f"{STAGE} .{'matrix' if view == 'Confusion' else 'chart'}").bounding_box()
    assert chart["height"] > 600 and not page.problems


def test_lines_that_lie_together_share_a_name_which_unfolds(browser, shown) -> None:
    page = opened(browser, shown, "stuck")
    names = page.locator(f"{STAGE} .names text")
    assert sorted(names.all_text_contents()) == ["9 classes at 0.01", "Bag ★"]
    names.filter(has_text="9 classes").hover()
    assert page.locator(f"{STAGE} .tip").inner_text().count("\n") == 8


def test_the_plot_is_large(browser, shown) -> None:
    for size, (width, height) in {(1280, 720): (620, 320), (1920, 1080): (1000, 520)}.items():
        page = opened(browser, shown, "escaped", size=size)
        plot = page.evaluate(
            f"(() => {{ const {{xaxis, yaxis}} = document.querySelector('{STAGE} .plot')._fullLayout; "
            "return [xaxis._length, yaxis._length]; })()"
        )
        assert plot[0] >= width and plot[1] >= height


def test_the_keyboard_plays_steps_and_leaves_typing_alone(browser, shown) -> None:
    page = opened(browser, shown, "escaped")
    last = at(page)
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    assert at(page) == last - 3
    page.keyboard.press("ArrowRight")
    assert at(page) == last - 2
    page.keyboard.press("Space")
    assert page.locator(STAGE).get_attribute("data-playing") == "true"
    page.keyboard.press("Space")
    assert page.locator(STAGE).get_attribute("data-playing") == "false"
    before = at(page)
    field = page.get_by_role("textbox", name="Name")
    field.click()
    field.press("Space")
    field.press("ArrowLeft")
    assert field.input_value() == " " and at(page) == before
    assert page.locator(STAGE).get_attribute("data-playing") == "false"
    page.locator(f"{STAGE} .time").focus()
    page.keyboard.press("Home")
    assert at(page) == 0 and page.locator(f"{STAGE} .now").inner_text() == "Init."
    asked = [url for url in requests if not url.endswith("favicon.png")]  # Chromium's own, when the address changes
    assert not asked and not page.problems


def test_views_and_classes_by_keyboard(browser, shown) -> None:
    page = opened(browser, shown, "escaped")
    page.locator(f"{STAGE} .views [aria-selected=true]").focus()
    for name in ("accuracy", "predicted_probability", "guess_fraction", "confusion"):
        page.keyboard.press("ArrowRight")
        page.locator(f"{STAGE}[data-view={name}]").wait_for()
    assert page.locator(f"{STAGE} .matrix tbody tr").nth(8).locator("td").nth(8).inner_text() == "100"
    page.keyboard.press("ArrowRight")
    page.locator(f"{STAGE}[data-view=true_class_probability]").wait_for()
    row = page.locator(f"{STAGE} .row").nth(2)
    row.focus()
    page.keyboard.press("Enter")
    assert row.get_attribute("aria-pressed") == "true"
    faint = page.evaluate("[...document.querySelectorAll('.scatterlayer .trace')].map((trace) => trace.style.opacity)")
    assert faint[2] == "1" and set(faint[:2] + faint[3:]) == {"0.2"}


def test_one_cursor_runs_through_curves_and_bars(browser, shown) -> None:
    page = opened(browser, shown, "escaped")
    go(page, 0)
    bag, coat = (page.locator(f"{STAGE} .row").nth(k).locator(".value") for k in (8, 4))
    assert (bag.inner_text(), coat.inner_text()) == ("100 %", "0 %")
    go(page, 100)
    assert (bag.inner_text(), coat.inner_text()) == ("10 %", "10 %")
    thumb, line = page.evaluate("""() => {
        const time = document.querySelector('.igbviz-stage .time').getBoundingClientRect();
        const cursor = document.querySelector('.igbviz-stage .cursor').getBoundingClientRect();
        return [time.right - 8, cursor.left];
    }""")
    assert abs(thumb - line) < 4, "the thumb stands under the cursor"


def test_it_plays_by_itself_until_somebody_takes_the_player(browser, shown) -> None:
    page = opened(browser, shown, "escaped", "stuck", play=True)
    assert page.locator(STAGE).get_attribute("data-playing") == "true" and at(page) < 10
    page.wait_for_function(f"+document.querySelector('{STAGE}').dataset.probe >= 5")
    page.get_by_role("tab", name=shown[1]["stuck"].id).click()
    page.locator(f"{STAGE}[data-run={shown[1]['stuck'].id}]").wait_for()
    assert page.locator(f"{STAGE} .verdict").inner_text() == (
        "In the end: 9 of 10 classes never came alive; 100 % of the guesses are Bag."
    )
    page.locator(f"{STAGE} .play").click()
    stopped = at(page)
    page.wait_for_timeout(400)
    assert at(page) == stopped


def test_reduced_motion_stands_at_the_end(browser, shown) -> None:
    page = opened(browser, shown, "escaped", play=True, reduced_motion="reduce")
    assert page.locator(STAGE).get_attribute("data-playing") == "false"
    assert at(page) == int(page.locator(STAGE).get_attribute("data-probes")) - 1


def test_a_growing_run_sends_its_new_probes_only_and_is_followed(browser, shown) -> None:
    address, _ = shown
    whole = story(8)
    cache = next(iter(shown[1].values())).path.parents[1]
    run = stored(RunConfig(seed=9, epochs=4, batch_size=100), cache, whole[:20], state="running", names=NAMES)
    sizes = []
    page = visit(browser, "about:blank")
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: sizes.append(len(frame))))
    page.goto(f"{address}/?runs={run.id}")
    page.locator(f"{STAGE}[data-ready]").wait_for(timeout=30_000)
    page.wait_for_timeout(1200)
    sizes.clear()
    for count in range(21, len(STEPS) + 1, 8):
        with (run.path / "trajectory.bin").open("ab") as file:
            file.write(whole.records[len(run.trajectory()) : count].tobytes())
        page.wait_for_function(f"+document.querySelector('{STAGE}').dataset.probes > {count - 3}")
    assert at(page) == int(page.locator(STAGE).get_attribute("data-probes")) - 1, "live: the last probe is shown"
    assert 0 < max(sizes) < 8_000
    page.keyboard.press("ArrowLeft")
    kept = at(page)
    with (run.path / "trajectory.bin").open("ab") as file:
        file.write(whole.records[len(run.trajectory()) :].tobytes())
    page.wait_for_timeout(1500)
    assert at(page) == kept, "who looks back is left alone"


def test_a_link_shows_the_same_moment(browser, shown) -> None:
    page = opened(browser, shown, "escaped", "stuck", play=True)
    page.get_by_role("tab", name=shown[1]["stuck"].id).click()
    page.get_by_role("tab", name="Guesses").click()
    page.get_by_role("button", name="Steps").click()
    go(page, 50)
    seen = at(page)
    page.wait_for_url("**at=*")
    page.goto(page.url)
    page.locator(f"{STAGE}[data-run={shown[1]['stuck'].id}][data-view=guess_fraction]").wait_for(timeout=30_000)
    assert at(page) == seen and page.locator(STAGE).get_attribute("data-playing") == "false"
    assert page.get_by_role("button", name="Steps").get_attribute("aria-pressed") == "true"


def test_the_chart_is_saved_with_its_names(browser, shown, tmp_path) -> None:
    page = opened(browser, shown, "stuck")
    for format, opening in (("PNG", b"\x89PNG"), ("SVG", b"<svg")):
        with page.expect_download(timeout=30_000) as download:
            page.get_by_role("button", name="Share").click()
            page.get_by_role("menuitem", name=format).click()
        download.value.save_as(tmp_path / "picture")
        assert (tmp_path / "picture").read_bytes().startswith(opening)
    assert b"9 classes at 0.01" in (tmp_path / "picture").read_bytes()


def test_what_lies_above_the_plot_follows_a_zoom(browser, shown) -> None:
    page = opened(browser, shown, "stuck")
    box = page.locator(f"{STAGE} .nsewdrag").bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.02 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.95 * box["width"], box["y"] + 0.5 * box["height"], steps=5)
    page.mouse.up()
    page.wait_for_function(f"document.querySelector('{STAGE} .plot')._fullLayout.yaxis.range[0] > 0.2")
    off = page.evaluate("""() => {
        const plot = document.querySelector('.igbviz-stage .plot'), {yaxis} = plot._fullLayout;
        const dot = document.querySelectorAll('.igbviz-stage .over circle')[8];
        return Math.abs(+dot.getAttribute('cy') - yaxis._offset - yaxis.d2p(plot.data[8].y.at(-1)));
    }""")
    assert off < 1


def test_a_chosen_class_and_the_player_outlive_a_press_on_a_tab(browser, shown) -> None:
    page = opened(browser, shown, "escaped", "stuck")
    row = page.locator(f"{STAGE} .row").nth(2)
    row.click()
    assert row.get_attribute("aria-pressed") == "true"
    page.get_by_role("tab", name=shown[1]["stuck"].id).click()
    page.locator(f"{STAGE}[data-run={shown[1]['stuck'].id}]").wait_for()
    assert row.get_attribute("aria-pressed") == "false", "another run, nothing chosen"
    last = at(page)
    page.keyboard.press("ArrowLeft")
    assert at(page) == last - 1 and page.locator(STAGE).get_attribute("data-run") == shown[1]["stuck"].id
