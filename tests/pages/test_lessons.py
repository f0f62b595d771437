"""The lessons, headless: guesses, runs, results, navigation, links, and the presenter view."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from igbviz.charts import lessons
from igbviz.config import RunConfig
from igbviz.ensembles import Ensemble, EnsembleConfig, initialize
from igbviz.runs.listing import list_runs
from igbviz.runs.run import Run
from igbviz.studies.lessons import LESSONS
from igbviz.studies.lessons.parts import Explore, Go, Guess, Lesson, Look, Picture, Solution, Text
from igbviz.training.loop import Training
from igbviz.trajectory import Trajectory
from tests.support import ROOT
from tests.support.pages import page
from tests.support.stored_ensembles import SMALL, drawn
from tests.support.stored_runs import finished

PAGE = ROOT / "pages" / "Lessons.py"
NOISE = {"name": "gaussian-noise", "size": 8, "train_examples": 60, "test_examples": 60}
TRAINED = RunConfig(
    dataset=NOISE,
    model={"name": "mlp", "depth": 1, "width": 8},
    epochs=2,
    batch_size=16,
    probes={"size": 60, "count": 5},
)
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


def turn(test: AppTest, way: str = "next") -> AppTest:
    test.button(key=f"lesson-{way}").click().run()
    assert not test.exception
    return test


def text(test: AppTest) -> str:
    return "\n".join(
        element.value for kind in ("markdown", "caption", "success", "warning", "error") for element in test.get(kind)
    )


def at(test: AppTest) -> str:
    return "".join(test.query_params["step"])


def both(cache: Path) -> None:
    finished(SHORT.runs["one"], cache)
    drawn(SHORT.runs["many"], cache)


def test_six_lessons_to_choose_from(own_cache: Path) -> None:
    test = page(PAGE)
    assert {f"begin-{name}" for name in LESSONS} <= {button.key for button in test.button}
    test.button(key="begin-silent-zone").click().run()
    assert "".join(test.query_params["lesson"]) == "silent-zone" and at(test) == "1"
    assert test.subheader[0].value == LESSONS["silent-zone"].steps[0].title


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
    assert SHORT.steps[int(shown) - 1].title == page(PAGE, lesson="short", step=asked).subheader[0].value


def test_an_unknown_lesson_is_one_sentence(own_cache: Path) -> None:
    test = page(PAGE, lesson="<b>nonsense</b>")
    assert "leads nowhere" in test.warning[0].value and "begin-silent-zone" in {button.key for button in test.button}


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
    assert "".join(test.query_params["presenter"]) == "1" and test.header[0].value == "Which?"
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
        assert test.subheader[0].value == LESSONS[name].steps[number - 1].title
    assert not list_runs(own_cache), "looking starts nothing"


def test_every_kind_of_picture_can_be_drawn() -> None:
    noisy = TRAINED.with_(label_noise={"name": "symmetric"})
    run = Trajectory.of(record for record in Training(noisy, "cpu").ticks() if record is not None)
    many = Ensemble.of(initialize(EnsembleConfig(**SMALL), "cpu"))
    seen = set()
    for lesson in LESSONS.values():
        for picture in (picture for step in lesson.steps for picture in getattr(step, "pictures", ())):
            config = lesson.runs[picture.run]
            ensemble = isinstance(config, EnsembleConfig)
            case = picture.kind, None if ensemble else config.loss
            if case in seen:
                continue
            seen.add(case)
            figure = lessons.figure(
                picture.kind, *((many, EnsembleConfig(**SMALL)) if ensemble else (run, config)), 400
            )
            assert figure.data and figure.layout.height == 400
