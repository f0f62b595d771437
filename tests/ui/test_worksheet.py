"""The worksheet of a lesson: made from its steps, complete, and without the answers unless they are asked for."""

from __future__ import annotations

import pytest

from igbviz.studies.lessons import LESSONS
from igbviz.studies.lessons.parts import Lesson
from igbviz.studies.lessons.worksheet import LEAST, MOST, answers, tasks
from igbviz.ui.worksheet.page import marked, worksheet
from tests.support import ROOT

EVERY = pytest.mark.parametrize("lesson", LESSONS.values(), ids=LESSONS)


@EVERY
def test_a_worksheet_has_the_tasks_of_its_lesson(lesson: Lesson) -> None:
    asked, page = tasks(lesson), worksheet(lesson, "http://here/Lessons?lesson=x&step=1")
    assert LEAST <= len(asked) <= MOST and {guess.title for guess in lesson.guesses().values()} <= {
        task.title for task in asked
    }
    for task in asked:
        assert marked(task.question) in page and all(marked(choice) in page for choice in task.choices)
    assert "**" not in page and "$" not in page and "<script" not in page and page.count("href=") == 2
    assert "http://here/Lessons?lesson=x&amp;step=1" in page and "1/10" in page and "Answers" not in page


def test_a_second_page_answers_what_is_known_here() -> None:
    lesson = LESSONS["race"]
    page = worksheet(lesson, "x", answers(lesson, ROOT / "cache"))
    assert "<b>7 steps</b>. The winner left its guess at step 7." in page
    assert page.count("Not known yet: go through the lesson once on this machine") == 2, "no shipped run has BatchNorm"


def test_what_a_lesson_says_stays_text() -> None:
    assert marked("a < b, **bold** and *it*") == "a &lt; b, <b>bold</b> and <i>it</i>"
