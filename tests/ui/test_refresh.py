"""How often a page redraws a run."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from igbviz.runs.run import RunError
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


def page(error: Exception) -> None:
    from igbviz.ui import refresh

    def draw() -> None:
        raise error

    refresh.fragment(draw, None)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RunError("run a cannot be read: status.json is damaged"), "run a cannot be read: status.json is damaged."),
        (FileNotFoundError(2, "No such file or directory", "/c/runs/a/status.json"),
         "/c/runs/a/status.json cannot be read or written: no such file or directory. It was deleted."),
        (PermissionError(13, "Permission denied", "/c/runs/a/stop"),
         "/c/runs/a/stop cannot be read or written: permission denied."),
        (OSError(28, "No space left on device"), r"\[Errno 28\] No space left on device."),
    ],
)  # fmt: skip
def test_only_what_is_missing_was_deleted(error: Exception, words: str) -> None:
    (shown,) = AppTest.from_function(page, args=(error,)).run().error
    assert shown.value == words
