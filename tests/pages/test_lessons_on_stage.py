"""Steps of lessons that show a race or images, headless, and the worksheet that each step offers."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from igbviz.runs.images import files as images
from igbviz.runs.sweeps import list_groups
from igbviz.studies.lessons import LESSONS
from igbviz.studies.lessons.parts import IMAGES, RACE, Explore, Go, Guess, Lesson, Look, Picture, Solution, images_of
from igbviz.ui import assets
from igbviz.ui.views.lessons import pictures
from tests.support.lesson_pages import PAGE, TRAINED, text, turn
from tests.support.pages import page
from tests.support.stored_runs import finished

RACED = {"left": TRAINED, "right": TRAINED.with_(loss={"name": "gce"})}
LANES = ["Cross-entropy", "Generalized cross-entropy"]
STAGED = Lesson(
    "On the stage",
    5,
    "For tests.",
    RACED,
    (
        Go("Race", "At once.", ("left", "right"), 2, race=True),
        Look("Finish", "Both.", (Picture(RACE, "left", "A race", beside=("right",)),)),
        Look("Faces", "All.", (Picture(IMAGES, "left", "Faces", filter="never"),)),
        Guess("who", "Who?", "Whom?", lambda _: Solution("a", "A."), ("a", "b")),
        Look("Names", lambda results: f"There are {images_of(results['left']).count}.", (), ("who",)),
        Explore("Go on", "And then?", "pages/Train.py", "Open", "left"),
    ),
)


@pytest.fixture(autouse=True)
def staged(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The titles of the runs that were put on the stage or into lanes, each time."""
    monkeypatch.setitem(LESSONS, "staged", STAGED)
    shown: list[list[str]] = []
    for name in ("lanes", "stage"):
        monkeypatch.setattr(pictures, name, lambda runs, **_: shown.append(list(runs)))
    return shown


def step(number: int, **query: str) -> AppTest:
    return page(PAGE, lesson="staged", step=str(number), **query)


def finish(cache: Path) -> None:
    for config in RACED.values():
        finished(config, cache)


def test_a_race_starts_all_its_runs_at_the_same_time(own_cache: Path, staged: list) -> None:
    test = step(1)
    assert not staged
    test.button(key="lesson-run").click().run()
    (group,) = list_groups(own_cache)
    assert group.is_race and set(group.run_ids) == {config.id for config in RACED.values()}
    assert staged == [LANES], "its lanes, also before the first probe"
    finish(own_cache)
    assert "Done." in text(step(1)) and not step(2).exception and staged == [LANES] * 3


def test_images_are_chosen_in_the_address_until_the_next_step(own_cache: Path, staged: list) -> None:
    finish(own_cache)
    chosen = step(3, images="4").query_params
    assert ("".join(chosen["panel"]), "".join(chosen["images"])) == ("images", "4"), "what a link asks for stays"
    test = step(3)
    assert "".join(test.query_params["images"]) == "never" and staged[-1] == LANES[:1]
    turn(test)
    assert "".join(test.query_params["images"]) == "never", "the picture stays beside the guess"
    turn(turn(test, "back"), "back")
    assert "panel" not in test.query_params and "images" not in test.query_params


def test_a_run_without_images_says_so(own_cache: Path) -> None:
    finish(own_cache)
    for config in RACED.values():
        for file in images.FILES:
            (own_cache / "runs" / config.id / file).unlink(missing_ok=True)
    sentence = "This run has no images. Delete it on the page of runs, then run it again."
    assert [error.value for error in step(5).error] == [sentence]


def test_every_step_offers_the_worksheet(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (file,) = step(4).get("download_button")
    assert file.proto.label == "Worksheet", "as a file, without our server"
    monkeypatch.setattr(assets, "served", True)
    (link,) = step(4).get("link_button")
    assert (link.proto.label, link.proto.url) == ("Worksheet", "/worksheets/staged")
