"""The part of a page that a timer redraws, and how often.

Every page that follows a run uses `fragment`, so all of them stop when the run has ended and show the same error when
it has vanished.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

import streamlit as st

from igbviz.runs.files import in_words
from igbviz.runs.run import RunError
from igbviz.runs.status import Status
from igbviz.ui.messages import show_error

FIRST_SECONDS, FAST, SLOW = 15.0, 0.3, 1.0  # a new run is redrawn more often: its first steps matter most
RESUMABLE, RESTING = ("stopped", "failed"), 5.0  # seconds between redraws of a run that another viewer may resume
CROWD, PRESENT = 6, 5.0  # above this number of viewers the pace is slow; a viewer is a browser seen in the last seconds


def fragment(draw: Callable[[], float | None], every: float | None) -> None:
    """Call `draw` now and then every `every` seconds; None means once only.

    `draw` returns the interval to use from now on. If that differs, the whole page is drawn once more, since a timer
    cannot be changed from within: it stops when a run has ended and slows down when a run is no longer new.
    """

    @st.fragment(run_every=every)
    def again() -> None:
        try:
            pace = draw()
        except FileNotFoundError as error:
            show_error(f"{in_words(error)}. It was deleted", icon=":material/broken_image:")
            return
        except (RunError, OSError) as error:
            show_error(error, icon=":material/broken_image:")
            return
        if pace != every:
            st.rerun()

    again()


def soon(happened: Callable[[], bool], seconds: float) -> bool:
    """Whether it has happened, or does within this time."""
    until = time.monotonic() + seconds
    while not (now := happened()) and time.monotonic() < until:
        time.sleep(0.01)
    return now


def pace(*statuses: Status) -> float | None:
    """Seconds between redraws of these runs; None when all have ended for good.

    A class of thirty gets the slow pace from the start: at the fast one the server would compete with the training for
    its core.
    """
    active = [status for status in statuses if not status.ended]
    if not active:
        return RESTING if any(status.state in RESUMABLE for status in statuses) else None
    return FAST if min(status.seconds for status in active) < FIRST_SECONDS and _viewers() <= CROWD else SLOW


def _viewers() -> int:
    """The number of browsers, this one included, that show something that is being redrawn."""
    now, last_seen = time.monotonic(), _last_seen()
    last_seen[st.session_state.setdefault("viewer", uuid.uuid4().hex)] = now
    for viewer, when in list(last_seen.items()):
        if now - when > PRESENT:
            last_seen.pop(viewer, None)
    return len(last_seen)


@st.cache_resource(show_spinner=False)
def _last_seen() -> dict[str, float]:
    return {}
