"""What a worksheet asks: the tasks of a lesson, taken from its steps, and their answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from igbviz.config import RunConfig
from igbviz.studies.lessons.parts import Explore, Guess, Lesson, Look, NoImages, Results
from igbviz.studies.lessons.results import finished

LEAST, MOST = 4, 6  # tasks on a page


@dataclass(frozen=True)
class Task:
    """A question in Markdown, with the choices or the unit of its answer; neither for one that has no single answer."""

    title: str
    question: str
    choices: tuple[str, ...] = ()
    unit: str = ""
    guess: Guess | None = None


def tasks(lesson: Lesson) -> list[Task]:
    """The guesses of a lesson, and its last question. With few guesses, also what to look for in its pictures."""
    explore = [Task(step.title, step.body) for step in lesson.steps if isinstance(step, Explore)]
    guesses = [
        Task(guess.title, guess.question, guess.choices, "" if guess.choices else guess.unit, guess)
        for guess in lesson.guesses().values()
    ][: MOST - len(explore)]
    missing = max(LEAST - len(guesses) - len(explore), 0)
    return [*guesses, *islice(_looks(lesson), missing), *explore]


def _looks(lesson: Lesson) -> Iterator[Task]:
    for step in lesson.steps:
        for picture in step.pictures if isinstance(step, Look) else ():
            if picture.look_for.endswith("?"):
                yield Task(f"Look at “{picture.title}”", picture.look_for)


def training(lesson: Lesson) -> RunConfig | None:
    """The run whose curves are to be drawn: the first training of the lesson, if it has one."""
    return next((config for config in lesson.runs.values() if isinstance(config, RunConfig)), None)


def answers(lesson: Lesson, cache: Path) -> dict[str, tuple[str, str]]:
    """The answer to each guess and the sentence that explains it, from the runs on this machine, by the guess's name.

    Guesses whose runs are missing are left out.
    """
    known: dict[str, tuple[str, str]] = {}
    results: Results | None
    for step in lesson.steps:
        if not isinstance(step, Look) or (results := finished(lesson, lesson.needs(step), cache)) is None:
            continue
        for name in step.guesses:
            guess = lesson.guesses()[name]
            try:
                solution = guess.solution(results)
            except NoImages:
                continue
            value = solution.value if guess.choices else f"{solution.value:.0f} {guess.unit}"
            known[name] = str(value), solution.sentence
    return known
