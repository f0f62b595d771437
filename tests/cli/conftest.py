from __future__ import annotations

import pytest

from igbviz.runs import queue


@pytest.fixture(autouse=True)
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """No run is trained in the background: a test makes the files of its runs itself."""
    monkeypatch.setattr(queue, "ensure_worker", lambda *_, **__: None)
