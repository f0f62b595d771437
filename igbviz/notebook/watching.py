"""`igbviz.watch`: the stage in a notebook, which is updated in place while a run or a probe goes on.

The live stage is an anywidget, which JupyterLab 4.6 shows. By their documentation, so do Notebook 7, VS Code, once its
setting `jupyter.widgetScriptSources` names a place to load anywidget from, and Colab, after a call of
`google.colab.output.enable_custom_widget_manager()`.
"""

from __future__ import annotations

import itertools
import threading
import weakref
from importlib.util import find_spec
from typing import Any

from igbviz.notebook import picture
from igbviz.notebook.look import Look, Subject
from igbviz.notebook.subjects import subjects_of
from igbviz.runs.run import RunError

EVERY = 0.7  # seconds between two looks
PICTURE_EVERY = 20  # looks between two versions of the still picture beside a live stage
ALONE_EVERY = 3  # the same where there is only the picture
OUTSIDE = "igbviz.watch draws in a notebook: elsewhere use run.follow(), or igbviz app"
_numbers = itertools.count(1)
_of_cell: dict[str, tuple[str, list[weakref.ref[Watching]]]] = {}  # by cell: its execution, and what that displayed


def watch(watched: Any) -> Watching:
    """Show a live stage of a run, a group, a list of runs or a `Probe` below the cell, and return at once.

    The chart grows in place, so a zoom stays; its player, its verdict and its views are those of the app. Runs that are
    in training have a button that stops them. When the notebook is opened later or converted, a still picture is there
    instead. Without anywidget there is only that picture.

        run = igbviz.submit("first-look")
        igbviz.watch(run)

    A stream of `igbviz.train` is watched, too: `stream = igbviz.train(config)`, `igbviz.watch(stream)`, and then the
    loop. Raises ConfigError for anything else, RunError for a run that cannot be read or has no probes, RuntimeError
    outside a notebook.
    """
    shell = _shell()
    watching = Watching(subjects_of(watched))
    _replace(shell, watching)
    return watching


class Watching:
    """A stage on display. It is brought up to date by a thread until everything that it shows has ended."""

    def __init__(self, subjects: list[Subject]) -> None:
        from IPython.display import display

        self.subjects: list[Subject] = subjects
        self.picture: str = f"igbviz-picture-{next(_numbers)}-{id(self):x}"
        self._looks: dict[str, Look] = {}
        self._is_live = find_spec("anywidget") is not None
        self._closed = threading.Event()
        self._look()
        self._handle = display(self._still(), raw=True, display_id=self.picture)
        self.widget: Any = None  # a `Stage`
        if self._is_live:
            from igbviz.notebook.widget import Stage

            self.widget = Stage(self.subjects, self._looks, self.picture)
            display(self.widget.bundle(), raw=True)
        if not self.ended:
            threading.Thread(target=self._follow, name="igbviz-watch", daemon=True).start()

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self._closed.is_set() or all(
            subject.id in self._looks and self._looks[subject.id].ended for subject in self.subjects
        )

    def close(self) -> None:
        """Stop following; what is on display stays, until the notebook is opened again."""
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
        every = PICTURE_EVERY if self._is_live else ALONE_EVERY
        stale = False  # whether the picture shows less than there is
        for count in itertools.count(1):
            if self._closed.wait(EVERY):
                return
            try:
                changed = self._look()
                stale |= changed
                if changed and self.widget is not None:
                    self.widget.show(self._looks)
                if stale and (self.ended or count % every == 0):
                    self._handle.update(self._still(), raw=True)
                    stale = False
            except RunError as problem:  # what is on display stays
                if self.widget is not None:
                    self.widget.say(f"{problem}.")
                return
            if self.ended:
                return

    def _still(self) -> dict[str, str]:
        """The first subject as a picture, for whoever opens the notebook without its kernel."""
        looks = [self._looks[subject.id] for subject in self.subjects if subject.id in self._looks]
        look = next((look for look in looks if len(look.trajectory)), None)
        return picture.bundle(self.picture, look, text=repr(self), is_live=self._is_live)


def _shell() -> Any:
    """The IPython of this notebook."""
    try:
        from IPython import get_ipython
    except ImportError:
        raise RuntimeError(OUTSIDE) from None
    if (shell := get_ipython()) is None:
        raise RuntimeError(OUTSIDE)
    return shell


def _replace(shell: Any, watching: Watching) -> None:
    """A cell that is run again replaces what it showed before, so that is not followed any longer."""
    message = shell.get_parent() if hasattr(shell, "get_parent") else {}
    cell, execution = message.get("metadata", {}).get("cellId"), message.get("header", {}).get("msg_id", "")
    if cell is None:  # a terminal, or a front end that does not say
        return
    before, shown = _of_cell.get(cell, ("", []))
    if before != execution:
        for earlier in filter(None, (reference() for reference in shown)):
            earlier.close()
            if earlier.widget is not None:
                earlier.widget.close()
        shown = []
    _of_cell[cell] = (execution, [*shown, weakref.ref(watching)])
