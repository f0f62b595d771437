"""The page of lessons: one step at a time, guesses before answers, and a presenter view that is steered by keyboard.

The address holds lesson, step and presenter view, so that a link opens the same step.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from igbviz.studies.lessons import LESSONS
from igbviz.studies.lessons.parts import Guess
from igbviz.ui import shell
from igbviz.ui.messages import show_dead_link
from igbviz.ui.views.lessons import pictures, steps
from igbviz.ui.worksheet import serve as worksheets

ON_THE_STAGE = ("on", "at", "shown", "time", "panel", "images", "image")  # what the address says of the stage


def draw(cache: Path) -> None:
    """The whole page: the step that the address names, or the list of lessons."""
    name = st.query_params.get("lesson")
    if name not in LESSONS:
        if name is not None:
            show_dead_link(f"lesson is {name[:80]!r}, allowed: one of {', '.join(LESSONS)}")
        _choose(cache)
        return
    lesson, number = LESSONS[name], step_number(st.query_params.get("step", "1"), len(LESSONS[name].steps))
    presenting = st.query_params.get("presenter") == "1"
    step = lesson.steps[number - 1]
    # Above the step, so that the buttons stay where they are, however long a step is; filled below it, since a guess
    # made in the step opens the way to the next one.
    navigation = st.container(key="lesson-navigation", horizontal=True, vertical_alignment="center")
    st.progress(number / len(lesson.steps), f"{lesson.title} · {number} of {len(lesson.steps)}")
    st.title(step.title, anchor=False)
    steps.draw(name, lesson, step, cache)
    with navigation:
        _navigation(name, number, isinstance(step, Guess) and steps.answer_of(name, step) is None and not presenting)


def step_number(text: str, steps: int) -> int:
    """The step that an address names, clipped to the existing ones; the first one if it is not a number."""
    return min(max(int(text), 1), steps) if text.isdecimal() and len(text) < 9 else 1


def _choose(cache: Path) -> None:
    shell.show_title("pages/Lessons.py")
    lessons, picture = steps.columns()
    with picture:
        pictures.draw_shipped("cross-entropy", cache)
    with lessons:
        for place, (name, lesson) in enumerate(LESSONS.items()):
            with st.container(border=True, gap="small"):
                st.markdown(f"**{place + 1}. {lesson.title}**")
                st.markdown(lesson.about)
                with st.container(horizontal=True, vertical_alignment="center"):
                    if st.button("Begin", icon=":material/school:", key=f"begin-{name}"):
                        _go(name, 1)
                        st.rerun()
                    answered = sum(steps.answer_of(name, guess) is not None for guess in lesson.guesses().values())
                    done = f" · {answered} of {len(lesson.guesses())} guesses made" if answered else ""
                    st.caption(f"About {lesson.minutes} minutes, {len(lesson.steps)} steps{done}")
    with picture:
        st.markdown(
            "Eight short lessons of a few minutes each: **guess, run, look, explain**. The networks train here, in "
            "seconds. You guess before anything is shown; being wrong is the interesting part. The subject is initial "
            "guessing bias (IGB): the preference of an untrained network for some classes, and what training makes of "
            "it."
        )
        st.caption(
            "On a projector: begin a lesson, press *Presenter view*, and turn the pages with the arrow keys or a "
            "remote."
        )


# Navigation.


def _go(name: str, number: int) -> None:
    for choice in ON_THE_STAGE:  # each step has its own
        st.query_params.pop(choice, None)
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
        worksheets.button(name)
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
