"""The phase diagram: every map for every activation, its lines where the theory has them, and the page around it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from igbviz import theory
from igbviz.charts import theory as theory_charts
from igbviz.runs import queue
from igbviz.runs.listing import list_runs
from igbviz.ui.live_chart import payload
from tests.support import ROOT


@pytest.mark.parametrize("activation", theory.ACTIVATIONS)
@pytest.mark.parametrize("quantity", theory_charts.MAPS)
def test_every_map_is_a_picture(activation: str, quantity: str) -> None:
    figure = theory_charts.phase_map(activation, quantity, 4.0, 0.5, point=(2.0, 0.1))
    z = np.asarray(figure.data[0].z)
    assert z.shape == (100, 100) and not np.isnan(z).any()
    json.loads(payload(figure))


def test_the_edge_is_where_the_phases_meet() -> None:
    figure = theory_charts.phase_map("tanh", "chi_1", 4.0, 0.5)
    chi, across, up = (np.asarray(values) for values in (figure.data[0].z, figure.data[0].x, figure.data[0].y))
    edge = figure.data[1]
    for height in (0.1, 0.3, 0.5):
        row = np.abs(up - height).argmin()
        crossing = across[(chi[row] > 1).argmax()]
        place = np.interp(up[row], edge.y, edge.x)
        assert abs(crossing - place) < 0.05


@pytest.mark.parametrize("activation", theory.ACTIVATIONS)
@pytest.mark.parametrize(("w", "b"), [(2.0, 0.0), (1.0, 0.0), (3.0, 0.1), (0.5, 0.05)])
def test_every_point_has_its_curves(activation: str, w: float, b: float) -> None:
    figures = theory_charts.by_depth(activation, w, b, 20)
    assert len(figures) == 4
    for figure in figures.values():
        json.loads(payload(figure))


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
