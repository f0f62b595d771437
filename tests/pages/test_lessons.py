"""The lessons, headless: guesses, runs, results, navigation, links, and the presenter view."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from igbviz.charts import lessons
from igbviz.ensembles import Ensemble, EnsembleConfig, initialize
from igbviz.runs.listing import list_runs
from igbviz.runs.run import Run
from igbviz.runs.submit import submit
from igbviz.studies.lessons import LESSONS
from igbviz.studies.lessons.parts import (
    ON_STAGE,
    Explore,
    Go,
    Guess,
    Lesson,
    Look,
    Picture,
    Solution,
    Text,
)
from igbviz.training.loop import Training
from igbviz.trajectory import Trajectory
from igbviz.ui.runs import forget_rows
from igbviz.ui.views.lessons import pictures
from tests.support import ROOT
from tests.support.lesson_pages import PAGE, TRAINED, text, turn
from tests.support.pages import page
from tests.support.stored_ensembles import SMALL, drawn
from tests.support.stored_runs import finished

SHORT = Lesson(
    "A short one",
    5,
    "For tests.",
    {"one": TRAINED, "many": EnsembleConfig(**SMALL)},
    (
        Text("Hello", "Words."),
        Guess("word", "Which?", "Left or right?", lambda _: Solution("right", "Measured."), ("left", "right")),
        Guess(
            "number",
            "How many?",
            "Of ten?",
            lambda results: Solution(len(results), "Counted."),
            high=10,
            unit="classes",
            close=1,
        ),
        Go("Run", "It takes a moment.", ("one", "many"), 2),
        Look(
            "Look",
            "Two.",
            (Picture("accuracy", "one", "A", "a"), Picture("guesses", "many", "B", "b")),
            ("word", "number"),
        ),
        Text("Because", lambda results: f"There are {len(results)} of them."),
        Explore("Go on", "And then?", "pages/Train.py", "Open", "one"),
    ),
)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LESSONS, "short", SHORT)


def step(number: int, name: str = "short", **query: str) -> AppTest:
    return page(PAGE, lesson=name, step=str(number), **query)


def charts(test: AppTest) -> list[str]:
    """What the charts sent to the page show, from top to bottom."""
    sent = [json.loads(part.proto.json) for part in test.get("bidi_component")]
    figures = [json.loads(each["figure"]) for each in sent if "figure" in each]
    words = [(figure["layout"]["meta"]["words"], figure["shared"]) for figure in figures]
    return [word if isinstance(word, str) else shared[word["$shared"]] for word, shared in words]


def at(test: AppTest) -> str:
    return "".join(test.query_params["step"])


def both(cache: Path) -> None:
    finished(SHORT.runs["one"], cache)
    drawn(SHORT.runs["many"], cache)


def test_lessons_to_choose_from(own_cache: Path) -> None:
    test = page(PAGE)
    assert {f"begin-{name}" for name in LESSONS} <= {button.key for button in test.button}
    test.button(key="begin-silent-zone").click().run()
    assert "".join(test.query_params["lesson"]) == "silent-zone" and at(test) == "1"
    assert test.title[0].value == LESSONS["silent-zone"].steps[0].title


def test_a_lesson_from_beginning_to_end(own_cache: Path) -> None:
    test = turn(step(1))
    assert test.button(key="lesson-next").disabled, "a guess comes first"
    test.button(key="lesson-answer-short-word-0").click().run()
    assert "Your guess: **left**" in text(test) and not test.button(key="lesson-next").disabled
    turn(test)
    test.number_input(key="lesson-answer-short-number-number").set_value(3).run()
    turn(test)
    assert "About 2 s" in text(test)
    test.button(key="lesson-run").click().run()
    assert len(list_runs(own_cache)) == 2 and "lesson-run" not in {button.key for button in test.button}
    assert "queued" in text(turn(test)) or "Waiting" in text(test), "the answer waits for the run"
    assert "Measured." not in text(test)
    both(own_cache)
    test.run()
    assert "You guessed **left**. It was **right**. Measured." in text(test)
    assert "You guessed **3 classes**. It was **2 classes**. Counted." in text(test)
    assert "There are 2 of them." in text(turn(test))
    turn(test)
    assert "And then?" in text(test) and "2 of 2 guesses" in text(test) and test.button(key="lesson-next").disabled


def test_a_guess_cannot_be_changed_after_its_answer_was_seen(own_cache: Path) -> None:
    both(own_cache)
    test = step(2)
    test.button(key="lesson-answer-short-word-1").click().run()
    for _ in range(2):
        turn(test)
        if at(test) == "3":
            test.number_input(key="lesson-answer-short-number-number").set_value(9).run()
    assert "Done." in text(test), "finished runs are there at once"
    assert "You guessed **right**. It was **right**." in text(turn(test))
    for _ in range(3):
        turn(test, "back")
    assert at(test) == "2" and all(test.button(key=f"lesson-answer-short-word-{k}").disabled for k in (0, 1))
    assert "You have seen the answer" in text(test)


def test_a_link_into_the_middle(own_cache: Path) -> None:
    test = step(5)
    assert test.button(key="lesson-run").label == "Run", "nobody has run it yet"
    both(own_cache)
    test = step(5)
    assert "It was **right**." in text(test) and "You guessed" not in text(test)


@pytest.mark.parametrize(
    ("asked", "shown"), [("0", "1"), ("99", "7"), ("-3", "1"), ("x", "1"), ("9" * 30, "1"), ("２", "2")]
)
def test_odd_step_numbers(asked: str, shown: str, own_cache: Path) -> None:
    assert SHORT.steps[int(shown) - 1].title == page(PAGE, lesson="short", step=asked).title[0].value


def test_an_unknown_lesson_is_one_sentence(own_cache: Path) -> None:
    test = page(PAGE, lesson="<b>nonsense</b>")
    assert "leads nowhere" in test.warning[0].value and "begin-silent-zone" in {button.key for button in test.button}


def test_words_keep_the_picture_that_was_shown_last(own_cache: Path) -> None:
    both(own_cache)
    shown = charts(step(5))
    assert len(shown) == 2 and charts(step(6)) == charts(step(7)) == shown
    assert "of the guesses are" in text(step(5)) and "of the guesses are" not in text(step(6)), "told once"


@pytest.fixture
def staged(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], bool]]:
    """What was put on the stage: the titles of its runs, and whether it plays."""
    calls: list[tuple[list[str], bool]] = []
    monkeypatch.setattr(pictures, "stage", lambda runs, *, key, play=False: calls.append((list(runs), play)))
    return calls


def test_a_lesson_begins_with_a_shipped_run_that_plays(own_cache: Path, staged: list) -> None:
    assert "A recorded run" not in text(step(1)) and not staged, "there is none without a gallery"
    name = "image-folder-resnet50-cross-entropy-s0-8ab8e438b3"
    shutil.copytree(ROOT / "cache" / "gallery" / name, own_cache / "gallery" / name)
    forget_rows()
    for test in (page(PAGE), step(1), step(2), step(5)):
        assert "A recorded run to begin with: the paper's network, trained with cross-entropy." in text(test)
    assert staged == [(["Cross-entropy"], True)] * 4
    both(own_cache)
    assert "A recorded run" in text(step(2)) and "A recorded run" not in text(step(5))


def test_a_run_is_on_the_stage_while_it_trains(own_cache: Path, staged: list, monkeypatch: pytest.MonkeyPatch) -> None:
    run = finished(TRAINED, own_cache, "running")
    monkeypatch.setattr(Run, "is_alive", True)
    submit(SHORT.runs["many"], own_cache)
    for number in (4, 5):
        test = step(number)
        assert "Measured." not in text(test) and "running" in text(test).lower()
        assert [part.proto.text for part in test.get("progress")[1:]] == ["Networks drawn so far"], "curves need no bar"
    assert staged == [(["Cross-entropy"], False)] * 2
    run.records.write_bytes(b"")
    step(4)
    assert len(staged) == 2, "there is nothing to see before the first probe"


def test_an_answer_that_needs_no_run_is_told(own_cache: Path) -> None:
    number = next(place for place, each in enumerate(LESSONS["wrong-push"].steps, 1) if isinstance(each, Look))
    test = step(number, "wrong-push")
    assert "It was **further down**." in text(test) and len(charts(test)) == 2


def test_pictures_of_every_step() -> None:
    for lesson in [*LESSONS.values()]:
        seen = ()
        for each in lesson.steps:
            seen = getattr(each, "pictures", ()) or seen
            assert lesson.pictures(each) == seen


def test_a_run_that_ended_early_can_be_taken_up(own_cache: Path) -> None:
    both(own_cache)
    run = Run.open(TRAINED.id, own_cache)
    run.write_status(run.status.model_copy(update={"state": "failed", "message": "Out of paper."}))
    test = step(5)
    assert "Out of paper." in text(test)
    test.button(key="lesson-run").click().run()
    assert run.status.state == "queued"


def test_presenter(own_cache: Path) -> None:
    test = step(2)
    test.button(key="lesson-presenter").click().run()
    assert "".join(test.query_params["presenter"]) == "1" and test.title[0].value == "Which?"
    keys = {button.key: button.proto.shortcut for button in test.button}
    assert {key: keys[key] for key in keys if "next" in key or "back" in key} == {
        "lesson-back": "left", "lesson-remote-back": "pageup", "lesson-next": "right", "lesson-remote-next": "pagedown",
    }  # fmt: skip
    assert not test.button(key="lesson-next").disabled, "an audience guesses aloud"
    test.button(key="lesson-remote-next").click().run()
    assert at(test) == "3"
    test.button(key="lesson-presenter").click().run()
    assert "presenter" not in test.query_params and all(not button.proto.shortcut for button in test.button)


@pytest.mark.parametrize("name", list(LESSONS))
def test_every_step_opens_on_an_empty_cache(name: str, own_cache: Path) -> None:
    test = step(1, name)
    for number in range(2, len(LESSONS[name].steps) + 1):
        test.query_params["step"] = str(number)
        test.run()
        assert not test.exception and not test.error, number
        assert test.title[0].value == LESSONS[name].steps[number - 1].title
    assert not list_runs(own_cache), "looking starts nothing"


def test_every_kind_of_picture_can_be_drawn() -> None:
    noisy = TRAINED.with_(label_noise={"name": "symmetric"})
    run = Trajectory.of(record for record in Training(noisy, "cpu").ticks() if record is not None)
    many = Ensemble.of(initialize(EnsembleConfig(**SMALL), "cpu"))
    seen = set()
    for lesson in LESSONS.values():
        for picture in (picture for step in lesson.steps for picture in getattr(step, "pictures", ())):
            if picture.kind in ON_STAGE:
                continue
            config = lesson.runs[picture.run]
            ensemble = isinstance(config, EnsembleConfig)
            case = picture.kind, None if ensemble else config.loss
            if case in seen:
                continue
            seen.add(case)
            of = (many, EnsembleConfig(**SMALL)) if ensemble else (run, config)
            figure = go.Figure(lessons.figure(picture.kind, *of, 400))  # which also says what is no property
            assert figure.data and figure.layout.height == 400
