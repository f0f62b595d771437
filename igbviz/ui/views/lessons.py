"""A lesson on the page: one step at a time, guesses before answers, and a presenter view that is steered by keyboard.

The address holds lesson and step, so that a link opens the same step. Guesses are kept in the session only.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from igbviz.charts.lessons import figure
from igbviz.runs.kinds import TRAINED, kind_of
from igbviz.runs.run import Run, RunError
from igbviz.runs.status import FINISHED, Status
from igbviz.studies.lessons import LESSONS
from igbviz.studies.lessons.parts import (
    OF_SETTINGS,
    VERDICT_TEXTS,
    Config,
    Explore,
    Go,
    Guess,
    Lesson,
    Look,
    Results,
    Step,
    Text,
    Verdict,
    verdict,
)
from igbviz.ui import progress, refresh, shell
from igbviz.ui.live_chart import live_chart, payload
from igbviz.ui.messages import duration_in_words, plain, show_dead_link
from igbviz.ui.progress import state_badge
from igbviz.ui.runs import start_run

HEIGHT = 430  # pixels of a chart: with its text it fits on a projector
BADGES: dict[Verdict, tuple[str, str]] = {
    "right": ("green", ":material/check:"),
    "near": ("blue", ":material/near_me:"),
    "off": ("orange", ":material/lightbulb:"),
}
# Presenter view: large type, no side bar, and invisible buttons for the second pair of keys.
LARGE = """<style>
[data-testid=stSidebar], [data-testid=stHeader], .st-key-lesson-remote {display: none}
.block-container {padding: 1.5rem 4vw 1rem}
.block-container h2 {font-size: 2.6rem}
.block-container [data-testid=stMarkdownContainer] :is(p, li) {font-size: 1.45rem; line-height: 1.45}
.block-container [data-testid=stCaptionContainer] :is(p, li) {font-size: 1.15rem}
.block-container button :is(p, span) {font-size: 1.25rem}
</style>"""
# Lines of text stay short, and the first one starts below the header.
NARROW = "<style>.block-container {padding-top: 3.75rem} .st-key-lesson-words {max-width: 52rem}</style>"


def draw(cache: Path) -> None:
    """The whole page: the step that the address names, or the list of lessons."""
    name = st.query_params.get("lesson")
    if name not in LESSONS:
        if name is not None:
            show_dead_link(f"lesson is {name[:80]!r}, allowed: one of {', '.join(LESSONS)}")
        _choose()
        return
    lesson, number = LESSONS[name], step_number(st.query_params.get("step", "1"), len(LESSONS[name].steps))
    presenting = st.query_params.get("presenter") == "1"
    step = lesson.steps[number - 1]
    st.html(LARGE if presenting else NARROW)
    st.caption(f"{lesson.title} · {number} of {len(lesson.steps)}")
    st.progress(number / len(lesson.steps))
    if presenting:
        st.header(step.title, anchor=False)
    else:
        st.subheader(step.title, anchor=False)
    body = st.container()
    navigation = st.container(horizontal=True, vertical_alignment="center")
    with body:
        _step(name, lesson, step, cache)
    blocked = isinstance(step, Guess) and _answer(name, step) is None and not presenting
    with navigation:
        _navigation(name, number, blocked)


def step_number(text: str, steps: int) -> int:
    """The step that an address names, clipped to the existing ones; the first one if it is not a number."""
    return min(max(int(text), 1), steps) if text.isdecimal() and len(text) < 9 else 1


def _choose() -> None:
    shell.show_title("pages/Lessons.py")
    st.markdown(
        "Six short lessons of a few minutes each: **guess, run, look, explain**. The networks train here, in seconds. "
        "You guess before anything is shown; being wrong is the interesting part. The subject is initial guessing bias "
        "(IGB): the preference of an untrained network for some classes, and what training makes of it."
    )
    names = list(LESSONS)
    for first in range(0, len(names), 3):
        for column, name in zip(st.columns(3), names[first : first + 3], strict=False):
            lesson = LESSONS[name]
            with column.container(border=True, height="stretch"):
                st.markdown(f"**{names.index(name) + 1}. {lesson.title}**")
                st.markdown(lesson.about)
                answered = sum(_answer(name, guess) is not None for guess in lesson.guesses().values())
                done = f" · {answered} of {len(lesson.guesses())} guesses made" if answered else ""
                st.caption(f"About {lesson.minutes} minutes, {len(lesson.steps)} steps{done}")
                if st.button("Begin", icon=":material/school:", key=f"begin-{name}"):
                    _go(name, 1)
                    st.rerun()
    st.caption(
        "On a projector: begin a lesson, press *Presenter view*, and turn the pages with the arrow keys or a remote."
    )


# Navigation.


def _go(name: str, number: int) -> None:
    st.query_params.update({"lesson": name, "step": str(number)})


def _present(on: bool) -> None:
    if on:
        st.query_params["presenter"] = "1"
    else:
        st.query_params.pop("presenter", None)


def _navigation(name: str, number: int, blocked: bool) -> None:
    """Buttons for back, next and the presenter view. Only there do keys turn pages: elsewhere widgets use them."""
    presenting, last = st.query_params.get("presenter") == "1", len(LESSONS[name].steps)
    keys = (
        {"back": ("Left", "PageUp"), "next": ("Right", "PageDown")}
        if presenting
        else {"back": (None, None), "next": (None, None)}
    )
    targets = {"back": (number - 1, number == 1), "next": (number + 1, number == last or blocked)}
    looks = {
        "back": ("Back", {"icon": ":material/arrow_back:"}),
        "next": ("Next", {"icon": ":material/arrow_forward:", "icon_position": "right", "type": "primary"}),
    }
    for way, (to, disabled) in targets.items():
        label, look = looks[way]
        st.button(
            label, key=f"lesson-{way}", on_click=_go, args=(name, to), disabled=disabled, shortcut=keys[way][0],
            help="Make a guess first; it does not have to be right." if blocked and way == "next" else None, **look,
        )  # fmt: skip
    label, icon = (
        ("Leave presenter view", ":material/close_fullscreen:")
        if presenting
        else ("Presenter view", ":material/present_to_all:")
    )
    st.button(label, key="lesson-presenter", icon=icon, type="tertiary", on_click=_present, args=(not presenting,))
    if not presenting:
        shell.link("pages/Lessons.py", "All lessons", icon=":material/school:")
    else:
        with st.container(key="lesson-remote"):  # a button has one shortcut, and a presenter's remote sends other keys
            for way, (to, disabled) in targets.items():
                st.button(
                    way,
                    key=f"lesson-remote-{way}",
                    on_click=_go,
                    args=(name, to),
                    disabled=disabled,
                    shortcut=keys[way][1],
                )


# Steps.


def _step(name: str, lesson: Lesson, step: Step, cache: Path) -> None:
    if isinstance(step, Guess):
        _guess(name, step)
    elif isinstance(step, Go):
        _text(step.body)
        _with_results(
            lesson,
            step,
            cache,
            lambda _: st.success("Done. The results are on the next page.", icon=":material/check:"),
        )
    elif isinstance(step, Explore):
        _explore(name, lesson, step, cache)
    else:
        _with_results(lesson, step, cache, lambda runs: _show(name, lesson, step, runs))


def _text(text: str) -> None:
    with st.container(key="lesson-words"):
        st.markdown(text)


def _slot(name: str, guess: Guess) -> str:
    return f"lesson-answer-{name}-{guess.name}"


def _answer(name: str, guess: Guess) -> str | float | None:
    """The guess made in this session, or None."""
    return st.session_state.get(_slot(name, guess))


def _keep(slot: str, value: str | float | None = None, widget: str = "") -> None:
    """Store a guess for later steps: a widget that is no longer drawn loses its value."""
    st.session_state[slot] = st.session_state[widget] if widget else value


def _guess(name: str, guess: Guess) -> None:
    _text(guess.question)
    slot, answer = _slot(name, guess), _answer(name, guess)
    revealed = slot in st.session_state.setdefault("lesson-revealed", set())
    with st.container(key="lesson-guess", width=620):
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


def _explore(name: str, lesson: Lesson, step: Explore, cache: Path) -> None:
    _text(step.body)
    run = _find(lesson.runs[step.run], cache) if step.run else None
    with st.container(border=True, width=620):
        shell.link(step.page, step.label, icon=":material/explore:", **({"run": run.id} if run else {}))
    answered = sum(_answer(name, guess) is not None for guess in lesson.guesses().values())
    if answered:
        st.caption(f"You made {answered} of {len(lesson.guesses())} guesses in this lesson.")
    following = dict(zip(LESSONS, [*LESSONS][1:], strict=False)).get(name)
    if following:
        query = {"lesson": following, "step": "1"} | (
            {"presenter": "1"} if st.query_params.get("presenter") == "1" else {}
        )
        shell.link("pages/Lessons.py", f"Next lesson: {LESSONS[following].title}", icon=":material/school:", **query)


def _find(config: Config, cache: Path) -> Run | None:
    """The run of this configuration, or None if it was never started."""
    try:
        return Run.open(config.id, cache)
    except RunError:
        return None


def _with_results(lesson: Lesson, step: Go | Look | Text, cache: Path, show: Callable[[dict[str, Run]], Any]) -> None:
    """A step that needs runs: the button that starts them, their progress, and `show` once all have finished."""
    runs = {name: _find(lesson.runs[name], cache) for name in lesson.needs(step)}
    try:
        statuses = {name: run.status for name, run in runs.items() if run is not None}
    except RunError as error:
        st.error(
            plain(f"{error}. Delete it on the page of runs, then run it again."),
            icon=":material/broken_image:",
        )
        return
    if waiting := [name for name in runs if name not in statuses or statuses[name].state in ("stopped", "failed")]:
        st.caption(_duration(lesson, step))
        for name in waiting:
            if name in statuses:
                st.caption(f"The last attempt ended early: {statuses[name].message}")
        if st.button("Run", icon=":material/play_arrow:", type="primary", key="lesson-run"):
            started = [start_run(lesson.runs[name], cache) for name in waiting]
            if all(started):
                st.rerun()
        return

    def update() -> float | None:
        now = {name: run.status for name, run in runs.items()}
        if all(status.state in FINISHED for status in now.values()):
            show(runs)
        else:
            for name, status in now.items():
                _progress(lesson.runs[name], status)
        return refresh.pace(*now.values())

    refresh.fragment(update, refresh.pace(*statuses.values()))


def _progress(config: Config, status: Status) -> None:
    """The progress of one run."""
    with st.container(horizontal=True, vertical_alignment="center"):
        state_badge(status.state)
        st.caption(plain(progress.sentence(status, kind_of(config).unit)))
    st.progress(min(status.step / status.steps, 1.0) if status.steps else 0.0)


def _duration(lesson: Lesson, step: Step) -> str:
    needed = set(lesson.needs(step))
    seconds = sum(go.seconds for go in lesson.steps if isinstance(go, Go) and needed & set(go.runs))
    return f"About {duration_in_words(seconds)} on two cores; runs that already exist here are reused."


def _show(name: str, lesson: Lesson, step: Look | Text, runs: dict[str, Run]) -> None:
    """The text and charts of a step, and the guesses beside the results."""
    results = {key: _result(str(run.path), run.record_bytes) for key, run in runs.items()}
    _text(step.body(results) if callable(step.body) else step.body)
    for column, (place, picture) in zip(st.columns(max(len(step.pictures), 1)), enumerate(step.pictures), strict=False):
        with column:
            st.markdown(f"**{picture.title}**")
            run, config = runs.get(picture.run), lesson.runs[picture.run]
            if picture.kind in OF_SETTINGS:
                chart = _of_settings(picture.kind, config.id)
            else:
                chart = _chart(picture.kind, str(run.path), run.record_bytes)
            live_chart(chart, key=f"lesson-chart-{place}-{picture.kind}", height=HEIGHT)
            st.caption(picture.look_for)
    if isinstance(step, Look):
        for guess in step.guesses:
            _reveal(name, lesson.guesses()[guess], results)


def _reveal(name: str, guess: Guess, results: Results) -> None:
    """The guess beside the result."""
    outcome, answer = guess.solution(results), _answer(name, guess)
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


# All viewers of a lesson share its results: the key is the length of the run's file.


@st.cache_resource(max_entries=64, show_spinner=False)
def _result(path: str, size: int) -> Any:
    run = Run(Path(path))
    return run.recorded()


@st.cache_resource(max_entries=128, show_spinner=False)
def _chart(kind: str, path: str, size: int) -> str:
    run = Run(Path(path))
    per_epoch = run.steps_per_epoch if run.kind is TRAINED else None
    return payload(figure(kind, _result(path, size), run.config, HEIGHT, per_epoch))


@st.cache_resource(max_entries=32, show_spinner=False)
def _of_settings(kind: str, config_id: str) -> str:
    config = next(config for lesson in LESSONS.values() for config in lesson.runs.values() if config.id == config_id)
    return payload(figure(kind, None, config, HEIGHT))
