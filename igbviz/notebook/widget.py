"""The widget behind `igbviz.watch`: messages for the stage, as attributes that the browser sees change."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from igbviz.charts.colors import DARK_FOR
from igbviz.notebook.library import library
from igbviz.notebook.look import Look, Subject
from igbviz.runs.run import RunError

LEAST = 2  # probes of the message that is sent once


class Stage(anywidget.AnyWidget):
    """The stage of some subjects.

    `known` is sent once: all that is fixed of a subject, and its probes so far. `news` has the probes since then, so an
    update is small, and a view that is opened later has everything. Of an open end, the time axis grows, so all is sent
    again: some 20 kB.
    """

    _esm = Path(__file__).parent / "js" / "widget.js"
    library = traitlets.Unicode().tag(sync=True)
    palette = traitlets.Dict().tag(sync=True)
    picture = traitlets.Unicode().tag(sync=True)
    play = traitlets.Bool().tag(sync=True)
    known = traitlets.List().tag(sync=True)
    news = traitlets.List().tag(sync=True)
    states = traitlets.List().tag(sync=True)

    def __init__(self, subjects: list[Subject], looks: Mapping[str, Look], picture: str) -> None:
        self.subjects = {subject.id: subject for subject in subjects}
        self._base: dict[str, tuple[int, str]] = {}  # by subject: probes and message, sent once
        ended = all(subject.id in looks and looks[subject.id].ended for subject in subjects)
        super().__init__(library=library().model_id, palette=DARK_FOR, picture=picture, play=ended)
        self.on_msg(self._answer)
        self.show(looks)

    def show(self, looks: Mapping[str, Look]) -> None:
        """Bring the stage up to date."""
        for name, look in looks.items():
            if len(look.trajectory) and (look.is_open or self._base.get(name, (0, ""))[0] < LEAST):
                self._base[name] = (len(look.trajectory), look.message(0))
        with self.hold_sync():
            subjects = self.subjects.values()
            self.known = [self._scene(subject, self._base.get(subject.id, (0, ""))[1]) for subject in subjects]
            self.news = [self._scene(subject, self._new(looks.get(subject.id))) for subject in subjects]
            self.states = [self._state(subject, looks.get(subject.id)) for subject in subjects]

    def say(self, sentence: str) -> None:
        """Show this below the stage, and nothing to stop."""
        self.states = [{"run": "", "words": sentence, "stoppable": False}]

    def bundle(self) -> dict[str, Any]:
        """What a cell displays; without the widget, nothing."""
        view = {"version_major": 2, "version_minor": 1, "model_id": self.model_id}
        return {"application/vnd.jupyter.widget-view+json": view, "text/plain": ""}

    def _new(self, look: Look | None) -> str:
        """The probes since the message that is sent once; of those in it, the last may have moved."""
        if look is None or look.is_open or (before := self._base.get(look.id, (0, ""))[0]) < LEAST:
            return ""
        return look.message(before - 1)

    def _scene(self, subject: Subject, message: str) -> dict[str, Any]:
        return {"run": subject.id, "title": subject.title} | ({"message": message} if message else {})

    def _state(self, subject: Subject, look: Look | None) -> dict[str, Any]:
        title = f"{subject.title}: " if subject.title else ""
        words = f"{title}{look.words}" if look else ""
        return {"run": subject.id, "words": words, "stoppable": look is not None and look.stoppable}

    def _answer(self, _: Any, content: dict[str, Any], __: Any) -> None:
        """The button: {"stop": id}."""
        if (subject := self.subjects.get(content.get("stop", ""))) and hasattr(subject, "stop"):
            try:
                subject.stop()
            except RunError as problem:
                self.say(f"{problem}.")
