"""How often a page redraws a run."""

from __future__ import annotations

import pytest

from igbviz.runs.status import Status
from igbviz.ui import refresh


@pytest.fixture
def browsers(monkeypatch: pytest.MonkeyPatch):
    """The pace of a run for one of several browsers at a given time."""
    refresh._last_seen.clear()
    sessions: dict[int, dict] = {}

    def look(browser: int, at: float, *seconds: float, state: str = "running") -> float | None:
        monkeypatch.setattr(refresh.st, "session_state", sessions.setdefault(browser, {}))
        monkeypatch.setattr(refresh.time, "monotonic", lambda: at)
        return refresh.pace(*(Status(state=state, seconds=passed) for passed in seconds))

    yield look
    refresh._last_seen.clear()


def test_a_new_run_is_redrawn_more_often(browsers) -> None:
    assert browsers(0, 0.0, 1.0) == refresh.FAST
    assert browsers(0, 0.0, refresh.FIRST_SECONDS) == refresh.SLOW
    assert browsers(0, 0.0, 100.0, 1.0) == refresh.FAST, "one of two runs is young"
    assert browsers(0, 0.0, 1.0, state="done") is None


def test_a_stopped_run_is_redrawn_now_and_then(browsers) -> None:
    """Another browser may resume it; without redraws this one would show it as stopped for ever."""
    for state in ("stopped", "failed"):
        assert browsers(0, 0.0, 1.0, state=state) == refresh.RESTING
    assert browsers(0, 0.0, 1.0, state="diverged") is None, "it cannot be resumed"


def test_a_crowd_gets_the_slow_pace_and_a_few_the_fast_one(browsers) -> None:
    for _ in range(3):  # looking again makes nobody two
        paces = [browsers(browser, 1.0, 1.0) for browser in range(refresh.CROWD)]
    assert paces == [refresh.FAST] * refresh.CROWD
    assert browsers(refresh.CROWD, 1.0, 1.0) == refresh.SLOW
    assert browsers(0, 2.0, 1.0) == refresh.SLOW
    assert browsers(0, 2.0 + refresh.PRESENT, 1.0) == refresh.FAST, "the others have gone"
