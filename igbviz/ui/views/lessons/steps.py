"""The steps of a lesson: words and guesses on the left, and beside them a picture. Guesses are kept in the session."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from igbviz.config import RunConfig
from igbviz.datasets import DataError
from igbviz.runs import queue
from igbviz.runs.kinds import TRAINED, kind_of
from igbviz.runs.run import Run, RunError
from igbviz.runs.status import FINISHED, Status, duration_in_words
from igbviz.runs.sweep_config import race_of_losses
from igbviz.runs.sweeps import submit_sweep
from igbviz.spec import ConfigError
from igbviz.studies.lessons import LESSONS
from igbviz.studies.lessons.parts import (
    IMAGES,
    VERDICT_TEXTS,
    Explore,
    Go,
    Guess,
    Lesson,
    Look,
    NoImages,
    Results,
    Step,
    Text,
    Verdict,
    verdict,
)
from igbviz.ui import refresh, shell
from igbviz.ui.messages import plain, quoting, show_error
from igbviz.ui.progress import state_badge
from igbviz.ui.runs import start_run
from igbviz.ui.views.lessons import pictures

BADGES: dict[Verdict, tuple[str, str]] = {
    "right": ("green", ":material/check:"),
    "near": ("blue", ":material/near_me:"),
    "off": ("orange", ":material/lightbulb:"),
}


def draw(name: str, lesson: Lesson, step: Step, cache: Path) -> None:
    """The step, in two columns."""
    if isinstance(step, Go | Look | Text) and lesson.needs(step):
        _with_runs(name, lesson, step, cache)
        return
    words, picture = _columns(lesson, step)
    with words:
        if isinstance(step, Guess):
            _guess(name, step)
        elif isinstance(step, Explore):
            _explore(name, lesson, step, cache)
        else:
            _told(name, lesson, step, {})
    with picture:
        pictures.draw(lesson, step, cache)


def columns(*, wide: bool = False) -> tuple[st.delta_generator.DeltaGenerator, st.delta_generator.DeltaGenerator]:
    """The columns of words and of the picture."""
    words, picture = st.columns([1, 3] if wide else [2, 3], gap="medium")
    return words, picture


def _columns(lesson: Lesson, step: Step) -> tuple[st.delta_generator.DeltaGenerator, st.delta_generator.DeltaGenerator]:
    """Images get more room, so that they stand beside the chart, not below it."""
    return columns(wide=any(picture.kind == IMAGES for picture in lesson.pictures(step)))


def _text(text: str) -> None:
    with st.container(key="lesson-words"):
        st.markdown(text)


# Guesses.


def _slot(name: str, guess: Guess) -> str:
    return f"lesson-answer-{name}-{guess.name}"


def answer_of(name: str, guess: Guess) -> str | float | None:
    """The guess made in this session, or None."""
    return st.session_state.get(_slot(name, guess))


def _keep(slot: str, value: str | float | None = None, widget: str = "") -> None:
    """Store a guess for later steps: a widget that is no longer drawn loses its value."""
    st.session_state[slot] = st.session_state[widget] if widget else value


def _guess(name: str, guess: Guess) -> None:
    _text(guess.question)
    slot, answer = _slot(name, guess), answer_of(name, guess)
    revealed = slot in st.session_state.setdefault("lesson-revealed", set())
    with st.container(key="lesson-guess"):
        for place, choice in enumerate(guess.choices):
            st.button(
                choice,
                key=f"{slot}-{place}",
                width="stretch",
                type="primary" if choice == answer else "secondary",
                on_click=_keep,
                args=(slot, choice),
                disabled=revealed,
            )
        if not guess.choices:
            whole = guess.unit != "%"
            low, high = (int(guess.low), int(guess.high)) if whole else (float(guess.low), float(guess.high))
            st.number_input(
                f"Your guess, {guess.low:g} to {guess.high:g} {guess.unit}",
                low,
                high,
                value=answer,
                step=1 if whole else 5.0,
                format="%d" if whole else "%g",
                placeholder="a number",
                key=f"{slot}-number",
                on_change=_keep,
                args=(slot,),
                kwargs={"widget": f"{slot}-number"},
                disabled=revealed,
            )
    if revealed:
        st.caption("You have seen the answer, so your guess can no longer be changed.")
    elif answer is not None:
        st.caption(f"Your guess: **{_in_words(guess, answer)}**. You can still change it.")


def _in_words(guess: Guess, answer: str | float) -> str:
    return str(answer) if guess.choices else f"{answer:.0f} {guess.unit}"


def _reveal(name: str, guess: Guess, results: Results) -> None:
    """The guess beside the result."""
    outcome, answer = guess.solution(results), answer_of(name, guess)
    st.session_state.setdefault("lesson-revealed", set()).add(_slot(name, guess))
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{guess.title}**")
            if answer is not None:
                result = verdict(guess, answer, outcome)
                color, icon = BADGES[result]
                st.badge(VERDICT_TEXTS[result], color=color, icon=icon)
        prefix = f"You guessed **{_in_words(guess, answer)}**. " if answer is not None else ""
        st.markdown(f"{prefix}It was **{_in_words(guess, outcome.value)}**. {outcome.sentence}")


# Runs.


def _with_runs(name: str, lesson: Lesson, step: Go | Look | Text, cache: Path) -> None:
    """A step that needs runs: the button that starts them, the stage while they train, and then what it is about."""
    runs = {run: pictures.find(lesson.runs[run], cache) for run in lesson.needs(step)}
    try:
        statuses = {key: run.status for key, run in runs.items() if run is not None}
    except RunError as error:
        st.error(plain(f"{error}. Delete it on the page of runs, then run it again."), icon=":material/broken_image:")
        return
    if waiting := [key for key in runs if key not in statuses or statuses[key].state in ("stopped", "failed")]:
        words, picture = _columns(lesson, step)
        with words:
            _offer(lesson, step, waiting, statuses, cache)
        with picture:
            pictures.draw(lesson, step, cache)
        return

    def update() -> float | None:
        now = {key: run.status for key, run in runs.items()}
        has_finished = all(status.state in FINISHED for status in now.values())
        words, picture = _columns(lesson, step)
        with words:
            if has_finished:
                _told(name, lesson, step, runs)
            else:
                _progress(lesson, step, now)
        with picture:
            _picture(lesson, step, runs, cache, has_finished)
        return refresh.pace(*now.values())

    refresh.fragment(update, refresh.pace(*statuses.values()))


def _offer(lesson: Lesson, step: Step, waiting: list[str], statuses: Mapping[str, Status], cache: Path) -> None:
    """The button that starts the runs that are missing or ended early."""
    if isinstance(step, Go):
        _text(step.body)
    st.caption(_duration(lesson, step))
    if isinstance(step, Go) and step.race:
        queue.expect_race(cache, len(step.runs))
    for key in waiting:
        if key in statuses:
            st.caption(f"The last attempt ended early: {quoting(statuses[key].message)}")
    if st.button("Run", icon=":material/play_arrow:", type="primary", key="lesson-run"):
        configs = [lesson.runs[key] for key in waiting]
        if isinstance(step, Go) and step.race:
            started = [_start_race([lesson.runs[key] for key in step.runs], cache)]
        else:
            started = [start_run(config, cache) for config in configs]
        if all(started):
            st.rerun()


def _start_race(configs: list[RunConfig], cache: Path) -> bool:
    """Train these runs, which differ in their loss, at the same time; an error on the page where that fails."""
    try:
        submit_sweep(race_of_losses(configs[0], [config.loss for config in configs]), cache, race=True)
    except (ConfigError, DataError, RunError, OSError) as error:
        show_error(error, icon=":material/error:")
        return False
    return True


def _duration(lesson: Lesson, step: Step) -> str:
    needed = set(lesson.needs(step))
    seconds = sum(go.seconds for go in lesson.steps if isinstance(go, Go) and needed & set(go.runs))
    return f"About {duration_in_words(seconds)} on two cores; runs that already exist here are reused."


def _progress(lesson: Lesson, step: Step, statuses: Mapping[str, Status]) -> None:
    """The state of each run; a bar where no curves show how far it has got."""
    if isinstance(step, Go):
        _text(step.body)
    for key, status in statuses.items():
        config = lesson.runs[key]
        with st.container(horizontal=True, vertical_alignment="center"):
            state_badge(status.state)
            st.caption(plain(status.sentence(kind_of(config).unit)))
        if kind_of(config) is not TRAINED:
            st.progress(min(status.step / status.steps, 1.0) if status.steps else 0.0, "Networks drawn so far")


def _told(name: str, lesson: Lesson, step: Go | Look | Text, runs: Mapping[str, Run]) -> None:
    """The words of a step whose runs have finished, and the guesses beside the results."""
    if isinstance(step, Go):
        _text(step.body)
        st.success("Done. The results are on the next page.", icon=":material/check:")
        return
    results = {key: pictures.result(str(run.path), run.record_bytes) for key, run in runs.items()}
    try:
        _text(step.body(results) if callable(step.body) else step.body)
        for guess in step.guesses if isinstance(step, Look) else ():
            _reveal(name, lesson.guesses()[guess], results)
    except NoImages as error:
        show_error(error, icon=":material/broken_image:")


def _picture(lesson: Lesson, step: Go | Look | Text, runs: Mapping[str, Run], cache: Path, has_finished: bool) -> None:
    """The stage of the runs as they train, also once a step that starts runs is done; else the step's charts."""
    if isinstance(step, Go) and step.race:
        pictures.draw_race(list(runs.values()))
        return
    on_stage = isinstance(step, Go) or not has_finished
    if not on_stage or not pictures.draw_training(list(runs.values())):
        pictures.draw(lesson, step, cache)


# Where to go on.


def _explore(name: str, lesson: Lesson, step: Explore, cache: Path) -> None:
    _text(step.body)
    run = pictures.find(lesson.runs[step.run], cache) if step.run else None
    with st.container(border=True):
        shell.link(step.page, step.label, icon=":material/explore:", **({"run": run.id} if run else {}))
    answered = sum(answer_of(name, guess) is not None for guess in lesson.guesses().values())
    if answered:
        st.caption(f"You made {answered} of {len(lesson.guesses())} guesses in this lesson.")
    following = dict(zip(LESSONS, [*LESSONS][1:], strict=False)).get(name)
    if following:
        query = {"lesson": following, "step": "1"} | (
            {"presenter": "1"} if st.query_params.get("presenter") == "1" else {}
        )
        shell.link("pages/Lessons.py", f"Next lesson: {LESSONS[following].title}", icon=":material/school:", **query)
