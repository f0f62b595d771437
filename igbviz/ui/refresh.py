"""The part of a page that is drawn again by a timer, and how often.

Every page that follows a run goes through `fragment`, so that all of them stop when there is nothing left to follow and
all say the same of a run that has vanished meanwhile.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

import streamlit as st

from igbviz.runs.run import RunError
from igbviz.runs.status import Status

FIRST_SECONDS, FAST, SLOW = 15.0, 0.3, 1.0  # a young run is looked at more often: its first steps are the story
RESUMABLE, RESTING = ("stopped", "failed"), 5.0  # seconds between two looks at a run that somebody else may resume
CROWD, PRESENT = 6, 5.0  # so many viewers are looked after at the slow pace; who looked within so many seconds is one


def fragment(draw: Callable[[], float | None], every: float | None) -> None:
    """Call `draw` now and again every so many seconds; None is never. `draw` returns how often that should be from now
    on, and where this differs the whole page is drawn once more, since a timer cannot be changed from within: that of
    an ended run stops, that of an older one slows down."""

    @st.fragment(run_every=every)
    def again() -> None:
        try:
            pace = draw()
        except (RunError, OSError) as error:
            st.error(f"{error}. Somebody deleted it, or its files were changed.", icon=":material/broken_image:")
            return
        if pace != every:
            st.rerun()

    again()


def pace(*statuses: Status) -> float | None:
    """Seconds between two looks at these runs; None when all have ended for good. A class of thirty gets the slow pace
    from the start: at the fast one its server would take from the run the core that it trains on."""
    going = [status for status in statuses if not status.ended]
    if not going:
        return RESTING if any(status.state in RESUMABLE for status in statuses) else None
    return FAST if min(status.seconds for status in going) < FIRST_SECONDS and _viewers() <= CROWD else SLOW


def _viewers() -> int:
    """How many browsers, this one included, look at something that moves."""
    now, last_looks = time.monotonic(), _last_looks()
    last_looks[st.session_state.setdefault("viewer", uuid.uuid4().hex)] = now
    for viewer, when in list(last_looks.items()):
        if now - when > PRESENT:
            last_looks.pop(viewer, None)
    return len(last_looks)


@st.cache_resource(show_spinner=False)
def _last_looks() -> dict[str, float]:
    return {}
