"""The page of the phase diagram, headless."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from igbviz import theory
from igbviz.runs import queue
from igbviz.runs.listing import list_runs
from tests.support import ROOT


def test_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IGBVIZ_CACHE", str(tmp_path))
    monkeypatch.setattr(queue, "ensure_worker", lambda *_, **__: None)
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30).switch_page("pages/Phases.py").run()
    assert not page.exception and "on the edge of chaos" in " ".join(text.value for text in page.markdown)
    for activation in theory.ACTIVATIONS:
        page.selectbox(key="phase-activation").select(activation).run()
        assert not page.exception, activation
    page.number_input(key="phase-w").set_value(0.01).run()
    page.slider(key="phase-depth").set_value(100).run()
    assert not page.exception
    page.selectbox(key="phase-activation").select("tanh").run()
    page.number_input(key="phase-w").set_value(3.0).run()
    assert "chaotic" in " ".join(text.value for text in page.markdown)
    page.button(key="phase-train").click().run()
    (line,) = list_runs(tmp_path)
    assert line.config["initialization"] == line.config["initialization"] | {
        "name": "gaussian",
        "sigma_w2": 3.0,
        "sigma_b2": 0.05,
    }


@pytest.mark.parametrize(
    ("box", "value", "said"),
    [("w", 1000.0, "is 1000, allowed: a number from 0.01 to 25; shown: 25"), ("b", -1.0, "shown: 0")],
)
def test_a_point_beyond_the_plane_is_told_of(
    box: str, value: float, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With limits of its own a box in a browser would show what was typed, and the page the point before."""
    monkeypatch.setenv("IGBVIZ_CACHE", str(tmp_path))
    monkeypatch.setattr(queue, "ensure_worker", lambda *_, **__: None)
    page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30).switch_page("pages/Phases.py").run()
    assert not page.error and not any(number.proto.has_min or number.proto.has_max for number in page.number_input)
    page.number_input(key=f"phase-{box}").set_value(value).run()
    assert not page.exception and said in page.error[0].value.replace("\\", "")
