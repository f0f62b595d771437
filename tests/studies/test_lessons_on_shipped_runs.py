"""What the lessons on images and on races say, held against the runs that ship with the program."""

from __future__ import annotations

import numpy as np
import pytest

from igbviz.runs.run import Run
from igbviz.studies.lessons import LESSONS
from igbviz.studies.lessons.never_heard import RUNS, WATCHED, WRONG, locked, never_heard, pulled
from igbviz.studies.lessons.parts import Go, Results
from igbviz.studies.lessons.race import CROSS_ENTROPY, THE_RACE
from igbviz.studies.lessons.results import finished, result
from igbviz.studies.lessons.worksheet import answers
from tests.support import ROOT

CACHE = ROOT / "cache"
NEVER_HEARD = LESSONS["never-heard"]


@pytest.fixture(scope="module")
def images() -> Results:
    found = finished(NEVER_HEARD, RUNS, CACHE)
    assert found is not None, "every run of this lesson is shipped"
    return found


@pytest.fixture(scope="module")
def race() -> Results:
    return {name: result(Run.open(THE_RACE.runs[name].id, CACHE)) for name in ("ce", "cut")}


def test_the_lesson_on_images_counts_what_the_panel_shows(images: Results) -> None:
    for name, run in images.items():
        shown = Run.open(RUNS[name].id, CACHE).glance()
        assert len(shown) == len(run), "the panel has every probe"
        given = run.images.given
        assert (given < 0).sum() == WATCHED == 12 * run.classes
        assert (given >= 0).sum() == (WRONG if name.startswith("noisy") else 0)
    solved = {guess.name: guess.solution(images).value for guess in NEVER_HEARD.guesses().values()}
    assert solved == {"begin": 11, "never": 96, "classes": 2, "by_ce": 88, "by_gce": 17}


def test_heard_means_above_the_cutoff(images: Results) -> None:
    run, loss = images["cut"], RUNS["cut"].loss
    above = run.images.probability > loss.cutoff
    assert (pulled(run, loss) == above).mean() > 0.999, "but for the rounding of the panel"
    assert never_heard(run, loss).sum() == (~above.any(0)).sum() == 96


def test_what_the_words_about_images_claim(images: Results) -> None:
    said = "\n".join(step.body(images) for step in NEVER_HEARD.steps if callable(getattr(step, "body", None)))
    assert "only *Sneaker* got a hearing" in said and "a class is heard as a whole, or not at all" in said
    assert "learned 88 of the wrong labels, generalized cross-entropy 17" in said and "each was pulled up" in said
    assert "left 96 images with *correct* labels unheard" in said
    locks = locked(images["noisy_gce"])
    assert (locks.any(0) & ~locks[-1]).sum() >= 5, "some open again, as the last step says"
    assert images["noisy_ce"].epoch[-1] == 40 and images["cut"].epoch[-1] == 10


def test_the_first_race(race: Results) -> None:
    winner, read = (THE_RACE.guesses()[name].solution(race) for name in ("winner", "read"))
    assert winner.value == CROSS_ENTROPY and read.value == race["ce"].escape_step() == 7
    assert winner.sentence == "Cross-entropy left its guess at step 7, piecewise-zero never."
    first = [run.guess_fraction()[0] for run in race.values()]
    assert np.array_equal(*first) and first[0].max() > 0.85, "the same first guess, nearly all to one class"
    assert all(run.step[-1] == 3130 == THE_RACE.guesses()["read"].high for run in race.values())
    why = next(step for step in THE_RACE.steps if step.title == "Who may object").body(race)
    assert "7 steps of 32 images each: it had seen 224 of the 10,000 images" in why and "90 % of the images" in why


def test_the_second_race_changes_what_is_said_and_no_more() -> None:
    for name in ("ce", "cut"):
        before, after = THE_RACE.runs[name], THE_RACE.runs[f"{name}_norm"]
        assert (before.optimizer.learning_rate, after.optimizer.learning_rate) == (1e-5, 0.1)
        assert (after.model.normalization, after.model.placement) == ("batch", "before")
        assert before.loss == after.loss and before.seed == after.seed and before.dataset == after.dataset
    for go in (step for step in THE_RACE.steps if isinstance(step, Go)):
        first, second = (THE_RACE.runs[name] for name in go.runs)
        assert go.race and first.with_(loss=second.loss) == second, "only the loss differs"


def test_answers_of_a_worksheet_come_from_the_runs() -> None:
    assert answers(NEVER_HEARD, CACHE)["by_gce"][0] == "17 labels"
    solved = answers(THE_RACE, CACHE)
    assert solved["winner"][0] == CROSS_ENTROPY and "change" not in solved, "that run is not shipped"
