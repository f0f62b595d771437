"""`igbviz.watch`: the stage in a notebook, which is updated in place while a run or a probe goes on."""

from __future__ import annotations

import itertools
import threading
import traceback
from importlib.util import find_spec
from typing import Any

from igbviz.charts import animation
from igbviz.notebook.still import still_image
from igbviz.notebook.subjects import Look, Subject, subjects_of
from igbviz.runs.run import RunError

EVERY = 0.7  # seconds between two looks
PICTURE_EVERY = 20  # looks between two versions of the still picture while something goes on
MISSING = "A live chart needs anywidget: pip install 'igbviz[notebook]'. This picture is brought up to date as it is."
_numbers = itertools.count(1)


def watch(watched: Any) -> Watching:
    """Show a live stage of a run, a group, a list of runs or a `Probe` below the cell, and return at once.

    The chart grows in place, so a zoom stays; its player, its verdict and its views are those of the app. Runs that are
    in training have a button that stops them. When the notebook is opened later or converted, a still picture is there
    instead. Without anywidget there is only that picture.

        run = igbviz.submit("first-look")
        igbviz.watch(run)

    Raises ConfigError for anything else, RunError for a run that cannot be read or is no training, RuntimeError outside
    a notebook.
    """
    return Watching(subjects_of(watched))


class Watching:
    """A stage on display. It is brought up to date by a thread until everything that it shows has ended."""

    def __init__(self, subjects: list[Subject]) -> None:
        self._display = _display()
        self.subjects: list[Subject] = subjects
        self.picture: str = f"igbviz-picture-{next(_numbers)}-{id(self):x}"
        self._looks: dict[str, Look] = {}
        self._is_live = find_spec("anywidget") is not None
        self._closed = threading.Event()
        self._look()
        self._handle = self._display(self._still(), raw=True, display_id=self.picture)
        self.widget: Any = None  # a `Stage`
        if self._is_live:
            from igbviz.notebook.widget import Stage

            self.widget = Stage(self.subjects, self._looks, self.picture)
            self._display(self.widget.bundle(), raw=True)
        if not self.ended:
            threading.Thread(target=self._follow, name="igbviz-watch", daemon=True).start()

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self._closed.is_set() or all(
            subject.id in self._looks and self._looks[subject.id].ended for subject in self.subjects
        )

    def close(self) -> None:
        """Stop following; what is on display stays."""
        self._closed.set()

    def __repr__(self) -> str:
        return f"<watching {', '.join(subject.title or subject.id for subject in self.subjects)}>"

    def _ipython_display_(self) -> None:
        """It is on display already, also where it is the last value of a cell."""

    def _look(self) -> bool:
        """Look at everything; whether anything has changed."""
        changed = False
        for subject in self.subjects:
            if (look := subject.look()) is not None:
                self._looks[subject.id] = look
                changed = True
        return changed

    def _follow(self) -> None:
        for count in itertools.count(1):
            if self._closed.wait(EVERY):
                return
            try:
                changed = self._look()
                if changed and self.widget is not None:
                    self.widget.show(self._looks)
                if changed and (self.ended or not self._is_live or count % PICTURE_EVERY == 0):
                    self._handle.update(self._still(), raw=True)
            except RunError as problem:  # deleted: what is on display stays
                if self.widget is not None:
                    self.widget.say(f"{problem}.")
                return
            except Exception:  # of this thread, whose error nobody would see otherwise
                traceback.print_exc()
                return
            if self.ended:
                return

    def _still(self) -> dict[str, str]:
        """The first subject as a picture, for whoever opens the notebook without its kernel."""
        looks = [self._looks[subject.id] for subject in self.subjects if subject.id in self._looks]
        look = next((look for look in looks if len(look.trajectory)), None)
        if look is None:
            return {"text/plain": "", "text/html": f'<div id="{self.picture}"></div><style>{self._hiding()}</style>'}
        plan = {"steps_per_epoch": look.steps_per_epoch, "ended": look.ended, "diverged": look.diverged}
        light, dark = (
            still_image(animation.still(look.trajectory, look.config, **plan, dark=dark)) for dark in (False, True)
        )
        images = "".join(
            f'<img class="{name}" src="data:image/png;base64,{image}" alt="The stage" style="max-width: 100%">'
            for name, image in (("light", light), ("dark", dark))
        )
        note = "" if self._is_live else f"<p>{MISSING}</p>"
        html = f'<div id="{self.picture}">{images}{note}</div><style>{self._one_of_two()}{self._hiding()}</style>'
        return {"text/html": html, "image/png": light, "text/plain": repr(self)}

    def _one_of_two(self) -> str:
        """The picture that fits the page: light, unless JupyterLab or VS Code say that they are dark."""
        dark = 'body:is([data-jp-theme-light="false"], .vscode-dark, .vscode-high-contrast)'
        one, other = f"#{self.picture} .dark", f"#{self.picture} .light"
        return f"{one}, {dark} {other} {{ display: none }} {dark} {one} {{ display: inline }} "

    def _hiding(self) -> str:
        """Beside a still picture, JupyterLab's message that the live stage is gone is not shown."""
        after = f".jp-OutputArea-child:has(#{self.picture}) + .jp-OutputArea-child:not(:has(.igbviz-stage))"
        return f"{after} {{ display: none }}" if self._is_live else ""


def _display() -> Any:
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        get_ipython = None
    if get_ipython is None or get_ipython() is None:
        raise RuntimeError("igbviz.watch draws in a notebook: elsewhere use run.follow(), or igbviz app")
    return display
